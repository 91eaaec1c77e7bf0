"""Weighted products of rows, summed: the second derivatives of one or two nodes of a graph.

A tile of 4 × 3 pairs of rows is summed at a time: its twelve sums stay in vector registers, and
each number of a row that is read serves three or four products. Only the sums are written.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import inlined, kernel_of_sums, part_of_sums

__all__ = ["add_curvature"]

Reals = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]

LANES = 16  # numbers of a vector register: rows are filled up to whole ones by zeros
PART = 15 * LANES  # elements of the rows that are summed at a time, no power of two: so much of
ROWS = 36  # so many rows fits the first-level cache


@inlined
def _tile(weighted: Reals, rows: Reals, size: int, sums: Reals, place: int) -> None:
    """sums[p, place + q] = Σ_d weighted[p, d] rows[q, d], for 4 rows p and 3 rows q."""
    w, x, y, z = weighted[0], weighted[1], weighted[2], weighted[3]
    a, b, c = rows[0], rows[1], rows[2]
    wa = wb = wc = xa = xb = xc = ya = yb = yc = za = zb = zc = sums.dtype.type(0)
    for d in range(size):
        wa += w[d] * a[d]
        wb += w[d] * b[d]
        wc += w[d] * c[d]
        xa += x[d] * a[d]
        xb += x[d] * b[d]
        xc += x[d] * c[d]
        ya += y[d] * a[d]
        yb += y[d] * b[d]
        yc += y[d] * c[d]
        za += z[d] * a[d]
        zb += z[d] * b[d]
        zc += z[d] * c[d]
    sums[0, place], sums[0, place + 1], sums[0, place + 2] = wa, wb, wc
    sums[1, place], sums[1, place + 1], sums[1, place + 2] = xa, xb, xc
    sums[2, place], sums[2, place + 1], sums[2, place + 2] = ya, yb, yc
    sums[3, place], sums[3, place + 1], sums[3, place + 2] = za, zb, zc


@inlined
def _pack(rows: Reals, event: np.int64, start: int, out: Reals, place: int) -> int:
    """Copies rows[:, event, start:], as much as fits, to out[:, place:]; returns its end there."""
    size: int = max(0, min(out.shape[1] - place, rows.shape[2] - start))
    for i in range(len(rows)):
        if size:
            source = rows[i, min(event, rows.shape[1] - 1), start : start + size]
            target = out[i, place : place + size]
            for d in range(size):
                target[d] = source[d]
        out[i, place + size : place + size + LANES] = 0.0
    return place + size


@inlined
def _pack_both(rows: Reals, more: Reals, event: np.int64, start: int, out: Reals) -> int:
    """Copies what follows from ``start`` on in rows and more, one after another, likewise."""
    width = rows.shape[2]
    end = _pack(rows, event, min(start, width), out, 0)
    return _pack(more, event, max(start - width, 0), out, end)


@inlined
def _collect(sums: Reals, slots: Integers, block: int, overwrite: bool, out: Reals) -> None:
    """out[slots[i, q]] += sums[i, q] for i ≤ block + q, where the slot is not −1."""
    for i in range(len(slots)):
        places, found = slots[i], sums[i]
        for q in range(max(i - block, 0), len(places)):
            if places[q] >= 0:
                out[places[q]] = found[q] if overwrite else out[places[q]] + found[q]


@part_of_sums
def _event(
    rows: Reals,
    weights: Reals,
    more_rows: Reals,
    more_weights: Reals,
    e: np.int64,
    slots: Integers,
    first: bool,
    out: Reals,
) -> None:
    """The sums of event e, with ``out`` (C, K)."""
    n, outputs, width = len(rows), len(weights), rows.shape[2] + more_rows.shape[2]
    factors = np.empty((outputs, PART), rows.dtype)
    packed = np.zeros((n + 3, PART), rows.dtype)  # the last tiles reach beyond the last row
    weighted, sums = np.empty((4, PART), rows.dtype), np.empty((n + 3, ROWS + 2), rows.dtype)
    for start in range(0, width, PART):
        size = _pack_both(rows, more_rows, e, start, packed)
        _pack_both(weights, more_weights, e, start, factors)
        filled = -(-size // LANES) * LANES
        for c in range(outputs):
            weight = factors[c]
            for block in range(0, n, ROWS):
                last = min(block + ROWS, n)
                for i in range(0, last, 4):
                    for p in range(4):
                        row, scaled = packed[i + p], weighted[p]
                        for d in range(size):
                            scaled[d] = row[d] * weight[d]
                        scaled[size:filled] = 0.0
                    for j in range(max(i, block), last, 3):
                        _tile(weighted, packed[j : j + 3], filled, sums[i:], j - block)
                overwrite = first and start == 0
                _collect(sums, slots[:last, block:last], block, overwrite, out[c])


@kernel_of_sums
def add_curvature(
    rows: Reals,
    weights: Reals,
    more_rows: Reals,
    more_weights: Reals,
    slots: Integers,
    first: bool,
    out: Reals,
) -> None:
    """out[e, c, slots[i, j]] += Σ_d weights[c, e, d] rows[i, e, d] rows[j, e, d], i ≤ j.

    Two such sums are made at a time: a short one behind a longer one costs almost nothing.

    Parameters
    ----------
    rows
        (n, N, D) numbers of n features, N ≥ E; or (n, 1, D), the same for all events.
    weights
        (C, N, D) or (C, 1, D) weights, likewise.
    more_rows, more_weights
        Those of the second sum, (n, N, D') and (C, N, D'), likewise; D' may be 0.
    slots
        (n, n) places among the coefficients; −1 where a pair is not wanted. Only i ≤ j is read.
    first
        Whether to overwrite ``out`` instead of adding to it.
    out
        (E, C, K) coefficients.
    """
    for e in numba.prange(len(out)):
        # Numba counts without a sign here, which min() would turn into floating point
        _event(rows, weights, more_rows, more_weights, np.int64(e), slots, first, out[e])
