"""Figures of the study: ranked curve, matrix, scores; ROC and AMS of the three trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import onnxtaylor as ot
from onnxtaylor.views.plot.style import COLORS, MARKERS, STYLE, offscreen
from validation.higgs_challenge.claims import FRACTION
from validation.higgs_challenge.significance import GRID

__all__ = ["figures"]

LOOKS = {"all": (COLORS[6], "-"), "selected": (COLORS[0], "--"), "others": (COLORS[1], "-.")}
WIDTH = 6.9  # inches: both columns of a page


def figures(
    result: ot.TaylorResult,
    kept: int,
    numbers: Mapping[str, Any],
    curves: Mapping[str, npt.NDArray[np.float64]],
) -> dict[str, Figure]:
    """All figures by key; ``kept`` coefficients are bars.

    ``curves``: signal efficiencies on ``GRID`` by training, (seeds, grid).
    """
    with offscreen():
        drawn = {
            "curve": result.plot.curve(fraction=FRACTION),
            "matrix": result.plot.matrix(),
            "scores": result.plot.scores(top=kept),
        }
        found = {key: ax.figure for key, ax in drawn.items()}
        found["trainings"] = _trainings(numbers, curves)
    return found


def _trainings(numbers: Mapping[str, Any], curves: Mapping[str, npt.NDArray[np.float64]]) -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        names = {
            "all": f"all {numbers['variables']['all']} variables",
            "selected": f"the {numbers['variables']['selected']} selected",
            "others": f"the other {numbers['variables']['others']}",
        }
        _roc(left, numbers, curves, names)
        _significance(right, numbers)
    return figure


def _roc(
    ax: Axes,
    numbers: Mapping[str, Any],
    curves: Mapping[str, npt.NDArray[np.float64]],
    names: Mapping[str, str],
) -> None:
    """Background rejection against signal efficiency: the mean over the seeds, and its range."""
    for variant, (color, line) in LOOKS.items():
        signal = curves[variant]
        area = numbers["trainings"][variant]["auc"]
        label = f"{names[variant]}: AUC {area['mean']:.3f}"
        ax.fill_betweenx(1 - GRID, signal.min(axis=0), signal.max(axis=0), color=color, alpha=0.25,
                         linewidth=0)  # fmt: skip
        ax.plot(signal.mean(axis=0), 1 - GRID, line, color=color, linewidth=1.3, label=label)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.005)
    ax.grid(color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel("signal efficiency")
    ax.set_ylabel("background rejection")
    ax.legend(loc="lower left", frameon=False)


def _significance(ax: Axes, numbers: Mapping[str, Any]) -> None:
    """AMS of each training, with their mean and its uncertainty from the events."""
    for place, (variant, (color, _)) in enumerate(LOOKS.items()):
        found = numbers["trainings"][variant]["ams"]
        beside = place - 0.05 + 0.09 * np.arange(len(found["values"]))
        ax.plot(
            beside,
            found["values"],
            MARKERS[place],
            color=color,
            markersize=4,
            alpha=0.6,
            markeredgewidth=0,
        )
        ax.errorbar(
            place - 0.25,
            found["mean"],
            yerr=found["events"],
            fmt=MARKERS[place],
            color=color,
            markersize=6,
            capsize=3,
        )
    count = numbers["variables"]
    ticks = (f"all {count['all']}", f"{count['selected']} selected", f"other {count['others']}")
    ax.set_xticks(range(len(LOOKS)), ticks)
    ax.set_xlabel("variables")
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, len(LOOKS) - 0.5)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_ylabel("AMS on the test events")
    grey = "0.35"
    handles = [
        ax.errorbar([], [], yerr=[], fmt="o", color=grey, markersize=6, capsize=3),
        *ax.plot([], [], "o", color=grey, markersize=4, alpha=0.6, markeredgewidth=0),
    ]
    ax.legend(
        handles, ("mean ± error from the events", "each seed"), loc="lower left", frameon=False
    )
