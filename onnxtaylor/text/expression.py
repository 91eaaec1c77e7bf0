"""Expressions over columns, such as ``pt > 30 && abs(eta) < 2.5``: parsed, and never executed.

Numbers, texts in quotes, names of columns (``jet.pt``, ``pf.pt[3]``, any other in backticks),
``+ - * / // % **``, ``< <= > >= == !=``, ``&& || !`` or ``and or not`` or ``& | ~``, and functions.

Python's own parser makes the tree, and only the kinds of nodes that this module lists are let
through. It is there, it is kept, and it knows where a text is wrong. ``formulate`` of scikit-hep
parses the same texts to a tree of its own, but evaluates nothing: it writes texts for ROOT, Python
or numexpr, which would execute them.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

from onnxtaylor.errors import OptionError, name_hint, printable

__all__ = ["FUNCTIONS", "Expression", "parse_expression"]

LONGEST, DEEPEST = 10_000, 100  # letters, and nodes within nodes
# fewest and most arguments
FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("abs", "sqrt", "exp", "log", "log10", "floor"), (1, 1)),
    **dict.fromkeys(("sin", "cos", "tan", "sinh", "cosh", "tanh"), (1, 1)),
    **dict.fromkeys(("min", "max"), (2, 100)),
}
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
COLUMN = re.compile(r"[^\W\d]\w*(\.\w+|\[\d+(,\d+)*\])*")
# what Python writes in another way; in texts and in names between backticks nothing is replaced
TOKEN = re.compile(r""""[^"]*"|'[^']*'|`[^`]+`|&&|\|\||!(?!=)|\s""")
PYTHON = {"&&": " and ", "||": " or ", "!": "~"}


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Parameters
    ----------
    text
        The expression as it was written.
    tree
        Its nodes, of the kinds that ``parse_expression`` lets through.
    names
        Columns in the order of their first appearance.
    texts
        Those of them that are compared with texts.
    places
        Place in ``text`` of each letter of the text that Python has parsed, and of its end.
    """

    text: str
    tree: ast.expr
    names: tuple[str, ...]
    texts: frozenset[str]
    places: tuple[int, ...]

    def segment(self, node: ast.expr) -> str:
        """Returns the part of the text that a node was made of."""
        start, end = self.places[node.col_offset], self.places[node.end_col_offset or 0]
        return self.text[start:end].strip()

    def column(self, node: ast.expr) -> str:
        """Returns the column that a node names; empty if it names none."""
        return _column(self.segment(node))


def parse_expression(text: str, option: str) -> Expression:
    """Parses and checks an expression.

    Raises OptionError of this option for what is no expression, with its place.

    >>> parse_expression("!(n_jets > 2) && jet.pt[0]/m < .5 || kind == 'ztt'", "where").names
    ('n_jets', 'jet.pt[0]', 'm', 'kind')
    """
    if not isinstance(text, str) or not text.strip():
        raise OptionError("must be an expression such as pt > 30 && abs(eta) < 2.5", option=option)
    if len(text) > LONGEST:
        raise OptionError(f"must have at most {LONGEST} letters", option=option)
    python, letters, places = _in_python(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as about an escape in a text
            tree = ast.parse(python, mode="eval").body
    except SyntaxError as error:
        place = letters[min((error.offset or len(letters)) - 1, len(letters) - 1)]
        raise OptionError(
            f"cannot be read at {_place(text, place)}: {_reason(error.msg, text[place:])}",
            option=option,
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise OptionError("cannot be read: it is nested too deeply", option=option) from None
    found = Expression(text, tree, (), frozenset(), places)
    names = tuple(dict.fromkeys(_names(found, tree, option)))
    if not names:
        raise OptionError(f"names no column: '{printable(text, 60)}'", option=option)
    return replace(found, names=names, texts=frozenset(_texts(found, tree)))


def _in_python(text: str) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Writes an expression as Python does.

    Returns it with the places in the text of its letters and end, and of its bytes and end.
    """
    parts: list[tuple[str, int]] = []
    done = 0
    for token in TOKEN.finditer(text):
        word, start = token[0], token.start()
        parts += [(text[k], k) for k in range(done, start)]
        if word in PYTHON:
            parts += [(letter, start) for letter in PYTHON[word]]
        else:
            own = " " if word.isspace() else word
            # a name that is no word of Python becomes one of the same length
            own = "x" * len(word) if word[0] == "`" else own
            parts += [(letter, start + k) for k, letter in enumerate(own)]
        done = token.end()
    parts += [(text[k], k) for k in range(done, len(text))]
    while parts and parts[0][0] == " ":  # an indent to Python
        del parts[0]
    letters = [place for _, place in parts]
    # nodes count bytes of UTF-8, errors count letters
    places = [place for letter, place in parts for _ in letter.encode(errors="replace")]
    return "".join(letter for letter, _ in parts), (*letters, len(text)), (*places, len(text))


