"""The protocol of all engines: coefficients of a batch of events, responses included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.indices import MultiIndices

__all__ = ["BatchCoefficients", "BatchSums", "Engine", "Quantity", "Watcher"]

Floats: TypeAlias = npt.NDArray[np.float64]
Watcher: TypeAlias = Callable[
    [float], None
]  # called with the share of a batch that is done, 0 to 1
Quantity: TypeAlias = Literal["derivative", "averaged", "finite-step"]
BatchSums: TypeAlias = tuple[Floats, Floats]  # moments (5, G, D), replicates (G, R, D)


@dataclass(frozen=True)
class BatchCoefficients:
    """Responses and coefficients of B events.

    The K coefficients are those of the engine's ``indices``, 1/α! included, per unit of the
    model's input. The arrays may be reused by the engine's next batch.

    Parameters
    ----------
    responses, terms
        Responses (B, C) and coefficients t_α (B, C, K), both float64.
    error_bounds
        Upper estimates (B, C, K) of abs(t − true); None where the engine has none.
    kinks
        (B, n), true where a kink or step of a response lies within reach of the stencil along that
        feature; None where the engine has no stencil.
    no_derivative
        Events at which no derivative exists because they lie exactly where pieces of the response
        meet; None without such events.
    """

    responses: Floats
    terms: Floats
    error_bounds: Floats | None = None
    kinks: npt.NDArray[np.bool_] | None = None
    no_derivative: NoDerivative | None = None


class Engine(Protocol):
    """Computes coefficients of one function, batch by batch."""

    @property
    def name(self) -> str:
        """``exact``, ``differences``, ``mixed`` or ``finite-step``."""

    @property
    def quantity(self) -> Quantity:
        """Quantity that the coefficients are: derivatives, those with second order averaged over
        steps, or responses to finite steps.
        """

    @property
    def precision(self) -> str:
        """Floating-point format of the evaluation; ``float32 and float64`` where two engines share
        the responses.
        """

    @property
    def indices(self) -> MultiIndices:
        """The K coefficients that are computed."""

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """Whether the coefficients of each response (C,) are exact derivatives."""

    @property
    def reach(self) -> Floats | None:
        """Largest displacement (n,) of each feature, None where none is displaced."""

    @property
    def points(self) -> int:
        """Evaluations of the model per event."""

    @property
    def batch_events(self) -> int:
        """Number of events that suits the engine best at a time."""

    @property
    def sums_in_graph(self) -> bool:
        """Whether ``sums`` shall be called before ``coefficients``."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes the coefficients at the events x (B, n).

        ``watch`` is called now and then, in the caller's thread, with the share that is done.
        Raises ModelError where the model fails.
        """

    def sums(
        self,
        x: Floats,
        weights: Floats,
        groups: npt.NDArray[np.int64],
        counts: npt.NDArray[np.uint8],
    ) -> BatchSums | None:
        """Computes the sums over the events x (B, n) without their coefficients.

        Events, at most ``batch_events``, have weights (B,), groups (B,) and Poisson counts (B, R)
        of the bootstrap. Returns None where the engine has no sums, or where these events need
        their ``coefficients``: because one is not finite, or has no derivative.
        """

    def describe(self) -> dict[str, object]:
        """Facts on the method for ``options`` of the result."""
