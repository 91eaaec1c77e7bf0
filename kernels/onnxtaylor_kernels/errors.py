"""Responses at the stencil points → bounds of the errors of Taylor coefficients, and kinks.

The stencil must reach to three steps, so that seven responses lie on every axis and on the diagonal
of every pair, at −3h, −2h, … 3h. With F as in ``points``, δ²ᵏ the central differences of even
order and µδ²ᵏ⁺¹ the mean central differences of odd order, the error of a coefficient is at most
about the sum of

    truncation   max(abs(t − t′), ½ q abs(t′ − t″))    t of sixth order of accuracy, t′ of fourth,
                                                       t″ of second, from the same points
    round-off    K σ √(Σ w²) / h^m      σ the noise of the response, w all weights, K = 4
    roughness    κ R / h^m              κ = 0.3 for t_i, ½ for t_ii, ½ for each line of t_ij

    R = max(0, H − ½ L − 2 σ_H)    H = abs(δ⁶) + 2 abs(µδ⁵)    L = abs(δ⁴) + 2 abs(µδ³).

**q** = Σ abs(t − t′) h^m / Σ abs(t′ − t″) h^m, over all axes of an event, measures how fast the
orders of accuracy converge: q abs(t′ − t″) is the size expected of t − t′, which may be small by
accident. If the coefficient itself has second or fourth order of accuracy, t′ is that of sixth, and
q = 0.

**σ** is the larger of two numbers: the noise measured before the run in this region of the
response, and that of the event itself, √(mean over axes of min(abs(δ⁶) / √924, 4 σ)²), where
924 = Σ w² of δ⁶.

**R** is 0 for a smooth function: its differences decrease from order to order by (h/L)², so that
the difference of two orders of accuracy bounds the truncation error of the better one. Across a
jump of f, of its slope or of its curvature the differences do not decrease. The orders of accuracy
may then agree by accident, and R bounds the error. σ_H is the noise of H. The κ follow from jumps
of f, f′ and f″ at all positions between −3h and 3h; next to the centre, R alone covers the error.

A response that is equal at all points of a line does not depend on that feature there, and neither
does its noise: only its rounding can then hide a dependence.

A **kink** is reported where H > 0.8 L + S + 8 σ_H, with S the largest second difference of
neighbours: one-sided slopes differ by more than curvature times step. A jump of the slope or of f
itself has H ≥ 2 S wherever it lies between the inner points; a smooth function has (h/L)³ S.
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
_FALL, _KINK_FALL = 0.5, 0.8  # factors of L in R and for a kink
_ROUGH_FIRST, _ROUGH_SECOND = 0.3, 0.5  # κ
_ROUGH_NOISE, _KINK_NOISE, _MORE_NOISE = 2.0, 8.0, 4.0  # factors of σ_H in R, for a kink; of σ
# √Σw² of δ⁶ and 2 µδ⁵ together, and of δ⁶ alone
_NOISE, _SIXTH = math.sqrt(924.0 + 84.0), math.sqrt(924.0)


@inlined
def _rough(
    a: float, b: float, c: float, d: float, e: float, f: float, noise: float
) -> tuple[float, bool, float]:
    """R, whether there is a kink, and abs(δ⁶), from F at −3h, −2h, −h, h, 2h, 3h."""
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
    """max(abs(t − t′), ½ q abs(t′ − t″)) h^m, from both differences times h^m, and q."""
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
    """Bounds of the errors of all coefficients, and the features that have a kink within reach.

    Requires the multiples −1, 1, −2, 2, −3, 3, and the corners of ``points`` that belong to them.
    Parameters that are not listed are those of ``contract``.

    Parameters
    ----------
    noise
        (E, C) σ of the responses.
    rounding
        Rounding of a response relative to its size: the noise where it is constant along a line.
    first, second, corner, ridge
        (2, 6), (2, 6), (2, 6 or 12), (2, 6) differences of weights: row 0 for t − t′, row 1 for
        t′ − t″.
    corners
        (6 or 12, 2) displacements of the corners, in steps.
    amplified
        (3,) √(Σ w²) of t_i, t_ii and t_ij.
    pooled
        Whether all axes of an event contribute to q and σ. If not, q = 0 and σ is the measured one.
    errors
        (E, C, K) receives the bounds.
    kinks
        (E, n) receives the flags.
    """
    events, _, outputs = responses.shape
    active, axis_points, corner_points = len(features), first.shape[1], corner.shape[1]
    groups, diagonals = len(steps), corner_points // 6
    on_axes = 1 + groups * active * axis_points
    for e in numba.prange(events):
        # gaps[order, 0 or 1]: t − t′ and t′ − t″, times h^m, of t_i and t_ii on every axis
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
                    # constant along one axis: does the response depend on the other feature alone?
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
