"""Jumps of a response right beside an event, and the features that cause them.

A response jumps if it is as far from f(x) at x ± δ/16 as at x ± δ: along a slope, however steep, it
would be nearer at the nearer point.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Jumps"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NEAR = 1 / 16  # of the move
MOST_FEATURES = 512  # beyond, no feature is tried alone: each costs four evaluations an event
ROWS = 2**13  # at which responses are evaluated at a time


class Jumps:
    """Finds jumps of the responses of a model.

    Parameters
    ----------
    respond
        Maps points (R, n) to responses (R, C).
    digits
        Binary digits of the format that it computes in.
    """

    def __init__(self, respond: Callable[[Floats], Floats], digits: int) -> None:
        self._respond, self._digits = respond, digits

    def responses(self, x: Floats) -> Floats:
        """Evaluates the responses (R, C) at points x (R, n), in parts that fit the memory."""
        parts = [self._respond(x[k : k + ROWS]) for k in range(0, len(x), ROWS)]
        return np.concatenate(parts).astype(np.float64)

    def find(self, x: Floats, moves: Floats) -> Flags:
        """Finds the features that make a response jump.

        Parameters
        ----------
        x
            Events (F, n).
        moves
            Displacements in several directions, (D, F, n); both signs are tried.

        Returns
        -------
        array
            True for features along which a response jumps, (F, C, n): each feature is moved alone.
            Where a response jumps only if several move, all of them are marked.
        """
        centre = self.responses(x)
        jumping = self._is_jump(x, moves, centre)
        features = np.zeros((*centre.shape, x.shape[1]), np.bool_)
        events = np.flatnonzero(jumping.any(axis=1))
        if not len(events):
            return features
        if x.shape[1] <= MOST_FEATURES:
            for i in range(x.shape[1]):
                alone = np.zeros_like(moves[:, events])
                alone[..., i] = moves[:, events, i]
                features[events, :, i] = self._is_jump(x[events], alone, centre[events])
            # without those features, does anything still jump?
            rest = np.where(features[events].any(axis=1), 0.0, moves[:, events])
            jumping = self._is_jump(x[events], rest, centre[events])
        else:
            jumping = jumping[events]
        features[events] |= jumping[..., None]
        return features

    def _is_jump(self, x: Floats, moves: Floats, centre: Floats) -> Flags:
        """Tests whether responses (F, C) jump between x and a point beside it."""
        jumps = np.zeros(centre.shape, np.bool_)
        for move in moves:
            for side in (1, -1):
                far, near = (self.responses(x + side * k * move) for k in (1, NEAR))
                with np.errstate(invalid="ignore", over="ignore"):
                    change = np.abs(far - centre)
                    least = 2.0 ** (11 - self._digits) * (np.abs(far) + np.abs(centre))
                    # so written, a nearer response that is NaN is no slope
                    jumps |= (change > least) & ~(np.abs(near - centre) <= 0.5 * change)
                    jumps |= ~np.isfinite(change) & np.isfinite(centre)
        return jumps
