"""Scores → ranks, and bootstrap replicates of scores → intervals of ranks.

The rank of coefficient α is 1 + the number of coefficients with a larger score. Equal scores share
a rank, as coefficients that vanish do: no order among them is meaningful.
"""

from __future__ import annotations

from math import floor

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError

__all__ = ["rank_intervals", "ranks"]

Integers = npt.NDArray[np.int64]


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
    return _places(score)[0]


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
        Lowest and highest rank, each (…, K). One block is processed at a time, which needs memory
        for 6·R·K integers.

    Raises
    ------
    OptionError
        The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise OptionError(f"must be between 0 and 1, such as 0.68, got {level}", option="level")
    replicates = np.asarray(replicate_scores, dtype=np.float64)
    shape = replicates.shape[1:]
    low, high = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    for block in np.ndindex(*shape[:-1]):
        scores = replicates[(slice(None), *block)]
        first, last = _places(scores[~np.isnan(scores).any(axis=1)])
        if len(first):
            first.sort(axis=0)
            last.sort(axis=0)
            # 1e-9: 200·(1 − 0.68)/2 is 31.999999999999996 in floating point, and means 32
            left_out = floor(len(first) * (1 - level) / 2 + 1e-9)
            left_out = min(left_out, (len(first) - 1) // 2)
            low[block], high[block] = first[left_out], last[-1 - left_out]
        else:
            low[block], high[block] = 1, shape[-1]
    return low, high


def _places(score: npt.ArrayLike) -> tuple[Integers, Integers]:
    """Finds the first and the last of the places that each coefficient shares with its equals."""
    scores = np.asarray(score, dtype=np.float64)
    falling = np.argsort(-scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, falling, axis=-1)
    count = np.broadcast_to(np.arange(1, scores.shape[-1] + 1), scores.shape)
    new = np.ones(scores.shape, np.bool_)  # whether a place is the first of its score
    new[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    new[..., 1:] &= ~(np.isnan(ordered[..., 1:]) & np.isnan(ordered[..., :-1]))
    first = np.maximum.accumulate(np.where(new, count, 1), axis=-1)
    ends = np.ones(scores.shape, np.bool_)
    ends[..., :-1] = new[..., 1:]
    last = np.where(ends, count, scores.shape[-1])[..., ::-1]
    last = np.minimum.accumulate(last, axis=-1)[..., ::-1]
    first_and_last = []
    for places in (first, last):  # back into the order of the coefficients
        unsorted = np.empty(scores.shape, dtype=np.int64)
        np.put_along_axis(unsorted, falling, places, axis=-1)
        first_and_last.append(unsorted)
    return first_and_last[0], first_and_last[1]
