"""Second-order scores as a matrix, first-order scores as a strip beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import RELATIONS
from onnxtaylor.results.quantity import noun_of
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.plot.style import axes, label_step, title
from onnxtaylor.views.plot.text import LITERAL, axis_label, literals, number, quantity, response

__all__ = ["color_norm", "plot_matrix"]

MISSING = "0.85"  # the grey of coefficients that were not computed
ROOM = 60  # labels of features that stay legible on one axis
MOST = 200  # features that are shown where nobody asks for more: a figure of 17 inches
WRITTEN = 8  # up to so many features the numbers stand in the cells


def plot_matrix(
    result: TaylorResult,
    ax: Axes | None = None,
    *,
    output: str | int | None = None,
    group: str | None = None,
    top: int | None = None,
    relation: str | None = None,
) -> Axes:
    """⟨t_ij⟩ as an n × n matrix with ⟨t_ii⟩ on its diagonal, and ⟨t_i⟩ as a strip at its left.

    Matrix and strip share one colour scale, logarithmic where the scores need it. Coefficients
    that were not computed are grey. ``output`` and ``group`` are the first output and ``all`` by
    default. ``top`` shows so many features, those of the highest ranked coefficients, in the order
    of the model's input; by default all, up to 200. ``relation`` chooses pairs of the ``same
    object`` (default) or of ``different objects``, where they are told apart. ``ax.images`` are the
    matrix and the strip.

    Raises OptionError for an output, group or relation that the result does not have, ``top`` below
    1, or a result without second order.
    """
    if top is not None and top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    c, g = result.position(output, group)
    kept = _best_features(result, c, g)[: MOST if top is None else top]
    kept.sort()
    if relation is None and result.indices.relation is not None:
        relation = RELATIONS[1]
    matrix = result.matrix(c, result.groups[g], relation)
    vector = result.vector(c, result.groups[g])
    second = np.ma.masked_invalid(matrix[np.ix_(kept, kept)])
    first = np.ma.masked_invalid(vector[kept, np.newaxis])
    n = len(first)
    names = literals([result.features[i] for i in kept])
    wide = max(1.0, n / 25)  # width of the strip, in cells
    strip = -0.5 - 1.3 * wide, -0.5 - 0.3 * wide
    norm, extend = color_norm(np.concatenate([first.compressed(), second.compressed()]))
    cmap = colormaps["viridis"].with_extremes(bad=MISSING)
    size = 8.0 if n <= 15 else 7.0 if n <= 40 else 6.0
    cell = min(max(4.6 / n, 0.085), 0.62)  # inches
    across = cell * (n + 1.3 * wide)
    text = 0.0078 * size * max(len(name) for name in [*names, "first order"])
    with axes(ax, across + text + 1.2, max(cell * n, 1.6) + text + 0.65) as ax:
        image = ax.imshow(second, norm=norm, cmap=cmap, extent=(-0.5, n - 0.5, n - 0.5, -0.5))
        ax.imshow(first, norm=norm, cmap=cmap, extent=(*strip, n - 0.5, -0.5), aspect="equal")
        ax.set_xlim(strip[0], n - 0.5)
        ax.set_ylim(n - 0.5, -0.5)
        shown = label_step(n, ROOM)
        place = np.arange(n)[shown]
        ax.set_xticks(
            [sum(strip) / 2, *place], ["first order", *names[shown]], rotation=90, **LITERAL
        )
        ax.set_yticks(place, names[shown], **LITERAL)
        ax.tick_params(length=0, pad=2, labelsize=size)
        ax.spines[:].set_visible(False)
        if n <= WRITTEN:
            _write(ax, norm, second, 0.0)
            _write(ax, norm, first, sum(strip) / 2)
        bar = ax.figure.colorbar(
            image, cax=ax.inset_axes((1 + 0.12 / across, 0, 0.14 / across, 1)), extend=extend
        )
        bar.outline.set_visible(False)
        bar.set_label(axis_label(result, lines=True))
        what = f"{quantity(result)} of {response(result, result.outputs[c], 20)}"
        about = _about(result, n, relation, absent=bool(second.mask.any()))
        title(ax, what + about, result.groups, g)
    return ax


def _about(result: TaylorResult, n: int, relation: str | None, *, absent: bool) -> str:
    """Words on the part of a result that is shown: n names, pairs of a relation, grey cells."""
    told = result.indices.relation is not None
    words = ""
    if n < len(result.features):
        words += f", {n} of {len(result.features)} {noun_of(result.options)}s"
    if told:
        words += f", pairs of {'the ' * (relation == RELATIONS[1])}{relation}"
    return words + f" (grey: {'no such pair' if told else 'not computed'})" * absent


def _best_features(result: TaylorResult, c: int, g: int) -> npt.NDArray[np.int64]:
    """Sorts the features by the best rank of their coefficients."""
    best = np.full(len(result.features), np.iinfo(np.int64).max)
    for column in result.indices.table.T:
        here = column >= 0
        np.minimum.at(best, column[here], result.rank[c, g, here])
    return np.argsort(best, kind="stable").astype(np.int64)


def color_norm(values: npt.NDArray[np.float64]) -> tuple[Normalize, str]:
    """Chooses the colour scale of scores, and the end at which it is exceeded (``extend``).

    Linear from 0 to the largest; logarithmic over at most four decades where more than half of
    the positive scores lie below 5 % of the largest, so that a linear scale would show them all
    alike.
    """
    positive = values[values > 0]
    if not len(positive):
        return Normalize(0.0, 1.0), "neither"
    high = float(positive.max())
    if np.median(positive) >= 0.05 * high:
        return Normalize(0.0, high), "min" if values.min() < 0 else "neither"
    low = max(float(positive.min()), 1e-4 * high)
    return LogNorm(low, high), "min" if values.min() < low else "neither"


def _write(ax: Axes, norm: Normalize, values: npt.NDArray[np.float64], left: float) -> None:
    """Writes the numbers into their cells, light on dark and dark on light."""
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = norm(max(float(value), norm.vmin or 0.0)) < 0.6
            ax.text(left + j, i, number(float(value)), color="white" if dark else "black",
                    ha="center", va="center", fontsize=7)  # fmt: skip
