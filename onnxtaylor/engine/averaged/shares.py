"""The share that kinks make of second order, on events of the data.

Along a step of feature i, from l to u, the mean of ∂²f/∂x_i∂x_j with all kinks between is

    m = [∂_j f(u) − ∂_j f(l)] / (u − l)

and without kinks, by Simpson's rule from second derivatives at the ends and in the middle,

    s = [H_ij(l) + 4 H_ij(middle) + H_ij(u)] / 6.

The share is ⟨abs(m − s)⟩ / ⟨abs(m)⟩, where a coefficient counts as a tenth of the largest of its
response at least, in units of spread.

First steps as wide as those of averaged coefficients are looked at, of each feature at events from
its least to its largest value, so that a single kink is crossed even among many features. What is
smooth may fail Simpson's rule there, as H that jumps behind an Elu does. So where m ≠ s, the steps
that are furthest apart are divided into 16 parts: a kink leaves Σ abs(m − s) over them as it is,
what is smooth leaves next to nothing of it.

Steps end where the data do: a kink that lies beyond is never crossed. They are moved a little off
the events, so that no place that is looked at is a single point, such as the 0 that a Where
replaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.averaged.rows import HessianRows, rows_of
from onnxtaylor.engine.averaged.steps import CurvatureSteps
from onnxtaylor.engine.base import Engine

__all__ = ["share_of_kinks"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

LITTLE = 0.01  # below this it does not matter what is smooth of it
SIZEABLE = 0.1  # of the response's largest coefficient of second order
LINEAR = 1e-3  # of its largest of first order: below is round-off of what is linear
STEPS, FEWEST_STEPS = 2**10, 16  # that are looked at
EACH = 24  # of a feature, where there are many
OFF = 2.0**-5 * 0.7  # of a step
PARTS, FEWEST_DIVIDED = 16, 8
TINY = float(np.finfo(float).tiny)


def share_of_kinks(
    engine: Engine, evaluations: int, steps: CurvatureSteps, x: Floats, near: Flags
) -> float:
    """Computes the largest ⟨abs(m − s)⟩ / ⟨abs(m)⟩ of all coefficients.

    Parameters
    ----------
    engine
        Computes all pointwise coefficients up to second order.
    evaluations
        Those of the model that one event takes.
    steps
        Steps of the A features that move.
    x
        Events (B, n).
    near
        Entries (B, A) of the features that move from which steps may be taken.

    Raises
    ------
    ModelError
        The engine fails.
    """
    moved, unit = len(steps.features), np.where(steps.moves.steps > 0, steps.moves.steps, 0.0)
    rows_at = rows_of(engine, evaluations)
    number = _number_of_steps(rows_at, moved)
    drawn = _draw(steps, x, near, number)
    if not len(drawn.low):
        return 0.0
    mean, apart, slope = _measure(rows_at, drawn)
    fine = np.flatnonzero(np.isfinite(mean + apart).all(axis=(1, 2)))
    if not len(fine):
        return 0.0
    drawn, mean, apart, slope = drawn.part(fine), mean[fine], apart[fine], slope[fine]
    counts = np.maximum(np.bincount(drawn.place, minlength=moved), 1)[:, None, None]
    own = unit[steps.features]
    unit = unit[: mean.shape[2]]  # without context
    squares = own[:, None, None] * unit  # makes second order comparable
    means = _sums(mean, drawn.place, moved) / counts * squares
    slopes = _sums(slope, drawn.place, moved) / counts * unit
    floor = np.maximum(SIZEABLE * means.max(axis=(0, 2)), LINEAR * slopes.max(axis=(0, 2)))
    inverse = squares / np.maximum(np.maximum(means, floor[:, None]), TINY)  # (A, C, n)
    shares = _sums(apart, drawn.place, moved) / counts * inverse
    if shares.max() <= LITTLE:
        return float(shares.max())
    apart *= inverse[drawn.place]
    most = max(FEWEST_DIVIDED, 3 * number // (2 * PARTS))  # as many evaluations as before
    rows = _furthest(apart.max(axis=(1, 2)), drawn.place, most)
    _, parts, _ = _measure(rows_at, drawn.part(rows).divided(PARTS))
    parts = np.nan_to_num(parts.reshape(len(rows), PARTS, *parts.shape[1:]), posinf=0.0)
    place = drawn.place[rows]
    left = _sums(parts.mean(axis=1) * inverse[place], place, moved)
    before = _sums(apart[rows], place, moved)
    others = left.sum() / max(before.sum(), TINY)  # of features none of whose steps was divided
    part = np.divide(left, before, out=np.full(left.shape, others), where=before > 0)
    return float((shares * part).max())


def _number_of_steps(rows: HessianRows, moved: int) -> int:
    """Returns the number of steps that may be looked at, each with three points to evaluate."""
    return int(np.clip(rows.most // 3, FEWEST_STEPS, max(STEPS, EACH * moved)))


def _sums(values: Floats, place: Integers, moved: int) -> Floats:
    """Sums numbers of steps (R, C, n) over the steps of each feature, to (A, C, n)."""
    sums = np.zeros((moved, *values.shape[1:]))
    np.add.at(sums, place, values)
    return sums


@dataclass(frozen=True, eq=False)
class _Steps:
    """R steps: their events (R, n), features and places of these among those that move, (R,)."""

    centres: Floats
    feature: Integers
    place: Integers
    low: Floats
    high: Floats

    def part(self, rows: slice | Integers) -> _Steps:
        """Returns some of the steps."""
        return _Steps(
            self.centres[rows],
            self.feature[rows],
            self.place[rows],
            self.low[rows],
            self.high[rows],
        )

    def divided(self, parts: int) -> _Steps:
        """Divides each step into parts, one after another."""
        cuts = np.linspace(self.low, self.high, parts + 1, axis=1)
        return _Steps(
            np.repeat(self.centres, parts, axis=0),
            np.repeat(self.feature, parts),
            np.repeat(self.place, parts),
            cuts[:, :-1].ravel(),
            cuts[:, 1:].ravel(),
        )


def _draw(steps: CurvatureSteps, x: Floats, near: Flags, number: int) -> _Steps:
    """Draws steps of all features, each at events in the order of its values."""
    random = np.random.default_rng(0)
    place = np.resize(random.permutation(len(steps.features)), number)
    events = np.zeros(number, np.int64)
    for a in np.unique(place):
        mine, usable = np.flatnonzero(place == a), np.flatnonzero(near[:, a])
        if not len(usable):
            usable = np.arange(len(x))
        ordered = usable[np.argsort(x[usable, steps.features[a]], kind="stable")]
        at = (np.arange(len(mine)) + random.random(len(mine))) / len(mine)
        events[mine] = ordered[(at * len(ordered)).astype(np.int64)]
    centres, feature = x[events], steps.features[place]
    places, rows = steps.places(centres), np.arange(number)
    high, low = places.ends[rows, place, 0], places.ends[rows, place, 1]
    values = np.where(near, x[:, steps.features], np.nan)
    values[:, ~near.any(axis=0)] = 0.0
    least, most = np.nanmin(values, axis=0)[place], np.nanmax(values, axis=0)[place]
    moves, off = high > low, OFF * (high - low)
    low, high = np.maximum(low + off, least), np.minimum(high + off, most)
    drawn = _Steps(places.centres, feature, place, low, high)
    return drawn.part(np.flatnonzero(moves & (high > low)))


def _furthest(apart: Floats, place: Integers, most: int) -> Integers:
    """Returns the steps with the largest differences: as many of each feature, at most so many."""
    order = np.argsort(-apart, kind="stable")
    rank = np.zeros(len(order), np.int64)  # among the steps of the same feature
    for a in np.unique(place):
        mine = order[place[order] == a]
        rank[mine] = np.arange(len(mine))
    chosen = order[np.argsort(rank[order], kind="stable")][:most]
    return chosen[apart[chosen] > 0]


def _measure(rows_at: HessianRows, steps: _Steps) -> tuple[Floats, Floats, Floats]:
    """Computes abs(m), abs(m − s) and abs(∂_j f) in the middle for steps, each (R, C, n)."""
    number, columns = steps.centres.shape
    size, found = max(1, rows_at.size // 3), []
    for start in range(0, number, size):
        some = steps.part(slice(start, start + size))
        rows, points = np.arange(len(some.low)), np.repeat(some.centres[:, None], 3, axis=1)
        for k, at in enumerate((some.low, (some.low + some.high) / 2, some.high)):
            points[rows, k, some.feature] = at
        answers = rows_at(points.reshape(-1, columns), np.repeat(some.feature, 3))
        gradients, second = (a.reshape(len(rows), 3, *a.shape[1:]) for a in answers)
        smooth = (second[:, 0] + 4 * second[:, 1] + second[:, 2]) / 6
        width = (some.high - some.low)[:, None, None]
        with np.errstate(invalid="ignore", over="ignore"):
            bend = (gradients[:, 2] - gradients[:, 0]) / width
            found.append((np.abs(bend), np.abs(bend - smooth), np.abs(gradients[:, 1])))
    mean, apart, slope = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return mean, apart, slope
