"""Scores → ranks, and bootstrap replicates of scores → intervals of ranks.

The rank of coefficient α is 1 + the number of coefficients with a larger score. Equal scores share
a rank, as coefficients that vanish do: no order among them is meaningful.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import floor

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.places import shared_places, sort_keys

from onnxtaylor.errors import OptionError
from onnxtaylor.runtime.sharing import share

__all__ = ["bytes_of_ranking", "rank_interval", "rank_intervals", "ranks"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]

BLOCK = 2**11  # coefficients whose ranks in all replicates are sorted at a time


def ranks(score: npt.ArrayLike) -> Integers:
    """Ranks coefficients by score, 1 = largest.

    Equal scores share the best of their places; NaN comes last.

    Parameters
    ----------
    score
        Scores, (…, K); each row is ranked on its own.

    Returns
    -------
    array
        Ranks, (…, K).

    >>> ranks([0.1, 0.7, 0.1, 0.3])
    array([3, 1, 3, 2])
    """
    scores = np.asarray(score, dtype=np.float64)
    found = np.empty(scores.shape, np.int32)
    ranking = _Ranking(scores.shape[-1])
    for block in np.ndindex(*scores.shape[:-1]):
        ranking.score[:] = scores[block]
        ranking(found[block])
    return found.astype(np.int64)


def rank_intervals(
    replicate_scores: npt.ArrayLike, level: float = 0.68
) -> tuple[Integers, Integers]:
    """Computes the central interval of each coefficient's rank over R replicates.

    Of the R ranks of a coefficient, sorted, the m = ⌊R(1−level)/2⌋ lowest and the m highest are
    left out; the interval is [lowest, highest] of the others. Both ends are ranks that occurred,
    and at least ``level`` of the replicates lie inside. Coefficients of equal score in a replicate
    may have any of the places that they share there: the interval extends from the first to the
    last. It may not contain the rank of the full sample.

    A replicate with NaN in a block (…) is left out there: its Σw was not positive. With no
    replicate left the interval is [1, K].

    Parameters
    ----------
    replicate_scores
        Scores of each replicate, (R, …, K).
    level
        Share of the replicates inside the interval, between 0 and 1.

    Returns
    -------
    tuple
        Lowest and highest rank, each (…, K).

    Raises
    ------
    OptionError
        The level is not between 0 and 1.
    """
    replicates = np.asarray(replicate_scores, dtype=np.float64)
    shape = replicates.shape[1:]
    low, high = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    for block in np.ndindex(*shape[:-1]):
        scores = replicates[(slice(None), *block)]
        valid = np.flatnonzero(~np.isnan(scores).any(axis=1))
        rows = scores[valid]

        def copy(r: int, into: Floats, rows: Floats = rows) -> None:
            into[:] = rows[r]

        low[block], high[block] = rank_interval(copy, len(rows), shape[-1], level)
    return low, high


def rank_interval(
    scores: Callable[[int, Floats], None],
    count: int,
    size: int,
    level: float = 0.68,
    *,
    threads: int | None = None,
) -> tuple[Integers, Integers]:
    """Computes the intervals of one block of K coefficients: see ``rank_intervals``.

    Parameters
    ----------
    scores
        Writes the scores of replicate r = 0…R−1 into an array (K,); called from several threads.
    count, size
        Number of replicates, R, and of coefficients, K.
    level
        Share of the replicates inside the interval, between 0 and 1.
    threads
        Number of threads; by default all.

    Returns
    -------
    tuple
        Lowest and highest rank, each (K,). The memory that this takes is ``bytes_of_ranking``.
    """
    if not 0 < level < 1:
        raise OptionError(f"must be between 0 and 1, such as 0.68, got {level}", option="level")
    if not count:
        return np.ones(size, np.int64), np.full(size, size, np.int64)
    first = np.empty((count, size), np.int32)
    last: dict[int, Places] = {}  # of replicates with equal scores

    def ranker() -> Callable[[slice], None]:
        ranking = _Ranking(size)

        def rank(replicates: slice) -> None:
            for r in range(replicates.start, replicates.stop):
                scores(r, ranking.score)
                if ranking(first[r]):
                    last[r] = ranking.last.copy()

        return rank

    threads = min(count, threads or os.cpu_count() or 1)
    share(count, 1, [ranker() for _ in range(threads)])
    # 1e-9: 200·(1 − 0.68)/2 is 31.999999999999996 in floating point, and means 32
    left_out = floor(count * (1 - level) / 2 + 1e-9)
    left_out = min(left_out, (count - 1) // 2)
    low, high = np.empty(size, np.int64), np.empty(size, np.int64)

    def cut(part: slice) -> None:
        begins = np.ascontiguousarray(first[:, part].T)
        begins.partition(left_out, axis=1)
        low[part] = begins[:, left_out]
        ends, top = begins[:, left_out:], count - 1 - 2 * left_out
        if last:
            ends = np.stack([last.get(r, first[r])[part] for r in range(count)], axis=1)
            top += left_out
        ends.partition(top, axis=1)
        high[part] = ends[:, top]

    share(size, BLOCK, [cut] * threads)
    return low, high


def bytes_of_ranking(count: int, size: int, threads: int | None = None) -> int:
    """Returns the most memory that ``rank_interval`` takes for R replicates of K coefficients.

    That are first and last place in every replicate, 8·R·K bytes, and for each thread 20·K bytes
    to sort in and a block of places.
    """
    threads = min(count, threads or os.cpu_count() or 1)
    return 8 * count * size + threads * (20 * size + 16 * count * min(BLOCK, size))


class _Ranking:
    """Ranks lists of K scores, one after another, in memory of 20·K bytes that is used again."""

    def __init__(self, size: int) -> None:
        self.score = np.empty(size)
        self._keys = np.empty(size, np.int64)
        self._bits = max(1, (size - 1).bit_length())
        self.last = np.empty(size, np.int32)

    def __call__(self, first: Places) -> bool:
        """Finds the places that each of ``score`` shares with its equals: ``first`` and ``last``.

        Returns whether any two scores are equal.
        """
        sort_keys.alone(self.score, self._bits, self._keys)
        self._keys.sort()
        shared = shared_places.alone(self.score, self._keys, self._bits, first, self.last)
        if shared < 0:  # nearly equal scores, by the thousand
            self._keys[:] = np.argsort(-self.score)
            shared = shared_places.alone(self.score, self._keys, 63, first, self.last)
        return shared > 0
