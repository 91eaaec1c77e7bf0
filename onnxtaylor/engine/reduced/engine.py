"""An engine whose coefficients are those of another one, reduced to groups of features.

The whole list of coefficients of a large set is never held: events pass in small batches, and each
is reduced at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.engine.reduced.plan import Reduction
from onnxtaylor.engine.wrapped import Wrapped
from onnxtaylor.indices import MultiIndices

__all__ = ["Filled", "Reduced"]

Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", bound=np.generic)
Filled = Callable[[Floats], npt.NDArray[np.bool_]]


class Reduced(Wrapped):
    """The coefficients of ``engine``, reduced event by event.

    Parameters
    ----------
    engine
        Computes the coefficients by feature.
    reduction
        Which coefficients become one, and how: a plan for ``engine.indices``.
    filled
        Says which features (B, n) are filled at the events x (B, n); None: all are.

    Kinks are those along features, as in the other engine; events without a derivative are those
    where one of the features has none. Bounds of errors are reduced as the coefficients are: a
    bound of a sum, a mean or a maximum, since abs(max a − max b) ≤ max abs(a − b).
    """

    def __init__(self, engine: Engine, reduction: Reduction, filled: Filled | None = None) -> None:
        super().__init__(engine)
        self._reduction, self._filled = reduction, filled

    @property
    def indices(self) -> MultiIndices:
        """The coefficients, as multi-indices of groups."""
        return self._reduction.indices

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes the reduced coefficients at the events x (B, n). Raises ModelError."""
        size, total = self.batch_events, len(x)
        parts = []
        for start in range(0, max(total, 1), size):
            part = x[start : start + size]
            own = None if watch is None else partial(_share, watch, start, len(part), total)
            parts.append(self._reduced(part, own))
        if len(parts) == 1:
            return parts[0]
        starts = range(0, total, size)
        flags = [p.no_derivative for p in parts]
        return BatchCoefficients(
            np.concatenate([p.responses for p in parts]),
            np.concatenate([p.terms for p in parts]),
            _joined([p.error_bounds for p in parts]),
            _joined([p.kinks for p in parts]),
            _apart([(at, one) for at, one in zip(starts, flags, strict=True) if one is not None]),
        )

    def _reduced(self, x: Floats, watch: Watcher | None) -> BatchCoefficients:
        answer = self._engine.coefficients(x, watch)
        filled = None if self._filled is None else self._filled(x)
        bounds, apart = answer.error_bounds, answer.no_derivative
        if apart is not None:
            there = None if filled is None else filled[apart.events]
            apart = NoDerivative(apart.events, self._reduction.flags(apart.mask, there))
        return BatchCoefficients(
            answer.responses.copy(),  # the engine may use its arrays again
            self._reduction(answer.terms, filled),
            None if bounds is None else self._reduction(bounds, filled),
            None if answer.kinks is None else answer.kinks.copy(),
            apart,
        )


def _share(watch: Watcher, start: int, size: int, total: int, share: float) -> None:
    """Tells the share of the whole batch, of the share of a part."""
    watch((start + share * size) / total)


def _joined(parts: list[npt.NDArray[Number] | None]) -> npt.NDArray[Number] | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None


def _apart(parts: list[tuple[int, NoDerivative]]) -> NoDerivative | None:
    """Joins the events without derivatives of parts that begin at these events."""
    if not parts:
        return None
    return NoDerivative(
        np.concatenate([start + one.events for start, one in parts]),
        np.concatenate([one.mask for _, one in parts]),
    )
