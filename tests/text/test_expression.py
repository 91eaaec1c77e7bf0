"""Expressions over columns: what is read, what is refused, and where."""

from __future__ import annotations

import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.text.expression import parse_expression


def fault(text: str) -> str:
    with pytest.raises(OptionError) as caught:
        parse_expression(text, "where")
    message = str(caught.value)
    assert message.startswith("where ")
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pt > 30 && abs(eta) < 2.5", ("pt", "eta")),
        ("jet.pt > 1 || pf.pt[3] < 2", ("jet.pt", "pf.pt[3]")),
        ("`DER mass` > 3 and not `class` == 'b'", ("DER mass", "class")),
        ("`0` > `1`", ("0", "1")),
        ("  a\n >\t3", ("a",)),
        ("µ < 3 & (ñandú > 2)", ("µ", "ñandú")),
        ('kind == "a && b" || !flag', ("kind", "flag")),
        ("min(a, b, 3) < max(a, -b)", ("a", "b")),
        ("!a&&!b", ("a", "b")),
    ],
)
def test_names_of_columns(text, names):
    assert parse_expression(text, "where").names == names


def test_columns_of_texts_are_known():
    found = parse_expression("kind == 'a' && \"b\" != `other kind` && pt > 3", "where")
    assert found.texts == {"kind", "other kind"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be an expression"),
        ("  ", "must be an expression"),
        ("pt >", "cannot be read at its end: something is missing"),
        ("pt > 30 &&& eta < 2", "cannot be read at letter 11, '& eta < 2'"),
        ("(pt > 30", "cannot be read at letter 1, '(pt > 30'"),
        ("pt = 30", "two values are compared by =="),
        ("ñ > 1 && µ > (3", "letter 14, '(3'"),
        ("a 'b", "letter 3"),
        ("0 < pt < 30", "write a < b && b < c"),
        ("sqr(pt) > 3", "no function 'sqr': did you mean 'sqrt'"),
        ("sqrt(a, b) > 3", "has sqrt with 2: it takes one argument"),
        ("min(a) > 3", "has min with 1: it takes two arguments or more"),
        ("kind > 'a'", "the text 'a', which can only be compared"),
        ("abs(kind) == 'a'", "compares 'abs(kind)' with a text"),
        ("1 < 2", "names no column: '1 < 2'"),
        ("(" * 90 + "a" + ")" * 90 + " > 1 and " * 0 + "-" * 150 + "a", "nested too deeply"),
        ("a" + " + a" * 5000, "at most 10000 letters"),
        ("a\0 > 1", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, words):
    assert words in fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.__class__()",
        "a if b else c",
        "[a for a in b]",
        "lambda: a",
        "(a := 3)",
        "a[b]",
        "a[0:3]",
        "f'{a}' == b",
        "min(*a)",
        "abs(x=a)",
        "a @ b",
        "a << b",
        "a is b",
        "a in b",
        "1j * a",
        "...",
        "None",
        "b'x' == a",
        "{a}",
        "a, b",
        "(1).real",
    ],
)
def test_nothing_else_of_python_is_let_through(text):
    fault(text)


def test_a_long_chain_of_conditions_is_fine():
    text = " || ".join(f"run == {k}" for k in range(400))
    assert parse_expression(text, "where").names == ("run",)
