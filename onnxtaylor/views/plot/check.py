"""Deviation of the two engines against the error that is allowed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from onnxtaylor.crosscheck.result import CrossCheck
from onnxtaylor.crosscheck.verdicts import VERDICTS
from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot.style import COLORS, axes
from onnxtaylor.views.plot.text import LITERAL, literal

__all__ = ["plot_check"]

MOST = 20_000  # points of a verdict that are drawn
FLOOR = 1e-4  # of the smallest budget: where equal values are drawn
TAIL = 1e-3  # of the points may lie outside the axes at either end, those that differ never


class _Mark(NamedTuple):
    """Colour, marker and name of a verdict, so that it is recognized with and without colour."""

    color: str
    marker: str
    size: float
    filled: bool


# drawn in this order, light and small first: what matters most lies on top
MARKS = {
    "undecided": _Mark("0.6", "x", 12.0, True),
    "kink": _Mark(COLORS[3], "^", 13.0, False),
    "agrees": _Mark(COLORS[0], "o", 7.0, True),
    "differs": _Mark(COLORS[1], "s", 16.0, True),
}


def plot_check(check: CrossCheck, ax: Axes | None = None) -> Axes:
    """abs(t_exact − t_differences) against the budget, in units of each coefficient's mean abs(t).

    One point for each event, response and coefficient; those below the line agree. A verdict with
    more than 20 000 points shows an even part of them. Equal values lie at the lower edge. Draws
    into ``ax`` or into a new figure; returns the axes. Raises OptionError for a check that did not
    run.
    """
    c = check.comparisons
    if c is None:
        raise OptionError(f"the check has no figure: {check.verdict}: {check.reason}")
    size = np.maximum(np.abs(c.exact), np.abs(c.differences))
    size = np.where(np.isfinite(size), size, 0.0).mean(axis=0)
    size = np.where(size > 0, size, 1.0)
    budget, deviation = c.budget / size, np.abs(c.exact - c.differences) / size
    good = np.isfinite(budget) & np.isfinite(deviation) & (budget > 0)
    if not good.any():
        raise OptionError("the check has no figure: nothing that was compared is finite")
    low, high = np.quantile(budget[good], (TAIL, 1 - TAIL))
    bottom = max(low * FLOOR, 1e-18)
    with axes(ax, 6.0, 4.2) as ax:
        ends = np.array([low / 30, high * 30])
        ax.fill_between(ends, bottom / 10, ends, color="0.95", linewidth=0, zorder=0)
        equal = "deviation = allowed error"
        ax.plot(ends, ends, color="black", linewidth=1.0, zorder=4, label=equal)
        for name, mark in MARKS.items():
            chosen = good & (c.codes == VERDICTS.index(name))
            number = int((c.codes == VERDICTS.index(name)).sum())
            if not number:
                continue
            places = np.flatnonzero(chosen)
            places = places[:: max(1, -(-len(places) // MOST))]
            open_mark = mark.marker != "x" and not mark.filled
            ax.scatter(
                budget.flat[places],
                np.maximum(deviation.flat[places], bottom),
                s=mark.size,
                c="none" if open_mark else mark.color,
                edgecolors=mark.color if open_mark else None,
                marker=mark.marker,
                linewidths=0.0 if mark.marker in "os" else 0.7,
                alpha=0.35 if name == "agrees" else 0.9,
                rasterized=True,  # a vector figure of 10⁵ points opens in no viewer
                label=f"{name} ({number:,})".replace(",", "\u2009"),
                zorder=3 if name == "differs" else 2,
            )
        top = max(high * 3, float(deviation[good].max()) * 3)
        if (deviation[good] < bottom).any():
            ax.text(high * 2.5, bottom, "equal", ha="right", va="center", fontsize=8, zorder=5)
        ax.set(xscale="log", yscale="log", xlim=(low / 3, high * 3), ylim=(bottom / 2, top))
        _dress(ax, check)
    return ax


def _dress(ax: Axes, check: CrossCheck) -> None:
    ax.set_xlabel(r"allowed error / mean $|t|$")
    ax.set_ylabel(r"$|t_{\rm exact} - t_{\rm differences}|$ / mean $|t|$")
    ax.set_axisbelow(True)
    ax.grid(color="0.88", linewidth=0.6)
    legend = ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), title="comparisons", frameon=False
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)
    along = "" if check.layout is None else f" along {check.layout.count} directions"
    name = literal(check.model.rpartition("/")[2] or "model")
    ax.set_title(
        f"Cross-check of {name}: {check.verdict}\n{check.events} events,"
        f" {len(check.compared_names)} coefficients{along} of"
        f" {len(check.outputs)} response{'s' * (len(check.outputs) != 1)}",
        loc="left",
        **LITERAL,
    )
