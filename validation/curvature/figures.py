"""Figures: second order of the toys by kind of net; rankings of the Higgs challenge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxtaylor.views.plot.style import COLORS, STYLE
from validation.curvature.judge import second_order
from validation.toy_studies.figure import TITLES

__all__ = ["LOOKS", "rankings", "toys"]

WIDTH = 6.93  # inches: two columns of a page
# activation, kind of second order, words, colour, marker, filled
LOOKS = (
    ("tanh", "pointwise", "tanh, at the events", COLORS[0], "o", True),
    ("relu", "averaged", "ReLU, averaged over ±0.35σ", COLORS[1], "s", True),
    ("relu", "pointwise", "ReLU, at the events", COLORS[1], "s", False),
)
APART = 0.2  # of one coefficient's width, between kinds of nets


def toys(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """One panel for each toy: the closed form as a bar, nets as points with lowest and highest.

    ``found`` as ``study.run`` puts the toys together. Panels are as wide as their coefficients ask
    for, and share an axis in a row.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
        rows = [row for row in (list("ABC"), ["D", "E"]) if set(row) <= set(found)]
        parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
        for part, row in zip(parts, rows, strict=True):
            widths = [len(second_order(found[toy]["expected"])) for toy in row]
            panels = part.subplots(1, len(row), sharey=True, squeeze=False, width_ratios=widths)[0]
            for ax, toy in zip(panels, row, strict=True):
                _toy(ax, found[toy])
                ax.set_title(TITLES[toy], loc="left", fontsize=8.5)
            panels[0].set_ylim(bottom=0)  # last: it ends the search for the top
            panels[0].set_ylabel(r"$\langle t \rangle$  (per std. dev. of input)")
        handles, labels = parts[0].axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=4, frameon=False, handlelength=1.4,
            columnspacing=1.6,
        )  # fmt: skip
    return figure


def _toy(ax: Axes, one: Mapping[str, Any]) -> None:
    names = second_order(one["expected"])
    place = np.arange(len(names))
    ideal = _of(one["nets"]["tanh"], "closed_form", names).mean(axis=0)
    ax.bar(
        place, ideal, 0.76, facecolor="0.90", edgecolor="0.35", linewidth=0.8, zorder=1,
        label="closed form",
    )  # fmt: skip
    for k, (key, kind, words, color, marker, filled) in enumerate(LOOKS):
        values = _of(one["nets"][key], kind, names)
        middle = np.median(values, axis=0)
        spread = [middle - values.min(axis=0), values.max(axis=0) - middle]
        ax.errorbar(
            place + (k - 1) * APART, middle, yerr=spread, fmt=marker, color=color, markersize=4.8,
            markerfacecolor=color if filled else "white", markeredgewidth=1.1, elinewidth=1.0,
            capsize=2.0, zorder=3, label=words,
        )  # fmt: skip
    ax.set_xticks(place, [rf"$t_{{{name.removeprefix('t_')}}}$" for name in names], fontsize=9)
    ax.tick_params(axis="x", length=0, pad=3)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="0.90", linewidth=0.6)


def _of(nets: Sequence[Mapping[str, Any]], key: str, names: Sequence[str]) -> Any:
    return np.array([[net[key][name] for name in names] for net in nets])


def rankings(nets: Mapping[str, Sequence[Mapping[str, Any]]], found: Mapping[str, Any]) -> Figure:
    """⟨t⟩ of each pair and square in one net against that in the first tanh net.

    A row for the response and one for its logit; beside one another a second tanh net, the first
    ReLU net averaged, and the same at the events. Nets as ``higgs.study_higgs_net`` returns them,
    by activation, ``found`` as ``higgs.compared``. What is below the axis is drawn on it.
    """
    shown = (
        ("another tanh net", nets["tanh"][1], "tanh, pointwise", COLORS[0]),
        ("ReLU net, averaged", nets["relu"][0], "relu, averaged", COLORS[1]),
        ("ReLU net, at the events", nets["relu"][0], "relu, pointwise", "0.35"),
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.9), layout="constrained")
        rows = figure.subplots(2, len(shown), sharex="row", sharey="row")
        for panels, what, likeness in zip(
            rows, ("response", "logit"), (found["likeness"], found["logit"]), strict=True
        ):
            first = np.array(nets["tanh"][0][what]["pointwise"])
            top = max(np.max(net[what][key.split(", ")[1]]) for _, net, key, _ in shown)
            limits = first.max() * 1e-3, 2 * max(first.max(), top)
            for ax, (words, net, key, color) in zip(panels, shown, strict=True):
                values = np.array(net[what][key.split(", ")[1]])
                _scatter(ax, first, values, limits, color)
                ax.set_title(words, loc="left", fontsize=8.5)
                of = likeness.get(f"{key} – tanh, pointwise")
                told = "zero everywhere" if of is None else _told(of)
                ax.text(0.04, 0.96, told, transform=ax.transAxes, va="top", fontsize=7.5)
            panels[0].set_ylabel(rf"$\langle t_{{ij}} \rangle$ of the {what}")
        rows[1, 1].set_xlabel(r"$\langle t_{ij} \rangle$ of a tanh net, at the events")
    return figure


def _scatter(ax: Axes, first: Any, values: Any, limits: tuple[float, float], color: str) -> None:
    low, high = limits
    ax.plot(limits, limits, color="0.6", linewidth=0.8, zorder=1)
    ax.plot(
        np.clip(first, low, high), np.clip(values, low, high), "o", color=color, markersize=2.6,
        alpha=0.5, markeredgewidth=0, zorder=2, clip_on=False,
    )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    ax.set_aspect("equal")


def _told(of: Mapping[str, Any]) -> str:
    return f"rank correlation {of['rho']['median']:.2f}\n{of['common']['median']:g} of 50 common"
