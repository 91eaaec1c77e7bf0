"""Responses at the stencil points → Taylor coefficients."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["contract"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@kernel
def contract(
    responses: npt.NDArray[np.floating],
    steps: Floats,
    features: Integers,
    pairs: Integers,
    axes_of_pairs: Integers,
    first: Floats,
    second: Floats,
    corner: Floats,
    ridge: Floats,
    slots_first: Integers,
    slots_second: Integers,
    slots_pairs: Integers,
    out: Floats,
) -> None:
    """t_i, t_ii and t_ij of every event and response, by the sums of ``points``.

    The response at the centre is subtracted first: where the two are close, that subtraction is
    exact (Sterbenz), and the sums lose no digits to the size of f itself.

    Parameters
    ----------
    responses
        (E, P, C) at the points in their order.
    steps
        (G, n) steps h_i; G = 2 where first and second order have their own steps and points, else
        1.
    features
        (A,) numbers of the active features.
    pairs, axes_of_pairs
        (Q, 2) numbers of the features of each pair, and their positions in ``features``.
    first, second, corner, ridge
        Weights of the stencil, see ``points``.
    slots_first, slots_second, slots_pairs
        (A,), (A,), (Q,) positions of t_i, t_ii and t_ij among the K coefficients; -1 for a t_i or
        t_ii that is not computed.
    out
        (E, C, K) receives the coefficients.
    """
    events, _, outputs = responses.shape
    active, axis_points, corner_points = len(features), len(first), len(corner)
    groups = len(steps)
    shift = (groups - 1) * active * axis_points
    on_axes = 1 + groups * active * axis_points
    for job in numba.prange(events * outputs):
        e = job // outputs
        c = job - e * outputs
        centre = np.float64(responses[e, 0, c])
        ridges = np.zeros(active)
        for k in range(active):
            h = steps[0, features[k]]
            h2 = steps[groups - 1, features[k]]
            point = 1 + k * axis_points
            t_first, t_second, t_ridge = 0.0, 0.0, 0.0
            for m in range(axis_points):
                t_first += first[m] * (responses[e, point + m, c] - centre)
                difference = responses[e, point + shift + m, c] - centre
                t_second += second[m] * difference
                t_ridge += ridge[m] * difference
            ridges[k] = t_ridge
            if slots_first[k] >= 0:
                out[e, c, slots_first[k]] = t_first / h
            if slots_second[k] >= 0:
                out[e, c, slots_second[k]] = t_second / (h2 * h2)
        for q in range(len(pairs)):
            total = ridges[axes_of_pairs[q, 0]] + ridges[axes_of_pairs[q, 1]]
            point = on_axes + q * corner_points
            for m in range(corner_points):
                total += corner[m] * (responses[e, point + m, c] - centre)
            h_i, h_j = steps[groups - 1, pairs[q, 0]], steps[groups - 1, pairs[q, 1]]
            out[e, c, slots_pairs[q]] = total / (h_i * h_j)
