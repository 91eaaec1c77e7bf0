"""An engine that changes the coefficients of another one, and is like it in all else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import Engine, Quantity
from onnxtaylor.indices import MultiIndices

__all__ = ["Wrapped"]

Floats = npt.NDArray[np.float64]


class Wrapped:
    """Properties of the engine inside; ``coefficients`` is for subclasses to define.

    Parameters
    ----------
    engine
        Computes the coefficients that are changed.
    """

    sums_in_graph = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """Name of the engine inside."""
        return self._engine.name

    @property
    def quantity(self) -> Quantity:
        """Quantity of the engine inside."""
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
        """Number of events that suits the engine inside best at a time."""
        return self._engine.batch_events

    def describe(self) -> dict[str, object]:
        """Facts on the engine inside."""
        return self._engine.describe()

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: the caller sums the coefficients itself."""
