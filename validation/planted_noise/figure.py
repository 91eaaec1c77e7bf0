"""⟨t⟩ of replaced features before and after, and of the toy's noise by training events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxtaylor.views.plot.style import COLORS, MARKERS, STYLE
from onnxtaylor.views.plot.text import literal
from validation.planted_noise.higgs import ANGLES

__all__ = ["figure"]

WIDTH, HEIGHT = 6.93, 3.3  # inches: two columns of a page
STEP = 1.0  # from before to after
GAP = 2.4  # from feature to feature


def figure(numbers: Mapping[str, Any]) -> Figure:
    """Left: one pair of columns for each feature. Right: one series for each strength of L2."""
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        left, right = drawn.subplots(1, 2, width_ratios=[1.5, 1])
        _higgs(left, numbers["higgs"])
        _toy(right, numbers["toy"])
    return drawn


def _higgs(ax: Axes, found: Mapping[str, Any]) -> None:
    """Columns of all features: the replaced one is joined from before to after, net by net."""
    usual = found["planted"][0]["training"]
    shown = [one for one in found["planted"] if one["training"] == usual]
    ticks: list[float] = []
    labels: list[str] = []
    for k, one in enumerate(shown):
        x = GAP * k
        _column(ax, x, found["before"], one["feature"])
        _column(ax, x + STEP, one["nets"], one["feature"])
        for before, after in zip(found["before"], one["nets"], strict=True):
            ax.plot(
                [x, x + STEP],
                [before["first"][one["feature"]], after["score"]],
                color=COLORS[1],
                marker=MARKERS[1],
                markersize=5,
                markeredgecolor="white",
                markeredgewidth=0.4,
                linewidth=1.2,
                zorder=4,
                label="replaced by noise" if not ticks else None,
            )
            ticks, labels = [*ticks, x, x + STEP], [*labels, "before", "after"]
        name = literal(one["feature"].removeprefix("DER_").removeprefix("PRI_"), 24)
        above = ax.get_xaxis_transform()
        ax.text(x + STEP / 2, 1.02, name, ha="center", fontsize=8, transform=above)
    ax.set_yscale("log")
    ax.set_xticks(ticks, labels)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.6, GAP * (len(shown) - 1) + STEP + 0.6)
    ax.set_ylabel(r"$\langle t_i \rangle$  (per std. dev. of input)")
    ax.set_title("Higgs challenge, one feature replaced\n", loc="left")
    _dress(ax)
    _legend_below(ax)


def _column(ax: Axes, x: float, nets: list[Mapping[str, Any]], feature: str) -> None:
    """Mean ⟨t⟩ of all other features; those that say nothing alone are told apart."""
    mean = {name: np.mean([net["first"][name] for net in nets]) for name in nets[0]["first"]}
    others = [value for name, value in mean.items() if name not in (*ANGLES, feature)]
    angles = [value for name, value in mean.items() if name in ANGLES and name != feature]
    looks = {"linestyle": "none", "zorder": 3}
    grey = {"marker": "_", "color": "0.6", "markersize": 9, **looks}
    open_ = {"marker": "o", "markerfacecolor": "none", "color": COLORS[0], "markersize": 5, **looks}
    ax.plot([x] * len(others), others, label="another feature", **grey)
    ax.plot([x] * len(angles), angles, label=r"$\varphi$ of $\tau$, lepton, $p_T^{miss}$", **open_)


def _toy(ax: Axes, nets: list[Mapping[str, Any]]) -> None:
    events = sorted({net["events"] for net in nets})
    for k, l2 in enumerate(sorted({net["l2"] for net in nets})):
        of = [net for net in nets if net["l2"] == l2]
        mean = [np.mean([n["score"]["t_3"] for n in of if n["events"] == N]) for N in events]
        name = "no L2" if l2 == 0 else f"L2 {l2:g}"
        look = {"color": COLORS[k], "marker": MARKERS[k], "markersize": 5}
        ax.plot(events, mean, linewidth=1.2, label=rf"noise $t_3$, {name}", **look)
        single = [(n["events"], n["score"]["t_3"]) for n in of]
        ax.plot(*zip(*single, strict=True), linestyle="none", alpha=0.4, **look)
    signal = [np.mean([n["score"]["t_1"] for n in nets if n["events"] == N]) for N in events]
    ax.plot(events, signal, color="black", marker="D", markersize=4, label=r"signal $t_1$")
    left = [np.mean([n["chance"] for n in nets if n["events"] == N]) for N in events]
    ax.plot(events, left, color="0.4", linestyle=":", label="chance in the events")
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(events, [f"{number:,}".replace(",", "\u2009") for number in events])
    ax.minorticks_off()
    ax.set_xlabel("training events $N$")
    ax.set_ylabel(r"$\langle t_i \rangle$  (per std. dev. of input)")
    ax.set_title("Toy C and a third input of noise\n", loc="left")
    _dress(ax)
    _legend_below(ax)


def _dress(ax: Axes) -> None:
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="0.88", linewidth=0.6)


def _legend_below(ax: Axes) -> None:
    """One entry for each name: columns repeat theirs."""
    handles, names = ax.get_legend_handles_labels()
    entries = dict(zip(names, handles, strict=True))
    ax.legend(
        entries.values(),
        entries.keys(),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17),
        ncols=2,
        frameon=False,
        columnspacing=1.2,
    )
