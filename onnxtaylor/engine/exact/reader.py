"""Coefficients put together from the output tensors of a derivative graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.collect import collect, multiply

from onnxtaylor.compiler.pieces import Piece

__all__ = ["CoefficientReader"]

Floats = npt.NDArray[np.float64]

FEW = 20  # events for each run of coefficients, from which on NumPy collects them faster


class CoefficientReader:
    """Collects the output tensors of a derivative graph into an array of coefficients.

    Parameters
    ----------
    pieces
        The graph's outputs after the response, and the slots of their numbers.
    factors
        Numbers (K,) that the coefficients are multiplied by.
    dtype
        The format of the graph.
    many
        Whether many events may come at a time. Where they outnumber the runs of coefficients, NumPy
        collects them in less time than the kernel.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        factors: Floats,
        dtype: npt.DTypeLike,
        *,
        many: bool = False,
    ) -> None:
        self._many = many
        self._pieces = list(zip(pieces, _first_of_slots(pieces), strict=True))
        self._slots = np.flatnonzero(factors != 1.0)
        self._factors = factors[self._slots]
        # half precision is none of the formats that the kernels are compiled for
        self._dtype = np.float64 if dtype == np.float64 else np.float32

    def read(self, tensors: Mapping[str, Any], terms: npt.NDArray[np.floating]) -> None:
        """Fills the coefficients of the first E events that a graph was run at.

        Parameters
        ----------
        tensors
            The graph's outputs by name.
        terms
            The coefficients (E, C, K), overwritten.
        """
        count = len(terms)
        runs = max((len(piece.runs) for piece, _ in self._pieces), default=0)
        put = _collect if self._many and FEW * runs < count else collect.alone
        for piece, first in self._pieces:
            part = tensors[piece.name][:count].astype(self._dtype, copy=False)
            put(part.reshape(count, terms.shape[1], -1), piece.runs, first, terms)
        multiply.alone(self._slots, self._factors, terms)


def _collect(
    piece: npt.NDArray[Any], runs: npt.NDArray[np.int64], first: bool, out: npt.NDArray[np.floating]
) -> None:
    """Does what the kernel ``collect`` does, for all events at a time."""
    for slot, place, step, length in runs.tolist():
        target = out[:, :, slot : slot + length]
        source = piece[:, :, place : place + step * length : step]
        if first:
            target[:] = source
        else:
            target += source


def _first_of_slots(pieces: Sequence[Piece]) -> list[bool]:
    """Tests for each piece whether it is the first one of its slots: it overwrites, later ones add.

    Two pieces share all of their slots or none.
    """
    seen: set[int] = set()
    first = []
    for piece in pieces:
        first.append(seen.isdisjoint(piece.slots))
        seen |= piece.slots
    return first
