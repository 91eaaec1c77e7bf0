"""The main job: model and data → problem → engine → batches → sums → result.

1. ``Problem.open`` resolves inputs, outputs and columns, checks every cell of the data in one pass,
   and probes the function at the first events;
2. ``make_engine`` compiles the derivatives, or plans finite differences or finite steps, and
   measures whether second order must be averaged over steps;
3. ``accumulate`` takes the coefficients of the events batch by batch, and sums them;
4. ``compare_engines`` computes some of them anew with the other engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from onnxtaylor.crosscheck import Sample
from onnxtaylor.crosscheck.costs import Timer
from onnxtaylor.crosscheck.plan import Spent
from onnxtaylor.data import as_partitions
from onnxtaylor.engine.base import Engine
from onnxtaylor.errors import OptionError
from onnxtaylor.graph import read_model
from onnxtaylor.options import (
    EngineOptions,
    StatisticsOptions,
)
from onnxtaylor.options.declare import take_fields
from onnxtaylor.options.division import ClusterOptions
from onnxtaylor.options.functions import with_options
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import problem_of
from onnxtaylor.problem.events import Events, events_of
from onnxtaylor.problem.unvarying import Unvarying
from onnxtaylor.progress import Progress, progress_callback, report_progress
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.asked import read_analysis
from onnxtaylor.run.begun import begin, unfinished_work
from onnxtaylor.run.divided.surveys import known_survey, require_same_files
from onnxtaylor.run.doubt import doubt_unseen
from onnxtaylor.run.fold_plan import require_folds
from onnxtaylor.run.folds import analyze_folds
from onnxtaylor.run.forecast import Announce, Forecast

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import AnalyzeKeywords

__all__ = ["Analysis", "analyze", "analyze_problem"]


@with_options("analyze")
def analyze(
    model: ModelSource | Problem | Sequence[ModelSource],
    x: Events | None = None,
    *,
    progress: Progress | bool | None = None,
    client: Any = None,
    announce: Announce | None = None,
    **options: Unpack[AnalyzeKeywords],
) -> TaylorResult:
    """⟨t_α⟩ = Σ w abs(t_α) / Σ w of every Taylor coefficient of a model over a data set.

    Parameters
    ----------
    model
        An ONNX file, its bytes, or an ``onnx.ModelProto``; or a ``Problem``, which has its data. Or
        a list of models, one for each value 0, 1, … of ``fold``: every event goes through the model
        that was trained without it.
    x
        Events: an array (N, n), a data frame (pandas, polars, a table of pyarrow), records of
        awkward, a collection of Dask (``dataframe``, ``array``, ``dask_awkward``), one or several
        file names, or an ``EventSource``; None with ``files_by_class``.
    progress
        Called with (stage, events done, events in all), the latter None where that is not known;
        the stage ``cross-check`` counts evaluations of the model. True draws a bar, also in
        notebooks.
    client
        A ``distributed.Client``, whose workers sum the events; see ``dask`` for an address.
    announce
        Called with one line on the cost of an analysis that takes longer than a minute, after a few
        seconds; see also ``plan``.
    **options
        Inputs and responses of the model, columns and events of the data, how coefficients are
        computed and summed. Of a ``Problem`` only the latter two can be chosen.

    Returns
    -------
    TaylorResult
        Scores (C, G, K) of C responses, G groups and K coefficients. Why a response has no exact
        derivatives, or was not evaluated in double precision, is in ``result.options``; the
        comparison of both engines is in ``result.check``: see ``cross_check``. Of folds, scores and
        their spread are in ``result.fold_scores`` and in columns of the table.

    Raises
    ------
    ModelError, ProbeError
        The model cannot be read, run, or expanded.
    DataError
        The data cannot be read or do not fit the model.
    OptionError
        An argument makes no sense.

    Source: Wunsch et al., Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.
    """
    asked = read_analysis("analyze", options)
    first, others = _by_fold(model)
    require_folds(1 + len(others), asked.data.fold, asked.pairs)
    cluster = take_fields(ClusterOptions, options)
    divided = client is not None or cluster.dask is not None
    if divided and (others or isinstance(first, Problem)):
        raise OptionError(
            "is not offered with models of folds: leave one of them out"
            if others
            else "opens model and data on its workers: give these, not a problem",
            option="dask",
        )
    x = as_partitions(x)  # the workers are told how many rows the survey saw in each
    known, told = known_survey(cluster.survey, asked.data)
    with progress_callback(progress) as report:
        problem = problem_of(
            first,
            x,
            options,
            asked.model,
            asked.data,
            derivatives=asked.engine.finite_step is None,
            provider=asked.engine.provider,
            seed=asked.statistics.seed,
            known=known,
            progress=report,
        )
        require_same_files(told, problem)
        if others:
            problems = [problem, *(problem.with_model(read_model(one)) for one in others)]
            return analyze_folds(problems, asked.engine, asked.statistics, progress=report)
        if divided:
            from onnxtaylor.run.divided.cluster import analyze_on_cluster, connected

            data = events_of(x, asked.data)
            with connected(cluster.dask, client) as workers:
                return analyze_on_cluster(
                    problem, data, asked.engine, asked.statistics, asked.pairs, workers, report
                )
        return analyze_problem(
            problem,
            asked.engine,
            asked.statistics,
            pairs=asked.pairs,
            progress=report,
            announce=announce,
        ).result


def _by_fold(
    model: ModelSource | Problem | Sequence[ModelSource],
) -> tuple[ModelSource | Problem, Sequence[ModelSource]]:
    """Returns the model, or that of fold 0, and those of the other folds. Raises OptionError."""
    if not isinstance(model, list | tuple):
        return cast("ModelSource | Problem", model), ()
    if not model or any(isinstance(one, Problem) for one in model):
        raise OptionError("models of folds are files, one or more: their events are given as x")
    return model[0], model[1:]


@dataclass(frozen=True)
class Analysis:
    """A finished analysis: its result, its engine, and the responses that never vary."""

    result: TaylorResult
    engine: Engine
    unvarying: Sequence[Unvarying]


def analyze_problem(
    problem: Problem,
    engine_options: EngineOptions | None = None,
    statistics_options: StatisticsOptions | None = None,
    *,
    pairs: str | None = None,
    samples: Sequence[Sample] = (),
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Analysis:
    """Analyzes a problem in one more pass over its data.

    Parameters
    ----------
    problem
        The model and its data.
    engine_options, statistics_options
        How coefficients are computed, and how they are summed and checked.
    pairs
        Pairs whose second order is computed, as in ``PairOptions``; all by default.
    samples
        Samples of the events, which are filled as these pass.
    progress
        Called with (stage, events done, events in all).
    announce
        Called with one line on the cost of a long analysis.

    Raises as ``analyze`` does.
    """
    timer = Timer()
    begun = begin(
        problem,
        engine_options or EngineOptions(),
        statistics_options or StatisticsOptions(),
        pairs,
        progress,
    )
    drawn = begun.draw()
    events = problem.source
    for sample in (*samples, *([drawn] if drawn else [])):
        events = sample.of(events)
    seen = None if announce is None else Forecast(announce, problem, begun.ready).seen
    summing = Timer()
    with unfinished_work(begun) as checkpoint:
        heaviest = begun.keep_heaviest()
        sums, ranges = begun.sum_events(
            events,
            # an interrupted run and one that was not are to have the same bits
            batch_size=None if checkpoint is None else begun.steady_batch,
            checkpoint=checkpoint,
            progress=progress,
            seen=seen,
            heaviest=heaviest,
        )
        summed = summing.seconds
        report_progress(progress, "ranking", 0, None)
        result = begun.head().fill(sums, ranges.found)
        if drawn is not None:
            spent = Spent(timer.seconds, summed / sums.events)
            check = begun.check(drawn, spent, progress, sums=sums, heaviest=heaviest)
            result = replace(result, check=check)
            result = result if heaviest is not None else doubt_unseen(result)
        if checkpoint is not None:
            checkpoint.finish()
    return Analysis(result, begun.ready.engine, ranges.unvarying())
