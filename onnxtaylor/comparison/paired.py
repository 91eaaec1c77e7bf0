"""Sums over events of the differences of two models at each event.

With d_k = abs(t_B(x_k)) − abs(t_A(x_k)) the change of a score and its standard error are

    ⟨t_B⟩ − ⟨t_A⟩ = Σ w d / Σ w = m        σ² = Σ w² (d − m)² / (Σ w)²

Both models see the same events: a variation from event to event that both share cancels, so that σ
is far smaller than it would follow from the standard errors of the two scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch
from onnxtaylor.engine.base import BatchCoefficients

__all__ = ["PairedSums", "ResponseDifference"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ResponseDifference:
    """f_B − f_A over all events: mean and RMS (weighted by abs(w)), the largest and its event.

    ``spread`` is the standard deviation of f_A, with the same weights: the scale of the RMS.
    """

    output: str
    mean: float
    rms: float
    largest: float
    event: int
    spread: float


class PairedSums:
    """Sums of differences, batch by batch. ``groups`` are those of the results, ``all`` first."""

    def __init__(self, outputs: Sequence[str], coefficients: int, groups: Sequence[str]) -> None:
        shape = (len(outputs), len(groups), coefficients)
        self._outputs, self._groups = tuple(outputs), tuple(groups)
        self._sums = np.zeros((3, *shape))  # Σ w d, Σ w² d, Σ w² d²
        self._weights = np.zeros((2, len(groups)))  # Σ w, Σ w²
        self._responses = np.zeros((5, len(outputs)))  # Σ v, v·Δ, v·Δ², v·f, v·f², v = abs(w)
        self._first: Floats | None = None
        self._largest = np.full(len(outputs), -1.0)
        self._event = np.zeros(len(outputs), np.int64)

    def update(
        self, batch: Batch, a: BatchCoefficients, b: BatchCoefficients, places: npt.ArrayLike
    ) -> None:
        """Adds a batch.

        ``a`` and ``b`` are the coefficients of the same events and outputs; ``places`` (K,) are the
        places of A's coefficients in B.
        """
        w, d = batch.weights, np.abs(b.terms)[..., np.asarray(places)]
        d -= np.abs(a.terms)
        for g, name in enumerate(self._groups):
            chosen = slice(None) if g == 0 else batch.labels == name
            wg, dg = w[chosen], d[chosen]
            self._weights[:, g] += wg.sum(), (wg**2).sum()
            self._sums[0, :, g] += np.einsum("k,kct->ct", wg, dg)
            self._sums[1, :, g] += np.einsum("k,kct->ct", wg**2, dg)
            self._sums[2, :, g] += np.einsum("k,kct,kct->ct", wg**2, dg, dg)
        self._add_responses(batch, a.responses, b.responses)

    def change(self) -> tuple[Floats, Floats]:
        """Returns ⟨t_B⟩ − ⟨t_A⟩ and its standard error, each (C, G, K), per unit of the input."""
        total, squares = (s[None, :, None] for s in self._weights)
        first, second, third = self._sums
        mean = first / total
        variance = np.maximum(third - 2 * mean * second + mean**2 * squares, 0.0)
        return mean, np.sqrt(variance) / np.abs(total)

    def responses(self) -> tuple[ResponseDifference, ...]:
        """Returns the differences of the responses, one for each output."""
        v, difference, square, f, f_square = self._responses
        return tuple(
            ResponseDifference(
                output=name,
                mean=float(difference[c] / v[c]),
                rms=float(np.sqrt(square[c] / v[c])),
                largest=float(self._largest[c]),
                event=int(self._event[c]),
                spread=float(np.sqrt(max(f_square[c] / v[c] - (f[c] / v[c]) ** 2, 0.0))),
            )
            for c, name in enumerate(self._outputs)
        )

    def _add_responses(self, batch: Batch, a: Floats, b: Floats) -> None:
        # weights of both signs: RMS and spread are those of abs(w), which cannot be negative
        v, difference = np.abs(batch.weights), b - a
        if self._first is None:
            self._first = a[0].copy()  # sums of squares of f far from 0 would lose digits
        f = a - self._first
        for row, values in enumerate((np.ones_like(f), difference, difference**2, f, f**2)):
            self._responses[row] += v @ values
        size = np.abs(difference)
        worst = size.argmax(axis=0)
        for c, k in enumerate(worst.tolist()):
            if size[k, c] > self._largest[c]:
                self._largest[c], self._event[c] = size[k, c], batch.numbers[k]
