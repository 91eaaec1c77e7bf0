"""Coefficients put together from the output tensors of a derivative graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.collect import collect, multiply
from onnxtaylor_kernels.curvature import add_curvature
from onnxtaylor_kernels.gaps import mix_gaps

from onnxtaylor.compiler.gaps import SoftmaxGaps
from onnxtaylor.compiler.pieces import Piece, RowProducts

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
    products
        What a kernel adds to the second derivatives.
    gaps
        That the graph's second derivatives are those of gaps between the scores of a softmax.
    many
        Whether many events may come at a time. Where they outnumber the runs of coefficients, NumPy
        collects them in less time than the kernel.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        factors: Floats,
        dtype: npt.DTypeLike,
        products: Sequence[RowProducts] = (),
        gaps: SoftmaxGaps | None = None,
        *,
        many: bool = False,
    ) -> None:
        self._many, self._gaps = many, gaps
        covered = np.zeros(len(factors), np.bool_)
        for piece in pieces:
            covered[piece.slots] = True
        # the first products overwrite, unless a piece has the second derivatives already
        shared = any(covered[p.slots[p.slots >= 0]].any() for p in products)
        pairs = [products[k : k + 2] for k in range(0, len(products), 2)]
        self._products = [(pair, k == 0 and not shared) for k, pair in enumerate(pairs)]
        self._pieces = list(zip(pieces, _first_of_slots(pieces, len(factors)), strict=True))
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
            put(part.reshape(count, -1, piece.size), piece.runs, first, terms)
        for pair, first in self._products:
            operands = [
                tensors[name].astype(self._dtype, copy=False)
                for products in pair
                for name in (products.rows, products.weights)
            ]
            if len(pair) == 1:
                operands += [np.empty((len(a), 1, 0), self._dtype) for a in operands]
            rows, weights, more_rows, more_weights = operands
            slots = pair[0].slots
            add_curvature.alone(rows, weights, more_rows, more_weights, slots, first, terms)
        if self._gaps:
            mix_gaps.alone(tensors[self._gaps.shares], self._gaps.start, terms)
        multiply.alone(self._slots, self._factors, terms)


def _collect(
    piece: npt.NDArray[Any], runs: npt.NDArray[np.int64], first: bool, out: npt.NDArray[np.floating]
) -> None:
    """Does what the kernel ``collect`` does, for all events at a time."""
    for slot, place, step, length in runs.tolist():
        target = out[:, : piece.shape[1], slot : slot + length]
        source = piece[:, :, place : place + step * length : step]
        if first:
            target[:] = source
        else:
            target += source


def _first_of_slots(pieces: Sequence[Piece], coefficients: int) -> list[bool]:
    """Tests for each piece whether it is the first one of its slots: it overwrites, later ones add.

    Two pieces share all of their slots or none.
    """
    seen, first = np.zeros(coefficients, np.bool_), []
    for piece in pieces:
        slots = piece.slots
        first.append(not seen[slots].any())
        seen[slots] = True
    return first
