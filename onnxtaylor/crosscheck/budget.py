"""The deviation allowed between two sound engines: the errors of both.

The differences engine bounds its own error. The exact engine rounds: in a format of spacing ε every
node of the derivative graph adds about ε of its result, and large terms that cancel leave the ε of
the terms. How much of it arrives at a coefficient depends on the graph, so it is measured, in the
way in which ECnoise measures the noise of a function. The coefficients are computed at nine points
on a line next to the event. Their differences of order k = 4, 5, 6 contain nothing of what is
smooth, faults of rules included; what is left is round-off, with the variance σ² binomial(2k, k).
The event itself is not among the points, and all lie on one side of it: a fault that shows exactly
there, where pieces of a response meet, must not pass for round-off.

    allowance = 4 σ + min(4 σ′, mean abs(t) / 1000) + 16 ε abs(t) + 2 ε m + 16 d

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

- d is the least number of the format, 10⁻⁴⁵ in single precision: below 10⁻³⁸ numbers are rounded to
  multiples of it.

Sources: J. J. Moré, S. M. Wild, SIAM J. Sci. Comput. 33 (2011) 1292; N. J. Higham and T. Mary, SIAM
J. Sci. Comput. 41 (2019) A2815.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Watcher
from onnxtaylor.engine.differences.steps import least_number, spacings
from onnxtaylor.progress import Progress, report_progress

__all__ = ["NEGLIGIBLE", "Scales", "measure_round_off", "scale_of"]

Floats: TypeAlias = npt.NDArray[np.float64]
Evaluate: TypeAlias = Callable[[Floats, Watcher], BatchCoefficients]

POINTS = 9
SHORT, SHORT_SPACINGS, SHORT_ORDERS = 2.0**-16, 2.0**8, (4, 5, 6)
LONG, LONG_ORDERS, LONG_MOST = 0.2, (6,), 1e-3
SIGMAS, SPACINGS, SHARED = 4.0, 16.0, 2.0
NEGLIGIBLE = 0.01  # of the response's largest coefficient


@dataclass(frozen=True)
class Scales:
    """Scales by which sizes of coefficients are compared, and lengths of the lines.

    Parameters
    ----------
    orders, units
        Order (K,) of each coefficient, and its scale (K,) in units of the features' spreads.
    spread
        The spread of each feature, (n,).
    length
        The length L over which the function changes in each feature, (n,); 0 for columns that are
        not displaced.
    digits
        Binary digits of the engine's format.
    """

    orders: npt.NDArray[np.int64]
    units: Floats
    spread: Floats
    length: Floats
    digits: int


def measure_round_off(
    evaluate: Evaluate,
    x: Floats,
    answer: BatchCoefficients,
    *,
    comparable: npt.NDArray[np.bool_],
    scales: Scales,
    seed: int,
    measured: int | None = None,
    progress: Progress | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Measures the round-off of an engine's coefficients and responses at events.

    Parameters
    ----------
    evaluate
        Computes the answer of the engine at displaced events (E', n), the first E' of them.
    x
        Events (E, n).
    answer
        Answer of the engine at these events.
    comparable
        True where no kink is within reach of a coefficient's features, (E, C, K): only there are
        sizes of coefficients averaged.
    scales
        Scales of the coefficients, and lengths of the lines.
    seed
        Random seed of the lines' directions.
    measured
        Number E' of events at which round-off is measured; all by default. At the others it is
        taken to be the largest that was measured, in units of the largest coefficient of its order
        and response at the event.
    progress
        Told how many of the evaluations are done.

    Returns
    -------
    tuple
        Allowances of the coefficients (E, C, K) and of the responses (E, C); the share of Σ abs(t)
        that is round-off, Σ σ / Σ abs(t) over the events where it was measured, (C, K).

    Raises
    ------
    ModelError
        The engine fails.
    """
    epsilon, n = 2.0 ** (1 - scales.digits), x.shape[1]
    count = len(x) if measured is None else min(measured, len(x))
    near, length = x[:count], scales.length
    grid = spacings(np.maximum(np.abs(near), scales.spread), scales.digits)
    sign = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], x.shape)[:count]
    sign[:, length == 0] = 0.0  # context is not displaced
    short = np.maximum(np.rint(SHORT * length / grid), SHORT_SPACINGS)
    far = LONG * epsilon ** (1 / 6) * length / np.sqrt(n)
    long = np.maximum(np.rint(far / grid), SHORT_SPACINGS)
    centre = _joined(answer)
    calls = itertools.count()

    def joined(points: Floats) -> Floats:
        done, total = next(calls) * count, 2 * POINTS * count

        def watch(share: float) -> None:
            report_progress(progress, "rounding", done + round(share * count), total)

        watch(0.0)
        return _joined(evaluate(points, watch))

    # responses are treated as coefficients of order 0, behind the others
    units, groups = np.append(scales.units, 1.0), np.append(scales.orders, 0)
    values = np.abs(centre) * units
    near_noise = SIGMAS * _noise(joined, near, short * grid * sign, SHORT_ORDERS)
    share = _share(near_noise[..., :-1] / SIGMAS, np.abs(answer.terms[:count]), comparable[:count])
    further = SIGMAS * _noise(joined, near, long * grid * sign, LONG_ORDERS)
    taken = np.isfinite(centre)
    taken[..., :-1] &= comparable
    mean = np.where(taken, np.abs(centre), 0.0).sum(axis=0) / np.maximum(taken.sum(axis=0), 1)
    near_noise += np.minimum(further, LONG_MOST * mean)
    allowance = _at_all_events(near_noise, values, groups, units)
    sizes = np.maximum(values, mean * units)
    for order in np.unique(groups):
        mine = groups == order
        largest = sizes[..., mine].max(axis=-1, keepdims=True)
        rounding = SPACINGS * sizes[..., mine] + SHARED * largest
        with np.errstate(divide="ignore"):  # of a spread whose square is 0
            allowance[..., mine] += epsilon * rounding / units[mine]
    allowance += SPACINGS * least_number(scales.digits)
    return allowance[..., :-1], allowance[..., -1], share


