"""Responses at the stencil points → how wrong each Taylor coefficient may be, and where kinks are.

The stencil must reach to three steps. Seven responses lie then on every axis, and on the diagonal
of every pair, at −3h, −2h, … 3h. With F as in ``points``, δ²ᵏ the central differences of even
order and µδ²ᵏ⁺¹ the mean central ones of odd order, the error of a coefficient is at most about

    truncation   max(abs(t − t′), ½ q abs(t′ − t″))    t of sixth order of accuracy, t′ and t″ of
                                                       fourth and second on the same points
    round-off    K σ √(Σ w²) / h^m      σ the noise of the response, w all weights, K = 4
    roughness    κ R / h^m              κ = 0.3 for t_i, ½ for t_ii, ½ for each line of t_ij

    R = max(0, H − ½ L − 2 σ_H)    H = abs(δ⁶) + 2 abs(µδ⁵)    L = abs(δ⁴) + 2 abs(µδ³).

q = Σ abs(t − t′) h^m / Σ abs(t′ − t″) h^m, over all axes of an event, is how fast the orders
converge: q abs(t′ − t″) is what is to be expected of t − t′ where that is small by accident. Of
values of second and fourth order, t′ is that of sixth, and q = 0.

σ is the larger of two: what was measured before the run in this region of the response, and what
the event itself shows, √(mean over axes of min(abs(δ⁶) / √924, 4 σ)²), where 924 = Σ w² of δ⁶.

A smooth function's differences fall from order to order by (h/L)², so that the difference of two
orders of accuracy bounds the truncation of the better one, and R vanishes. Across a jump of f, of
its slope or of its curvature they do not fall; the orders of accuracy may then agree by accident,
and R is what is left. σ_H is the noise of H. The κ follow from jumps of f, f′ and f″ at all places
between −3h and 3h, where R alone covers the error next to the centre.

A response that is the same at all points of a line does not depend on that feature there, and
neither does its noise: then only its rounding can hide anything.

A **kink** is seen where H > 0.8 L + S + 8 σ_H, with S the largest second difference of neighbours:
one-sided slopes jump by more than curvature times step explains. Jumps of the slope or of f itself
have H ≥ 2 S wherever they show on the inner points; smooth functions have (h/L)³ S.
Sources: B. Fornberg, Math. Comp. 51 (1988) 699; J. Lyness, C. Moler, Van der Monde Systems and
Numerical Differentiation, Numer. Math. 8 (1966) 458, for errors from nested formulas.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import inlined, kernel

__all__ = ["SAFETY", "bound_errors"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SAFETY = 4.0  # K
_FALL, _KINK_FALL = 0.5, 0.8
_ROUGH_FIRST, _ROUGH_SECOND = 0.3, 0.5
_ROUGH_NOISE, _KINK_NOISE, _MORE_NOISE = 2.0, 8.0, 4.0
# √Σw² of δ⁶ and of 2 µδ⁵
_NOISE, _SIXTH = math.sqrt(924.0 + 84.0), math.sqrt(924.0)


@inlined
def _rough(
    a: float, b: float, c: float, d: float, e: float, f: float, noise: float
) -> tuple[float, bool, float]:
    """R, whether it is a kink, and abs(δ⁶), of F at −3h, −2h, −h, h, 2h, 3h."""
    sixth = abs(a + f - 6.0 * (b + e) + 15.0 * (c + d))
    high = sixth + abs(f - a - 4.0 * (e - b) + 5.0 * (d - c))
    low = abs(b + e - 4.0 * (c + d)) + abs(e - b - 2.0 * (d - c))
    left = max(abs(a - 2.0 * b + c), abs(b - 2.0 * c))
    right = max(abs(f - 2.0 * e + d), abs(e - 2.0 * d))
    bend = max(left, right, abs(c + d))
    rough = high - _FALL * low - _ROUGH_NOISE * _NOISE * noise
    kinked = high > _KINK_FALL * low + bend + _KINK_NOISE * _NOISE * noise
    return max(0.0, rough), kinked, sixth


@inlined
def _truncation(gap: float, lower: float, decay: float) -> float:
    """The larger of abs(t − t′) h^m and half of what is to be expected of it."""
    return max(abs(gap), 0.5 * decay * abs(lower))


@kernel
def bound_errors(
    responses: npt.NDArray[np.floating],
    noise: Floats,
    rounding: float,
    steps: Floats,
    features: Integers,
    pairs: Integers,
    axes_of_pairs: Integers,
    first: Floats,
    second: Floats,
    corners: Floats,
    corner: Floats,
    ridge: Floats,
    amplified: Floats,
    pooled: bool,
    slots_first: Integers,
    slots_second: Integers,
    slots_pairs: Integers,
    errors: Floats,
    kinks: npt.NDArray[np.bool_],
) -> None:
    """Bounds of the errors of all coefficients, and which features have a kink within reach.

    As in ``contract``, but ``first`` (2, 6), ``second`` (2, 6), ``corner`` (2, Q) and ``ridge``
    (2, 6) are differences of weights: of the value's order of accuracy and its neighbour's, and of
    the two orders below. noise (E, C) is σ of the responses, ``rounding`` what it is at least as a
    part of them, amplified (3,) is √(Σ w²) of t_i, t_ii and t_ij. Not ``pooled``, q is 0 and σ what
    was measured, so that no axis tells of another. errors (E, C, K), kinks (E, n).
    Requires: multiples −1, 1, −2, 2, −3, 3, and the corners of ``points`` with them.
    """
    events, _, outputs = responses.shape
    active, axis_points, corner_points = len(features), first.shape[1], corner.shape[1]
    groups, diagonals = len(steps), corner_points // 6
    on_axes = 1 + groups * active * axis_points
    for e in numba.prange(events):
        # rows: t_i and t_ii; columns: of the neighbour, of the orders below
        gaps, roughness = np.zeros((2, 2, active)), np.zeros((2, active))
        ridges, flat = np.zeros((2, active)), np.zeros((2, active), dtype=np.bool_)
        kinks[e] = False
        for c in range(outputs):
            r = responses[e, :, c]
            f0, sigma = np.float64(r[0]), noise[e, c]
            least = min(sigma, rounding * abs(f0))
            own = 0.0
            for g in range(groups):
                for k in range(active):
                    p = 1 + (g * active + k) * axis_points
                    same = True
                    gaps[g:, :, k] = 0.0
                    ridges[:, k] = 0.0
                    for m in range(axis_points):
                        difference = r[p + m] - f0
                        same = same and difference == 0.0
                        for side in range(2):
                            if g == 0:
                                gaps[0, side, k] += first[side, m] * difference
                            if g == groups - 1:
                                gaps[1, side, k] += second[side, m] * difference
                                ridges[side, k] += ridge[side, m] * difference
                    rough, kinked, sixth = _rough(
                        r[p + 4] - f0,
                        r[p + 2] - f0,
                        r[p] - f0,
                        r[p + 1] - f0,
                        r[p + 3] - f0,
                        r[p + 5] - f0,
                        sigma,
                    )
                    if kinked:
                        kinks[e, features[k]] = True
                    if g == 0 and pooled:
                        own += min(sixth / _SIXTH, _MORE_NOISE * sigma) ** 2 / active
                    roughness[g:, k] = rough
                    flat[g:, k] = same
            level = max(sigma, math.sqrt(own))
            decay = np.zeros(2)
            for order in range(2):
                total = np.abs(gaps[order, 1]).sum()
                if total > 0.0 and pooled:
                    decay[order] = min(1.0, np.abs(gaps[order, 0]).sum() / total)
            for k in range(active):
                h, h2 = steps[0, features[k]], steps[groups - 1, features[k]]
                if slots_first[k] >= 0:
                    bound = _truncation(gaps[0, 0, k], gaps[0, 1, k], decay[0])
                    bound += _ROUGH_FIRST * roughness[0, k]
                    bound += SAFETY * (least if flat[0, k] else level) * amplified[0]
                    errors[e, c, slots_first[k]] = bound / h
                if slots_second[k] >= 0:
                    bound = _truncation(gaps[1, 0, k], gaps[1, 1, k], decay[1])
                    bound += _ROUGH_SECOND * roughness[1, k]
                    bound += SAFETY * (least if flat[1, k] else level) * amplified[1]
                    errors[e, c, slots_second[k]] = bound / (h2 * h2)
            for q in range(len(pairs)):
                i, j = axes_of_pairs[q, 0], axes_of_pairs[q, 1]
                p = on_axes + q * corner_points
                gap, lower = ridges[0, i] + ridges[0, j], ridges[1, i] + ridges[1, j]
                for m in range(corner_points):
                    difference = r[p + m] - f0
                    gap += corner[0, m] * difference
                    lower += corner[1, m] * difference
                bound = _truncation(gap, lower, decay[1])
                if diagonals == 1:
                    rough, _, _ = _rough(
                        r[p + 5] - f0,
                        r[p + 3] - f0,
                        r[p + 1] - f0,
                        r[p] - f0,
                        r[p + 2] - f0,
                        r[p + 4] - f0,
                        sigma,
                    )
                    bound += _ROUGH_SECOND * (rough + roughness[1, i] + roughness[1, j])
                else:
                    rough, _, _ = _rough(
                        r[p + 11] - f0,
                        r[p + 7] - f0,
                        r[p + 3] - f0,
                        r[p] - f0,
                        r[p + 4] - f0,
                        r[p + 8] - f0,
                        sigma,
                    )
                    across, _, _ = _rough(
                        r[p + 10] - f0,
                        r[p + 6] - f0,
                        r[p + 2] - f0,
                        r[p + 1] - f0,
                        r[p + 5] - f0,
                        r[p + 9] - f0,
                        sigma,
                    )
                    bound += 0.5 * _ROUGH_SECOND * (rough + across)
                same = False
                if flat[1, i] or flat[1, j]:
                    # does the response depend on the other feature alone?
                    side = 1 if flat[1, i] else 0
                    axis = 1 + ((groups - 1) * active + (j if side else i)) * axis_points
                    same = True
                    for m in range(corner_points):
                        multiple = corners[m, side]
                        place = int(2 * abs(multiple)) - (1 if multiple > 0 else 2)
                        same = same and r[p + m] == r[axis + place]
                bound += SAFETY * (least if same else level) * amplified[2]
                h_i, h_j = steps[groups - 1, pairs[q, 0]], steps[groups - 1, pairs[q, 1]]
                errors[e, c, slots_pairs[q]] = bound / (h_i * h_j)
