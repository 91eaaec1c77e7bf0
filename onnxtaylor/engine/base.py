"""What every engine offers: the coefficients of a batch of events, responses included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.indices import MultiIndices

__all__ = ["BatchCoefficients", "Engine", "Watcher"]

Watcher = Callable[[float], None]  # is told the share of a batch that is done, 0 to 1


@dataclass(frozen=True)
class BatchCoefficients:
    """Of B events: ``responses`` (B, C) and ``terms`` t_α (B, C, K), both float64.

    The K coefficients are those of the engine's ``indices``, 1/α! included, per unit of the
    model's input. ``errors`` (B, C, K) are upper estimates of abs(t − true), ``kinks`` (B, n) is
    true where a kink or step of a response lies within reach of the stencil along that feature;
    both are None where the engine has none to tell. ``apart`` says at which events no derivative
    exists because they lie exactly where pieces of the response meet. The arrays may be reused by
    the engine's next batch.
    """

    responses: npt.NDArray[np.float64]
    terms: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64] | None = None
    kinks: npt.NDArray[np.bool_] | None = None
    apart: NoDerivative | None = None


class Engine(Protocol):
    """Computes Taylor coefficients of one function, batch by batch.

    ``name`` and ``precision`` (the floating-point format of the evaluation) go into the result.
    """

    @property
    def name(self) -> str:
        """``exact``, ``differences``, ``mixed`` or ``finite-step``."""

    @property
    def precision(self) -> str:
        """Such as ``float32``; ``float32 and float64`` where two engines share the responses."""

    @property
    def indices(self) -> MultiIndices:
        """The coefficients that it computes."""

    @property
    def batch_events(self) -> int:
        """The number of events that it likes to be given at a time."""

    def coefficients(
        self, x: npt.NDArray[np.float64], watch: Watcher | None = None
    ) -> BatchCoefficients:
        """The coefficients at the events x (B, n). Raises ModelError where the model fails.

        ``watch`` is told now and then, in the caller's thread, how much of them is done.
        """

    def describe(self) -> dict[str, object]:
        """What a reader of the result must know of the method, for ``options`` of the result."""