def _share(noise: Floats, sizes: Floats, comparable: npt.NDArray[np.bool_]) -> Floats:
    """Returns Σ noise / Σ sizes over the events of (E, C, K), 0 where nothing is known."""
    known = np.isfinite(noise) & np.isfinite(sizes) & comparable
    noise, sizes = (np.where(known, part, 0.0).sum(axis=0) for part in (noise, sizes))
    return np.divide(noise, sizes, out=np.zeros(noise.shape), where=sizes > 0)


def _at_all_events(
    noise: Floats, values: Floats, groups: npt.NDArray[np.int64], units: Floats
) -> Floats:
    """Takes the noise (E', C, K) of the first events to all E, of each order and response alike.

    Noise is compared with the largest of the sizes ``values`` (E, C, K) at the event, or with its
    mean over events where that is larger: of a response that is saturated, noise is all there is.
    """
    count, allowance = len(noise), np.empty(values.shape)
    allowance[:count] = noise
    for order in np.unique(groups) if count < len(values) else ():
        mine = groups == order
        largest = values[..., mine].max(axis=-1, keepdims=True)
        largest = np.maximum(largest, largest.mean(axis=0))
        share = np.zeros((count, *values.shape[1:2], int(mine.sum())))
        np.divide(
            noise[..., mine] * units[mine], largest[:count], out=share, where=largest[:count] > 0
        )
        most = np.nan_to_num(share).max(axis=(0, 2), initial=0.0)[:, None]
        allowance[count:, :, mine] = most * largest[count:] / units[mine]
    return allowance


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
    with np.errstate(divide="ignore", invalid="ignore"):  # of a spread whose square is 0
        return np.asarray(np.fmax(mean, NEGLIGIBLE * largest / units))


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
