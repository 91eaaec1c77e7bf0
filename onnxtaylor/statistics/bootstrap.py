"""Scores under Poisson-bootstrap weights, one set per replicate.

Replicate r weighs event k by w_k·n_rk, n_rk from Poisson(1), and gives
⟨t⟩_r = Σ w n_r abs(t) / Σ w n_r. The counts depend on (seed, replicate, event number) alone, so
the replicates are the same however the events were cut.
Source: J. Hanley, B. MacGibbon, Comput. Methods Programs Biomed. 83 (2006) 57, for the Poisson
bootstrap; the counter-based generator is described in the kernels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.bootstrap import poisson_weights

__all__ = ["Replicates", "replicate_counts", "replicate_weights"]

Floats = npt.NDArray[np.float64]


def replicate_weights(
    seed: int, numbers: npt.NDArray[np.int64], weights: Floats, replicates: int
) -> Floats:
    """w_k·n_rk for the events with these numbers, shape (B, R)."""
    counts = np.empty((len(numbers), replicates))
    poisson_weights.alone(seed, numbers, counts)  # so that analyses may run in many threads
    counts *= weights[:, None]
    return counts


def replicate_counts(
    seed: int, numbers: npt.NDArray[np.int64], replicates: int
) -> npt.NDArray[np.uint8]:
    """n_rk for the events with these numbers, shape (B, R); no count exceeds 12."""
    return replicate_weights(seed, numbers, np.ones(len(numbers)), replicates).astype(np.uint8)


class Replicates:
    """Σ w n abs(t), shape (R, D), and Σ w n, shape (R,), of one group."""

    def __init__(self, replicates: int, size: int) -> None:
        self.absolute = np.zeros((replicates, size))
        self.sum_w = np.zeros(replicates)

    def update(self, magnitudes: Floats, weights: Floats) -> None:
        """Adds events: abs(t) (B, D) under weights (B, R) from ``replicate_weights``."""
        self.absolute += weights.T @ magnitudes
        self.sum_w += weights.sum(axis=0)

    def merge(self, other: Replicates) -> None:
        """Adds the events of another."""
        self.absolute += other.absolute
        self.sum_w += other.sum_w

    @property
    def scores(self) -> Floats:
        """⟨t⟩ per replicate, shape (R, D); NaN for replicates whose weights sum to ≤ 0."""
        positive = np.where(self.sum_w > 0, self.sum_w, np.nan)
        return np.asarray(self.absolute / positive[:, None], dtype=np.float64)
