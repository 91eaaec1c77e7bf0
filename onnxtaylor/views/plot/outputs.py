"""First-order scores of all response nodes side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from onnxtaylor.errors import OptionError
from onnxtaylor.results.ranking import class_groups
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.style import COLORS, MARKERS, MAX_HEIGHT, axes, label_step, title
from onnxtaylor.views.plot.text import LITERAL, axis_label, literals, quantity, response

__all__ = ["class_positions", "plot_outputs"]

ROW = 0.17  # inches a feature
DODGE = 0.22  # rows, from the middle of a row to its outermost dots
MOST = 1000  # features that are shown where nobody asks for more


def plot_outputs(
    result: TaylorResult,
    ax: Axes | None = None,
    *,
    group: str | None = None,
    top: int | None = None,
    per_class: bool = False,
) -> Axes:
    """⟨t_i⟩ ± SEM of every output as one row of dots for each feature.

    Features stand in the order of their largest score; ``top`` keeps the first of them, by default
    up to 1000, and the axis says how many are left out. Outputs differ by colour and marker. The
    events are those of ``group``, all by default; with ``per_class`` each output is shown over the
    events of its own class (the CMS convention, see ``onnxtaylor.results.classes``).

    Raises OptionError for a group that the result does not have, ``top`` below 1, ``group``
    together with ``per_class``, classes that do not match the outputs, or a result without
    first-order coefficients.
    """
    if top is not None and top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    if per_class and group is not None:
        raise OptionError("chooses the groups itself: leave group=… out", option="per_class")
    g = result.position(0, group)[1]
    groups = class_positions(result) if per_class else [g] * len(result.outputs)
    first = np.flatnonzero(result.indices.orders == 1)
    if not len(first):
        raise OptionError("the result has no first-order coefficients to show")
    score = np.array([result.score[c, g, first] for c, g in enumerate(groups)])
    sem = np.array([result.sem[c, g, first] for c, g in enumerate(groups)])
    falling = np.argsort(-score.max(axis=0), kind="stable")[: MOST if top is None else top]
    score, sem = score[:, falling], sem[:, falling]
    feature = result.indices.table[first, 0][falling]
    names = literals([result.features[i] for i in feature])
    place = np.arange(len(names))
    legend_rows = len(groups) * 0.16
    height = max(1.0 + ROW * len(names), 1.0 + legend_rows)
    with axes(ax, 5.4 + 0.06 * max(len(name) for name in names), height) as ax:
        ax.hlines(place, score.min(axis=0), score.max(axis=0), color="0.75", linewidth=1, zorder=1)
        for c in range(len(groups)):
            color = COLORS[c % len(COLORS)]
            ax.errorbar(
                score[c],
                place + _aside(c, len(groups)),
                xerr=sem[c],
                fmt=MARKERS[c % len(MARKERS)],
                color=color,
                markersize=5,
                markeredgecolor="white",
                markeredgewidth=0.4,
                elinewidth=1,
                label=_name(result, c, groups[c] if per_class else None),
                zorder=3,
            )
        shown = label_step(len(names), MAX_HEIGHT / ROW)
        ax.set_yticks(place[shown], names[shown], **LITERAL)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(names) - 0.4, -0.6)
        if score.min() >= 0:
            ax.set_xlim(left=0)
        ax.set_axisbelow(True)
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_xlabel(axis_label(result, "t_i"))
        if left_out := len(first) - len(names):
            ax.set_ylabel(f"the first {len(names)} of {len(first)}; {left_out} are not shown")
        kind = f"First-order {quantity(result).replace('Finite', 'finite')}"
        title(ax, kind, result.groups, g)
        if per_class:
            ax.set_title(f"{kind}\neach output over its class", loc="left")
        _legend(ax)
    return ax


def class_positions(result: TaylorResult) -> list[int]:
    """The group of each output's own class, shape (C,). Raises OptionError where none fits."""
    classes = result.groups[1:]
    return [1 + classes.index(name) for name in class_groups(result)]


def _aside(c: int, outputs: int) -> float:
    """Distance of an output's dots from the middle of a row: equal ones would hide each other."""
    return DODGE * (2 * c / (outputs - 1) - 1) if outputs > 1 else 0.0


def _name(result: TaylorResult, c: int, own: int | None) -> str:
    """Name of the output, followed by its class where that has another name."""
    name = response(result, result.outputs[c])
    if own is None or result.groups[own] == result.outputs[c]:
        return name
    return f"{name} over {literals(result.groups, 20)[own]}"


def _legend(ax: Axes) -> None:
    """Places the legend at the right of the axes: dots may lie anywhere inside."""
    legend = ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), title="output", frameon=False, borderpad=0
    )
    for text in legend.get_texts():
        text.set(**LITERAL)
