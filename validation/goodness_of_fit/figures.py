"""The figure of the pseudo-experiments: how often p is small, with nothing and with a shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxtaylor.views.plot.style import COLORS, MARKERS, STYLE

__all__ = ["calibration"]


def calibration(
    shares: Mapping[str, Sequence[float]], alphas: Sequence[float], power: Mapping[str, Any]
) -> Figure:
    """Left: share of p < α against α where nothing is wrong. Right: power against the shift."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.93, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        _left(left, shares, alphas)
        _right(right, power)
    return figure


def _left(ax: Axes, shares: Mapping[str, Sequence[float]], alphas: Sequence[float]) -> None:
    ax.plot([0.008, 1], [0.008, 1], color="0.4", linewidth=0.9, linestyle="--", zorder=1)
    for k, (label, values) in enumerate(shares.items()):
        ax.plot(
            *(alphas, values, MARKERS[k]),
            color=COLORS[k],
            markersize=4.5,
            markerfacecolor=COLORS[k] if k == 0 else "none",
            label=label,
        )
    ax.axvline(0.05, color="0.75", linewidth=0.8, zorder=0)
    ax.set(xscale="log", yscale="log", xlim=(0.008, 1.15), ylim=(0.005, 1.3))
    ax.set(xlabel=r"$\alpha$", ylabel=r"share of tests with $p < \alpha$")
    ax.legend(loc="upper left", frameon=False)
    ax.set_title("nothing planted", loc="left")


def _right(ax: Axes, power: Mapping[str, Any]) -> None:
    fine = power["curve"]
    ax.plot(fine["shift"], fine["expected"], color=COLORS[0], label=r"non-central $\chi^2$")
    share, error = (np.array(power[key]) for key in ("found", "error"))
    ax.errorbar(
        *(power["shift"], share, error),
        fmt="o",
        color="black",
        markersize=4,
        elinewidth=1,
        label="pseudo-experiments",
    )
    ax.axhline(0.05, color="0.75", linewidth=0.8, zorder=0)
    ax.set(
        ylim=(0, 1.05), xlabel=r"shift of a feature ($\sigma$)", ylabel=r"share with $p < 5\,\%$"
    )
    ax.legend(loc="upper left", frameon=False)
    ax.set_title("one feature shifted", loc="left")
