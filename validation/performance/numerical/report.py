"""The tables in Markdown, and their place in a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from validation.performance.numerical.compare import Line, Table

__all__ = ["BEGIN", "END", "as_markdown", "with_tables"]

BEGIN, END = "<!-- numerical -->", "<!-- /numerical -->"
HEAD = """\
| program | setting | accuracy t_i | t_ij | rows/event | µs/event | engine's time × | once ms |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def with_tables(text: str, tables: Sequence[Table], where: str) -> str:
    """The text with the tables between its two marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no {BEGIN} and {END}")
    return head + "\n\n".join([begin, f"{where}; {_versions()}.", as_markdown(tables), end]) + tail


def as_markdown(tables: Sequence[Table]) -> str:
    """A table for each model and format."""
    return "\n\n".join(
        f"**{table.name}, {table.precision}**\n\n{HEAD}"
        + "\n".join(_line(table, line) for line in table.lines)
        for table in tables
    )


def _versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("numdifftools", "scipy"))


def _line(table: Table, line: Line) -> str:
    cells = [line.title, line.setting]
    if line.seconds:
        cells += [f"{error:.1e}" for error in line.errors]
        cells += [
            _short(line.evaluations),
            _short(1e6 * float(np.median(line.seconds))),
            _short(table.times(line)),
            _short(1e3 * line.once) if line.once else "",
        ]
    else:
        cells += [""] * 6
    return f"| {' | '.join(cells)} |"


def _short(number: float) -> str:
    if math.isnan(number):
        return ""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
