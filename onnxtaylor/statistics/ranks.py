"""Scores → ranks, and bootstrap replicates of scores → intervals of ranks.

The rank of coefficient α is 1 + the number of coefficients with a larger score; coefficients of
equal score are ranked in the order of the convention, so ranks are always a permutation of 1…K.
"""

from __future__ import annotations

from math import floor

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError

__all__ = ["rank_intervals", "ranks"]


def ranks(score: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Rank of each coefficient along the last axis, 1 = largest; shapes (…, K) → (…, K).

    Ties keep the order of the convention; NaN comes last.

    >>> ranks([0.1, 0.7, 0.1, 0.3])
    array([3, 1, 4, 2])
    """
    scores = np.asarray(score, dtype=np.float64)
    falling = np.argsort(-scores, axis=-1, kind="stable")
    places = np.empty(scores.shape, dtype=np.int64)
    count = np.arange(1, scores.shape[-1] + 1)
    np.put_along_axis(places, falling, np.broadcast_to(count, scores.shape), axis=-1)
    return places


def rank_intervals(
    replicate_scores: npt.ArrayLike, level: float = 0.68
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Central interval of each coefficient's rank in R replicates: (R, …, K) → two of (…, K).

    Of the R ranks of a coefficient, sorted, the m = ⌊R(1−level)/2⌋ lowest and the m highest are
    left out; the interval is [lowest, highest] of the others. Both ends are ranks that occurred,
    and at least ``level`` of the replicates lie inside. It need not hold the rank of the full
    sample. A replicate with NaN in a block (…) is left out there: its Σw was not positive. With
    no replicate left nothing is known, and the interval is [1, K].

    Works block by block, so beside its input it needs 3·R·K integers.
    Raises OptionError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise OptionError(f"level {level} is no probability: choose one between 0 and 1, say 0.68")
    replicates = np.asarray(replicate_scores, dtype=np.float64)
    shape = replicates.shape[1:]
    low, high = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    for block in np.ndindex(*shape[:-1]):
        scores = replicates[(slice(None), *block)]
        places = ranks(scores[~np.isnan(scores).any(axis=1)])
        if len(places):
            places.sort(axis=0)
            # 1e-9: 200·(1 − 0.68)/2 is 31.999999999999996 in floating point, and means 32
            left_out = floor(len(places) * (1 - level) / 2 + 1e-9)
            left_out = min(left_out, (len(places) - 1) // 2)
            low[block], high[block] = places[left_out], places[-1 - left_out]
        else:
            low[block], high[block] = 1, shape[-1]
    return low, high
