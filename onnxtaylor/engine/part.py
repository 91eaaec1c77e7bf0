"""Some of the coefficients of another engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.engine.wrapped import Wrapped
from onnxtaylor.indices import MultiIndices

__all__ = ["Part"]

Floats = npt.NDArray[np.float64]


class Part(Wrapped):
    """An engine that computes all coefficients of another one, and keeps some of them.

    Parameters
    ----------
    engine
        Computes the coefficients.
    places
        Places of those that are kept, ascending.
    """

    def __init__(self, engine: Engine, places: npt.NDArray[np.int64]) -> None:
        super().__init__(engine)
        self._places = places
        self._indices = engine.indices.part(places)

    @property
    def indices(self) -> MultiIndices:
        """The coefficients that are kept."""
        return self._indices

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n)."""
        answer = self._engine.coefficients(x, watch)
        bounds, apart = answer.error_bounds, answer.no_derivative
        return replace(
            answer,
            terms=answer.terms[..., self._places],
            error_bounds=None if bounds is None else bounds[..., self._places],
            no_derivative=None
            if apart is None
            else NoDerivative(apart.events, apart.mask[..., self._places]),
        )
