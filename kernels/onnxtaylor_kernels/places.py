"""The places that scores take when they are sorted, largest first.

A sort of whole numbers is several times as fast as a sort of places by numbers. So the upper bits
of a score, in a form that falls as the score rises, and its place in the list are one whole number,
``sort_keys``; the caller sorts these. ``shared_places`` then puts right the few whose scores differ
in the lower bits alone, and numbers the places.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["shared_places", "sort_keys"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOVES = 16  # of a place, on average, before the sort by insertion gives up

_MAGNITUDE = np.int64(2**63 - 1)


@kernel
def sort_keys(score: Floats, bits: int, keys: Integers) -> None:
    """Whole numbers that rise as the scores fall, NaN last; the lower bits are the place.

    Parameters
    ----------
    score
        (K,) scores.
    bits
        Bits that a place takes, 2^bits ≥ K.
    keys
        (K,) receives the whole numbers.
    """
    falling = (0.0 - score).view(np.int64)  # 0 − 0 = +0: there is one zero only
    for k in range(len(score)):
        key = falling[k]
        if np.isnan(score[k]):
            key = _MAGNITUDE
        elif key < 0:  # numbers below 0 fall as their bits rise
            key ^= _MAGNITUDE
        keys[k] = ((key >> bits) << bits) | k


@kernel
def shared_places(
    score: Floats,
    keys: Integers,
    bits: int,
    first: npt.NDArray[np.int32],
    last: npt.NDArray[np.int32],
) -> int:
    """First and last of the places, 1…K, that each score shares with its equals.

    Parameters
    ----------
    score
        (K,) scores.
    keys
        (K,) sorted keys, whose lower ``bits`` are places in the list; they are overwritten. With
        all 63 bits, the places in falling order of the scores.
    bits
        Bits that a place takes.
    first, last
        (K,) receive the places.

    Returns
    -------
    int
        Number of scores that share a place with another; −1 where too many scores differ in the
        lower bits alone, and the places are not known.
    """
    size = len(score)
    mask = _MAGNITUDE >> (63 - bits)
    shared, moves = 0, 0
    begin = 0
    while begin < size:
        upper = keys[begin] >> bits
        end = begin + 1
        while end < size and keys[end] >> bits == upper:
            end += 1
        if end == begin + 1:
            place = keys[begin] & mask
            first[place] = end
            last[place] = end
            begin = end
            continue
        for k in range(begin, end):  # insertion sort
            place = keys[k] & mask
            own = score[place]
            at = k
            while at > begin and score[keys[at - 1]] < own:
                keys[at] = keys[at - 1]
                at -= 1
                moves += 1
            keys[at] = place
        if moves > MOVES * size:
            return -1
        while begin < end:
            own = score[keys[begin]]
            stop = begin + 1
            while stop < end and not score[keys[stop]] < own:  # equal, or both NaN
                stop += 1
            for k in range(begin, stop):
                first[keys[k]] = begin + 1
                last[keys[k]] = stop
            if stop > begin + 1:
                shared += stop - begin
            begin = stop
    return shared
