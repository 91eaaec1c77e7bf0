"""Rankings as tables of text, written as Markdown, LaTeX, HTML or aligned text.

``listing``       one response: rank, interval, coefficient, ⟨t⟩ ± SEM, signed mean
``side_by_side``  many: a column for each response, a row for each rank, "feature" or
                  "feature, feature" in the cells; the layout of the CMS analysis of H → ττ

Cells hold unescaped names; the writers escape them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.indices import label
from onnxtaylor.results.quantity import FINITE_STEP, noun_of, quantity_of_rows
from onnxtaylor.results.ranking import Column
from onnxtaylor.text.markup import latex, markdown
from onnxtaylor.text.uncertainty import number_formats, plus_minus

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "FORMATS",
    "NO_SIGN",
    "Table",
    "as_html",
    "as_latex",
    "as_markdown",
    "as_text",
    "coefficient",
    "events_of",
    "folds_words",
    "format_table",
    "head",
    "listing",
    "pairs_words",
    "reduction_words",
    "side_by_side",
    "suffix_of",
]

NO_NAME = "(no name)"
NO_SIGN = "–"


@dataclass(frozen=True)
class Table:
    """Table of plain text. ``align`` has a letter for each column: l (names), r, or c."""

    heads: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def listing(rows: Sequence[Mapping[str, Any]], caption: str = "", *, signed: bool = True) -> Table:
    """Tidy rows of one response as a table.

    Rank (of a training: step), its interval, coefficient, ⟨t⟩ ± SEM (finite steps: ⟨r⟩), the bound
    of the numerical error and the spread between folds where there are any, signed mean: "–" for
    coefficients by variable, input or group, which are not ``signed``.
    """
    quantity = quantity_of_rows(rows)
    place = "rank" if all("rank" in row for row in rows) else "step"
    intervals = any(row.get("rank_low") is not None for row in rows)
    bounded = any(row.get("numerical_error") is not None for row in rows)
    folded = any("fold_spread" in row for row in rows)
    columns: list[tuple[str, str, Callable[[Mapping[str, Any]], str]]] = [
        (place, "r", lambda row: f"{row[place]:g}"),
        *([("68 %", "c", _interval)] if intervals else []),
        ("moved" if quantity == FINITE_STEP else "coefficient", "l", coefficient),
        (f"{quantity.mean} ± SEM", "r", lambda r: plus_minus(r["score"], r["sem"])),
        *([("num. error", "r", lambda row: _bound(row["numerical_error"]))] if bounded else []),
        *([("fold spread", "r", lambda row: _digits(row, "fold_spread"))] if folded else []),
        ("signed mean", "r", lambda row: _digits(row, "signed_mean", "+") if signed else NO_SIGN),
    ]
    return Table(
        tuple(name for name, _, _ in columns),
        "".join(letter for _, letter, _ in columns),
        tuple(tuple(cell(row) for _, _, cell in columns) for row in rows),
        caption,
    )


def side_by_side(columns: Sequence[Column], *, scores: bool = False, caption: str = "") -> Table:
    """Rankings side by side: a row for each place, a column for each response.

    With ``scores`` each is followed by its ⟨t⟩, to the second digit of its uncertainty. Where
    filters left gaps in the ranks, or equal scores share one, the first column counts places.
    """
    gaps = any(row["rank"] != k for c in columns for k, row in enumerate(c.rows, start=1))
    heads, align = ["place" if gaps else "rank"], "r"
    for column in columns:
        heads += [head(column), *([quantity_of_rows(column.rows).mean] if scores else [])]
        align += "lr" if scores else "l"
    rows = []
    for place, found in enumerate(zip_longest(*(column.rows for column in columns)), start=1):
        cells = [str(place)]
        for row in found:
            cells.append(coefficient(row) if row else "")
            if scores:
                cells.append(_digits(row, "score") if row else "")
        rows.append(tuple(cells))
    return Table(tuple(heads), align, tuple(rows), caption or f"each response {events_of(columns)}")


def head(column: Column) -> str:
    """Name of the response, followed by the class of its events where that differs."""
    other = column.own and column.group != column.output
    return f"{column.output} over {column.group}" if other else column.output


def events_of(columns: Sequence[Column]) -> str:
    """Phrase for the events over which the columns were ranked."""
    if any(column.own for column in columns):
        return "over the events of its class"
    group = columns[0].group
    return "over all events" if group == "all" else f"over the events of {group}"


def coefficient(row: Mapping[str, Any]) -> str:
    """``feature``, or ``feature, feature``, with the relation where it tells pairs apart.

    >>> coefficient({"features": ["m_vis", ""]})
    'm_vis, (no name)'
    """
    return label([name or NO_NAME for name in row["features"]], suffix_of(row))


def pairs_words(result: TaylorResult) -> str:
    """Says which pairs alone were computed, and how they were chosen; empty where all were.

    Numbers of a file are untrusted: they are shown as text.
    """
    told = result.options.get("pairs")
    if not isinstance(told, dict):
        return ""
    words = (
        f"second order of {printable(told.get('computed'))} of {printable(told.get('of'))} pairs"
        f" alone, '{printable(told.get('asked'), 60)}'"
    )
    if told.get("sample_events") is not None:
        words += f": the highest ranked at a sample of {printable(told['sample_events'])} events"
    return f"{words}; ranks are among the computed"


def folds_words(result: TaylorResult) -> str:
    """Says which models the events went through, by fold; empty where there are no folds."""
    if not result.folds:
        return ""
    models = ", ".join(
        f"{k} {printable(fold.model)} ({fold.events} events)" for k, fold in enumerate(result.folds)
    )
    return (
        f"{len(result.folds)} folds by {printable(result.options.get('fold'), 60)}: {models};"
        " fold spread is the standard deviation of ⟨t⟩ between them"
    )


def suffix_of(row: Mapping[str, Any]) -> str:
    """Relation of the features of a tidy row, where its label has it.

    >>> row = {"features": ["pt", "eta"], "relation": "same object"}
    >>> suffix_of({**row, "label": "pt, eta (same object)"}), suffix_of({**row, "label": "pt, eta"})
    ('same object', '')
    """
    relation = row.get("relation") or ""
    return relation if relation and row["label"].endswith(f"({relation})") else ""


def reduction_words(result: TaylorResult) -> str:
    """Phrase on what is ranked in place of features; empty for features.

    Such as ``by variable: 5 variables, each the sum over its features at every event``.
    """
    variables = result.data.variables
    if not variables:
        return ""
    by, how = noun_of(result.options), str(result.options.get("reduction"))
    used = {name for one in variables for name in one.features}
    left = len(result.data.features) - len(used)
    over = {"leading": "the leading slot of its features"}.get(how, f"the {how} over its features")
    return (
        f"by {by}: {len(variables)} {by}{'s' * (len(variables) != 1)} of {len(used)} features, each"
        f" {over} at every event"
        + (f"; in no {by}: {left} feature{'s' * (left != 1)}" if left else "")
    )


def as_markdown(table: Table) -> str:
    """The table in GitHub's Markdown, below its caption.

    >>> print(as_markdown(Table(("rank", "ggh"), "rl", (("1", "m|n"),))), end="")
    | rank | ggh |
    | ---: | :--- |
    | 1 | m\\|n |
    """
    rule = {"l": ":---", "r": "---:", "c": ":---:"}
    lines = [[markdown(text) for text in table.heads], [rule[letter] for letter in table.align]]
    lines += [[markdown(text) for text in row] for row in table.rows]
    above = f"{markdown(table.caption)}\n\n" if table.caption else ""
    return above + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_text(table: Table) -> str:
    """The table in aligned columns, for ``print``.

    >>> print(as_text(Table(("rank", "name"), "rl", (("1", "m_vis"), ("12", "pt")))))
    rank  name
       1  m_vis
      12  pt
    """
    lines = [table.heads, *([printable(cell, 400) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [str.ljust if letter == "l" else str.rjust for letter in table.align]
    return "\n".join(
        "  ".join(side(cell, w) for side, cell, w in zip(sides, line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_html(table: Table) -> str:
    """The table as HTML for notebooks, its text escaped.

    >>> as_html(Table(("name",), "l", (("<b>",),)))
    '<table><tr><th>name</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in table.heads)
    rows = (
        "".join(f"<td>{escape(printable(cell, 400))}</td>" for cell in row) for row in table.rows
    )
    return "<table>" + "".join(f"<tr>{cells}</tr>" for cells in (head, *rows)) + "</table>"


