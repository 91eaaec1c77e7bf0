"""The figures of the study: first order of every class, the ideal beside the trained."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

import onnxtaylor as ot
from onnxtaylor.views.plot.style import COLORS, KINDS, STYLE, kinds
from validation.cms_style.judge import Compared
from validation.cms_style.recipe import CLASSES, NOISE

__all__ = ["first_order", "found_and_ideal"]

WIDTH = 7.2  # inches: a page of two columns
MEAN = r"$\langle t \rangle$"
UNIT = "per standard deviation of input"


def first_order(result: ot.TaylorResult, compared: Sequence[Compared]) -> Figure:
    """Bars of the first order of node c over class c, with the ideal response's beside them."""
    with mpl.rc_context({**STYLE, "ytick.labelsize": 7.0, "xtick.labelsize": 7.0}):
        figure = Figure(figsize=(WIDTH, 7.4), layout="constrained")
        panels = figure.subplots(2, 3).ravel()
        for ax, name, of in zip(panels, CLASSES, compared, strict=False):
            result.plot.scores(ax, output=name, group=name, order=1)
            shown = [text.get_text() for text in ax.get_yticklabels()]
            ideal = [of.ideal[of.place(feature)] for feature in shown]
            ax.plot(ideal, np.arange(len(shown)), "d", color=COLORS[1], markersize=3.5)
            for text in ax.get_yticklabels():
                text.set_color("0.55" if text.get_text() in NOISE else "black")
            ax.set_title(name, loc="left", weight="bold")
            ax.set_xlim(0, 1.05 * max(*ideal, ax.dataLim.x1))
            ax.xaxis.set_major_locator(MaxNLocator(4))
            ax.set_xlabel("")
        figure.supxlabel(rf"$\langle t_i \rangle$ of node c over the events of class c, {UNIT}",
                         fontsize=9)  # fmt: skip
        panels[-1].axis("off")
        panels[-1].legend(
            handles=[
                Patch(color=COLORS[0], label=f"trained network, {MEAN} ± SEM"),
                Line2D([], [], color=COLORS[1], marker="d", linestyle="", markersize=4,
                       label="ideal response, closed form"),
                Line2D([], [], linestyle="", label="grey: the same in all classes"),
            ],
            loc="upper left",
            frameon=False,
        )  # fmt: skip
    return figure


def found_and_ideal(result: ot.TaylorResult, compared: Sequence[Compared]) -> Figure:
    """⟨t⟩ of the trained network against that of the ideal response, every coefficient."""
    kind = kinds(result.indices)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.9), layout="constrained")
        panels = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
        high = 1.6 * max(max(of.score.max(), of.ideal.max()) for of in compared)
        low = 3e-4
        for ax, name, of in zip(panels, CLASSES, compared, strict=False):
            ax.set(xscale="log", yscale="log", xlim=(low / 1.6, high), ylim=(low / 1.6, high))
            ax.set_box_aspect(1)
            ax.plot([low, high], [low, high], color="0.6", linewidth=0.8, zorder=1)
            y = np.maximum(of.score, low)
            silent = of.silent
            x = np.maximum(of.ideal, low)
            for k in (1, 2, 0):  # pairs behind the others
                here = (kind == k) & ~silent
                look = KINDS[k]
                ax.plot(x[here], y[here], look.marker, color=look.color, markersize=3.2,
                        markeredgewidth=0, alpha=0.85, zorder=3)  # fmt: skip
            ax.plot(x[silent], y[silent], "_", color="0.45", markersize=5, zorder=2)
            ax.set_title(name, loc="left", weight="bold")
        panels[2].tick_params(labelbottom=True)
        figure.supxlabel(f"{MEAN} of the ideal response, {UNIT}", fontsize=9)
        figure.supylabel(f"{MEAN} of the network", fontsize=9)
        panels[-1].axis("off")
        handles = [
            Line2D([], [], color=look.color, marker=look.marker, linestyle="", label=look.name)
            for look in KINDS[:3]
        ]
        handles.append(
            Line2D([], [], color="0.45", marker="_", linestyle="", label="ideal zero (noise)")
        )
        handles.append(Line2D([], [], color="0.6", linewidth=0.8, label="equal"))
        panels[-1].legend(handles=handles, loc="center", frameon=False)
    return figure
