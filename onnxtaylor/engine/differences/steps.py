"""Which steps: first by a formula, then by trying steps around it on a few events of the data.

The formula balances truncation against round-off for a function whose derivatives change over half
a spread of the feature. A function that is steeper or flatter wants other steps, and says so
itself: the estimated errors of its coefficients (``onnxtaylor_kernels.errors``) are smallest there.
So the coefficients on the axes are computed at a ladder of steps, all features at once, and each
feature and order takes the step up to which the upper quartile over pilot events and responses of
error / noise falls. Pairs then ask whether their features' steps of second order should be
narrower still: mixed derivatives may be the larger ones. All steps are powers of two, so that
displacements are exact, and none is below the spacing of the format's numbers.

The ladder has ten rungs, with six points per feature and order on each, and at most seven more
where a feature's best one is the last; of pairs there are at most two for each feature, at three
steps. So the number of evaluations is bounded.
Sources: W. Press et al., Numerical Recipes, 5.7, for the balance; P. Gill, W. Murray, M. Saunders,
M. Wright, SIAM J. Sci. Stat. Comput. 4 (1983) 310, for steps chosen by estimated errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices

__all__ = ["adapt_steps", "formula_steps", "pilot_events", "step_share", "wide_enough"]

Floats = npt.NDArray[np.float64]
Trial = Callable[[MultiIndices, Floats], Floats]

LENGTH = 0.5
PILOT_EVENTS = 32
PILOT_ROWS = 2**17  # evaluations on the axes
PILOT_TERMS = 2**22  # coefficients that are held
LADDER = (0, 1, -1, 2, -2, 3, -3, -4, -5, -6)
BEYOND = ((4, 5, 6), (-7, -8, -9, -10))  # climbed while the last rung is the best of some
NARROWER = (0, -1, -2)
LEVEL = 0.75


def step_share(*, digits: int, order: int, accuracy: int) -> float:
    """c, the step in units of the spread.

    It balances truncation against the round-off ε of the response for a function whose derivatives
    change over L = half a spread, in units of L and of the function itself:

        second order, accuracy 2   h²/12 against 4ε/h²        c = L (48 ε)^¼
        second order, accuracy 4   h⁴/90 against 16ε/(3h²)    c = L (240 ε)^⅙
        first order,  accuracy 2   h²/6  against ε/h          c = L (3 ε)^⅓
        first order,  accuracy 4   h⁴/30 against 3ε/(2h)      c = L (45 ε/4)^⅕

    Accuracy 6 takes the steps of accuracy 4, by whose difference its error is estimated.
    ``digits`` are the binary digits of the model's format.
    Source: W. Press et al., Numerical Recipes, 5.7.
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
    """h_i = c·s_i of spreads s (n,) as a power of two; c is ``step_share``."""
    c = step_share(digits=digits, order=order, accuracy=accuracy)
    with np.errstate(divide="ignore"):  # a constant feature has no spread
        return np.asarray(2.0 ** np.rint(np.log2(c * spread)), dtype=np.float64)


def wide_enough(steps: Floats, largest: Floats, *, reach: float, digits: int) -> Floats:
    """Steps (…, n), none below the spacing of numbers of ``digits`` bits that they reach.

    ``largest`` (n,) is the largest abs(x) that will be displaced, by up to ``reach`` of the widest
    of its steps.
    """
    for _ in range(2):  # a wider step may reach across a power of two, where numbers lie wider
        widest = steps.reshape(-1, len(largest)).max(axis=0)
        _, exponent = np.frexp(largest + reach * widest)
        steps = np.maximum(steps, np.ldexp(1.0, exponent - digits))
    return np.asarray(steps, dtype=np.float64)


def pilot_events(x: Floats, outputs: int) -> Floats:
    """At most 32 of the events x (B, n), evenly taken; fewer where the model is large."""
    n = x.shape[1]
    rungs = len(LADDER) + sum(map(len, BEYOND))
    rows, terms = 6 * 2 * n * rungs, 2 * n * outputs
    most = max(2, min(PILOT_EVENTS, PILOT_ROWS // rows, PILOT_TERMS // terms))
    return x[np.unique(np.linspace(0, len(x) - 1, most).astype(np.int64))]


def adapt_steps(
    trial: Trial, indices: MultiIndices, start: Floats, widen: Callable[[Floats], Floats]
) -> Floats:
    """The steps of least estimated error, shape (2, n): of first and of second order.

    ``trial(indices, steps)`` gives error / noise of these coefficients at the pilot events and all
    responses, (M, K); ``widen`` lifts steps that numbers are too coarse for; ``start`` (2, n) is
    the formula's choice.
    """
    n = indices.n_features
    active = np.unique(indices.table[indices.table >= 0]).tolist()
    on_axes: list[tuple[int, ...]] = [(i,) for i in active] if (indices.orders == 1).any() else []
    on_axes += [(i, i) for i in active] if (indices.orders == 2).any() else []
    axes = MultiIndices.of(n, on_axes)
    tried = {k: trial(axes, widen(start * 2.0**k)) for k in LADDER}
    flat = _flat(tried, axes.orders)
    costs = {k: _cost(errors, flat) for k, errors in tried.items()}
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
    """The rung k of each coefficient: the first one, from narrow to wide, before costs rise.

    Not the least of all: a function that swings within a step has small differences again, and
    wide steps make little of any difference. Where costs never rise, the least; of equal ones the
    rung nearest to 0. Where no rung has a finite cost, the narrowest.
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
    """Where a response does not change along a feature at all, (M, K).

    What is left of the error there is the round-off of the step, which halves m times exactly
    from rung to rung of a ladder for derivatives of order m.
    """
    rungs = sorted(tried)
    steps = pairwise(rungs)
    with np.errstate(invalid="ignore"):
        halved = [
            np.isclose(tried[b] * 2.0 ** (orders * (b - a)), tried[a], rtol=1e-9, atol=0)
            for a, b in steps
        ]
    return np.asarray(np.all(halved, axis=0))


def _cost(errors: Floats, flat: npt.NDArray[np.bool_] | None) -> Floats:
    """The upper quartile of errors (M, K); infinite where a response is not finite.

    Where a response is flat any step will do, and the widest would seem best: events with ``flat``
    responses have no say, unless all are.
    """
    known = np.where(np.isnan(errors), np.inf, errors)
    if flat is not None:
        known = np.where(flat & ~flat.all(axis=0), np.nan, known)
    return np.asarray(np.nanquantile(known, LEVEL, axis=0, method="higher"), dtype=np.float64)


def _some_pairs(indices: MultiIndices) -> Sequence[tuple[int, ...]]:
    """At most two pairs for each feature: all, or evenly taken from those that are asked for."""
    pairs = [alpha for alpha in indices.tuples() if len(set(alpha)) == 2]
    most = 2 * indices.n_features
    if len(pairs) <= most:
        return pairs
    by_distance = sorted(pairs, key=lambda p: ((p[1] - p[0]) % indices.n_features, p[0]))
    return by_distance[:most]