def as_latex(table: Table) -> str:
    r"""The table as a ``tabular`` with the rules of booktabs, its caption as a comment.

    >>> print(as_latex(Table(("rank", "ggh"), "rl", (("1", "m_sv"),))), end="")
    % needs \usepackage{booktabs}
    \begin{tabular}{rl}
    \toprule
    rank & ggh \\
    \midrule
    1 & m\_sv \\
    \bottomrule
    \end{tabular}
    """
    lines = [r"% needs \usepackage{booktabs}"]
    lines += [f"% {printable(table.caption, 400)}"] if table.caption else []
    lines += [rf"\begin{{tabular}}{{{table.align}}}", r"\toprule"]
    lines += [_row(map(latex, table.heads)), r"\midrule"]
    for row in table.rows:
        # a hyphen before a number is a minus
        cells = zip(row, table.align, strict=True)
        lines.append(
            _row(latex(text.replace("-", "−") if at == "r" else text) for text, at in cells)
        )
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


FORMATS: dict[str, Callable[[Table], str]] = {"markdown": as_markdown, "latex": as_latex}


def format_table(table: Table, format_name: str) -> str:
    """Writes the table in one of ``FORMATS``. Raises OptionError for another format."""
    if format_name not in FORMATS:
        known = ["text", *FORMATS]
        raise OptionError(
            f"{printable(format_name)!r} is not offered{name_hint(format_name, known)}",
            option="format",
        )
    return FORMATS[format_name](table)


def _row(cells: Any) -> str:
    return " & ".join(cells) + r" \\"


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["rank_low"], row["rank_high"]
    return str(low) if low == high else f"{low}–{high}"


def _digits(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    """A number to the second digit of the uncertainty of ⟨t⟩."""
    return f"{row[name]:{sign}{number_formats(row['score'], row['sem'])[0]}}"


def _bound(error: float | None) -> str:
    return "unknown" if error is None or error != error else f"{error:.1e}"
