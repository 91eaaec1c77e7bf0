"""Scores under Poisson-bootstrap weights, one set per replicate.

Replicate r weights event k by w_k·n_rk, n_rk from Poisson(1), and gives
⟨t⟩_r = Σ w n_r abs(t) / Σ w n_r. The counts depend on (seed, replicate, event number) alone, so
the replicates are the same however the events were divided.
Source: J. Hanley, B. MacGibbon, Comput. Methods Programs Biomed. 83 (2006) 57, for the Poisson
bootstrap; the counter-based generator is described in ``onnxtaylor_kernels.bootstrap``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.bootstrap import poisson_weights

from onnxtaylor.runtime.sharing import share

__all__ = ["Replicates", "replicate_counts", "replicate_weights"]

Floats = npt.NDArray[np.float64]

BYTES = 2**25  # of the products that are added to the sums at a time
FEWEST = 256  # events of a thread: fewer are drawn before it has started


def replicate_weights(
    seed: int,
    numbers: npt.NDArray[np.int64],
    weights: Floats,
    replicates: int,
    *,
    threads: int = 1,
) -> Floats:
    """Computes the weights w_k·n_rk, (B, R), of events in all replicates.

    Parameters
    ----------
    seed
        Random seed of the bootstrap.
    numbers
        Numbers of the events in the data, (B,).
    weights
        Weights w of the events, (B,).
    replicates
        Number of replicates, R.
    threads
        Number of threads that share the events.
    """
    counts = np.empty((len(numbers), replicates))

    def work(events: slice) -> None:
        # not parallel, as in Numba's threads: callers may be many
        poisson_weights.alone(seed, numbers[events], counts[events])
        counts[events] *= weights[events, None]

    share(len(numbers), max(FEWEST, -(-len(numbers) // threads)), [work] * threads)
    return counts


def replicate_counts(
    seed: int, numbers: npt.NDArray[np.int64], replicates: int
) -> npt.NDArray[np.uint8]:
    """Draws the Poisson counts n_rk, (B, R), of events in all replicates; none exceeds 12.

    Parameters
    ----------
    seed
        Random seed of the bootstrap.
    numbers
        Numbers of the events in the data, (B,).
    replicates
        Number of replicates, R.
    """
    return replicate_weights(seed, numbers, np.ones(len(numbers)), replicates).astype(np.uint8)


class Replicates:
    """Sums under the weights of R replicates over the events of one group.

    Parameters
    ----------
    replicates
        Number of replicates, R.
    size
        Number of quantities, D.

    Attributes
    ----------
    absolute
        Σ w n abs(t), (R, D).
    sum_w
        Σ w n, (R,).
    """

    def __init__(self, replicates: int, size: int) -> None:
        self.absolute = np.zeros((replicates, size))
        self.sum_w = np.zeros(replicates)

    def update(self, magnitudes: Floats, weights: Floats) -> None:
        """Adds events.

        Parameters
        ----------
        magnitudes
            abs(t), (B, D).
        weights
            Weights of the events in all replicates, (B, R), from ``replicate_weights``.
        """
        # by blocks of quantities, in memory that is used again: the product of all would be as
        # large as the sums themselves, and its first touch takes longer than the product
        size = magnitudes.shape[1]
        columns = min(size, max(1, BYTES // (8 * max(1, len(self.sum_w)))))
        product = np.empty((len(self.sum_w), columns))
        for start in range(0, size, columns):
            part = slice(start, min(start + columns, size))
            own = product[:, : part.stop - part.start]
            np.matmul(weights.T, magnitudes[:, part], out=own)
            self.absolute[:, part] += own
        self.sum_w += weights.sum(axis=0)

    def merge(self, other: Replicates) -> None:
        """Adds the events of other sums."""
        self.absolute += other.absolute
        self.sum_w += other.sum_w

    @property
    def scores(self) -> Floats:
        """⟨t⟩ of each replicate, (R, D); NaN where the weights of a replicate do not sum to > 0."""
        positive = np.where(self.sum_w > 0, self.sum_w, np.nan)
        return np.asarray(self.absolute / positive[:, None], dtype=np.float64)
