"""Results of matrix products → coefficients in the order of their multi-indices."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["collect", "flag_not_finite", "multiply"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating]

_LARGEST = np.finfo(np.float64).max


@kernel
def collect(piece: Reals, runs: Integers, first: bool, out: Reals) -> None:
    """out[e, c, slot + k] += piece[e, c, place + step·k], k < length, for every run.

    Parameters
    ----------
    piece
        (E, C, L) numbers of one tensor.
    runs
        (R, 4) rows (slot, place, step, length).
    first
        Whether to overwrite ``out`` instead of adding to it: for the first piece of its slots.
    out
        (E, C, K) coefficients.
    """
    events, outputs, _ = piece.shape
    for job in numba.prange(events * outputs):
        e = job // outputs
        source, target = piece[e, job - e * outputs], out[e, job - e * outputs]
        for r in range(len(runs)):
            slot, place, step, length = runs[r, 0], runs[r, 1], runs[r, 2], runs[r, 3]
            # slices, counted from 0, so that Numba need not handle negative indices
            to = target[slot : slot + length]
            side_by_side = source[place : place + length]
            if first and step == 1:
                for k in range(length):
                    to[k] = side_by_side[k]
            elif step == 1:
                for k in range(length):
                    to[k] += side_by_side[k]
            elif first:
                for k in range(length):
                    to[k] = source[place + step * k]
            else:
                for k in range(length):
                    to[k] += source[place + step * k]


@kernel
def multiply(slots: Integers, factors: Floats, out: Reals) -> None:
    """out[e, c, slots[k]] *= factors[k], with slots (M,), factors (M,) and out (E, C, K)."""
    events, outputs, _ = out.shape
    for job in numba.prange(events * outputs):
        e = job // outputs
        target = out[e, job - e * outputs]
        for k in range(len(slots)):
            target[slots[k]] *= factors[k]


@kernel
def flag_not_finite(terms: Reals, flags: npt.NDArray[np.bool_]) -> None:
    """flags[e] = whether any of terms[e] is infinite or NaN, with terms (E, C, K), flags (E,)."""
    events, outputs, count = terms.shape
    for e in numba.prange(events):
        strange = 0
        for c in range(outputs):
            row = terms[e, c]
            for k in range(count):
                # without a branch, so that the loop is vectorized
                strange |= 1 - int(abs(row[k]) <= _LARGEST)
        flags[e] = strange != 0
