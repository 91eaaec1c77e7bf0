"""Which stencil serves a list of multi-indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.points import Formula, formula, point_count

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices

__all__ = ["ACCURACIES", "MIXED", "Gaps", "Stencil", "build_stencil"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ACCURACIES = (2, 4, 6)
MIXED = ("two", "four")
REACH = 3  # steps, of a stencil that estimates its errors


@dataclass(frozen=True)
class Gaps:
    """What errors are estimated from: weights of one order of accuracy minus those of another.

    Of ``first`` (2, M), ``second`` (2, M), ``corner`` (2, Q) and ``ridge`` (2, M) the first row
    compares the value's order with its neighbour's (sixth with fourth, else with sixth), the second
    row fourth with second where the value is of sixth order, else it is zero. ``amplified`` (3,) is
    the factor √(Σ w²), the centre's weight included, by which t_i, t_ii and t_ij multiply noise.
    ``pooled`` lets all axes of an event tell of its noise and convergence.
    """

    first: Floats
    second: Floats
    corner: Floats
    ridge: Floats
    amplified: Floats
    pooled: bool


@dataclass(frozen=True)
class Stencil:
    """The points that serve a list of multi-indices, and where their coefficients go.

    ``features`` (A,) are the active ones, ``pairs`` (Q, 2) the pairs of them whose t_ij is asked
    for, ``axes_of_pairs`` (Q, 2) their places in ``features``. ``slots_first`` and
    ``slots_second`` (A,) are the places of t_i and t_ii among the coefficients, -1 where not
    asked for, ``slots_pairs`` (Q,) those of t_ij. ``groups`` is 2 where first and second order
    have points of their own on the axes. ``gaps`` is None where no errors are estimated.
    """

    formula: Formula
    features: Integers
    pairs: Integers
    axes_of_pairs: Integers
    slots_first: Integers
    slots_second: Integers
    slots_pairs: Integers
    groups: int
    gaps: Gaps | None

    @property
    def points(self) -> int:
        """Evaluations per event, up to second order 3n² + 3n + 1 with errors and equal steps."""
        return point_count(self.formula, len(self.features), len(self.pairs), self.groups)

    def steps_of_groups(self, steps: Floats) -> Floats:
        """Of steps (2, n) of first and second order, those of the points on the axes: (G, n)."""
        if self.groups == 2:
            return np.ascontiguousarray(steps)
        second = len(self.pairs) > 0 or bool((self.slots_second >= 0).any())
        return np.ascontiguousarray(steps[1:] if second else steps[:1])


def build_stencil(
    indices: MultiIndices,
    *,
    accuracy: int,
    mixed: str = "two",
    errors: bool = False,
    apart: bool = False,
    pooled: bool = True,
) -> Stencil:
    """Finds the features, pairs and places that the kernels need.

    ``errors`` asks for the points by which errors are estimated, ``apart`` for points on the axes
    for each order, ``pooled`` as in ``Gaps``. Raises OptionError for third order, and for an
    accuracy or mixed formula that is not offered.
    """
    if indices.order > 2:
        raise OptionError("third order is beyond finite differences: use order 1 or 2")
    if accuracy not in ACCURACIES:
        raise OptionError(f"accuracy {accuracy} is not offered: choose 2, 4 or 6")
    if mixed not in MIXED:
        raise OptionError(f"mixed formula '{mixed}' is not offered: choose two or four")
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
        formula=formula(accuracy, mixed, REACH if errors else 0),
        features=features,
        pairs=pairs,
        axes_of_pairs=place[pairs],
        slots_first=slots_first,
        slots_second=slots_second,
        slots_pairs=slots[pair],
        groups=2 if apart and first.any() and not first.all() else 1,
        gaps=_gaps(accuracy, mixed, pooled) if errors else None,
    )


def _gaps(accuracy: int, mixed: str, pooled: bool) -> Gaps:
    value, fourth, second, sixth = (formula(a, mixed, REACH) for a in (accuracy, 4, 2, 6))
    beside = (value, fourth) if accuracy == 6 else (value, sixth)
    below = (fourth, second) if accuracy == 6 else (value, value)
    centre = (value.second.sum(), value.corner.sum() + 2 * value.ridge.sum())
    squares = (
        (value.first**2).sum(),
        (value.second**2).sum() + centre[0] ** 2,
        (value.corner**2).sum() + 2 * (value.ridge**2).sum() + centre[1] ** 2,
    )
    return Gaps(
        np.stack([a.first - b.first for a, b in (beside, below)]),
        np.stack([a.second - b.second for a, b in (beside, below)]),
        np.stack([a.corner - b.corner for a, b in (beside, below)]),
        np.stack([a.ridge - b.ridge for a, b in (beside, below)]),
        np.sqrt(squares),
        pooled,
    )
