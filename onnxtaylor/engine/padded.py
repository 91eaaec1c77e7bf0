"""Leaves out the coefficients by entries of padded slots, which are no data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.engine.wrapped import Wrapped
from onnxtaylor.problem.slots import Slots

__all__ = ["WithoutPadding", "leave_out_padding"]

Floats = npt.NDArray[np.float64]


def leave_out_padding(engine: Engine, slots: Slots) -> Engine:
    """Returns an engine without coefficients by padded slots; the same where there are no slots."""
    return WithoutPadding(engine, slots) if slots else engine


class WithoutPadding(Wrapped):
    """An engine whose coefficients by entries of padded slots are 0.

    Parameters
    ----------
    engine
        Computes the coefficients at all entries.
    slots
        Says which entries of an event are padded.
    """

    def __init__(self, engine: Engine, slots: Slots) -> None:
        super().__init__(engine)
        self._slots = slots

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n): 0, without error, by entries of padded slots."""
        answer = self._engine.coefficients(x, watch)
        padded = self._slots.padded(x)
        without = self.indices.having(padded)  # (B, K)
        terms = np.where(without[:, None], 0.0, answer.terms)
        bounds, kinks, apart = answer.error_bounds, answer.kinks, answer.no_derivative
        if bounds is not None:
            bounds = np.where(without[:, None], 0.0, bounds)
        if kinks is not None:
            kinks = kinks & ~padded
        if apart is not None:
            apart = NoDerivative(apart.events, apart.mask & ~without[apart.events][:, None])
        return replace(answer, terms=terms, error_bounds=bounds, kinks=kinks, no_derivative=apart)
