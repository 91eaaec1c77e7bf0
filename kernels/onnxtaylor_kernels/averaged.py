"""Mean second derivatives over steps: rows of stepped events, and their contraction."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.jit import kernel

__all__ = ["average", "step_rows"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@kernel
def step_rows(
    x: Floats,
    centres: Floats,
    features: Integers,
    places: Floats,
    out: npt.NDArray[np.floating],
) -> None:
    """out[e, 0] = x[e]; out[e, 1 + S·a + s] = centres[e] with features[a] at places[e, a, s].

    Parameters
    ----------
    x, centres
        (E, n) events, and the points that are stepped from.
    features
        (A,) features that are stepped.
    places
        (E, A, S) their values after each step.
    out
        (E, 1 + A·S, n) receives the rows.
    """
    events, count, n = out.shape
    sides = places.shape[2]
    for row in numba.prange(events * count):
        e = row // count
        p = row - e * count
        target = out[e, p]
        if p == 0:
            for i in range(n):
                target[i] = x[e, i]
        else:
            for i in range(n):
                target[i] = centres[e, i]
            a = (p - 1) // sides
            target[features[a]] = places[e, a, p - 1 - a * sides]


@kernel
def average(
    gradients: Floats,
    inverse_widths: Floats,
    values: npt.NDArray[np.floating],
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

        t_i  = g_i(x)
        t_ii = Σ_s weights[a, s] f(step s of feature i) / δ_i²
        t_ij = ½ {[g_j(upper end of i) − g_j(lower end of i)] / l_i + (i ↔ j)}

    and 0 where a feature of t_ii or t_ij is not stepped at the event.

    Parameters
    ----------
    gradients
        (E, 1 + 2A, C, n) gradients: at the event, then at upper and lower end for each feature.
    inverse_widths, inverse_squares
        (E, A) 1/l_i and 1/δ_i²; 0 where the feature is not stepped.
    values
        (E, 1 + 4A, C) responses: at the centre, then at four places for each feature.
    weights
        (A, 5) weights of the centre and of these places.
    features, pairs
        (A,) stepped features, (Q, 2) pairs of places among them.
    slots_second, slots_pairs
        (A,) and (Q,) places of t_ii and t_ij among the coefficients; −1 where there is none. The
        first n coefficients are t_i.
    terms
        (E, C, K) receives the coefficients.
    """
    events, outputs, _ = terms.shape
    n = gradients.shape[3]
    for job in numba.prange(events * outputs):
        e = job // outputs
        c = job - e * outputs
        target = terms[e, c]
        for i in range(n):
            target[i] = gradients[e, 0, c, i]
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
            i, j = features[a], features[b]
            one, other = inverse_widths[e, a], inverse_widths[e, b]
            total = 0.0
            if one != 0.0 and other != 0.0:
                total = 0.5 * (
                    (gradients[e, 1 + 2 * a, c, j] - gradients[e, 2 + 2 * a, c, j]) * one
                    + (gradients[e, 1 + 2 * b, c, i] - gradients[e, 2 + 2 * b, c, i]) * other
                )
            target[slots_pairs[q]] = total
