"""Coefficients of features → one number for each group of features, event by event."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["LEADING", "MAXIMUM", "MEAN", "SUM", "reduce_terms"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SUM, MEAN, MAXIMUM, LEADING = range(4)


@kernel
def reduce_terms(
    terms: Floats,
    starts: Integers,
    members: Integers,
    features: Integers,
    factors: Floats,
    keys: Integers,
    filled: npt.NDArray[np.bool_],
    how: int,
    out: Floats,
) -> None:
    """out[e, c, v] = R of factors[m] abs(terms[e, c, members[m]]), starts[v] ≤ m < starts[v + 1].

    R is the sum, the mean, the largest, or the sum of those with the first key; members of features
    that are not filled do not count. Without any that counts the result is 0. NaN is kept.

    Parameters
    ----------
    terms
        (E, C, K) coefficients.
    starts
        (V + 1,) where the members of each result begin and end.
    members
        (M,) places of coefficients.
    features
        (M, 2) the features of each member, the same one twice in first order.
    factors
        (M,) factors, ≥ 0.
    keys
        (M,) equal for the members that lead together; they follow one another.
    filled
        (E, n) flags of features; (0, 0) where all are filled.
    how
        SUM, MEAN, MAXIMUM or LEADING.
    out
        (E, C, V) receives the results.
    """
    events, outputs, _ = terms.shape
    whole = filled.shape[0] == 0
    for job in numba.prange(events * outputs):
        e = job // outputs
        c = job - e * outputs
        row = terms[e, c]
        for v in range(len(starts) - 1):
            total, largest, count, lead = 0.0, 0.0, 0, -1
            for m in range(starts[v], starts[v + 1]):
                if not (whole or (filled[e, features[m, 0]] and filled[e, features[m, 1]])):
                    continue
                if how == LEADING and count > 0 and keys[m] != lead:
                    break
                value = abs(row[members[m]]) * factors[m]
                total += value
                # NaN is no number's equal: once there, it stays
                if value > largest or value != value:
                    largest = value
                count += 1
                lead = keys[m]
            if how == MAXIMUM:
                out[e, c, v] = largest if total == total else np.nan
            elif how == MEAN and count > 0:
                out[e, c, v] = total / count
            else:
                out[e, c, v] = total
