"""The highest ranked coefficients as bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from onnxtaylor.errors import OptionError
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.style import (
    KINDS,
    MAX_HEIGHT,
    Kind,
    axes,
    kinds,
    kinds_of,
    label_step,
    title,
)
from onnxtaylor.views.plot.text import LITERAL, axis_label, labels_at, quantity, response

__all__ = ["plot_scores"]

ROW = 0.17  # inches a bar
ORDERS = {1: "First-order", 2: "Second-order", 3: "Third-order"}


def plot_scores(
    result: TaylorResult,
    ax: Axes | None = None,
    *,
    output: str | int | None = None,
    group: str | None = None,
    top: int = 30,
    order: int | None = None,
) -> Axes:
    """Bars ⟨t_α⟩ ± SEM of the ``top`` largest coefficients, the largest at the top.

    First-order coefficients, pairs t_ij and auto-correlations t_ii differ by colour and hatch.
    ``output`` and ``group`` are the first output and ``all`` by default; ``order`` shows the
    coefficients of that order alone. Draws into ``ax``, or into a new figure whose height grows
    with the number of bars; returns the axes.

    Raises OptionError for an output, group or order that the result does not have, or ``top``
    below 1.
    """
    if top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    c, g = result.position(output, group)
    best = np.argsort(result.rank[c, g], kind="stable")
    if order is not None:
        best = best[result.indices.orders[best] == order]
        if not len(best):
            raise OptionError(f"the result has no coefficient of order {order}")
    best = best[:top]
    score, sem = result.score[c, g, best], result.sem[c, g, best]
    kind, looks = kinds(result.indices)[best], kinds_of(result)
    labels = labels_at(result.features, result.indices, best)
    longest = max(len(text) for text in labels)
    height = 1.1 + ROW * max(len(best), 3)
    with axes(ax, 3.9 + 0.06 * longest, height) as ax:
        place = np.arange(len(best))
        bars = ax.barh(place, score, height=0.72, color=[KINDS[k].color for k in kind], zorder=2)
        for bar, k in zip(bars, kind, strict=True):
            bar.set(hatch=KINDS[k].hatch, edgecolor="white", linewidth=0)
        ax.errorbar(score, place, xerr=sem, fmt="none", ecolor="black", elinewidth=1, capsize=1.5)
        shown = label_step(len(best), MAX_HEIGHT / ROW)
        ax.set_yticks(place[shown], labels[shown], **LITERAL)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(best) - 0.4, -0.6)
        ax.set_axisbelow(True)
        ax.grid(axis="x", color="0.88", linewidth=0.6)
        ax.set_xlabel(axis_label(result, lines=True))
        what = quantity(result)
        if order is not None:
            what = f"{ORDERS[order]} {what.replace('Finite', 'finite')}"
        title(ax, f"{what} of {response(result, result.outputs[c], 20)}", result.groups, g)
        present = sorted(set(kind.tolist()))
        if order != 1:  # one kind alone says the title
            _legend(ax, present, looks)
        # half of the width beside the last bars belongs to the legend
        beside = float(np.nanmax((score + np.nan_to_num(sem))[-len(present) - 2 :], initial=0.0))
        ax.set_xlim(right=max(ax.get_xlim()[1], 2 * beside * (order != 1)))
    return ax


def _legend(ax: Axes, present: list[int], looks: Sequence[Kind]) -> None:
    """Names the kinds of coefficients that are drawn, in the corner where the bars are short."""
    handles = [
        Patch(
            facecolor=KINDS[k].color,
            hatch=KINDS[k].hatch,
            edgecolor="white",
            linewidth=0,
            label=looks[k].name,
        )
        for k in present
    ]
    ax.legend(handles=handles, loc="lower right", handlelength=1.8, frameon=True, framealpha=0.9)
