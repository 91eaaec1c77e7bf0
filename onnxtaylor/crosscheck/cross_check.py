"""The library call of the cross-check: both engines at a sample of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxtaylor.crosscheck.compare_engines import compare_engines
from onnxtaylor.crosscheck.result import CrossCheck
from onnxtaylor.crosscheck.sample import Sample
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import problem_of
from onnxtaylor.problem.events import Events
from onnxtaylor.progress import Progress

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import CheckKeywords

__all__ = ["CrossCheck", "cross_check", "cross_check_problem"]


@with_options("cross_check")
def cross_check(
    model: ModelSource | Problem,
    x: Events | None = None,
    events: int = 64,
    *,
    progress: Progress | None = None,
    **options: Unpack[CheckKeywords],
) -> CrossCheck:
    """Every Taylor coefficient by both engines, at ``events`` events drawn by ``seed``.

    Where that would take more than a minute, coefficients along random directions, which have all
    of them: see ``onnxtaylor.crosscheck.directions``.

    abs(t_exact − t_differences) ≤ error estimate of the differences + round-off of the exact engine

    at all events but a few: see ``onnxtaylor.crosscheck.verdicts`` for the criterion. The exact
    engine runs in the format that ``precision`` asks for, the differences in float64 where the
    model can be promoted. Third order is left out: it is beyond finite differences.

    Parameters
    ----------
    model, x
        As for ``analyze``.
    events
        Number of events that are compared.
    progress
        Called with (stage, events or evaluations done, their total number).
    **options
        A choice of those of ``analyze``.

    Returns
    -------
    CrossCheck
        Its verdict is ``not run`` where the model has no exact derivatives.

    Raises
    ------
    ModelError, ProbeError
        The model cannot be read or run, is random, or mixes events.
    DataError
        The data cannot be read or do not fit the model.
    OptionError
        An argument makes no sense.

    >>> check = cross_check("model.onnx", "events.parquet")    # doctest: +SKIP
    >>> check.verdict, check.worst(3)                          # doctest: +SKIP
    """
    of_model, of_data, of_engine, of_statistics = read_keywords(
        "cross_check", options, ModelOptions, DataOptions, EngineOptions, StatisticsOptions
    )
    if events < 1:
        raise OptionError(f"must be at least 1, got {printable(events)}", option="events")
    problem = problem_of(
        model, x, options, of_model, of_data, provider=of_engine.provider, progress=progress
    )
    return cross_check_problem(
        problem,
        of_engine,
        events=events,
        method=of_statistics.check_method,
        seed=of_statistics.seed,
        progress=progress,
    )


def cross_check_problem(
    problem: Problem,
    options: EngineOptions | None = None,
    *,
    events: int = 64,
    method: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> CrossCheck:
    """Compares both engines of a problem in one more pass over its data.

    Raises an error only where the data cannot be read; any other failure is in the result (see
    ``compare_engines``).
    """
    sample = Sample(problem.survey.events, events, seed)
    for _ in sample.watch(problem.source.batches(2**16)):
        pass  # the sample keeps the events that it has drawn
    return compare_engines(
        problem, options or EngineOptions(), sample, method=method, progress=progress
    )
