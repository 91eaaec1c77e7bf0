"""Coefficients at events that lie on a joint: replaced by the limit of both sides."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.engine.no_derivative import NoDerivative

__all__ = ["JointLimits"]


class JointLimits:
    """Replaces coefficients at flagged events by the limits of both sides; threads may share it.

    Parameters
    ----------
    make
        Makes the ``TwoSidedLimits``. It compiles another graph, so it is called only when the
        first event is flagged: most data have none.
    """

    def __init__(self, make: Callable[[], TwoSidedLimits]) -> None:
        self._make = make
        self._limits: TwoSidedLimits | None = None
        self._lock = Lock()

    def take(
        self,
        x: npt.NDArray[np.floating],
        terms: npt.NDArray[np.floating],
        flagged: npt.NDArray[np.bool_],
    ) -> NoDerivative | None:
        """Replaces the coefficients of flagged events by their limits.

        Parameters
        ----------
        x
            Events (B, n).
        terms
            Coefficients of the events, (B, C, K), changed in place.
        flagged
            True for events on a joint, and where a coefficient is not finite, (B,).

        Returns
        -------
        NoDerivative or None
            The flagged events, and which of their coefficients have no limit; None where no event
            is flagged.

        Raises
        ------
        ModelError
            The graph that is evaluated at both sides cannot be compiled or run.
        """
        events = np.flatnonzero(flagged)
        if not len(events):
            return None
        limits = terms[events].astype(np.float64)
        with self._lock:  # its sessions have threads of their own
            self._limits = self._limits or self._make()
            mask = self._limits.replace(x[events].astype(np.float64), limits)
        terms[events] = limits
        return NoDerivative(events, mask)
