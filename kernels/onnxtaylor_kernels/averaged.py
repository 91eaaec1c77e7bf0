"""Mean second derivatives over steps: rows of stepped events, and their contraction."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["average", "softmax_gradients", "step_rows"]

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]


@kernel
def step_rows(
    centres: Floats,
    features: Integers,
    places: Floats,
    out: Reals,
) -> None:
    """out[e, S·a + s] = centres[e] with features[a] at places[e, a, s].

    Where there is room for one row more, the centres come first.

    Parameters
    ----------
    centres
        (E, n) points that are stepped from.
    features
        (A,) features that are stepped.
    places
        (E, A, S) their values after each step.
    out
        (E, A·S, n) or (E, 1 + A·S, n) receives the rows.
    """
    events, count, n = out.shape
    sides = places.shape[2]
    lead = count - len(features) * sides
    for row in numba.prange(events * count):
        e = row // count
        target = out[e, row - e * count]
        for i in range(n):
            target[i] = centres[e, i]
        p = row - e * count - lead
        if p >= 0:
            a = p // sides
            target[features[a]] = places[e, a, p - a * sides]


@kernel
def softmax_gradients(gaps: Reals, slopes: Reals, out: Reals) -> None:
    """out[r, c] = p_c Σ_k p_k (slopes[r, c] − slopes[r, k]), p the softmax of the gaps and of 0.

    Parameters
    ----------
    gaps
        (R, C − 1) arguments of the softmax, less the last one, which is 0.
    slopes
        (R, C − 1, n) their gradients.
    out
        (R, C, n) receives the gradients of the softmax.
    """
    rows, outputs, n = out.shape
    last = outputs - 1
    for r in numba.prange(rows):
        shares = np.zeros(outputs, gaps.dtype)
        largest = shares[last]
        for c in range(last):
            shares[c] = gaps[r, c]
            largest = max(largest, shares[c])
        total = 0.0
        for c in range(outputs):
            shares[c] = math.exp(shares[c] - largest)
            total += shares[c]
        out[r] = 0.0
        for c in range(last):
            own, target = slopes[r, c], out[r, c]
            for k in range(c + 1, outputs):  # what c has of k, k has of c, with the other sign
                factor = gaps.dtype.type(shares[c] / total * (shares[k] / total))
                other, opposite = slopes[r, min(k, last - 1)], out[r, k]
                for i in range(n):
                    flow = factor * (own[i] - other[i]) if k < last else factor * own[i]
                    target[i] += flow
                    opposite[i] -= flow


@kernel
def average(
    gradients: Reals,
    inverse_widths: Floats,
    values: Reals,
    weights: Floats,
    inverse_squares: Floats,
    features: Integers,
    pairs: Integers,
    slots_second: Integers,
    slots_pairs: Integers,
    terms: Floats,
) -> None:
    """Contracts gradients and values at stepped points into coefficients.

    With g the gradients at both ends of the step of feature i, l_i its width and f the responses,

        t_ii = Σ_s weights[a, s] f(step s of feature i) / δ_i²
        t_ij = ½ {[g_j(upper end of i) − g_j(lower end of i)] / l_i + (i ↔ j)}

    and 0 where a feature of t_ii or t_ij is not stepped at the event.

    Parameters
    ----------
    gradients
        (E, 2A, C, n) gradients at the upper and lower end for each feature.
    inverse_widths, inverse_squares
        (E, A) 1/l_i and 1/δ_i²; 0 where the feature is not stepped.
    values
        (E, 1 + 4A, C) responses: at the centre, then at four places for each feature.
    weights
        (A, 5) weights of the centre and of these places.
    features, pairs
        (A,) stepped features, (Q, 2) pairs of places among them.
    slots_second, slots_pairs
        (A,) and (Q,) places of t_ii and t_ij among the coefficients; −1 where there is none.
    terms
        (E, C, K) receives t_ii and t_ij.
    """
    events, outputs, _ = terms.shape
    for job in numba.prange(events * outputs):
        e = job // outputs
        c = job - e * outputs
        target = terms[e, c]
        slopes = np.zeros((len(features), len(features)))  # of t_ij along the step of i alone
        for a in range(len(features)):
            width = inverse_widths[e, a]
            if width != 0.0:
                upper, lower = gradients[e, 2 * a, c], gradients[e, 2 * a + 1, c]
                for b in range(len(features)):
                    slopes[a, b] = (upper[features[b]] - lower[features[b]]) * width
        for a in range(len(features)):
            slot = slots_second[a]
            if slot >= 0:
                total = 0.0
                if inverse_squares[e, a] != 0.0:
                    centre = values[e, 0, c]
                    for s in range(4):  # differences from the centre lose less to round-off
                        total += weights[a, 1 + s] * (values[e, 1 + 4 * a + s, c] - centre)
                    total *= inverse_squares[e, a]
                target[slot] = total
        for q in range(len(pairs)):
            a, b = pairs[q, 0], pairs[q, 1]
            both = inverse_widths[e, a] != 0.0 and inverse_widths[e, b] != 0.0
            target[slots_pairs[q]] = 0.5 * (slopes[a, b] + slopes[b, a]) if both else 0.0
