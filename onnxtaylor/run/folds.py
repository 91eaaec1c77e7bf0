"""k-fold models: every event goes through the model of its fold.

    ⟨t_α⟩ = Σ_k Σ_{events of fold k} w abs(t_α of model k) / Σ w

Events keep their numbers, σ and the steps are those of all data, and the sums of the folds are
added: so the bootstrap is that of one run over all events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from onnxtaylor.crosscheck.costs import Timer
from onnxtaylor.crosscheck.plan import Spent
from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.rechunk import rechunk
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import DataError
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.problem.hygiene import inspect_joints
from onnxtaylor.problem.unvarying import constant_notices
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.results.folds import FoldSummary
from onnxtaylor.results.taylor import Notice, TaylorResult
from onnxtaylor.run.begun import Begun, unfinished_work
from onnxtaylor.run.fold_plan import count_folds, prepare_folds, require_alike
from onnxtaylor.run.prepare import Prepared, find_notices
from onnxtaylor.run.summarize import make_result
from onnxtaylor.statistics import Accumulator, Statistics
from onnxtaylor.statistics.checkpoint import Checkpoint

__all__ = ["analyze_folds"]

# verdicts of checks, the worst one last
VERDICTS = ("agrees", "kink", "undecided", "not run", "differs")


@dataclass(frozen=True, eq=False)
class _Fold:
    """Outcome of a fold: its sums and numbers, its check, and remarks."""

    begun: Begun
    sums: Accumulator
    numbers: Statistics
    notices: Sequence[Notice]
    check: Mapping[str, Any] | None

    def summary(self) -> FoldSummary:
        """Returns what a result says about the fold."""
        whole, model = self.numbers.groups[0], self.begun.problem.model
        verdict = None if self.check is None else str(self.check["verdict"])
        return FoldSummary(
            model.path,
            model.sha256,
            self.begun.ready.engine.name,
            whole.events,
            whole.sum_weight,
            whole.n_eff,
            verdict,
        )


def analyze_folds(
    problems: Sequence[Problem],
    options: EngineOptions,
    statistics: StatisticsOptions,
    *,
    progress: Progress | None = None,
) -> TaylorResult:
    """Analyzes problems on the same events, each over the events of its fold.

    Parameters
    ----------
    problems
        Problem k has the model of the events of fold k; all have the same source.
    options, statistics
        How coefficients are computed, and how they are summed and checked.
    progress
        Called with (stage, events done, events in all).

    Returns
    -------
    TaylorResult
        Scores over all events, and those of each fold: see ``onnxtaylor.results.folds``.

    Raises
    ------
    ModelError
        The models differ in inputs or responses, or as ``analyze``.
    DataError
        An event has a fold without a model, or a fold has no event, or as ``analyze``.
    """
    require_alike(problems)
    counts = count_folds(problems, progress)
    options, ready = prepare_folds(problems, options, statistics, progress)
    begun = [
        _begin(replace(problem, survey=replace(problem.survey, events=count)), options, one)
        for problem, one, count in zip(problems, ready, counts, strict=True)
    ]
    with ExitStack() as folders:
        work = [folders.enter_context(unfinished_work(one, k)) for k, one in enumerate(begun)]
        parts = [_analyze_fold(k, one, work[k], progress) for k, one in enumerate(begun)]
        result = _together(parts, problems[0], ready[0], options, progress)
        for checkpoint in work:
            if checkpoint is not None:
                checkpoint.finish()
    return result


def _begin(problem: Problem, options: EngineOptions, ready: Prepared) -> Begun:
    """Returns the analysis of a fold before its first event."""
    notices = find_notices(problem, ready.engine, scale_of(options, ready.statistics))
    return Begun(problem, options, ready, None, tuple(notices))


def _analyze_fold(
    k: int, begun: Begun, checkpoint: Checkpoint | None, progress: Progress | None
) -> _Fold:
    """Sums the coefficients of the events of fold k, and checks some of them."""
    timer, drawn = Timer(), begun.draw()
    events: EventSource = _FoldEvents(begun.problem.source, k)
    if drawn is not None:
        events = drawn.of(events)
    summing = Timer()
    heaviest = begun.keep_heaviest()
    sums, ranges = begun.sum_events(
        events,
        # an interrupted run and one that was not are to have the same bits
        batch_size=None if checkpoint is None else begun.steady_batch,
        checkpoint=checkpoint,
        progress=progress,
        heaviest=heaviest,
    )
    summed = summing.seconds
    try:
        numbers = sums.finalize(begun.head().factors)
    except DataError as error:
        raise error.located(f"fold {k}") from None
    check = None
    if drawn is not None:
        spent = Spent(timer.seconds, summed / max(1, sums.events))
        check = begun.check(drawn, spent, progress, sums=sums, heaviest=heaviest)
    notices = [*begun.notices, *constant_notices(ranges.unvarying())]
    return _Fold(begun, sums, numbers, notices, check)


def _together(
    parts: Sequence[_Fold],
    first: Problem,
    chosen: Prepared,
    options: EngineOptions,
    progress: Progress | None,
) -> TaylorResult:
    """Adds the sums of all folds, and makes the result of all events."""
    report_progress(progress, "ranking", 0, None)
    total = chosen.sums(first)
    for part in parts:
        total.merge(part.sums)
    notices = list(dict.fromkeys(notice for part in parts for notice in part.notices))
    notices += inspect_joints(total.joints, total.events, chosen.ranked.labels)
    result = make_result(
        first,
        replace(chosen.chosen, engine=chosen.engine),
        total,
        options,
        chosen.statistics,
        notices,
        chosen.ranked,
    )
    checks = [part.check for part in parts if part.check is not None]
    return replace(
        result,
        options={**result.options, "fold": first.data_options.fold},
        check=max(checks, key=lambda check: VERDICTS.index(check["verdict"]), default=None),
        folds=tuple(part.summary() for part in parts),
        fold_scores=np.stack([part.numbers.score for part in parts]),
    )


class _FoldEvents(DerivedSource):
    """The events of one fold of another source."""

    def __init__(self, source: EventSource, fold: int) -> None:
        super().__init__(source)
        self._fold = fold

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the events of the fold, ``size`` in a batch; the last one may have fewer."""
        return rechunk(self._select(size), size)

    def _select(self, size: int) -> Iterator[Batch]:
        for batch in self._source.batches(size):
            assert batch.folds is not None
            own = batch.at(batch.folds == self._fold)
            if len(own):
                yield own
