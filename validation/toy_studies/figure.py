"""The bar figure: ⟨t⟩ of every coefficient, trained nets beside the closed form, by scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from onnxtaylor.views.plot.style import KINDS, STYLE, Kind
from onnxtaylor.views.plot.text import LITERAL

__all__ = ["TITLES", "bars"]

TITLES = {
    "A": "A: means differ",
    "B": "B: correlation differs",
    "C": "C: means and correlation",
    "D": "D: widths differ",
    "E": r"E: means of $x_1, x_2$, correlation of $x_2, x_3$",
}
WIDTH, HEIGHT = 6.93, 4.4  # inches: two columns of a page
BAR = 0.4
OPEN = {"facecolor": "white", "edgecolor": "black", "linewidth": 0.8}


def bars(scenarios: Mapping[str, Mapping[str, Any]]) -> Figure:
    """One panel for each scenario; ``scenarios`` as ``nets.study_scenario`` returns them.

    Filled bars: mean of the nets, error bars from the lowest to the highest net. Open bars: the
    closed form on the same events, with its SEM. Panels are as wide as their coefficients ask for,
    three inputs twice as wide as two, and share an axis in a row.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        upper = [name for name in scenarios if name in "ABC"]
        lower = [name for name in scenarios if name not in "ABC"]
        rows = [row for row in (upper, lower) if row]
        parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
        for part, row in zip(parts, rows, strict=True):
            widths = [2 + len(scenarios[name]["expected"]) for name in row]
            panels = part.subplots(1, len(row), sharey=True, squeeze=False, width_ratios=widths)[0]
            for ax, name in zip(panels, row, strict=True):
                _panel(ax, scenarios[name])
                ax.set_title(TITLES.get(name, name), loc="left", fontsize=8.5)
            panels[0].set_ylabel(r"$\langle t \rangle$  (per std. dev. of input)")
        _legend(figure)
    return figure


def _panel(ax: Axes, found: Mapping[str, Any]) -> None:
    names = list(found["expected"])
    place = np.arange(len(names))
    nets, ideal, sem = (
        np.array([[net[name] for name in names] for net in found[key]])
        for key in ("net", "closed_form", "closed_form_sem")
    )
    looks = [_kind(name) for name in names]
    mean = nets.mean(axis=0)
    filled = ax.bar(place - BAR / 2, mean, BAR, color=[look.color for look in looks], zorder=2)
    for bar, look in zip(filled, looks, strict=True):
        bar.set(hatch=look.hatch, edgecolor="white", linewidth=0)
    ax.bar(place + BAR / 2, ideal.mean(axis=0), BAR, zorder=2, **OPEN)
    marks = {"fmt": "none", "ecolor": "black", "elinewidth": 0.9, "capsize": 1.5, "zorder": 3}
    spread = [mean - nets.min(axis=0), nets.max(axis=0) - mean]
    ax.errorbar(place - BAR / 2, mean, yerr=spread, **marks)
    ax.errorbar(place + BAR / 2, ideal.mean(axis=0), yerr=sem.mean(axis=0), **marks)
    ax.set_xticks(place, [_label(name) for name in names])
    ax.tick_params(axis="x", length=0, pad=3)
    ax.set_xlim(-0.65, len(names) - 0.35)
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="0.88", linewidth=0.6)


def _kind(name: str) -> Kind:
    inputs = name.removeprefix("t_")
    return KINDS[0 if len(inputs) == 1 else 2 if inputs[0] == inputs[1] else 1]


def _label(name: str) -> str:
    return rf"$t_{{{name.removeprefix('t_')}}}$"


def _legend(figure: Figure) -> None:
    handles = [
        Patch(facecolor=k.color, hatch=k.hatch, edgecolor="white", linewidth=0, label=k.name)
        for k in _in_order(KINDS[:3])
    ]
    handles.append(Patch(**OPEN, label="closed form"))
    legend = figure.legend(
        handles=handles, loc="outside lower center", ncols=4, frameon=False, handlelength=1.8
    )
    for text in legend.get_texts():
        text.set(**LITERAL)


def _in_order(looks: Sequence[Kind]) -> list[Kind]:
    """First order, auto-correlation, pair: as the bars of a panel come."""
    return [looks[0], looks[2], looks[1]]
