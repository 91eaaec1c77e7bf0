"""The table in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from validation.numerical_errors.cases import JUDGED
from validation.numerical_errors.judge import Row
from validation.numerical_errors.measures import COVERED, LARGEST_RATIO, largest_error

__all__ = ["as_line", "as_markdown"]

TITLES = {
    "float64": "Promoted to float64",
    "float32": "In float32, without promotion",
}
HEAD = """\
| case | n×C | accuracy t_i | t_ij | coverage t_i | t_ij | estimate/error t_i | t_ij | zeros t_ij |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def as_markdown(rows: Sequence[Row]) -> str:
    """What was measured, and the reasons of what misses a limit."""
    parts = [
        "# Errors of the differences engine, and its estimates of them\n\n"
        "Written by `python -m validation.numerical_errors`:"
        f" {JUDGED} events of each case; the truth t* is the exact engine in float64 (held against"
        " torch in [reference.md](reference.md)). Accuracy is the median of |t − t*| / |t*|,"
        " coverage the share of coefficients whose estimate is not below the error (limit"
        f" {100 * COVERED:.0f} %, rounded down). Estimate/error is the median estimate by the"
        " median error and, in brackets, the median of their ratio (limit"
        f" {LARGEST_RATIO:.0f} for both). t_ij stands for t_ii, too. A number beyond its limit is"
        " bold, and has its reason below.\n\n"
        "Coefficients that vanish exactly (*zeros*: the response does not depend on the feature, or"
        " is saturated to the last bit) count for the coverage alone. They have no relative error,"
        " and displaced responses that are equal in all bits make t far more accurate than the"
        " noise allows one to claim. The ratio with them stands in curly brackets where it differs."
    ]
    for precision, title in TITLES.items():
        chosen = [row for row in rows if row.precision == precision]
        limits = [f"{largest_error(precision, order):.0e}" for order in (1, 2)]
        table = HEAD + "".join(map(_line, chosen))
        said = f"Limits of the accuracy: {limits[0]} for t_i, {limits[1]} for t_ij."
        parts += [f"## {title}", said, table.rstrip("\n")]
        if notes := _notes(chosen):
            parts.append(notes)
    return "\n\n".join(parts) + "\n"


def as_line(row: Row) -> str:
    """One row for the terminal."""
    cells = [
        f"{name} {m.accuracy:.1e} {m.coverage:.2%} {_ratio(m.of_medians, m.median_ratio)}"
        for name, m in zip(("t_i", "t_ij"), row.found.values(), strict=True)
    ]
    missed = [f"misses {what} of order {order}" for order, what in row.missed()]
    return "; ".join([f"{row.name}, {row.precision}: {cells[0]}", cells[1], *missed])


def _line(row: Row) -> str:
    missed = set(row.missed())
    groups: list[list[str]] = [[], [], []]
    for order, m in row.found.items():
        both = not missed.isdisjoint({(order, "ratio"), (order, "median ratio")})
        ratio = _ratio(m.of_medians, m.median_ratio)
        if m.zeros > 0 and not math.isclose(m.with_zeros, m.of_medians, rel_tol=0.05):
            ratio += f" {{{m.with_zeros:.3g}}}"
        groups[0].append(_bold(f"{m.accuracy:.1e}", (order, "accuracy") in missed))
        groups[1].append(
            _bold(f"{math.floor(1e4 * m.coverage) / 100:.2f} %", (order, "coverage") in missed)
        )
        groups[2].append(_bold(ratio, both))
    zeros = f"{100 * row.found[2].zeros:.0f} %" if row.found[2].zeros else ""
    left = f" ({100 * (1 - row.left_out):.0f} % of the coefficients)" if row.left_out else ""
    cells = [row.name + left, f"{row.features}×{row.outputs}", *chain(*groups), zeros]
    return f"| {' | '.join(cells)} |\n"


def _ratio(of_medians: float, median: float) -> str:
    return f"{of_medians:.1f} ({median:.1f})"


def _bold(text: str, yes: bool) -> str:
    return f"**{text}**" if yes else text


def _notes(rows: Sequence[Row]) -> str:
    """A line for every reason, with all that it explains."""
    names = {1: "t_i", 2: "t_ij"}
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        for (order, what), why in row.reasons().items():
            said = f"{what} of {names[order]}, {row.name}"
            by_reason.setdefault(why or "**not explained**", []).append(said)
    return "\n".join(f"- {'; '.join(cases)}: {why}." for why, cases in by_reason.items())
