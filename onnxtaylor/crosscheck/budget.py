"""How far apart two sound engines may be: what differences may be wrong by, plus what exact may.

The differences engine estimates its own error. The exact engine rounds: in a format of spacing ε
every node of the derivative graph adds about ε of its result, large terms that cancel leave the ε
of the terms, and how much of it arrives at a coefficient no formula tells without the graph. So it
is measured, as ECnoise measures a function's. The coefficients are computed at nine points on a
line next to the event; their differences of order k = 4, 5, 6 are free of all that is smooth,
faults of rules included, and what is left is round-off, of the variance σ² binomial(2k, k). The
event itself is not among the points, and all lie on one side of it: a fault that shows exactly
there, where pieces of a response meet, must not pass for round-off.

    allowance = 4 σ + min(4 σ′, mean abs(t) / 1000) + 16 ε abs(t) + 2 ε m

- σ on a short line, whose points lie 2⁻¹⁶ L or 256 spacings of numbers apart: far enough to round
  afresh, and near enough to meet no kink that the differences do not meet. L is the length over
  which the function changes in a feature, its spread at most.
- σ′ on a longer one, points ⅕ ε^⅙ L / √n apart, by order 6 alone: a softmax near 1 rounds to the
  same number all along the short one. As it may meet kinks, it is cut at a thousandth of the
  coefficient, which leaves a fault of 1 % in sight.
- abs(t) and m for what is rounded the same everywhere: abs(t) of the coefficient, m the largest one
  of that order and response in units of spread, both at that event or in the mean of all. 16 stands
  for sums of up to 256 terms, whose rounding grows by √terms; m for constants of the graph, such as
  products of weights, and for 1 + tanh u, which is nothing at all where u is below −9 in single
  precision.

Sources: J. J. Moré, S. M. Wild, SIAM J. Sci. Comput. 33 (2011) 1292; N. J. Higham and T. Mary, SIAM
J. Sci. Comput. 41 (2019) A2815.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import comb

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Engine
from onnxtaylor.progress import Progress, tell

__all__ = ["NEGLIGIBLE", "round_off", "scale_of"]

Floats = npt.NDArray[np.float64]

POINTS = 9
SHORT, SHORT_SPACINGS, SHORT_ORDERS = 2.0**-16, 2.0**8, (4, 5, 6)
LONG, LONG_ORDERS, LONG_MOST = 0.2, (6,), 1e-3
SIGMAS, SPACINGS, SHARED = 4.0, 16.0, 2.0
NEGLIGIBLE = 0.01  # of the response's largest coefficient


def round_off(
    exact: Engine,
    x: Floats,
    found: BatchCoefficients,
    *,
    telling: npt.NDArray[np.bool_],
    spread: Floats,
    length: Floats,
    digits: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Floats, Floats]:
    """The allowances of the exact engine's terms (E, C, K) and responses (E, C) at x (E, n).

    ``found`` is its answer there, ``telling`` (E, C, K) where no kink is within reach: only there
    are coefficients averaged. ``spread`` (n,) is each feature's spread, ``length`` (n,) the L of
    each, ``digits`` the binary digits of its format; ``progress`` is told how many of the
    evaluations are done. Raises ModelError where the engine does.
    """
    epsilon = 2.0 ** (1 - digits)
    _, exponent = np.frexp(np.maximum(np.abs(x), spread))
    grid = np.ldexp(1.0, exponent - digits)
    sign = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], x.shape)
    short = np.maximum(np.rint(SHORT * length / grid), SHORT_SPACINGS)
    far = LONG * epsilon ** (1 / 6) * length / np.sqrt(x.shape[1])
    long = np.maximum(np.rint(far / grid), SHORT_SPACINGS)
    centre = _joined(found)
    calls = count()

    def evaluate(points: Floats) -> Floats:
        done, total = next(calls) * len(x), 2 * POINTS * len(x)

        def watch(share: float) -> None:
            tell(progress, "rounding", done + round(share * len(x)), total)

        watch(0.0)
        return _joined(exact.coefficients(points, watch))

    units = np.append(exact.indices.scale(spread), 1.0)
    groups = np.append(exact.indices.orders, 0)
    values = np.abs(centre) * units
    allowance = SIGMAS * _noise(evaluate, x, short * grid * sign, SHORT_ORDERS)
    further = SIGMAS * _noise(evaluate, x, long * grid * sign, LONG_ORDERS)
    taken = np.isfinite(centre)
    taken[..., :-1] &= telling
    mean = np.where(taken, np.abs(centre), 0.0).sum(axis=0) / np.maximum(taken.sum(axis=0), 1)
    allowance += np.minimum(further, LONG_MOST * mean)
    values = np.maximum(values, mean * units)
    for order in np.unique(groups):
        mine = groups == order
        largest = values[..., mine].max(axis=-1, keepdims=True)
        apart = SPACINGS * values[..., mine] + SHARED * largest
        allowance[..., mine] += epsilon * apart / units[mine]
    return allowance[..., :-1], allowance[..., -1]


def scale_of(mean: Floats, units: Floats) -> Floats:
    """The size below which nothing matters: mean abs(t) (C, K), or 1 % of the response's largest.

    ``units`` (K,) make coefficients comparable: products of spreads.
    """
    largest = (mean * units).max(axis=-1, keepdims=True)
    return np.asarray(np.maximum(mean, NEGLIGIBLE * largest / units))


def _joined(answer: BatchCoefficients) -> Floats:
    """Terms and, last, responses, (E, C, K + 1)."""
    return np.concatenate((answer.terms, answer.responses[..., None]), axis=2)


def _noise(
    evaluate: Callable[[Floats], Floats], x: Floats, step: Floats, orders: tuple[int, ...]
) -> Floats:
    """σ of terms and responses (E, C, K + 1): the largest of the estimates by each order."""
    # the engine may reuse its arrays
    part = np.stack([evaluate(x + k * step) for k in range(1, POINTS + 1)])
    found = np.zeros(part.shape[1:])
    for order in range(1, max(orders) + 1):
        part = np.diff(part, axis=0)
        if order in orders:
            mean = np.square(part).mean(axis=0) / comb(2 * order, order)
            found = np.maximum(found, np.sqrt(mean))
    return found
