"""Costs of a check: counted from the work of the graphs, and measured by the clock.

By the work of its graphs the cost of a check, and of the analysis before it, is the same in every
run, and so is the number of events that a check has time for. As seconds it may be wrong by a
factor of a few; both are wrong alike. Where the work is not known, as of a loop, or where the clock
shows that a check would take many times as long, the times are measured, and that number may differ
from run to run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.plan import (
    LONGEST,
    Costs,
    Plan,
    Shape,
    Spent,
    plan_check,
    seconds_of_plan,
)
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.likely import likely_seconds, works_of_event
from onnxtaylor.problem import Problem
from onnxtaylor.runtime.flops import work_of_event

__all__ = ["Timer", "measure_costs", "plan_by_work"]

Floats = npt.NDArray[np.float64]

DOUBLE = 3.0  # time of an evaluation in double precision, in units of single precision
TIMED_EVENTS, TIMED_ROWS = (1, 16), (16, 256)
NO_TIME = 0.002  # seconds
START = 1.0  # seconds of an analysis without events
COEFFICIENT, SUM = 1e-8, 5e-9  # seconds in which a coefficient leaves the engine, and is summed
QUICK, LOADING = 0.25, 20.0  # an event is timed once more: below these seconds, these times longer
WRONG = 4.0  # times that a check takes by the clock, where its work is no measure


class Timer:
    """Seconds since it was made: on the clock, or of the processors where these are fewer.

    A machine that others keep busy makes the clock's time long, and a device that is no processor
    that of the processors short.
    """

    def __init__(self) -> None:
        self._clock, self._used = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """Seconds until now, of the processors at least a tenth of the clock's."""
        clock, used = time.perf_counter() - self._clock, time.process_time() - self._used
        return min(clock, max(used, clock / 10))


def measure_costs(
    problem: Problem, exact: Engine, x: Floats, spent: Spent | None, *, timed: bool
) -> Costs:
    """Times the model at events x (B, n), and the exact engine where an analysis told too little.

    ``timed`` is whether the analysis was made by that engine. Raises ModelError.
    """
    event = spent.event if timed and spent else None
    # of an analysis of few events it may be the time in which kernels are loaded
    counted = _likely(exact, problem) if problem.buckets is None else None
    loading = event is not None and counted is not None and event > LOADING * counted
    if event is None or event < QUICK or loading:
        measured = _seconds_of_one(exact.coefficients, x, TIMED_EVENTS)
        event = measured if event is None else min(event, measured)
    row = _seconds_of_one(problem.session, x, TIMED_ROWS)
    return Costs(event, _in_double(problem) * row, spent)


def plan_by_work(
    problem: Problem,
    exact: Engine,
    analyzed: Engine,
    shape: Shape,
    measured: Costs,
    *,
    asked: int,
    method: str,
) -> tuple[Plan, float]:
    """Plans a check by the work of its graphs, or by the clock where that is no measure.

    Parameters
    ----------
    problem
        The model and its data.
    exact, analyzed
        The exact engine, and that of the analysis.
    shape, asked, method
        As for ``plan_check``.
    measured
        Costs by the clock.

    Returns
    -------
    tuple
        The plan, and its seconds by the clock.
    """
    counted = _count_costs(problem, exact, None if measured.spent is None else analyzed)
    plan = None if counted is None else plan_check(shape, counted, asked=asked, method=method)
    if plan is not None and plan.too_long is None:
        seconds = seconds_of_plan(plan, shape, measured)
        if seconds <= max(WRONG * measured.within, LONGEST):
            return plan, seconds
    plan = plan_check(shape, measured, asked=asked, method=method)
    if plan.too_long is not None:
        return plan, 0.0
    return plan, seconds_of_plan(plan, shape, measured)


def _count_costs(problem: Problem, exact: Engine, analyzed: Engine | None) -> Costs | None:
    """Counts what a check and its analysis cost; None where the work of a graph is not known."""
    if problem.buckets is not None:
        return None
    model = problem.function.proto
    event, row = _likely(exact, problem), likely_seconds([(1, work_of_event(model))])
    if event is None or row is None:
        return None
    evaluation = _in_double(problem) * row
    if analyzed is None:
        return Costs(event, evaluation, None)
    own = event if analyzed is exact else _likely(analyzed, problem)
    if own is None:
        return None
    summed = SUM * len(analyzed.indices) * len(problem.response_names)
    spent = Spent(START + (own + summed) * problem.survey.events, own)
    return Costs(event, evaluation, spent)


def _likely(engine: Engine, problem: Problem) -> float | None:
    """Seconds of an engine for an event; None where the work of one of its graphs is not known."""
    works = works_of_event(engine, problem.function.proto)
    seconds = None if works is None else likely_seconds(works)
    if seconds is None:
        return None
    return seconds + COEFFICIENT * len(engine.indices) * len(problem.response_names)


def _in_double(problem: Problem) -> float:
    """Time of an evaluation in double precision, in units of one as the model is."""
    return 1.0 if problem.function.dtype == np.float64 else DOUBLE


def _seconds_of_one(call: Callable[[Floats], object], x: Floats, sizes: tuple[int, ...]) -> float:
    """Times a call on a few rows (B, n), and on more where that takes no time; returns that of one.

    Raises ModelError where it fails.
    """
    seconds = 0.0
    for size in sizes:
        rows, tries = np.resize(x, (size, x.shape[1])), []
        for _ in range(2):  # the first call allocates
            timer = Timer()
            call(rows)
            tries.append(timer.seconds)
        seconds = min(tries) / size
        if min(tries) > NO_TIME:
            break
    return seconds
