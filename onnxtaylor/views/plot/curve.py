"""All coefficients of one output by rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from onnxtaylor.results.ranking import influential_count
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.style import Kind, axes, kinds, kinds_of, title
from onnxtaylor.views.plot.text import (
    LITERAL,
    axis_label,
    number,
    quantity,
    response,
)

__all__ = ["plot_curve"]

# Scores this much smaller than the largest are drawn at the lower edge.
RANGE = 1e-12
# Points of a kind beyond which evenly spaced ones are drawn: more than can be told apart.
POINTS = 4000


def plot_curve(
    result: TaylorResult,
    ax: Axes | None = None,
    *,
    output: str | int | None = None,
    group: str | None = None,
    fraction: float = 0.05,
) -> Axes:
    """The falling curve of all K scores, logarithmic, with the cut at the upper ``fraction``.

    The cut keeps ⌈fraction·K⌉ coefficients; the legend names their number and the lowest score
    among them. Scores that a logarithmic axis cannot show (zero, negative, or below 10⁻¹² of the
    largest) are open symbols at the lower edge; with no positive score the axis is linear. Of each
    kind of coefficients 4000 points are drawn, evenly spaced in rank; the legend says so.
    ``output`` and ``group`` are the first output and ``all`` by default.

    Raises OptionError for an output or group that the result does not have, or a fraction
    outside (0, 1].
    """
    c, g = result.position(output, group)
    kept = influential_count(len(result.indices), fraction)
    falling = np.argsort(result.rank[c, g], kind="stable")
    score, kind = result.score[c, g, falling], kinds(result.indices)[falling]
    low, high = _range(score)
    with axes(ax, 6.0, 3.6) as ax:
        if high > 0:
            ax.set_yscale("log")
            margin = (high / low) ** 0.06 if high > low else 2.0
            edge = low / margin
            ax.set_ylim(edge, high * margin)
        else:
            edge = -np.inf
        rank = np.arange(1, len(score) + 1)
        _points(ax, kinds_of(result), rank, score, kind, low if high > 0 else -np.inf, edge)
        symbol = result.quantity.symbol
        _cut(ax, kept, float(score[kept - 1]), len(score), fraction, symbol)
        ax.set_xlim(min(0.5, 1 - 0.012 * len(score)), len(score) + max(0.5, 0.012 * len(score)))
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        ax.set_axisbelow(True)
        ax.grid(axis="y", color="0.88", linewidth=0.6)
        ax.set_xlabel(f"rank among {len(score)} {quantity(result).split()[-1]}")
        ax.set_ylabel(axis_label(result, lines=True))
        title(
            ax,
            f"{quantity(result)} of {response(result, result.outputs[c], 20)}",
            result.groups,
            g,
        )
        for text in ax.legend(loc="best", framealpha=0.9).get_texts():
            text.set(**LITERAL)  # "%" would start a comment
    return ax


def _range(score: npt.NDArray[np.float64]) -> tuple[float, float]:
    positive = score[score > 0]
    if not len(positive):
        return 0.0, 0.0
    high = float(positive.max())
    return float(positive[positive >= RANGE * high].min()), high


def _points(
    ax: Axes,
    looks: Sequence[Kind],
    rank: npt.NDArray[np.int64],
    score: npt.NDArray[np.float64],
    kind: npt.NDArray[np.int64],
    low: float,
    edge: float,
) -> None:
    """Draws one series for each kind, first order on top; scores below ``low`` are open symbols."""
    visible = score >= low
    small = 3.2 if len(score) > 100 else 6.0
    for k, look in enumerate(looks):
        here = np.flatnonzero((kind == k) & visible)
        if not (kind == k).any():
            continue
        drawn = _spread(here)
        part = f" (1 in {len(here) / len(drawn):.2g})" if len(drawn) < len(here) else ""
        # the rarer the kind, the larger and the further in front
        size, order = {0: (max(small, 5.0), 5), 2: (max(small, 3.8), 4)}.get(k, (small, 3))
        ax.plot(
            rank[drawn],
            score[drawn],
            look.marker,
            color=look.color,
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=0.5 if order > 3 else 0,
            label=look.name + part,
            zorder=order,
        )
    hidden = int(np.count_nonzero(~visible))
    if hidden:
        drawn = _spread(np.flatnonzero(~visible))
        ax.plot(
            rank[drawn],
            np.full(len(drawn), edge),
            "v",
            color="0.4",
            markerfacecolor="none",
            markersize=4,
            clip_on=False,
            label=f"zero, or below the axis ({hidden})",
        )


def _spread(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At most ``POINTS`` of these places, evenly spaced, the first and the last among them."""
    if len(places) <= POINTS:
        return places
    return places[np.linspace(0, len(places) - 1, POINTS).round().astype(np.int64)]


def _cut(ax: Axes, kept: int, score: float, total: int, fraction: float, symbol: str) -> None:
    """Marks the last kept coefficient by a vertical line after it and a thin line at its score."""
    share = f"upper {100 * fraction:g} %: {kept} of {total}"
    label = rf"{share}, $\langle {symbol} \rangle \geq${number(score)}"
    ax.axvline(kept + 0.5, color="black", linestyle="--", linewidth=1, label=label, zorder=2)
    if score > 0:
        ax.axhline(score, color="black", linestyle=":", linewidth=0.8, zorder=2)
