"""The two engines of a problem at a sample of events: all coefficients, or random directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.answers import Answers, digits_of
from onnxtaylor.crosscheck.compared import Compared, compare_all, compare_along
from onnxtaylor.crosscheck.costs import measure_costs, plan_by_work
from onnxtaylor.crosscheck.judge import judge
from onnxtaylor.crosscheck.largest import LargestEvents, judge_largest
from onnxtaylor.crosscheck.originals import Originals
from onnxtaylor.crosscheck.plan import Plan, Shape, Spent
from onnxtaylor.crosscheck.remarks import (
    averaging_remark,
    left_out,
    nearest_event,
    rounding_remark,
    rounding_share,
)
from onnxtaylor.crosscheck.result import CrossCheck, disagreed, failed, not_run
from onnxtaylor.crosscheck.sample import Sample
from onnxtaylor.crosscheck.second_engine import Engines, NotComparableError, find_engines
from onnxtaylor.crosscheck.silent import silence_reason, silent_responses
from onnxtaylor.crosscheck.verdicts import AGREES, DIFFERS, KINK, OFTEN, UNDECIDED, VERDICTS
from onnxtaylor.engine.differences.usual import usual_survey
from onnxtaylor.engine.factory import ChosenEngine
from onnxtaylor.errors import DisagreementError, OnnxTaylorError, join_names
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress
from onnxtaylor.runtime.promotion import round_to_digits

__all__ = ["compare_engines"]

Floats = npt.NDArray[np.float64]

TOO_ROUND = 0.02  # of ⟨t⟩


def compare_engines(
    problem: Problem,
    options: EngineOptions,
    sample: Sample,
    *,
    chosen: ChosenEngine | None = None,
    indices: MultiIndices | None = None,
    method: str = "auto",
    spent: Spent | None = None,
    largest: LargestEvents | None = None,
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
    indices
        The coefficients that are compared, those of ``chosen``; by default all up to second order.
    method
        ``all`` coefficients, random ``directions``, or ``auto`` for all where these take little.
    spent
        Time of the analysis, of which the check takes a tenth: see ``onnxtaylor.crosscheck.plan``.
    largest
        Events with the largest coefficients, which are compared besides the sample.
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
    indices = indices or problem.function.indices(min(options.order, 2))
    varied, digits = problem.function.is_varied, problem.function.digits
    x = np.where(varied, round_to_digits(sample.x, digits), sample.x)
    try:
        engines = find_engines(problem, options, indices, x, chosen, progress)
        usual = usual_survey(problem.survey, digits)
        originals = Originals(replace(problem, survey=usual))
        plan = _plan(engines, indices, x, method, spent)
        if plan.layout is None:
            found = compare_all(engines, indices, x, plan, sample.seed, progress, largest)
        else:
            found = compare_along(engines, originals, x, plan, sample.seed, progress, largest)
    except NotComparableError as error:
        return not_run(str(error), **facts)
    except DisagreementError as error:
        event = nearest_event(sample, error.row, problem.survey.spread)
        return disagreed(str(error), error.deviation, event, **facts)
    except OnnxTaylorError as error:
        return failed(f"an engine fails: {error}", **facts)
    # beside a result that says it, no word on what second order is
    notes = left_out(len(found.answers.exact.terms), sample, options.order)
    notes += averaging_remark(engines) if chosen is None else ()
    return _judged(engines, found, sample, facts, notes)


def _plan(
    engines: Engines, indices: MultiIndices, x: Floats, method: str, spent: Spent | None
) -> Plan:
    """Plans what is compared. Raises NotComparableError where the check would take too long."""
    problem, exact, order = engines.problem, engines.exact, indices.order
    number = len(indices) * len(problem.response_names)
    shape = Shape(problem.function.n_varied, number, order, engines.averaged and order > 1)
    analyzed = engines.differences or exact
    if analyzed is not exact:  # all coefficients of the analysis are at stake
        method = "differences"
    measured = measure_costs(problem, exact, x, spent, timed=analyzed is exact)
    plan, _ = plan_by_work(problem, exact, analyzed, shape, measured, asked=len(x), method=method)
    if plan.too_long is not None:
        raise NotComparableError(
            f"even the smallest check would take about {plan.too_long:.0f} s, too long behind an"
            " analysis: run `onnxtaylor check`"
        )
    return plan


def _judged(
    engines: Engines,
    found: Compared,
    sample: Sample,
    facts: dict[str, Any],
    notes: tuple[str, ...],
) -> CrossCheck:
    """Judges what was compared, where there are exact derivatives."""
    problem, exact, answers = engines.problem, engines.exact, found.answers
    names, served = problem.response_names, exact.exact_responses
    kept = np.flatnonzero(served)
    if not served.all():
        facts["outputs"] = tuple(names[c] for c in kept)
        others = [names[c] for c in np.flatnonzero(~served)]
        notes += (f"no exact derivatives, so not checked: {join_names(others)}",)
        answers = answers.of_responses(kept.tolist())
    fields, further, quiet = _verdicts(problem, answers, sample, found, facts["outputs"])
    indices = found.indices
    wrong = None if found.wrong is None else found.wrong.of(kept, quiet)
    if wrong is not None and wrong.differ.any():
        features = problem.feature_names
        fields, note = judge_largest(wrong, fields, features, exact.precision)
        further = (*further, note)
    if found.along is not None:
        indices = _up_to_second(exact.indices)
        on_joints = found.along.on_joints[kept][:, : len(indices)]
        events = len(answers.exact.terms)
        often = on_joints >= max(2, OFTEN * events)
        fields["on_joints"] = np.where(often, on_joints, 0)
        if often.any() and fields["verdict"] != VERDICTS[DIFFERS]:
            fields["verdict"], fields["reason"] = VERDICTS[KINK], None
    return CrossCheck(
        **fields,
        **facts,
        indices=problem.function.of_features(indices),
        layout=None if found.along is None else found.along.layout,
        exact={"precision": exact.precision},
        differences={"precision": found.precision, "points": found.points},
        notes=(*notes, *further),
    )


def _up_to_second(indices: MultiIndices) -> MultiIndices:
    """Returns the coefficients that are compared: the first ones, without third order."""
    return indices.part(np.flatnonzero(indices.orders <= 2))


def _verdicts(
    problem: Problem,
    answers: Answers,
    sample: Sample,
    found: Compared,
    outputs: tuple[str, ...],
) -> tuple[dict[str, Any], tuple[str, ...], npt.NDArray[np.bool_]]:
    """Judges the answers: fields of the CrossCheck, notes on what could not be compared, and flags
    (C,) of responses without anything to compare.
    """
    notes, indices, spread = [], found.indices, found.units
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
        own = problem.feature_names if found.along is None else found.along.layout.names
        by = join_names([own[i] for i in np.unique(table[table >= 0])])
        notes.append(f"⟨t⟩ by {by} is made at events next to a kink, where nothing can be compared")
    if quiet.any():
        why = silence_reason([outputs[c] for c in np.flatnonzero(quiet)])
        fields["reason"] = why if fields["verdict"] != "agrees" else None
        notes.append(why)
    share = rounding_share(answers, indices.orders, indices.scale(spread))
    # jumps of slopes at kinks look like round-off
    smooth = not answers.averaged and not np.any(answers.differences.kinks)
    if share > TOO_ROUND and smooth and fields["verdict"] == VERDICTS[AGREES]:
        fields["verdict"] = VERDICTS[UNDECIDED]
        fields["reason"] = f"about {share:.1g} of ⟨t⟩ is round-off: nothing can be said"
    return fields, (*notes, *rounding_remark(share)), quiet
