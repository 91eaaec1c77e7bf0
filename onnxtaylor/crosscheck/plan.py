"""The extent of a check within its time: all coefficients, or random directions.

A check behind an analysis may take a tenth of it. Its cost is known beforehand from two times: of
the engine of the analysis, for all coefficients of an event, and of the model, for one evaluation
(``onnxtaylor.crosscheck.costs``). Where all coefficients fit at 8 events or more, these are
compared, at as many events as fit; else random directions, of which a check has as many as fit, but
never fewer than 2 at each of 3 events. These few may take 10 s behind a short analysis, and beyond
that there is no check.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onnxtaylor.crosscheck.directions import Layout

__all__ = [
    "ALONG_PILOTS",
    "FEWEST",
    "LONGEST",
    "Costs",
    "Plan",
    "Shape",
    "Spent",
    "plan_check",
    "seconds_of_plan",
]

SHARE = 0.08  # of the analysis: estimates are short by up to a quarter
SHORT = 0.25  # seconds, which nobody waits for
LONGEST = 10.0  # seconds, of the smallest check behind a short analysis
PATIENCE = 60.0  # seconds, of a check that was asked for
FEWEST = 8  # events at which all coefficients are compared, where a check is to be short
HELD = 2**26  # comparisons that are held, beyond which directions are taken

LINE_POINTS = 18  # evaluations of the exact engine by which its rounding is measured
TRIALS, ON_AXIS, NOISE_POINTS = 12, 6, 37  # of steps: rungs, points of a feature and order
PILOTS, FEW_PILOTS = 32, 8  # events at which steps are tried
ALONG_PILOTS = {1: 2, 2: 3}  # likewise along directions, by the order of the coefficients
PILOT_ROWS = 2**17
PROMOTION = 48  # evaluations by which double precision is compared
PLANE_POINTS = 14  # of a feature, in a plane of averaged second order
KERNELS = 1.5  # time of an evaluation with the kernels around it, in units of its own
OVERHEAD = 0.1  # seconds for sessions and stencils

# events, pairs of directions at each, events at which rounding is measured: more and more
EFFORTS = (
    *((3, 1, 1), (3, 2, 1), (4, 2, 1), (4, 2, 2), (6, 2, 2), (8, 2, 3), (8, 3, 3), (12, 3, 4)),
    *((16, 3, 4), (16, 4, 4), (24, 4, 6), (32, 4, 8), (48, 4, 8), (64, 4, 8)),
)


@dataclass(frozen=True)
class Spent:
    """Seconds that an analysis took, in all and for the coefficients of an event; None: unknown."""

    seconds: float
    event: float | None


@dataclass(frozen=True)
class Costs:
    """Seconds of the exact engine for an event, and of the model for an evaluation in float64.

    ``spent`` is the time of the analysis; None where the check is all that was asked for.
    """

    event: float
    evaluation: float
    spent: Spent | None

    @property
    def within(self) -> float:
        """Seconds that a check may take."""
        return PATIENCE if self.spent is None else max(SHORT, SHARE * self.spent.seconds)


@dataclass(frozen=True)
class Plan:
    """Contents and size of a check.

    Parameters
    ----------
    events
        Number of events.
    pilots
        Number of events at which steps are tried, where all coefficients are compared.
    layout
        The directions at each event; None where all coefficients are compared.
    measured
        Number of events at which the rounding of the exact engine is measured; None: all.
    too_long
        Seconds that even the smallest check would take, where these are too many; else None.
    """

    events: int
    pilots: int = PILOTS
    layout: Layout | None = None
    measured: int | None = None
    too_long: float | None = None


@dataclass(frozen=True)
class Shape:
    """Numbers of features and of comparisons at an event; order, and whether it is averaged."""

    features: int
    comparisons: int
    order: int
    averaged: bool


def plan_check(shape: Shape, costs: Costs, *, asked: int, method: str) -> Plan:
    """Plans a comparison at up to ``asked`` events.

    Parameters
    ----------
    shape
        Numbers of features and of coefficients.
    costs
        Of the exact engine and of the model, and the time of the analysis.
    asked
        Number of events of the sample.
    method
        ``all`` coefficients, random ``directions``, or ``auto`` for all where these take little
        time and memory; ``differences`` for the engine of an analysis by differences, all of whose
        coefficients are compared.
    """
    plan = None if method == "directions" else _plan_all(shape, costs, asked, method)
    return plan or _plan_directions(shape, costs, asked)


def seconds_of_plan(plan: Plan, shape: Shape, costs: Costs) -> float:
    """Seconds that a check takes by other costs than those that it was planned by."""
    if plan.layout is None:
        return _AllCoefficients(shape, costs).seconds(plan.events, plan.pilots)
    return _along(plan.layout, plan.events, plan.measured or 0, shape.features, costs)


def _plan_all(shape: Shape, costs: Costs, asked: int, method: str) -> Plan | None:
    """Plans a comparison of all coefficients; None where it takes too much for ``auto``."""
    within, few = costs.within, min(asked, FEWEST)
    whole = _AllCoefficients(shape, costs)
    least = whole.seconds(few, FEW_PILOTS)
    if method == "differences" and costs.spent and least > max(within, LONGEST):
        return Plan(0, too_long=least)
    if method == "auto" and (few * shape.comparisons > HELD or least > within):
        return None
    if costs.spent is None or whole.seconds(asked, PILOTS) <= within:
        return Plan(asked)
    return Plan(whole.events(within, few, asked), FEW_PILOTS)


def _plan_directions(shape: Shape, costs: Costs, asked: int) -> Plan:
    """Plans a comparison along as many random directions as there is time for."""
    best = None
    for events, pairs, measured in EFFORTS:
        if events > asked and best is not None:
            break
        layout = Layout(pairs, shape.order, shape.averaged)
        seconds = _along(layout, min(events, asked), measured, shape.features, costs)
        if best is not None and seconds > costs.within:
            break
        if best is None and costs.spent is not None and seconds > max(costs.within, LONGEST):
            return Plan(0, too_long=seconds)
        best = Plan(min(events, asked), layout=layout, measured=measured)
    assert best is not None
    return best


@dataclass(frozen=True)
class _AllCoefficients:
    """Cost of a comparison of all coefficients of n features."""

    shape: Shape
    costs: Costs

    @property
    def points(self) -> int:
        """Evaluations of the model per event."""
        n = self.shape.features
        first = ON_AXIS * n + 1
        if self.shape.order == 1:
            return first
        second = ON_AXIS * n + 3 * n * (n - 1)
        return first + (4 * n**2 + 6 * n + 1 if self.shape.averaged else second)

    def seconds(self, events: int, pilots: int) -> float:
        """Seconds of a comparison at these events, preparations included."""
        orders = 1 if self.shape.averaged else self.shape.order
        trial = TRIALS * (ON_AXIS * orders * self.shape.features + 1)
        tried = min(pilots, max(2, PILOT_ROWS // trial))
        prepared = PROMOTION + tried * (trial + NOISE_POINTS)
        rows = prepared + events * self.points
        exact = events * (1 + LINE_POINTS) * self.costs.event
        return OVERHEAD + rows * self.costs.evaluation + exact

    def events(self, within: float, fewest: int, most: int) -> int:
        """The number of events that takes so many seconds."""
        start = self.seconds(0, FEW_PILOTS)
        each = self.seconds(1, FEW_PILOTS) - start
        return int(np.clip((within - start) / max(each, 1e-12), fewest, most))


def _along(layout: Layout, events: int, measured: int, moved: int, costs: Costs) -> float:
    """Seconds of a comparison along directions."""
    orders = 1 if layout.averaged else layout.order
    trial = TRIALS * (2 * ON_AXIS * orders + 1) + 2 * ON_AXIS * (orders - 1)
    prepared = ALONG_PILOTS[layout.order] * (trial + 2 * NOISE_POINTS)
    points = 1 + layout.count * ON_AXIS * orders + ON_AXIS * layout.pairs * (orders - 1)
    if layout.averaged:
        points += PLANE_POINTS * moved * layout.pairs
    exact = (events + LINE_POINTS * measured) * costs.event
    return OVERHEAD + (prepared + events * points) * KERNELS * costs.evaluation + exact
