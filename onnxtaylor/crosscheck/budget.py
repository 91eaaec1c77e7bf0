"""The deviation allowed between two sound engines: the errors of both.

The differences engine bounds its own error. The exact engine rounds: in a format of spacing ε every
node of the derivative graph adds about ε of its result, and large terms that cancel leave the ε of
the terms. How much of it arrives at a coefficient depends on the graph, so it is measured, in the
way in which ECnoise measures the noise of a function. The coefficients are computed at nine points
on a line next to the event. Their differences of order k = 4, 5, 6 contain nothing of what is
smooth, faults of rules included; what is left is round-off, with the variance σ² binomial(2k, k).
The event itself is not among the points, and all lie on one side of it: a fault that shows exactly
there, where pieces of a response meet, must not pass for round-off.

    allowance = 4 σ + min(4 σ′, mean abs(t) / 1000) + 16 ε abs(t) + 2 ε m

- σ is measured on a short line, whose points lie 2⁻¹⁶ L or 256 spacings of numbers apart: far
  enough to round anew, and near enough to meet no kink that the differences do not meet. L is the
  length over which the function changes in a feature, at most its spread.
- σ′ is measured on a longer line, with points ⅕ ε^⅙ L / √n apart, by order 6 alone: a softmax near
  1 rounds to the same number all along the short line. As the long line may meet kinks, 4 σ′ is
  limited to a thousandth of the coefficient, so that a fault of 1 % remains visible.
- abs(t) and m stand for rounding that is the same everywhere. abs(t) is the size of the
  coefficient, m the largest one of that order and response in units of spread, both at that event
  or in the mean of all, whichever is larger. 16 allows for sums of up to 256 terms, whose rounding
  grows by √terms; m allows for constants of the graph, such as products of weights, and for
  1 + tanh u, which is exactly 0 in single precision where u is below −9.

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
from onnxtaylor.progress import Progress, report_progress

__all__ = ["NEGLIGIBLE", "measure_round_off", "scale_of"]

Floats = npt.NDArray[np.float64]

POINTS = 9
SHORT, SHORT_SPACINGS, SHORT_ORDERS = 2.0**-16, 2.0**8, (4, 5, 6)
LONG, LONG_ORDERS, LONG_MOST = 0.2, (6,), 1e-3
SIGMAS, SPACINGS, SHARED = 4.0, 16.0, 2.0
NEGLIGIBLE = 0.01  # of the response's largest coefficient


def measure_round_off(
    exact: Engine,
    x: Floats,
    answer: BatchCoefficients,
    *,
    comparable: npt.NDArray[np.bool_],
    spread: Floats,
    length: Floats,
    digits: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Floats, Floats]:
    """Measures the round-off of an engine's coefficients and responses at events.

    Parameters
    ----------
    exact
        The engine.
    x
        Events (E, n).
    answer
        Answer of the exact engine at these events.
    comparable
        True where no kink is within reach of a coefficient's features, (E, C, K): only there are
        sizes of coefficients averaged.
    spread
        The spread of each feature, (n,).
    length
        The length L over which the function changes in each feature, (n,).
    digits
        Binary digits of the engine's format.
    seed
        Random seed of the lines' directions.
    progress
        Told how many of the evaluations are done.

    Returns
    -------
    tuple
        Allowances of the coefficients (E, C, K) and of the responses (E, C).

    Raises
    ------
    ModelError
        The engine fails.
    """
    epsilon = 2.0 ** (1 - digits)
    _, exponent = np.frexp(np.maximum(np.abs(x), spread))
    grid = np.ldexp(1.0, exponent - digits)
    sign = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], x.shape)
    table = exact.indices.table
    sign[:, np.setdiff1d(np.arange(x.shape[1]), table)] = 0.0  # context is not displaced
    short = np.maximum(np.rint(SHORT * length / grid), SHORT_SPACINGS)
    far = LONG * epsilon ** (1 / 6) * length / np.sqrt(x.shape[1])
    long = np.maximum(np.rint(far / grid), SHORT_SPACINGS)
    centre = _joined(answer)
    calls = count()

    def evaluate(points: Floats) -> Floats:
        done, total = next(calls) * len(x), 2 * POINTS * len(x)

        def watch(share: float) -> None:
            report_progress(progress, "rounding", done + round(share * len(x)), total)

        watch(0.0)
        return _joined(exact.coefficients(points, watch))

    # responses are treated as coefficients of order 0, behind the others
    units = np.append(exact.indices.scale(spread), 1.0)
    groups = np.append(exact.indices.orders, 0)
    values = np.abs(centre) * units
    allowance = SIGMAS * _noise(evaluate, x, short * grid * sign, SHORT_ORDERS)
    further = SIGMAS * _noise(evaluate, x, long * grid * sign, LONG_ORDERS)
    taken = np.isfinite(centre)
    taken[..., :-1] &= comparable
    mean = np.where(taken, np.abs(centre), 0.0).sum(axis=0) / np.maximum(taken.sum(axis=0), 1)
    allowance += np.minimum(further, LONG_MOST * mean)
    values = np.maximum(values, mean * units)
    for order in np.unique(groups):
        mine = groups == order
        largest = values[..., mine].max(axis=-1, keepdims=True)
        rounding = SPACINGS * values[..., mine] + SHARED * largest
        allowance[..., mine] += epsilon * rounding / units[mine]
    return allowance[..., :-1], allowance[..., -1]


def scale_of(mean: Floats, units: Floats) -> Floats:
    """Computes the size below which a coefficient is negligible.

    The mean of abs(t), or 1 % of the response's largest coefficient in units of spread, whichever
    is larger.

    Parameters
    ----------
    mean
        Mean abs(t), (C, K).
    units
        Products of spreads that make coefficients comparable, (K,).

    Returns
    -------
    array
        The sizes, (C, K).
    """
    largest = (mean * units).max(axis=-1, keepdims=True)
    return np.asarray(np.maximum(mean, NEGLIGIBLE * largest / units))


def _joined(answer: BatchCoefficients) -> Floats:
    """Joins coefficients and, last, responses: (E, C, K + 1)."""
    return np.concatenate((answer.terms, answer.responses[..., None]), axis=2)


def _noise(
    evaluate: Callable[[Floats], Floats], x: Floats, step: Floats, orders: tuple[int, ...]
) -> Floats:
    """Measures σ of all coefficients and responses, (E, C, K + 1): the largest over the orders."""
    # stacked at once, since the engine may reuse its arrays
    part = np.stack([evaluate(x + k * step) for k in range(1, POINTS + 1)])
    sigma = np.zeros(part.shape[1:])
    for order in range(1, max(orders) + 1):
        part = np.diff(part, axis=0)
        if order in orders:
            mean = np.square(part).mean(axis=0) / comb(2 * order, order)
            sigma = np.maximum(sigma, np.sqrt(mean))
    return sigma
