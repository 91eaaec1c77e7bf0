"""Which stencil serves a list of multi-indices, and with which steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.points import Formula, formula, point_count

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices

__all__ = ["ACCURACIES", "MIXED", "Stencil", "build_stencil", "choose_steps"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LENGTH = 0.5
ACCURACIES = (2, 4)
MIXED = ("two", "four")


@dataclass(frozen=True)
class Stencil:
    """The points that serve a list of multi-indices, and where their coefficients go.

    ``features`` (A,) are the active ones, ``pairs`` (Q, 2) the pairs of them whose t_ij is asked
    for, ``axes_of_pairs`` (Q, 2) their places in ``features``. ``slots_first`` and
    ``slots_second`` (A,) are the places of t_i and t_ii among the coefficients, -1 where not
    asked for, ``slots_pairs`` (Q,) those of t_ij.
    """

    formula: Formula
    features: Integers
    pairs: Integers
    axes_of_pairs: Integers
    slots_first: Integers
    slots_second: Integers
    slots_pairs: Integers

    @property
    def points(self) -> int:
        """Evaluations per event, e.g. n² + n + 1 for everything up to second order."""
        return point_count(self.formula, len(self.features), len(self.pairs))


def build_stencil(indices: MultiIndices, *, accuracy: int, mixed: str = "two") -> Stencil:
    """Finds the features, pairs and places that the kernels need.

    Raises OptionError for third order, and for an accuracy or mixed formula that is not offered.
    """
    if indices.order > 2:
        raise OptionError("third order is beyond finite differences: use order 1 or 2")
    if accuracy not in ACCURACIES:
        raise OptionError(f"accuracy {accuracy} is not offered: choose 2 or 4")
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
        formula=formula(accuracy, mixed),
        features=features,
        pairs=pairs,
        axes_of_pairs=place[pairs],
        slots_first=slots_first,
        slots_second=slots_second,
        slots_pairs=slots[pair],
    )


def choose_steps(
    stencil: Stencil, spread: Floats, largest: Floats, *, digits: int, order: int
) -> Floats:
    """h_i = c·s_i as a power of two, not below the spacing of the model's numbers; shape (n,).

    c balances truncation against the round-off ε of the response for a function whose derivatives
    change over L = half a spread, in units of L and of the function itself:

        second order, accuracy 2   h²/12 against 4ε/h²        c = L (48 ε)^¼
        second order, accuracy 4   h⁴/90 against 16ε/(3h²)    c = L (240 ε)^⅙
        first order,  accuracy 2   h²/6  against ε/h          c = L (3 ε)^⅓
        first order,  accuracy 4   h⁴/30 against 3ε/(2h)      c = L (45 ε/4)^⅕

    ``spread`` (n,) is s, ``largest`` (n,) the largest abs(x) that will be displaced, ``digits``
    the binary digits of the model's format. Source: W. Press et al., Numerical Recipes, 5.7.
    """
    epsilon = 2.0 ** (1 - digits)
    constant, power = {
        (2, 2): (48.0, 4),
        (2, 4): (240.0, 6),
        (1, 2): (3.0, 3),
        (1, 4): (45.0 / 4.0, 5),
    }[order, stencil.formula.accuracy]
    c = LENGTH * (constant * epsilon) ** (1 / power)
    steps = 2.0 ** np.rint(np.log2(c * spread))
    for _ in range(2):  # a wider step may reach across a power of two, where numbers lie wider
        _, exponent = np.frexp(largest + stencil.formula.reach * steps)
        steps = np.maximum(steps, np.ldexp(1.0, exponent - digits))
    return np.asarray(steps, dtype=np.float64)
