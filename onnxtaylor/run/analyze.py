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
from typing import TYPE_CHECKING

from onnxtaylor.crosscheck import Sample, compare_engines
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.engine.padded import leave_out_padding
from onnxtaylor.errors import DataError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import problem_of
from onnxtaylor.problem.events import Events
from onnxtaylor.problem.hygiene import inspect_joints
from onnxtaylor.problem.unvarying import ResponseRanges, Unvarying, constant_notices
from onnxtaylor.progress import Progress, progress_callback, report_progress
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.accumulate import accumulate
from onnxtaylor.run.prepare import (
    check_classes,
    choose_by,
    choose_ranked,
    choose_replicates,
    find_notices,
    full_indices,
)
from onnxtaylor.run.summarize import checkpoint_facts, make_result
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.checkpoint import Checkpoint

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import AnalyzeKeywords

__all__ = ["Analysis", "analyze", "analyze_problem"]

CHECK_EVALUATIONS = 2**18  # of the model that the cross-check may take


@with_options("analyze")
def analyze(
    model: ModelSource | Problem,
    x: Events | None = None,
    *,
    progress: Progress | bool | None = None,
    **options: Unpack[AnalyzeKeywords],
) -> TaylorResult:
    """⟨t_α⟩ = Σ w abs(t_α) / Σ w of every Taylor coefficient of a model over a data set.

    Parameters
    ----------
    model
        An ONNX file, its bytes, or an ``onnx.ModelProto``; or a ``Problem``, which has its data.
    x
        Events: an array (N, n), a data frame (pandas, polars, a table of pyarrow), one or several
        file names, or an ``EventSource``.
    progress
        Called with (stage, events done, events in all), the latter None where that is not known;
        the stage ``cross-check`` counts evaluations of the model. True draws a bar, also in
        notebooks.
    **options
        Inputs and responses of the model, columns and events of the data, how coefficients are
        computed and summed. Of a ``Problem`` only the latter two can be chosen.

    Returns
    -------
    TaylorResult
        Scores (C, G, K) of C responses, G groups and K coefficients. Why a response has no exact
        derivatives, or was not evaluated in double precision, is in ``result.options``; the
        comparison of both engines is in ``result.check``: see ``cross_check``.

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
    of_model, of_data, of_engine, of_statistics = read_keywords(
        "analyze", options, ModelOptions, DataOptions, EngineOptions, StatisticsOptions
    )
    scale_of(of_engine, of_statistics)  # options that contradict are refused before the work
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
        return analyze_problem(problem, of_engine, of_statistics, progress=report).result


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
    samples: Sequence[Sample] = (),
    progress: Progress | None = None,
) -> Analysis:
    """Analyzes a problem in one more pass over its data.

    Parameters
    ----------
    problem
        The model and its data.
    engine_options, statistics_options
        How coefficients are computed, and how they are summed and checked.
    samples
        Samples of the events, which are filled as these pass.
    progress
        Called with (stage, events done, events in all).

    Raises as ``analyze`` does.
    """
    options = engine_options or EngineOptions()
    statistics = choose_by(problem, statistics_options or StatisticsOptions(), options.order)
    if problem.stand_ins:
        raise DataError(f"an analysis needs data: {problem.stand_ins}")
    scale = scale_of(options, statistics)
    check_classes(problem, per_class=statistics.per_class)

    # the batch and its first displaced rows must fit in memory before anything is allocated
    everything, ranked = full_indices(problem, options.order), choose_ranked(problem, statistics)
    replicates = choose_replicates(statistics.bootstrap, problem, ranked.of(everything))
    statistics = replace(statistics, bootstrap=replicates)
    chosen = make_engine(
        problem,
        options,
        everything,
        replicates=replicates,
        sums=ranked.grouping is None,
        progress=progress,
    )
    engine = leave_out_padding(chosen.engine, problem.slots)
    engine = ranked.engine(engine, problem, scale, problem.filled)
    notices = find_notices(problem, engine, scale)

    # there is no other engine of finite steps to compare with
    check = statistics.check if engine.quantity != "finite-step" else 0
    drawn = Sample(problem.survey.events, check, statistics.seed) if check else None
    watching = [*samples, *([drawn] if drawn else [])]
    sums, ranges, checkpoint = _sum_events(problem, engine, options, statistics, watching, progress)

    report_progress(progress, "ranking", 0, None)
    unvarying = ranges.unvarying()
    notices += inspect_joints(sums.joints, sums.events, ranked.labels)
    notices += constant_notices(unvarying)
    reduced = replace(chosen, engine=engine)
    result = make_result(problem, reduced, sums, options, statistics, notices, ranked)
    if drawn is not None:
        compared = compare_engines(
            problem,
            options,
            drawn,
            chosen=chosen,
            evaluations=CHECK_EVALUATIONS,
            progress=progress,
        )
        result = replace(result, check=compared.to_dict())
    if checkpoint is not None:
        checkpoint.clear()
    return Analysis(result, engine, unvarying)


def _sum_events(
    problem: Problem,
    engine: Engine,
    options: EngineOptions,
    statistics: StatisticsOptions,
    samples: Sequence[Sample],
    progress: Progress | None,
) -> tuple[Accumulator, ResponseRanges, Checkpoint | None]:
    """Sums the coefficients of all events in one pass, which also fills samples and ranges.

    ``statistics`` have the number of bootstrap replicates that memory allows. Returns the sums, the
    ranges of the responses, and the folder of unfinished work where it is kept.
    """
    classes, replicates = tuple(problem.survey.classes), statistics.bootstrap or 0
    sums = Accumulator(
        len(problem.response_names),
        len(engine.indices),
        classes=classes,
        replicates=replicates,
        seed=statistics.seed,
        quantity=engine.quantity,
    )
    checkpoint = None
    if statistics.resume is not None:
        facts = checkpoint_facts(problem, options, statistics)
        checkpoint = Checkpoint(statistics.resume, facts)
    events = problem.source
    for sample in samples:
        events = sample.of(events)
    ranges = ResponseRanges(problem, classes)
    accumulate(
        engine,
        problem,
        ranges.of(events),
        sums,
        batch_size=options.batch_size,
        checkpoint=checkpoint,
        progress=progress,
    )
    return sums, ranges, checkpoint
