"""Weighted sums over events, for many quantities at once, in one pass over the memory."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["moments"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK = 256  # quantities per block: their sums fit the first-level cache


@kernel
def moments(values: Floats, weights: Floats, events: Integers, first: int, out: Floats) -> None:
    """Five weighted sums over events, the rows of ``out``:

        Σ w abs(t)    Σ w t    Σ w t²    m = Σ w² abs(t) / Σ w²    Σ w² (abs(t) − m)²

    The squares are taken about the first event's abs(t) = a, and then shifted,
    Σ w² (abs(t) − m)² = Σ w² (abs(t) − a)² − (m − a)² Σ w², so that nearly constant values lose no
    digits.

    Parameters
    ----------
    values
        (B, D) values t.
    weights
        (B,) weights w.
    events
        (M,) numbers of the rows to sum over, M ≥ 1.
    first
        The first of the F columns that are summed: threads may share the D columns.
    out
        (5, F) receives the sums.
    """
    size = out.shape[1]
    sum_w2 = 0.0
    for e in events:
        sum_w2 += weights[e] * weights[e]
    for block in numba.prange((size + BLOCK - 1) // BLOCK):
        start = block * BLOCK
        stop = min(start + BLOCK, size)
        sums = np.zeros((5, stop - start))
        about = np.abs(values[events[0], first + start : first + stop])
        for e in events:
            w = weights[e]
            w2 = w * w
            row = values[e, first + start : first + stop]
            for d in range(stop - start):
                t = row[d]
                a = abs(t)
                gap = a - about[d]
                sums[0, d] += w * a
                sums[1, d] += w * t
                sums[2, d] += w * t * t
                sums[3, d] += w2 * gap
                sums[4, d] += w2 * gap * gap
        for d in range(stop - start):
            # all weights may be 0: then m has no meaning, and must not be NaN
            shift = sums[3, d] / sum_w2 if sum_w2 > 0.0 else 0.0
            out[:3, start + d] = sums[:3, d]
            out[3, start + d] = about[d] + shift if sum_w2 > 0.0 else 0.0
            out[4, start + d] = max(sums[4, d] - shift * sums[3, d], 0.0)