def _column(segment: str) -> str:
    if segment[:1] == segment[-1:] == "`" and len(segment) > 2:
        return segment[1:-1]
    name = "".join(segment.split())
    return name if COLUMN.fullmatch(name) else ""


def _names(found: Expression, node: ast.AST, option: str, depth: int = 0) -> Iterator[str]:
    """Yields the columns of a node and of all within it. Raises OptionError for other nodes."""
    if depth > DEEPEST:
        raise OptionError("is nested too deeply", option=option)
    match node:
        case ast.Name() | ast.Attribute() | ast.Subscript() if name := found.column(node):
            yield name
            return
        case ast.Constant(value=bool() | int() | float()):
            return
        case ast.Compare(ops=[ast.Eq() | ast.NotEq()], left=left, comparators=[right]) if _is_text(
            left
        ) != _is_text(right):
            other = right if _is_text(left) else left
            if not found.column(other):
                raise OptionError(
                    f"compares '{_shown(found, other)}' with a text, as only a column can be",
                    option=option,
                )
            yield found.column(other)
            return
        case ast.Compare(ops=[operator]) if isinstance(operator, COMPARISONS):
            inner: list[ast.expr] = [node.left, *node.comparators]
        case ast.Compare():
            raise OptionError(
                f"has '{_shown(found, node)}', which languages read in different ways: write"
                " a < b && b < c",
                option=option,
            )
        case ast.BoolOp():
            inner = node.values
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            inner = [node.left, node.right]
        case ast.BinOp(op=operator) if isinstance(operator, ARITHMETIC):
            inner = [node.left, node.right]
        case ast.UnaryOp():
            inner = [node.operand]
        case ast.Call(func=ast.Name(), keywords=[]):
            _check_call(found, node, option)
            inner = node.args
        case ast.Constant(value=str()):
            raise OptionError(
                f"has the text {_shown(found, node)}, which can only be compared with a column:"
                ' kind == "ztt"',
                option=option,
            )
        case ast.expr():
            raise OptionError(
                f"has '{_shown(found, node)}', which is neither a number nor a column nor an"
                " operation on such; names that are no words stand in backticks",
                option=option,
            )
        case _:
            raise OptionError("has what is no part of an expression", option=option)
    for one in inner:
        yield from _names(found, one, option, depth + 1)


def _check_call(found: Expression, node: ast.Call, option: str) -> None:
    """Raises OptionError for a function that is not known, and for a wrong number of arguments."""
    name = found.segment(node.func)
    if name not in FUNCTIONS:
        raise OptionError(
            f"has no function '{printable(name, 40)}'{name_hint(name, list(FUNCTIONS))}",
            option=option,
        )
    fewest, most = FUNCTIONS[name]
    if not fewest <= len(node.args) <= most:
        needed = "one argument" if most == 1 else "two arguments or more"
        raise OptionError(f"has {name} with {len(node.args)}: it takes {needed}", option=option)


def _texts(found: Expression, tree: ast.expr) -> Iterator[str]:
    """Yields the columns that are compared with texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(_is_text, sides)):
                yield from (found.column(side) for side in sides if not _is_text(side))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _shown(found: Expression, node: ast.expr) -> str:
    return printable(found.segment(node), 40)


def _place(text: str, place: int) -> str:
    rest = text[place:].strip()
    return f"letter {place + 1}, '{printable(rest, 20)}'" if rest else "its end"


def _reason(message: str, rest: str) -> str:
    """Returns a message of Python's parser in words that suit an expression."""
    if rest.startswith("="):
        return "two values are compared by =="
    if message.startswith("invalid syntax"):
        return "something is missing, or should not be there"
    return message.removesuffix(" (detected at line 1)")
