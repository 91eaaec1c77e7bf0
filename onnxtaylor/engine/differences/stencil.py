"""Stencils: points and weights of the finite differences for a list of multi-indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.points import Formula, formula, point_count

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices

__all__ = ["ACCURACIES", "MIXED", "ErrorWeights", "Stencil", "StencilOptions", "build_stencil"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ACCURACIES = (2, 4, 6)
MIXED = ("two", "four")
REACH = 3  # steps, of a stencil with error bounds


class StencilOptions(TypedDict, total=False):
    """Options of the stencil.

    Attributes
    ----------
    error_bounds
        Bounds the error of every coefficient and finds kinks, at the price of a stencil that
        reaches to three steps. Default: True.
    accuracy
        Order of accuracy: 2, 4 or 6. By default 6 with error bounds; without them 4 in single
        precision, where wide steps keep the round-off small, and 2 in double precision.
    mixed
        Points of a mixed derivative: the ``two`` corners along one diagonal (default), or all
        ``four``.
    """

    error_bounds: bool
    accuracy: int | None
    mixed: str


@dataclass(frozen=True)
class ErrorWeights:
    """Weights whose sums over the responses bound the errors of coefficients.

    A truncation error shows in the difference of two formulas of unlike accuracy, so the first four
    are weights of one formula minus those of another. In their first row the formula of the value
    is compared with its neighbour: sixth order with fourth, others with sixth. In the second row
    fourth is compared with second where the value is of sixth order; otherwise it is zero.

    Attributes
    ----------
    first, second
        Of t_i and t_ii, (2, M).
    corner, ridge
        Of t_ij: at its corners, (2, Q), and at the points on its axes, (2, M).
    amplified
        The factors √(Σ w²), the centre's weight included, by which t_i, t_ii and t_ij multiply the
        noise of the responses, (3,).
    pooled
        Whether noise and convergence of an event are judged from all its axes together.
    """

    first: Floats
    second: Floats
    corner: Floats
    ridge: Floats
    amplified: Floats
    pooled: bool


@dataclass(frozen=True)
class Stencil:
    """Points of the finite differences for a list of multi-indices, and slots of the results.

    Attributes
    ----------
    formula
        Points and weights in units of the steps.
    features
        The features that any of the coefficients derives by, (A,).
    pairs
        Pairs of features whose t_ij is computed, (Q, 2).
    axes_of_pairs
        The places of these pairs in ``features``, (Q, 2).
    slots_first, slots_second
        The places of t_i and t_ii among the coefficients, (A,); −1 where not computed.
    slots_pairs
        The places of t_ij among the coefficients, (Q,).
    groups
        2 where first and second order have points of their own on the axes, otherwise 1.
    error_weights
        None where no errors are bounded.
    """

    formula: Formula
    features: Integers
    pairs: Integers
    axes_of_pairs: Integers
    slots_first: Integers
    slots_second: Integers
    slots_pairs: Integers
    groups: int
    error_weights: ErrorWeights | None

    @property
    def points(self) -> int:
        """Evaluations per event; 3n² + 3n + 1 up to second order with error bounds, equal steps."""
        return point_count(self.formula, len(self.features), len(self.pairs), self.groups)

    def steps_of_groups(self, steps: Floats) -> Floats:
        """Selects the steps of each group of points on the axes.

        Parameters
        ----------
        steps
            Steps of first and second order, (2, n), in units of the features.

        Returns
        -------
        array
            Steps of the groups, (G, n).
        """
        if self.groups == 2:
            return np.ascontiguousarray(steps)
        second = len(self.pairs) > 0 or bool((self.slots_second >= 0).any())
        return np.ascontiguousarray(steps[1:] if second else steps[:1])


def build_stencil(
    indices: MultiIndices,
    *,
    accuracy: int,
    mixed: str = "two",
    error_bounds: bool = False,
    separate_orders: bool = False,
    pooled: bool = True,
) -> Stencil:
    """Builds the stencil that the kernels need for some coefficients.

    Parameters
    ----------
    indices
        The coefficients, up to second order.
    accuracy
        Order of accuracy of the formulas: 2, 4 or 6.
    mixed
        Points of a mixed derivative: the ``two`` corners along one diagonal, or all ``four``.
    error_bounds
        Adds the points by which errors are bounded.
    separate_orders
        Gives first and second order points of their own on the axes, so that steps may differ.
    pooled
        See ``ErrorWeights``.

    Raises
    ------
    OptionError
        The order, accuracy or mixed formula is not supported.
    """
    if indices.order > 2:
        raise OptionError(
            f"{indices.order} is beyond finite differences: choose 1 or 2", option="order"
        )
    if accuracy not in ACCURACIES:
        raise OptionError(f"{accuracy} is not offered: choose 2, 4 or 6", option="accuracy")
    if mixed not in MIXED:
        raise OptionError(f"'{mixed}' is not offered: choose two or four", option="mixed")
    i = indices.table[:, 0].astype(np.int64)
    j = indices.table[:, 1].astype(np.int64) if indices.table.shape[1] > 1 else np.full_like(i, -1)
    slots = np.arange(len(indices))
    first, second, pair = j < 0, i == j, (j >= 0) & (i != j)
    features = np.unique(np.concatenate((i, j[j >= 0])))
    place = np.full(indices.n_features, -1, dtype=np.int64)
    place[features] = np.arange(len(features))
    slots_first = np.full(len(features), -1, dtype=np.int64)
    slots_second = np.full(len(features), -1, dtype=np.int64)
    slots_first[place[i[first]]] = slots[first]
    slots_second[place[i[second]]] = slots[second]
    pairs = np.ascontiguousarray(np.stack((i[pair], j[pair]), axis=1))
    return Stencil(
        formula=formula(accuracy, mixed, REACH if error_bounds else 0),
        features=features,
        pairs=pairs,
        axes_of_pairs=place[pairs],
        slots_first=slots_first,
        slots_second=slots_second,
        slots_pairs=slots[pair],
        groups=2 if separate_orders and first.any() and not first.all() else 1,
        error_weights=_error_weights(accuracy, mixed, pooled) if error_bounds else None,
    )


def _error_weights(accuracy: int, mixed: str, pooled: bool) -> ErrorWeights:
    """Subtracts formulas of unlike accuracy, all written for points up to three steps away."""
    value, fourth, second, sixth = (formula(a, mixed, REACH) for a in (accuracy, 4, 2, 6))
    neighbour = (value, fourth) if accuracy == 6 else (value, sixth)
    below = (fourth, second) if accuracy == 6 else (value, value)
    centre = (value.second.sum(), value.corner.sum() + 2 * value.ridge.sum())
    squares = (
        (value.first**2).sum(),
        (value.second**2).sum() + centre[0] ** 2,
        (value.corner**2).sum() + 2 * (value.ridge**2).sum() + centre[1] ** 2,
    )
    return ErrorWeights(
        np.stack([a.first - b.first for a, b in (neighbour, below)]),
        np.stack([a.second - b.second for a, b in (neighbour, below)]),
        np.stack([a.corner - b.corner for a, b in (neighbour, below)]),
        np.stack([a.ridge - b.ridge for a, b in (neighbour, below)]),
        np.sqrt(squares),
        pooled,
    )
