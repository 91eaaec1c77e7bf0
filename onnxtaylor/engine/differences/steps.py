"""The widths of the steps: first by a formula, then by trials on a few events of the data.

The formula balances truncation against round-off for a function whose derivatives change over half
a spread of the feature. A function that is steeper or flatter needs other steps: those at which the
error bounds of its coefficients (``onnxtaylor_kernels.errors``) are smallest. So the coefficients
on the axes are computed at a ladder of steps, all features at once. Each feature and order takes
the widest step up to which the upper quartile of error / noise, over pilot events and responses,
still falls. Mixed derivatives may be larger than those on the axes, so pairs are tried with
narrower steps of second order, too. All steps are powers of two, so that displacements are exact,
and none is below the spacing of the format's numbers.

The number of evaluations is bounded: the ladder has ten rungs, with six points per feature and
order on each, and at most seven more where a feature's best rung is the last; pairs are tried at
three steps, at most two pairs for each feature.
Sources: W. Press et al., Numerical Recipes, 5.7, for the balance; P. Gill, W. Murray, M. Saunders,
M. Wright, SIAM J. Sci. Stat. Comput. 4 (1983) 310, for steps chosen by estimated errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices

__all__ = [
    "adapt_steps",
    "formula_steps",
    "least_number",
    "pilot_events",
    "spacings",
    "step_share",
    "widen_to_grid",
]

Floats = npt.NDArray[np.float64]
Trial = Callable[[MultiIndices, Floats], Floats]

DOUBLE = 53  # digits
LENGTH = 0.5  # of a spread, over which derivatives are assumed to change
PILOT_EVENTS = 32
PILOT_ROWS = 2**17  # evaluations on the axes
PILOT_TERMS = 2**22  # coefficients that are held
LADDER = (0, 1, -1, 2, -2, 3, -3, -4, -5, -6)  # powers of two, in units of the formula's step
BEYOND = ((4, 5, 6), (-7, -8, -9, -10))  # tried as long as the last rung is the best of some
NARROWER = (0, -1, -2)  # of pairs
LEVEL = 0.75  # quantile of error / noise


def step_share(*, digits: int, order: int, accuracy: int) -> float:
    """Computes c, the step in units of the feature's spread.

    It balances truncation against the round-off ε of the response for a function whose derivatives
    change over L = half a spread, in units of L and of the function itself:

        second order, accuracy 2   h²/12 against 4ε/h²        c = L (48 ε)^¼
        second order, accuracy 4   h⁴/90 against 16ε/(3h²)    c = L (240 ε)^⅙
        first order,  accuracy 2   h²/6  against ε/h          c = L (3 ε)^⅓
        first order,  accuracy 4   h⁴/30 against 3ε/(2h)      c = L (45 ε/4)^⅕

    Accuracy 6 takes the steps of accuracy 4, by whose difference its error is bounded.
    Source: W. Press et al., Numerical Recipes, 5.7.

    Parameters
    ----------
    digits
        Binary digits of the model's format; ε = 2^(1 − digits).
    order
        Order of the derivative, 1 or 2.
    accuracy
        Order of accuracy of the formula: 2, 4 or 6.
    """
    epsilon = 2.0 ** (1 - digits)
    constant, power = {
        (2, 2): (48.0, 4),
        (2, 4): (240.0, 6),
        (1, 2): (3.0, 3),
        (1, 4): (45.0 / 4.0, 5),
    }[order, min(accuracy, 4)]
    return float(LENGTH * (constant * epsilon) ** (1 / power))


def formula_steps(spread: Floats, *, digits: int, order: int, accuracy: int) -> Floats:
    """Computes h_i = c·s_i, rounded to a power of two, with c from ``step_share``.

    Parameters
    ----------
    spread
        The spread s of each feature, (n,).
    digits, order, accuracy
        As in ``step_share``.

    Returns
    -------
    array
        Steps (n,) in units of the features; 0 for a feature without spread.
    """
    c = step_share(digits=digits, order=order, accuracy=accuracy)
    with np.errstate(divide="ignore"):  # log2(0) of a constant feature
        return np.asarray(2.0 ** np.rint(np.log2(c * spread)), dtype=np.float64)


def least_number(digits: int) -> float:
    """Returns the least number above 0 of a format: 2⁻¹⁰⁷⁴ of float64, 2⁻¹⁴⁹ of others.

    Half precision is computed in single precision.
    """
    return float(np.ldexp(1.0, -1074 if digits == DOUBLE else -149))


def spacings(sizes: Floats, digits: int) -> Floats:
    """Computes the distance between numbers of a format at sizes of any shape; it is never 0."""
    _, exponent = np.frexp(sizes)
    return np.asarray(np.maximum(np.ldexp(1.0, exponent - digits), least_number(digits)))


def widen_to_grid(steps: Floats, largest: Floats, *, reach: float, digits: int) -> Floats:
    """Widens steps that are below the spacing of floating-point numbers where they reach.

    Parameters
    ----------
    steps
        Steps (…, n) in units of the features.
    largest
        The largest abs(x) of each feature that will be displaced, (n,).
    reach
        The largest displacement, in units of the widest step.
    digits
        Binary digits of the model's format.
    """
    for _ in range(2):  # a wider step may reach across a power of two, where numbers lie wider
        widest = steps.reshape(-1, len(largest)).max(axis=0)
        steps = np.maximum(steps, spacings(largest + reach * widest, digits))
    return np.asarray(steps, dtype=np.float64)


def pilot_events(x: Floats, outputs: int) -> Floats:
    """Selects the events at which steps are tried, evenly over x.

    Parameters
    ----------
    x
        Events (B, n).
    outputs
        Number of responses, C.

    Returns
    -------
    array
        At most 32 events, (S, n); fewer where the model is large, but at least 2 of two or more.
    """
    n = x.shape[1]
    rungs = len(LADDER) + sum(map(len, BEYOND))
    rows, terms = 6 * 2 * n * rungs, 2 * n * outputs
    most = max(2, min(PILOT_EVENTS, PILOT_ROWS // rows, PILOT_TERMS // terms))
    return x[np.unique(np.linspace(0, len(x) - 1, most).astype(np.int64))]


def adapt_steps(
    trial: Trial, indices: MultiIndices, start: Floats, widen: Callable[[Floats], Floats]
) -> Floats:
    """Finds the steps with the smallest error bounds.

    Parameters
    ----------
    trial
        ``trial(indices, steps)`` computes error / noise of these coefficients at the pilot events
        and all responses, (M, K).
    indices
        The coefficients that the steps are for.
    start
        The formula's steps of first and second order, (2, n).
    widen
        Widens steps below the spacing of numbers: see ``widen_to_grid``.

    Returns
    -------
    array
        Steps of first and second order, (2, n), in units of the features.
    """
    n = indices.n_features
    active = np.unique(indices.table[indices.table >= 0]).tolist()
    on_axes: list[tuple[int, ...]] = [(i,) for i in active] if (indices.orders == 1).any() else []
    on_axes += [(i, i) for i in active] if (indices.orders == 2).any() else []
    axes = MultiIndices.of(n, on_axes)
    tried = {k: trial(axes, widen(start * 2.0**k)) for k in LADDER}
    flat = _flat(tried, axes.orders)
    costs = {k: _cost(ratios, flat) for k, ratios in tried.items()}
    for side in BEYOND:
        for k in side:
            if not (_cheapest(costs) == k - np.sign(k)).any():
                break
            costs[k] = _cost(trial(axes, widen(start * 2.0**k)), flat)
    best = np.zeros((2, n))
    best[axes.orders - 1, axes.table[:, 0]] = _cheapest(costs)
    steps = widen(start * 2.0**best)
    pairs = _some_pairs(indices)
    if not pairs:
        return steps
    mixed = MultiIndices.of(n, pairs)
    scales = np.stack([np.ones(n), np.full(n, 2.0)])  # the first order keeps its steps
    narrower = _cheapest({k: _cost(trial(mixed, widen(steps * scales**k)), None) for k in NARROWER})
    for i in active:
        own = narrower[(mixed.table == i).any(axis=1)]
        if len(own):
            steps[1, i] *= 2.0 ** np.rint(np.median(own))
    return widen(steps)


def _cheapest(costs: dict[int, Floats]) -> npt.NDArray[np.int64]:
    """Finds the rung k of each coefficient: the first one, from narrow to wide, before costs rise.

    The least cost of all may be misleading: a function that oscillates within a step has small
    differences again, and wide steps divide any difference by much. Where costs never rise, the
    rung of least cost is taken; of equal ones the one nearest to 0; where no cost is finite, the
    narrowest.
    """
    rungs = np.array(sorted(costs))
    table = np.stack([costs[k] for k in rungs])
    rises = np.zeros(table.shape, dtype=np.bool_)
    rises[:-1] = table[:-1] < table[1:]
    near = np.argsort(abs(rungs), kind="stable")
    least = rungs[near][table[near].argmin(axis=0)]
    chosen = np.where(rises.any(axis=0), rungs[rises.argmax(axis=0)], least)
    return np.asarray(np.where(np.isfinite(table).any(axis=0), chosen, rungs[0]), dtype=np.int64)


def _flat(tried: dict[int, Floats], orders: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Marks where a response does not change along a feature at all, (M, K).

    The error bound is nothing but round-off there, which for derivatives of order m is divided by
    2^m, exactly, from one rung to the next.
    """
    rungs = sorted(tried)
    steps = pairwise(rungs)
    with np.errstate(invalid="ignore"):
        halved = [
            np.isclose(tried[b] * 2.0 ** (orders * (b - a)), tried[a], rtol=1e-9, atol=0)
            for a, b in steps
        ]
    return np.asarray(np.all(halved, axis=0))


def _cost(ratios: Floats, flat: npt.NDArray[np.bool_] | None) -> Floats:
    """Computes the upper quartile of error / noise (M, K); infinite where one is not finite.

    Where a response is flat any step will do, and the widest would seem best: events with ``flat``
    responses are left out, unless all are flat.
    """
    costs = np.where(np.isnan(ratios), np.inf, ratios)
    if flat is not None:
        costs = np.where(flat & ~flat.all(axis=0), np.nan, costs)
    return np.asarray(np.nanquantile(costs, LEVEL, axis=0, method="higher"), dtype=np.float64)


def _some_pairs(indices: MultiIndices) -> Sequence[tuple[int, ...]]:
    """Selects at most two pairs for each feature, evenly from the requested pairs."""
    pairs = [alpha for alpha in indices.tuples() if len(set(alpha)) == 2]
    most = 2 * indices.n_features
    if len(pairs) <= most:
        return pairs
    by_distance = sorted(pairs, key=lambda p: ((p[1] - p[0]) % indices.n_features, p[0]))
    return by_distance[:most]
