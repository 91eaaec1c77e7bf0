"""Tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import shorten

import numpy as np

from validation.performance.peers.programs import EXACT, PROGRAMS
from validation.performance.peers.row import TOLERANCE, Comparison, Row

__all__ = ["as_summary", "as_table", "machine_line"]


def machine_line(found: Comparison) -> str:
    """Where it was measured."""
    facts = found.machine
    return (
        f"{facts['cpu']}, {found.threads} threads on {facts['cores']} cores, {facts['system']},"
        f" Python {facts['python']}"
    )


def as_table(found: Comparison) -> str:
    """One row per program."""
    net = found.net
    flops = net.flops()
    parts = ", ".join(f"{name} {count / 1e6:.3g}" for name, count in flops.items())
    lines = [
        f"**{net.label}**: {net.features * (net.features + 3) // 2}×{net.outputs} coefficients,"
        f" {sum(flops.values()) / 1e6:.3g} MFLOP an event ({parts})",
        "",
        "| program | events/s | quartiles | exact is × | compile s | batch | deviation | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        *(_line(row) for row in found.rows),
    ]
    if not found.agree:
        lines += ["", f"**Not all programs agree to {TOLERANCE:g}.**"]
    return "\n".join(lines)


def _line(row: Row) -> str:
    title = PROGRAMS[row.program].title
    if row.stopped is not None:
        rate, note = _outcome(row.stopped)
        return f"| {title} | {rate} | | | | | | {note} |"
    low, high = np.quantile(row.rates, [0.25, 0.75])
    cells = [
        title,
        _short(row.events_per_s),
        f"{_short(low)}–{_short(high)}",
        _short(row.ratio),
        "" if row.compile_s is None or row.program == "limit" else f"{row.compile_s:.2g}",
        str(row.batch or ""),
        "" if row.deviation is None else f"{row.deviation:.0e}",
        _cell("; ".join(filter(None, [row.version, row.note]))),
    ]
    return f"| {' | '.join(cells)} |"


def as_summary(cells: Sequence[Comparison]) -> str:
    """One row per net: events/s, and in brackets how many times as many the exact engine does.

    A table for each kind of second order.
    """
    kinds = dict.fromkeys(found.net.curvature for found in cells)
    return "\n\n".join(_summary([c for c in cells if c.net.curvature == kind]) for kind in kinds)


def _summary(cells: Sequence[Comparison]) -> str:
    programs = [name for name in PROGRAMS if any(name in _programs(found) for found in cells)]
    titles = [PROGRAMS[name].title for name in programs]
    lines = [
        f"| net | MFLOP | {' | '.join(titles)} |",
        f"| --- | ---: |{' ---: |' * len(programs)}",
    ]
    for found in cells:
        line = [found.net.label, f"{sum(found.net.flops().values()) / 1e6:.3g}"]
        for name in programs:
            line.append(_result(found.row(name)) if name in _programs(found) else "")
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def _result(row: Row) -> str:
    if row.stopped is not None:
        return _outcome(row.stopped)[0]
    if row.program == EXACT:
        return _short(row.events_per_s)
    return f"{_short(row.events_per_s)} ({_short(row.ratio)}×)"


def _programs(found: Comparison) -> list[str]:
    return [row.program for row in found.rows]


def _outcome(stopped: str) -> tuple[str, str]:
    """``>600 s`` or what else came of it, in a few words and in all."""
    short, _, rest = stopped.partition(" (")
    if stopped.startswith(">"):
        return short, f"in the step '{rest.removesuffix(')')}'"
    return (short if short == "not installed" else "failed"), _cell(stopped)


def _short(number: float) -> str:
    if math.isnan(number):
        return ""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _cell(text: str) -> str:
    return shorten(text.replace("|", "/"), 120, placeholder=" …")
