"""Tables below the sentences of selections, comparisons and trainings, in notebooks.

Names are escaped; a result has a display of its own (``views.report.notebook``).
"""

from __future__ import annotations

from functools import singledispatch
from html import escape

from onnxtaylor.comparison.moved import Comparison
from onnxtaylor.results.selection import Selection
from onnxtaylor.text.uncertainty import plus_minus
from onnxtaylor.tracking.result import ProgressResult
from onnxtaylor.views.tables import NO_SIGN, Table, as_html

__all__ = ["html", "table"]

TOP = 10  # rows
SHOWN = 5  # steps of a training


def html(shown: object) -> str:
    """Returns the ``repr`` of an object as a paragraph, and its table."""
    cells = table(shown)
    return f"<p>{escape(repr(shown))}</p>" + ("" if cells is None else as_html(cells))


@singledispatch
def table(shown: object) -> Table | None:
    """Makes the table of an object; None where there is nothing to show."""
    return None


@table.register
def _(shown: Selection) -> Table:
    """Features that were chosen, by best rank."""
    rows = [
        (
            f.name,
            str(f.best_rank),
            str(f.coefficients),
            f"{100 * f.share:.1f} %",
            NO_SIGN if f.first_order is None else plus_minus(f.first_order, f.sem or 0.0),
        )
        for f in (shown.others if shown.inverted else shown.influential)
    ]
    heads = ("feature", "best rank", "kept coefficients", "share", "first order ± SEM")
    return Table(heads, "lrrrr", tuple(rows))


@table.register
def _(shown: Comparison) -> Table | None:
    """Coefficients that moved, or else those of the most significant changes."""
    found = shown.rows(moved=bool(shown.moved.any()), count=TOP)
    rows = [
        (
            row["label"],
            row["output"],
            row["group"],
            f"{row['score_a']:.4g}",
            f"{row['score_b']:.4g}",
            plus_minus(row["change"], row["sigma"]),
            f"{row['p']:.1g}",
            "moved" if row["moved"] else "",
        )
        for row in found
        if row["change"]
    ]
    heads = ("coefficient", "response", "events", "⟨t⟩ A", "⟨t⟩ B", "B − A", "p", "")
    return Table(heads, "lllrrrrl", tuple(rows)) if rows else None


@table.register
def _(shown: ProgressResult) -> Table:
    """The largest coefficients after the last step, with their values at steps before."""
    last = len(shown.steps) - 1
    steps = sorted({round(last * k / (SHOWN - 1)) for k in range(SHOWN)})[:-1]
    rows = [
        (
            row["label"],
            *(f"{shown.curve(row['features'])[s]:.4g}" for s in steps),
            plus_minus(row["score"], row["sem"]),
        )
        for row in shown.top(TOP)
    ]
    heads = ("coefficient", *(f"step {shown.steps[s].step:g}" for s in (*steps, last)))
    return Table(heads, "l" + "r" * (len(heads) - 1), tuple(rows))
