"""The figure: ⟨t⟩ of one network against the step, and of all networks against the closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from validation.toys import COEFFICIENTS

__all__ = ["draw"]

# blue, sky blue, green, vermilion, orange: Okabe and Ito
LOOKS = {
    "t_1": ("#0072B2", "-"),
    "t_2": ("#56B4E9", "-"),
    "t_12": ("#D55E00", (0, (4, 1.5))),
    "t_11": ("#009E73", (0, (1, 1.2))),
    "t_22": ("#E69F00", (0, (1, 1.2))),
}
STYLE: Any = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(nets: Sequence[Mapping[str, Any]]) -> Figure:
    """Two axes, as wide as a page together: the first network, and all of them."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.9, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        _one(left, nets[0])
        _all(right, nets)
    return figure


def _one(ax: Axes, net: Mapping[str, Any]) -> None:
    """⟨t⟩ of all coefficients; at the right the closed form."""
    for name, (color, line) in LOOKS.items():
        ax.plot(net["steps"], net["score"][name], color=color, linestyle=line, linewidth=1.3)
    _steps(ax, net["steps"])
    top = max(max(values) for values in net["score"].values())
    ax.set_ylim(0, 1.08 * max(top, *net["closed_form"].values()))
    ends = sorted(net["closed_form"], key=lambda name: net["score"][name][-1])
    places = [net["score"][name][-1] for name in ends]
    gap = 0.065 * ax.get_ylim()[1]
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    for name, place in zip(ends, places, strict=True):
        ax.annotate(
            _math(name), (1.06, place), xycoords=("axes fraction", "data"), va="center",
            color=LOOKS[name][0], annotation_clip=False,
        )  # fmt: skip
        ax.plot(
            [1.0, 1.045], [net["closed_form"][name]] * 2, color=LOOKS[name][0], linewidth=2.2,
            transform=ax.get_yaxis_transform(), clip_on=False, solid_capstyle="butt",
        )  # fmt: skip
    ax.set_ylabel(r"$\langle t \rangle$ (per standard deviation)")
    ax.set_title("one network; bars: closed form", loc="left")


def _all(ax: Axes, nets: Sequence[Mapping[str, Any]]) -> None:
    """⟨t_1⟩, ⟨t_2⟩ and ⟨t_12⟩ of all networks, in units of the closed form."""
    for name in ("t_1", "t_2", "t_12"):
        color, line = LOOKS[name]
        for k, net in enumerate(nets):
            ratio = np.array(net["score"][name]) / net["closed_form"][name]
            label = _math(name) if k == 0 else None
            ax.plot(net["steps"], ratio, color=color, linestyle=line, linewidth=0.9, label=label)
    ax.axhline(1.0, color="0.25", linewidth=0.8, zorder=0)
    forms = nets[0]["linear_form"]["t_12"] / nets[0]["closed_form"]["t_12"]
    ax.axhline(forms, color=LOOKS["t_12"][0], linewidth=0.7, linestyle="-", alpha=0.6, zorder=0)
    ax.annotate(
        _math("t_12") + " of the best\nlinear logit", (1.0, forms), (0, -4),
        xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", va="top",
        fontsize=7.5, color=LOOKS["t_12"][0],
    )  # fmt: skip
    _steps(ax, nets[0]["steps"])
    ax.set_ylim(0, 1.32)
    ax.set_ylabel(r"$\langle t \rangle$ / closed form")
    ax.set_title(f"{len(nets)} network{'s' * (len(nets) > 1)}", loc="left")
    ax.legend(
        loc="upper right", frameon=False, ncols=3, borderaxespad=0, columnspacing=1.2,
        handlelength=1.8,
    )  # fmt: skip


def _steps(ax: Axes, steps: Sequence[float]) -> None:
    """A logarithmic axis with a place for step 0."""
    ax.set_xscale("symlog", linthresh=1.0, linscale=0.35)
    ax.set_xlim(0, steps[-1])
    decades = [10.0**k for k in range(int(np.log10(max(steps[-1], 1.0))) + 1)]
    ax.set_xticks([0.0, *decades])
    minor = [m * d for d in decades for m in range(2, 10) if m * d < steps[-1]]
    ax.set_xticks(minor, minor=True)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel("gradient step")


def _math(name: str) -> str:
    return rf"$\langle t_{{{name.removeprefix('t_')}}} \rangle$"


assert set(LOOKS) == set(COEFFICIENTS)
