"""Models and events of k folds, before the first batch: what must agree, counts, engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from onnxtaylor.errors import DataError, ModelError, OptionError, join_names, printable
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.problem import Problem
from onnxtaylor.problem.events import feature_names_of
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.run.prepare import Prepared, prepare

__all__ = ["count_folds", "prepare_folds", "require_alike", "require_folds"]


def require_folds(models: int, fold: str | None, pairs: str | None) -> None:
    """Raises OptionError where a number of models and an expression of folds do not go together.

    Pairs are not chosen by fold.
    """
    if models > 1 and fold is None:
        raise OptionError(
            'is missing: it tells which event goes through which model, such as fold="EventId % 2"',
            option="fold",
        )
    if models < 2 and fold is not None:
        raise OptionError("needs a model for each fold, in their order, two or more", option="fold")
    if fold is not None and pairs is not None:
        raise OptionError("is not offered with folds: leave one of them out", option="pairs")


def require_alike(problems: Sequence[Problem]) -> None:
    """Raises ModelError for a model with other inputs or responses than the first."""
    first = problems[0]
    for other in problems[1:]:
        for what, own, wanted in (
            ("responses", other.response_names, first.response_names),
            ("inputs", _inputs(other), _inputs(first)),
            ("features", _features(other), _features(first)),
        ):
            if tuple(own) != tuple(wanted):
                raise ModelError(
                    f"has the {what} {join_names(own)}, but {printable(first.model.path)} has"
                    f" {join_names(wanted)}: models of folds must have the same"
                ).located(other.model.path)


def _inputs(problem: Problem) -> list[str]:
    return [port.name for port in (*problem.choice.features, *problem.choice.context)]


def _features(problem: Problem) -> list[str]:
    """Names of the features that a model carries, else those of the data."""
    return feature_names_of(problem.model, problem.choice) or problem.feature_names


def count_folds(problems: Sequence[Problem], progress: Progress | None) -> list[int]:
    """Counts the events of each fold. Raises DataError for other folds, and for one without."""
    counts, done = np.zeros(len(problems), np.int64), 0
    text = printable(problems[0].data_options.fold, 60)
    for batch in problems[0].source.batches(2**16):
        assert batch.folds is not None
        bad = (batch.folds < 0) | (batch.folds >= len(problems))
        if bad.any():
            k = int(bad.argmax())
            raise DataError(
                f"'{text}' is {batch.folds[k]} at event {batch.numbers[k]} (counted from 0), and"
                f" there are models for 0 to {len(problems) - 1}: name a model for each fold",
                option="fold",
            )
        counts += np.bincount(batch.folds, minlength=len(problems))
        done += len(batch)
        report_progress(progress, "counting", done, problems[0].survey.events)
    for k, problem in enumerate(problems):
        if not counts[k]:
            raise DataError(
                f"'{text}' is {k} at no event: {printable(problem.model.path)} has none",
                option="fold",
            )
    return [int(count) for count in counts]


def prepare_folds(
    problems: Sequence[Problem],
    options: EngineOptions,
    statistics: StatisticsOptions,
    progress: Progress | None,
) -> tuple[EngineOptions, list[Prepared]]:
    """Makes the engines, all of the same quantity, and the options that they were made by."""
    ready = [prepare(problems[0], options, statistics, progress)]
    # as many replicates in each fold, whatever memory is free
    statistics = replace(statistics, bootstrap=ready[0].statistics.bootstrap)
    ready += [prepare(problem, options, statistics, progress) for problem in problems[1:]]
    if len({one.engine.quantity for one in ready}) > 1:
        # the kinks of one model matter: then second order of all is averaged
        options = replace(options, curvature="averaged")
        ready = [prepare(problem, options, statistics, progress) for problem in problems]
    return options, ready
