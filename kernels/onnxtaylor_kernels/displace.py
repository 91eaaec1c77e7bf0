"""Events → the rows at which the model is evaluated."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import inlined, kernel

__all__ = ["displace", "round_to_grid", "spacing"]

Floats = npt.NDArray[np.float64]


@inlined
def spacing(magnitude: float, digits: int) -> float:
    """Distance of neighbouring floating-point numbers of ``digits`` bits at a magnitude."""
    _, exponent = math.frexp(magnitude)
    return math.ldexp(1.0, exponent - digits)


@kernel
def round_to_grid(
    x: Floats, steps: Floats, reach: float, digits: int, out: npt.NDArray[np.floating]
) -> None:
    """Moves each x to the nearest multiple of the spacing of numbers around abs(x) + reach·h.

    Then x + a·h is exact in a floating-point format of ``digits`` bits for every abs(a) ≤ reach,
    if h is a power of two not below that spacing: the step that the model sees is the step that
    the coefficient is divided by. x moves by half a unit in its last place or so.
    x (E, n), steps (n,), out (E, n) in the format of the model.
    """
    for e in numba.prange(x.shape[0]):
        for i in range(x.shape[1]):
            grid = spacing(abs(x[e, i]) + reach * steps[i], digits)
            out[e, i] = np.rint(x[e, i] / grid) * grid


@kernel
def displace(
    centres: npt.NDArray[np.floating],
    steps: Floats,
    features: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
    multiples: Floats,
    corners: Floats,
    first: int,
    out: npt.NDArray[np.floating],
) -> None:
    """Writes the rows x + p·h of the stencil points p = first … first + P − 1, event by event.

    centres (E, n) from ``round_to_grid``, steps (G, n), G = 2 where first and second order have
    steps of their own, features (A,) and pairs (Q, 2) the active ones, multiples (M,), corners
    (C, 2), out (E, P, n). The order of the points is that of ``points``: centre, axes, corners.
    """
    events, count, n = out.shape
    groups = len(steps)
    in_group = len(features) * len(multiples)
    on_axes = 1 + groups * in_group
    for row in numba.prange(events * count):
        e = row // count
        target = out[e, row - e * count]
        for i in range(n):
            target[i] = centres[e, i]
        p = first + row - e * count
        if p >= on_axes:
            pair = (p - on_axes) // len(corners)
            corner = (p - on_axes) - pair * len(corners)
            for side in range(2):
                i = pairs[pair, side]
                target[i] = centres[e, i] + corners[corner, side] * steps[groups - 1, i]
        elif p > 0:
            group = (p - 1) // in_group
            axis = (p - 1 - group * in_group) // len(multiples)
            multiple = multiples[p - 1 - group * in_group - axis * len(multiples)]
            i = features[axis]
            target[i] = centres[e, i] + multiple * steps[group, i]
