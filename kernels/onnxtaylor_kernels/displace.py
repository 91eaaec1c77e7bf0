"""Events → rows of displaced events, at which the model is evaluated."""

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
    """Distance between floating-point numbers with ``digits`` bits of mantissa at a magnitude.

    It is never below the least number of double precision, 2⁻¹⁰⁷⁴, or of single precision, 2⁻¹⁴⁹.
    """
    _, exponent = math.frexp(magnitude)
    least = -1074 if digits == 53 else -149
    return math.ldexp(1.0, max(exponent - digits, least))


@kernel
def round_to_grid(
    x: Floats, steps: Floats, reach: float, digits: int, out: npt.NDArray[np.floating]
) -> None:
    """Moves each x to the nearest multiple of the spacing of numbers around abs(x) + reach·h.

    If h is a power of two and not smaller than that spacing, x + a·h is then exact for every
    abs(a) ≤ reach: the step that the model sees is the step by which the difference is divided.
    x moves by about half a unit in its last place; columns without a step stay as they are.

    Parameters
    ----------
    x
        (E, n) events.
    steps
        (n,) steps h.
    reach
        Largest displacement, in steps.
    digits
        Bits of the mantissa in the model's format.
    out
        (E, n) receives the moved events, in the model's format.
    """
    for e in numba.prange(x.shape[0]):
        for i in range(x.shape[1]):
            if steps[i] == 0.0:
                out[e, i] = x[e, i]
            else:
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
    """out[e, k] = x_e + p·h for the stencil points number first … first + P − 1.

    The points are in the order of ``points``: centre, axes, corners.

    Parameters
    ----------
    centres
        (E, n) events x from ``round_to_grid``.
    steps
        (G, n) steps h; G = 2 where first and second order have their own steps, else 1.
    features, pairs
        (A,) active features, (Q, 2) active pairs of features.
    multiples, corners
        (M,) and (C, 2) displacements in steps, see ``points``.
    first
        Number of the first point.
    out
        (E, P, n) receives the rows.
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
