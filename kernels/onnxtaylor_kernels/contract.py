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
    """The sums of ``points``: t_i, t_ii and t_ij of every event and response.

    responses (E, P, C) at the points in their order; steps (n,); features (A,) the active
    features; pairs (Q, 2) feature numbers, axes_of_pairs (Q, 2) their places in ``features``;
    weights as in ``points``; slots_first (A,) and slots_second (A,) the places of t_i and t_ii
    among the K coefficients, -1 where not asked for, slots_pairs (Q,) those of t_ij.
    out (E, C, K), in float64.

    All differences are taken from the centre's response first: where the two are close, that
    subtraction is exact (Sterbenz), and the sums lose nothing to the size of f itself.
    """
    events, _, outputs = responses.shape
    active, axis_points, corner_points = len(features), len(first), len(corner)
    on_axes = 1 + active * axis_points
    for job in numba.prange(events * outputs):
        e = job // outputs
        c = job - e * outputs
        centre = np.float64(responses[e, 0, c])
        ridges = np.zeros(active)
        for k in range(active):
            h = steps[features[k]]
            t_first, t_second, t_ridge = 0.0, 0.0, 0.0
            for m in range(axis_points):
                difference = responses[e, 1 + k * axis_points + m, c] - centre
                t_first += first[m] * difference
                t_second += second[m] * difference
                t_ridge += ridge[m] * difference
            ridges[k] = t_ridge
            if slots_first[k] >= 0:
                out[e, c, slots_first[k]] = t_first / h
            if slots_second[k] >= 0:
                out[e, c, slots_second[k]] = t_second / (h * h)
        for q in range(len(pairs)):
            total = ridges[axes_of_pairs[q, 0]] + ridges[axes_of_pairs[q, 1]]
            point = on_axes + q * corner_points
            for m in range(corner_points):
                total += corner[m] * (responses[e, point + m, c] - centre)
            out[e, c, slots_pairs[q]] = total / (steps[pairs[q, 0]] * steps[pairs[q, 1]])
