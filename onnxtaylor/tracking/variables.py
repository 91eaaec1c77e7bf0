"""Numbers of a graph's constants, located among the numbers of a framework's variables.

A model is exported once with distinct random numbers in its variables. Wherever one of them occurs
among the constants of the graph, or of a graph that was made from it, this entry belongs to that
variable: transposed, cut, reordered or joined, it is found by its value. Names are not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from onnxtaylor.errors import ModelError

__all__ = ["Variables", "with_constants"]

Array = npt.NDArray[Any]

MOST = 2**22  # numbers: half of the single-precision numbers between ½ and 1


@dataclass(frozen=True, eq=False)
class _Place:
    """The entries of a constant: ``index`` into all variables' numbers, -1 for its own entries."""

    index: npt.NDArray[np.int64]
    constant: Array
    whole: bool


class Variables:
    """The floating-point variables of a model, recognized by their distinct numbers.

    ``values`` are the numbers to put into variables of the given shapes before the export. They lie
    between ½ and 1, so that variances among them are positive, and are exact in single precision.
    Raises ModelError for too many of them.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], seed: int = 0) -> None:
        sizes = [int(np.prod(shape)) for shape in shapes]
        total = sum(sizes)
        if total > MOST:
            raise ModelError(
                f"{total} weights are too many to be recognized by value (at most {MOST}): use"
                " record(step, model) with exported models"
            )
        # multiples of 2⁻²⁴ from ½ on: all different, none of them a round number
        drawn = np.random.default_rng(seed).choice(2**23 - 2, total, replace=False) + 1
        flat = 0.5 + drawn * 2.0**-24
        cuts = np.cumsum([0, *sizes])
        self.values = [
            flat[a:b].reshape(shape) for a, b, shape in zip(cuts, cuts[1:], shapes, strict=False)
        ]
        self.flat, self._cuts = flat, cuts
        order = np.argsort(flat)
        self._sorted, self._order = flat[order], order

    def locate(self, constants: Mapping[str, Array]) -> dict[str, _Place]:
        """Returns the places of each constant's entries; constants without any are left out."""
        places = {}
        for name, value in constants.items():
            index = self._index(value)
            if (index >= 0).any():
                places[name] = _Place(index, value, bool((index >= 0).all()))
        return places

    def missing(self, places: Mapping[str, _Place]) -> list[int]:
        """Returns the variables that are not completely contained in the constants."""
        seen = np.zeros(self._cuts[-1], bool)
        for place in places.values():
            seen[place.index[place.index >= 0]] = True
        pairs = zip(self._cuts, self._cuts[1:], strict=False)
        return [k for k, (a, b) in enumerate(pairs) if not seen[a:b].all()]

    @staticmethod
    def constants(places: Mapping[str, _Place], flat: Array) -> dict[str, Array]:
        """Returns the constants for other numbers ``flat`` of all variables, one after another."""
        constants = {}
        for name, place in places.items():
            value = flat[place.index].astype(place.constant.dtype, copy=False)
            constants[name] = (
                value if place.whole else np.where(place.index >= 0, value, place.constant)
            )
        return constants

    def _index(self, value: Array) -> npt.NDArray[np.int64]:
        if value.dtype.kind != "f" or not len(self._sorted):
            return np.full(value.shape, -1, np.int64)
        wide = value.astype(np.float64)
        near = np.minimum(np.searchsorted(self._sorted, wide), len(self._sorted) - 1)
        return np.where(self._sorted[near] == wide, self._order[near], -1).astype(np.int64)


def with_constants(proto: onnx.ModelProto, values: Mapping[str, Array]) -> onnx.ModelProto:
    """Returns a copy of a model, some of its initializers with other values."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for tensor in copy.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))
    return copy
