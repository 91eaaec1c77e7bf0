"""Leaves out the coefficients by entries of padded slots, which are no data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Engine, Quantity, Watcher
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem.slots import Slots

__all__ = ["WithoutPadding", "leave_out_padding"]

Floats = npt.NDArray[np.float64]


def leave_out_padding(engine: Engine, slots: Slots) -> Engine:
    """Returns an engine without coefficients by padded slots; the same where there are no slots."""
    return WithoutPadding(engine, slots) if slots else engine


class WithoutPadding:
    """An engine whose coefficients by entries of padded slots are 0.

    Parameters
    ----------
    engine
        Computes the coefficients at all entries.
    slots
        Says which entries of an event are padded.
    """

    sums_in_graph = False

    def __init__(self, engine: Engine, slots: Slots) -> None:
        self._engine, self._slots = engine, slots

    @property
    def name(self) -> str:
        """Name of the engine itself."""
        return self._engine.name

    @property
    def quantity(self) -> Quantity:
        """Quantity of the engine itself."""
        return self._engine.quantity

    @property
    def precision(self) -> str:
        """Floating-point format of the evaluation."""
        return self._engine.precision

    @property
    def indices(self) -> MultiIndices:
        """The K coefficients that are computed."""
        return self._engine.indices

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """Whether the coefficients of each response (C,) are exact derivatives."""
        return self._engine.exact_responses

    @property
    def reach(self) -> Floats | None:
        """Largest displacement (n,) of each feature, None where none is displaced."""
        return self._engine.reach

    @property
    def points(self) -> int:
        """Evaluations of the model per event."""
        return self._engine.points

    @property
    def batch_events(self) -> int:
        """Number of events that suits the engine best at a time."""
        return self._engine.batch_events

    def describe(self) -> dict[str, object]:
        """Facts on the engine itself."""
        return self._engine.describe()

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: the caller sums the coefficients itself."""

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
