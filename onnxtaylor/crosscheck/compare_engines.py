"""The two engines of a problem at a sample of its events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.answers import Answers, digits_of, evaluate_both
from onnxtaylor.crosscheck.judge import judge
from onnxtaylor.crosscheck.result import CrossCheck, disagreed, failed, not_run
from onnxtaylor.crosscheck.sample import Sample
from onnxtaylor.crosscheck.silent import silence_reason, silent_responses
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import AnyDifferences, ChosenEngine, make_engine
from onnxtaylor.errors import DisagreementError, OnnxTaylorError, join_names
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress
from onnxtaylor.results.quantity import averaging_words
from onnxtaylor.runtime.promotion import round_to_digits

__all__ = ["compare_engines"]

Floats = npt.NDArray[np.float64]

FEWEST = 8  # events that are compared where evaluations are limited, or none
MOST = 2**22  # evaluations of the model that a limited check may cost with as few
NUMBERS = 2**22  # comparisons that are held: 32 MiB an array


def compare_engines(
    problem: Problem,
    options: EngineOptions,
    sample: Sample,
    *,
    chosen: ChosenEngine | None = None,
    evaluations: int | None = None,
    progress: Progress | None = None,
) -> CrossCheck:
    """Compares the coefficients of both engines at the events of a sample.

    Parameters
    ----------
    problem, options
        The function, and how its coefficients are computed.
    sample
        Events of the data, which have passed.
    chosen
        Engine of the analysis, which is checked without changing it.
    evaluations
        Evaluations of the model that the check may take: only as many events are compared as these
        suffice for, eight at least.
    progress
        Called with the evaluations done.

    Returns
    -------
    CrossCheck
        Nothing is raised: its verdict is ``not run``, with a reason, where there is nothing to
        compare with; ``undecided`` where an engine fails; ``differs`` where the derivative graph
        does not respond as the model does.
    """
    facts: dict[str, Any] = {
        "model": problem.model.path,
        "outputs": problem.response_names,
        "features": tuple(problem.feature_names),
        "asked": sample.asked,
        "total": sample.total,
        "seed": sample.seed,
        "warnings": tuple(notice.message for notice in problem.notices),
    }
    names, spread = problem.response_names, problem.survey.spread
    indices = problem.function.indices(min(options.order, 2))
    size = len(names) * len(indices)  # averaged over steps they may be fewer
    x = sample.x[: max(FEWEST, NUMBERS // size)]
    function = problem.function
    x = np.where(function.is_varied, round_to_digits(x, function.digits), x)
    held = len(x)
    alone = chosen is None  # no result beside it says what second order is
    try:
        exact, differences = _engines(problem, options, indices, x, chosen, progress)
        if evaluations is not None:
            x = _affordable(x, differences, evaluations)
        answers = evaluate_both(exact, differences, x, spread, seed=sample.seed, progress=progress)
    except _NotComparableError as error:
        return not_run(str(error), **facts)
    except DisagreementError as error:
        event = _nearest(sample, error.row, spread)
        return disagreed(str(error), error.deviation, event, **facts)
    except OnnxTaylorError as error:
        return failed(f"an engine fails: {error}", **facts)
    indices = differences.indices
    notes = _left_out(len(answers.exact.terms), sample, held, options.order)
    if answers.averaged and alone:
        steps = differences.describe()["curvature_step"]
        assert isinstance(steps, dict)
        notes += (f"second order is {averaging_words(steps['asked'])}: kinks are part of it",)
    served = exact.exact_responses
    if not served.all():
        facts["outputs"] = tuple(name for name, own in zip(names, served, strict=True) if own)
        others = [name for name, own in zip(names, served, strict=True) if not own]
        notes += (f"no exact derivatives, so not checked: {join_names(others)}",)
        answers = answers.of_responses(np.flatnonzero(served).tolist())
    fields, further = _verdicts(problem, answers, sample, indices, facts["outputs"])
    return CrossCheck(
        **fields,
        **facts,
        indices=problem.function.of_features(indices),
        exact={"precision": exact.precision},
        differences={"precision": differences.precision, "points": differences.points},
        notes=(*notes, *further),
    )


class _NotComparableError(Exception):
    """Raised where the coefficients cannot be compared with a second engine; says why."""


def _engines(
    problem: Problem,
    options: EngineOptions,
    indices: MultiIndices,
    x: Floats,
    chosen: ChosenEngine | None,
    progress: Progress | None,
) -> tuple[Engine, AnyDifferences]:
    """Returns the exact and the differences engine; one of them is the engine of the analysis.

    Raises _NotComparableError where there is no exact one, ModelError where one cannot be chosen.
    """
    at_hand = None if chosen is None else chosen.differences
    if chosen is None or at_hand is not None:
        if chosen is not None and chosen.no_exact_engine:  # it has been tried
            raise _NotComparableError(f"no exact derivatives: {chosen.no_exact_engine}")
        wanted = replace(_same_curvature(options, chosen), engine="auto")
        chosen = make_engine(problem, wanted, indices, x=x, progress=progress)
        if chosen.differences is not None:
            raise _NotComparableError(f"no exact derivatives: {chosen.no_exact_engine}")
    if at_hand is None:
        # whatever the exact engine is asked to compute in, differences do best in double precision
        precision = "auto" if options.precision == "float32" else options.precision
        options = _same_curvature(options, chosen)
        wanted = replace(options, engine="differences", precision=precision)
        at_hand = make_engine(problem, wanted, indices, x=x, progress=progress).differences
        assert at_hand is not None
    return chosen.engine, at_hand


def _same_curvature(options: EngineOptions, chosen: ChosenEngine | None) -> EngineOptions:
    """Returns the options that make second order of the kind that an engine has."""
    if chosen is None or options.order > 2:
        return options
    curvature = "averaged" if chosen.curvature.averaged else "pointwise"
    return replace(options, curvature=curvature)


def _affordable(x: Floats, differences: AnyDifferences, evaluations: int) -> Floats:
    """Returns the first events, as many as the evaluations suffice for, but at least eight.

    Raises _NotComparableError where even these would take too long.
    """
    if min(len(x), FEWEST) * differences.points > MOST:
        raise _NotComparableError(
            f"the differences take {differences.points} evaluations of the model at every"
            " event, too many for an analysis: run `onnxtaylor check`, which takes long"
        )
    return x[: max(FEWEST, evaluations // differences.points)]


def _nearest(sample: Sample, row: npt.NDArray[np.floating] | None, spread: Floats) -> int:
    """Returns the number of the event nearest to a row, from which the row was displaced."""
    if row is None:
        return int(sample.numbers[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(sample.x - row) / np.where(spread > 0, spread, 1.0)
    return int(sample.numbers[np.nan_to_num(apart).sum(axis=1).argmin()])


def _verdicts(
    problem: Problem,
    answers: Answers,
    sample: Sample,
    indices: MultiIndices,
    outputs: tuple[str, ...],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Judges the answers: fields of the CrossCheck, and notes on what could not be compared."""
    spread, notes = problem.survey.spread, []
    quiet = silent_responses(
        answers.exact.terms,
        answers.differences.terms,
        answers.budget,
        answers.exact.responses,
        indices.scale(spread),
        digits_of(answers.precision),
    )
    fields, elsewhere = judge(answers, sample.numbers, indices, spread, quiet)
    if elsewhere.any():
        table = indices.table[elsewhere.any(axis=0)]
        by = join_names([problem.feature_names[i] for i in np.unique(table[table >= 0])])
        notes.append(f"⟨t⟩ by {by} is made at events next to a kink, where nothing can be compared")
    if quiet.any():
        why = silence_reason([outputs[c] for c in np.flatnonzero(quiet)])
        fields["reason"] = why if fields["verdict"] != "agrees" else None
        notes.append(why)
    return fields, tuple(notes)


def _left_out(events: int, sample: Sample, held: int, order: int) -> tuple[str, ...]:
    """Lists notes on events and orders that were left out."""
    notes = []
    wanted = min(sample.asked, sample.total)
    if events < wanted:
        why = "to keep the check short" if events < held else "so that all fits in memory"
        notes.append(f"{events} of {wanted} events, {why}")
    elif wanted < sample.asked:
        notes.append(f"all {wanted} events: there are no more")
    if order > 2:
        notes.append("third order is not checked: it is beyond finite differences")
    return tuple(notes)
