"""The figure: how far both engines are from TensorFlow, network by network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from onnxtaylor.views.plot.style import COLORS, STYLE
from validation.tensorflow_hessians.claims import LIMITS

__all__ = ["deviations_figure"]

# marker, colour, and by how much of a line J and H stand apart
KINDS = {
    "exact, float64": ("o", COLORS[0]),
    "differences": ("^", COLORS[2]),
    "exact, float32": ("s", COLORS[1]),
}
WIDTH = 6.93  # inches: two columns of a page


def deviations_figure(numbers: Mapping[str, Any]) -> Figure:
    """Of float32 files: deviation of J (open) and H (filled), the worse of both exporters; limits
    as lines.
    """
    names = [r["network"] for r in numbers["references"]]
    places = range(len(names))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.0 + 0.17 * len(names)), layout="constrained")
        ax = figure.add_subplot()
        for title, (mark, color) in KINDS.items():
            for order, face in (("jacobian", "white"), ("hessian", color)):
                values = [_worst(numbers["rows"], name, title, order) for name in names]
                style = {"marker": mark, "color": color, "markerfacecolor": face}
                ax.plot(values, places, linestyle="none", markersize=4.5, **style)
            ax.axvline(LIMITS[title], color=color, linewidth=0.9, linestyle="--", zorder=0)
        for place, name in enumerate(names):
            if math.isnan(_worst(numbers["rows"], name, "exact, float64", "hessian")):
                ax.text(2e-16, place, "refused: a loop", fontsize=7, va="center", color="0.35")
        ax.set_xscale("log")
        ax.set_xlim(5e-17, 3e-5)
        ax.set_yticks(places, names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
        ax.set_xlabel("norm-wise relative deviation from TensorFlow, worst event")
        _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], linestyle="none", marker=mark, color=color, label=title)
        for title, (mark, color) in KINDS.items()
    ]
    for face, label in (("white", "Jacobian"), ("0.4", "Hessian")):
        look = {"marker": "o", "color": "0.4", "markerfacecolor": face}
        handles.append(Line2D([], [], linestyle="none", label=label, **look))
    handles.append(Line2D([], [], color="0.4", linestyle="--", linewidth=0.9, label="limit"))
    figure.legend(handles=handles, loc="outside upper center", ncols=6, frameon=False)


def _worst(rows: Sequence[Mapping[str, Any]], name: str, title: str, order: str) -> float:
    found = [
        row["cells"][title][order]
        for row in rows
        if row["network"] == name and "refused" not in row["cells"][title]
    ]
    return max(found, default=float("nan"))
