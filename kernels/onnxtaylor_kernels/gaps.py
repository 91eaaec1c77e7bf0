"""Second derivatives of a softmax from those of the gaps between its scores."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import inlined, kernel

__all__ = ["mix_gaps"]

Reals = npt.NDArray[np.floating]

PART = 128  # coefficients at a time: those of all responses stay in the first-level cache


@inlined
def _shares(shares: Reals, out: Reals) -> None:
    """out[c, k] = −p_c p_k, and p_c Σ_{l≠c} p_l for k = c: 1 − p_c has no digits near p_c = 1."""
    for c in range(len(out)):
        others = 0.0
        for k in range(len(out)):
            if k != c:
                others += shares[k]
        for k in range(out.shape[1]):
            out[c, k] = shares[c] * (others if k == c else -shares[k])


@kernel
def mix_gaps(shares: Reals, start: int, out: Reals) -> None:
    """out[e, c, k] = p_c Σ_l p_l (D_c − D_l), D_c = out[e, c, k] before, D_{C−1} = 0, k ≥ start.

    Parameters
    ----------
    shares
        (E, C) softmax p of the scores, or more rows.
    start
        The first coefficient of second order.
    out
        (E, C, K) coefficients; of second order in, those of the gaps, but the last, which is 0 and
        is not read.
    """
    events, outputs, count = out.shape
    for e in numba.prange(events):
        factors = np.empty((outputs, outputs - 1), out.dtype)
        gaps = np.empty((outputs - 1, PART), out.dtype)
        _shares(shares[e], factors)
        for begin in range(start, count, PART):
            size = min(PART, count - begin)
            for c in range(outputs - 1):
                source, copy = out[e, c, begin : begin + size], gaps[c]
                for k in range(size):
                    copy[k] = source[k]
            for c in range(outputs):
                target = out[e, c, begin : begin + size]
                factor, gap = factors[c, 0], gaps[0]
                for k in range(size):
                    target[k] = factor * gap[k]
                for other in range(1, outputs - 1):
                    factor, gap = factors[c, other], gaps[other]
                    for k in range(size):
                        target[k] += factor * gap[k]
