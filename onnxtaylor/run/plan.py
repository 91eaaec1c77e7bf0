"""The cost of an analysis, from a short measurement: each order is begun and not finished.

The engine is made as for the analysis and runs at the first events, more and more of them until a
second is spent or a whole batch is done; the sums that these give are made a result, which takes as
long as with all events. Time of the run is in proportion to the events. Memory is the most that the
process held, and what a whole batch holds beyond the events that were measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxtaylor.crosscheck.costs import measure_costs, plan_by_work
from onnxtaylor.crosscheck.plan import Shape, Spent
from onnxtaylor.engine.likely import works_of_event
from onnxtaylor.errors import ModelError, OnnxTaylorError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import problem_of
from onnxtaylor.problem.events import Events
from onnxtaylor.progress import Progress, progress_callback, report_progress
from onnxtaylor.results.cost import KINDS, Cost, CostPlan
from onnxtaylor.run.measure import measure
from onnxtaylor.run.prepare import Prepared, prepare
from onnxtaylor.runtime.resident import forget_peak, peak_resident_bytes, resident_bytes

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import PlanKeywords

__all__ = ["plan", "plan_problem"]

COEFFICIENT_BYTES = 8


@with_options("plan")
def plan(
    model: ModelSource | Problem,
    x: Events | None = None,
    *,
    progress: Progress | bool | None = None,
    **options: Unpack[PlanKeywords],
) -> CostPlan:
    """Time, memory and work of an analysis, before it is made: see ``analyze`` for all arguments.

    The order and curvature that the options ask for come first, then the others: first order, and
    second order at the events and averaged over steps.

    Parameters
    ----------
    model, x, progress
        As for ``analyze``.
    **options
        Those of ``analyze``.

    Returns
    -------
    CostPlan
        Printed, it is a line for each order; ``to_dict`` gives all numbers.

    Raises as ``analyze`` does, before its first batch.
    """
    begin = time.perf_counter()
    of_model, of_data, of_engine, of_statistics = read_keywords(
        "plan", options, ModelOptions, DataOptions, EngineOptions, StatisticsOptions
    )
    with progress_callback(progress) as report:
        problem = problem_of(
            model,
            x,
            options,
            of_model,
            of_data,
            derivatives=of_engine.finite_step is None,
            provider=of_engine.provider,
            seed=of_statistics.seed,
            progress=report,
        )
        opened = time.perf_counter() - begin
        return plan_problem(problem, of_engine, of_statistics, opened=opened, progress=report)


def plan_problem(
    problem: Problem,
    engine_options: EngineOptions | None = None,
    statistics_options: StatisticsOptions | None = None,
    *,
    opened: float = 0.0,
    progress: Progress | None = None,
) -> CostPlan:
    """Plans the analyses of a problem.

    Parameters
    ----------
    problem
        The model and its data.
    engine_options, statistics_options
        Options of the analysis that is asked for.
    opened
        Seconds that the problem took to open.
    progress
        Called with (stage, events done, events in all).

    Raises OnnxTaylorError where the analysis that is asked for cannot be made; where another one
    cannot, its cost says why.
    """
    asked = engine_options or EngineOptions()
    statistics = statistics_options or StatisticsOptions()
    held = resident_bytes()
    first, loading = _cost(problem, asked, statistics, held, progress)
    costs = [first]
    for options in _others(asked):
        kind = "averaged" if options.curvature == "averaged" else "pointwise"
        if (options.order, kind) == (first.order, first.kind):  # what auto has chosen
            continue
        try:
            cost, _ = _cost(problem, options, statistics, held, progress)
            # in a process of its own it would load the kernels, as the first one did
            parts = dict(cost.seconds or {})
            cost = replace(cost, seconds={**parts, "prepare": parts["prepare"] + loading})
        except OnnxTaylorError as error:
            cost = Cost(options.order, kind, refused=str(error))
        costs.append(cost)
    n, responses = problem.function.n_varied, len(problem.response_names)
    return CostPlan(problem.survey.events, n, responses, opened, held, costs)


def _others(asked: EngineOptions) -> Iterator[EngineOptions]:
    """Yields options of first order, and of second order of either kind."""
    if asked.finite_step is not None:
        return
    if asked.order != 1:
        yield replace(asked, order=1, curvature="auto")
    for curvature in ("pointwise", "averaged"):
        if asked.order != 2 or asked.curvature != curvature:
            yield replace(asked, order=2, curvature=curvature)


def _cost(
    problem: Problem,
    options: EngineOptions,
    statistics: StatisticsOptions,
    held: int | None,
    progress: Progress | None,
) -> tuple[Cost, float]:
    """Begins an analysis; returns what all of it costs, and the seconds that kernels took to load.

    Raises OnnxTaylorError.
    """
    forget_peak()
    before, begin = resident_bytes(), time.perf_counter()
    ready = prepare(problem, options, statistics, progress)
    engine, events = ready.engine, problem.survey.events
    report_progress(progress, "measuring", 0, None)
    measured = measure(ready, problem, options)
    run = measured.each * events
    prepared = measured.began - begin
    seconds = {"prepare": prepared, "coefficients": run, "rank": measured.ranking}
    spent = Spent(sum(seconds.values()), measured.each)
    seconds["check"] = _check_seconds(problem, ready, options, spent)
    inner = ready.chosen.engine
    missing = min(options.batch_size or engine.batch_events, events) - measured.events
    arrays = max(0, missing) * COEFFICIENT_BYTES * len(inner.indices) * len(problem.response_names)
    works = None if problem.buckets is not None else works_of_event(inner, problem.function.proto)
    peak = peak_resident_bytes()
    if held is not None and before is not None and peak is not None:
        # an earlier order may have left memory behind that this one alone would not have
        peak = held + max(0, peak - before) + arrays
    cost = Cost(
        options.order,
        KINDS[engine.quantity] if options.order > 1 else "pointwise",
        engine=engine.name,
        coefficients=len(inner.indices),
        evaluations=engine.points * events,
        flops=None if works is None else events * sum(n * work.flops for n, work in works),
        seconds=seconds,
        peak_bytes=peak,
    )
    return cost, measured.loading


def _check_seconds(
    problem: Problem, ready: Prepared, options: EngineOptions, spent: Spent
) -> float:
    """Plans the check behind the analysis; 0 where there is none."""
    engine, statistics = ready.chosen.engine, ready.statistics
    if not statistics.check or engine.quantity == "finite-step":
        return 0.0
    if ready.chosen.no_exact_engine or problem.buckets is not None:
        return 0.0
    indices = problem.function.indices(min(options.order, 2))
    number = len(indices) * len(problem.response_names)
    averaged = engine.quantity == "averaged"
    shape = Shape(problem.function.n_varied, number, indices.order, averaged)
    asked = min(statistics.check, problem.survey.events)
    exact = ready.chosen.engine
    method = "differences" if ready.chosen.differences else statistics.check_method
    try:
        measured = measure_costs(problem, exact, problem.first_events, spent, timed=True)
    except ModelError:
        return 0.0
    _, seconds = plan_by_work(problem, exact, exact, shape, measured, asked=asked, method=method)
    return seconds
