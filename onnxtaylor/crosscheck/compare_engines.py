"""The two engines at a sample of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.budget import measure_round_off, scale_of
from onnxtaylor.crosscheck.comparisons import Comparisons, Responses
from onnxtaylor.crosscheck.result import (
    CrossCheck,
    disagreed,
    failed,
    not_run,
)
from onnxtaylor.crosscheck.sample import Sample
from onnxtaylor.crosscheck.second_look import confirmed_ratio
from onnxtaylor.crosscheck.silent import silence_reason, silent_responses
from onnxtaylor.crosscheck.verdicts import (
    AGREES,
    DIFFERS,
    KINK,
    OFTEN,
    UNDECIDED,
    judge_coefficients,
    judge_events,
    near_kinks,
    overall_verdict,
    scored_near_kinks,
)
from onnxtaylor.data import Survey
from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.differences.steps import step_share
from onnxtaylor.engine.mixed import Mixed
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.errors import DisagreementError, OnnxTaylorError, listed
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options.analysis import AnalysisOptions
from onnxtaylor.problem.opening import OpenModel
from onnxtaylor.progress import Progress, tell
from onnxtaylor.runtime.promotion import ROUNDINGS, on_grid

__all__ = ["compare_engines"]

Floats = npt.NDArray[np.float64]
MakeEngine = Callable[
    [MultiIndices, AnalysisOptions, Floats], tuple[Engine, Mapping[str, str | None]]
]

FEWEST = 8  # events that are compared where evaluations are limited, or none
MOST = 2**22  # evaluations of the model that a limited check may cost with as few
NUMBERS = 2**22  # comparisons that are held: 32 MiB an array


def compare_engines(
    opened: OpenModel,
    found: Survey,
    options: AnalysisOptions,
    sample: Sample,
    features: Sequence[str],
    make: MakeEngine,
    *,
    used: Engine | None = None,
    refused: str | None = None,
    evaluations: int | None = None,
    progress: Progress | None = None,
) -> CrossCheck:
    """Both engines at the events of a sample, and what follows from it.

    ``used`` is the engine of the analysis, which is checked as it is, ``refused`` why it is not the
    exact one where that was tried; ``make(indices, options, x)`` makes what is lacking. With
    ``evaluations`` of the model, only as many events are compared as these suffice for, eight at
    least; ``progress`` is told how many are done. Nothing is raised: where there is nothing to
    compare with, the verdict is ``not run`` with its reason; ``undecided`` where an engine fails;
    ``differs`` where the derivative graph does not respond as the model does.
    """
    known: dict[str, Any] = {
        "model": opened.model.path,
        "outputs": opened.response_names,
        "features": tuple(features),
        "asked": sample.asked,
        "total": sample.total,
        "seed": sample.seed,
        "warnings": tuple(note.message for note in opened.notes),
    }
    if options.finite_step is not None:
        return not_run("responses to finite steps are no derivatives", **known)
    indices = MultiIndices.full(opened.function.n_features, min(options.order, 2))
    size = len(opened.response_names) * len(indices)
    x = on_grid(sample.x[: max(FEWEST, NUMBERS // size)], opened.function.digits)
    held = len(x)
    try:
        if refused and isinstance(used, Differences):
            raise _NotComparableError(f"no exact derivatives: {refused}")
        exact, differences = _engines(used, indices, options, x, make)
        if evaluations is not None:
            if min(held, FEWEST) * differences.points > MOST:
                raise _NotComparableError(
                    f"the differences take {differences.points} evaluations of the model at every"
                    " event: too many to check by the way; `onnxtaylor check` does, and takes long"
                )
            x = x[: max(FEWEST, evaluations // differences.points)]
        both = _evaluate(exact, differences, x, found.spread, sample.seed, progress)
    except _NotComparableError as error:
        return not_run(str(error), **known)
    except DisagreementError as error:
        event = _nearest(sample, error.row, found.spread)
        return disagreed(str(error), error.deviation, event, **known)
    except OnnxTaylorError as error:
        return failed(f"an engine fails: {error}", **known)
    notes = _notes(len(both.exact.terms), sample, held, options.order)
    if isinstance(exact, Mixed):
        engines = exact.describe()["engines"]
        assert isinstance(engines, dict)
        columns = [c for c, name in enumerate(opened.response_names) if engines[name] == "exact"]
        others = [name for name in opened.response_names if engines[name] != "exact"]
        known["outputs"] = tuple(opened.response_names[c] for c in columns)
        notes += (f"no exact derivatives, so not checked: {listed(others)}",)
        both = both.of(columns)
    quiet = silent_responses(
        both.exact.terms,
        both.differences.terms,
        both.budget,
        both.exact.responses,
        indices.scale(found.spread),
        _digits(both.precision),
    )
    judged, elsewhere = _judged(both, sample.numbers, indices, found.spread, quiet)
    if elsewhere.any():
        made = indices.table[elsewhere.any(axis=0)]
        by = listed([features[i] for i in np.unique(made[made >= 0])])
        notes += (f"⟨t⟩ by {by} is made at events next to a kink, where nothing can be compared",)
    if quiet.any():
        why = silence_reason([known["outputs"][c] for c in np.flatnonzero(quiet)])
        judged["reason"], notes = why if judged["verdict"] != "agrees" else None, (*notes, why)
    return CrossCheck(
        **judged,
        **known,
        indices=indices,
        exact={"precision": exact.precision},
        differences={"precision": differences.precision, "points": differences.points},
        notes=notes,
    )


class _NotComparableError(Exception):
    """Why there is nothing that the coefficients could be compared with."""


def _nearest(sample: Sample, row: npt.NDArray[np.floating] | None, spread: Floats) -> int:
    """The number of the event that a row is, or was moved away from."""
    if row is None:
        return int(sample.numbers[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(sample.x - row) / np.where(spread > 0, spread, 1.0)
    return int(sample.numbers[np.nan_to_num(apart).sum(axis=1).argmin()])


@dataclass(frozen=True)
class _Both:
    """Answers of the engines at the same events, and the exact one's allowances."""

    exact: BatchCoefficients
    differences: BatchCoefficients
    terms: Floats
    responses: Floats
    precision: str
    again: Callable[[Floats, npt.NDArray[np.bool_]], Floats]

    @property
    def budget(self) -> Floats:
        """How far apart the terms may be, (E, C, K)."""
        assert self.differences.errors is not None
        return np.asarray(self.differences.errors + self.terms)

    def of(self, columns: list[int]) -> _Both:
        """Only these responses."""

        def again(ratio: Floats, telling: npt.NDArray[np.bool_]) -> Floats:
            whole = np.zeros(self.terms.shape)
            whole[:, columns] = ratio
            also = np.zeros(whole.shape, np.bool_)
            also[:, columns] = telling
            return self.again(whole, also)[:, columns]

        def narrow(answer: BatchCoefficients) -> BatchCoefficients:
            apart = answer.apart  # of all coefficients, one order more perhaps
            return replace(
                answer,
                apart=None if apart is None else NoDerivative(apart.events, apart.mask[:, columns]),
                responses=answer.responses[:, columns],
                terms=answer.terms[:, columns],
                errors=None if answer.errors is None else answer.errors[:, columns],
            )

        return replace(
            self,
            exact=narrow(self.exact),
            differences=narrow(self.differences),
            terms=self.terms[:, columns],
            responses=self.responses[:, columns],
            again=again,
        )


def _engines(
    used: Engine | None,
    indices: MultiIndices,
    options: AnalysisOptions,
    x: Floats,
    make: MakeEngine,
) -> tuple[Engine, Differences]:
    """The exact engine and that of the differences.

    Raises _NotComparableError where there is no exact one, ModelError where one cannot be made.
    """
    exact = used
    if used is None or isinstance(used, Differences):
        exact, reasons = make(indices, replace(options, engine="auto"), x)
        if isinstance(exact, Differences):
            raise _NotComparableError(f"no exact derivatives: {reasons['no_exact_engine']}")
    assert exact is not None
    if isinstance(used, Differences):
        return exact, used
    # whatever the exact engine is asked to compute in, differences do best in double precision
    precision = "auto" if options.precision == "float32" else options.precision
    wanted = replace(options, engine="differences", precision=precision)
    differences, _ = make(indices, wanted, x)
    assert isinstance(differences, Differences)
    return exact, differences


def _evaluate(
    exact: Engine,
    differences: Differences,
    x: Floats,
    spread: Floats,
    seed: int,
    progress: Progress | None,
) -> _Both:
    """The answers of both at x, and what rounding may have done to those of the exact engine."""
    narrow = _UpTo(exact, differences.indices)
    total = len(x) * differences.points
    tell(progress, "cross-check", 0, total)
    ours = narrow.coefficients(x)
    theirs = _kept(
        differences.coefficients(
            x, lambda share: tell(progress, "cross-check", round(share * total), total)
        )
    )
    tell(progress, "cross-check", total, total)
    assert theirs.kinks is not None
    shape = ours.terms.shape
    nearby = near_kinks(theirs.kinks, differences.indices, shape, _joints(ours, shape))
    terms, responses = measure_round_off(
        narrow,
        x,
        ours,
        comparable=~nearby,
        spread=spread,
        length=_lengths(differences, spread),
        digits=_digits(narrow.precision),
        seed=seed,
        progress=progress,
    )
    again = partial(confirmed_ratio, differences, x, ours.terms, terms)
    return _Both(ours, theirs, terms, responses, exact.precision, again)


def _lengths(differences: Differences, spread: Floats) -> Floats:
    """Over which length the function changes in each feature, by the steps that suited it.

    A step of second order is c times that: see ``engine.steps``. Sentinels such as −999 make a
    spread much larger.
    """
    c = step_share(digits=_digits(differences.precision), order=2, accuracy=differences.accuracy)
    return np.asarray(np.minimum(differences.steps[1] / c, spread))


class _UpTo:
    """An engine, its coefficients cut to the first ones: third order has no differences."""

    name = "exact"

    def __init__(self, engine: Engine, indices: MultiIndices) -> None:
        self._engine, self.indices = engine, indices
        self.precision, self.batch_events = engine.precision, engine.batch_events

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Those of the engine, in arrays of their own."""
        answer = self._engine.coefficients(x, watch)
        return BatchCoefficients(
            answer.responses.copy(),
            answer.terms[..., : len(self.indices)].copy(),
            apart=answer.apart,
        )

    def describe(self) -> dict[str, object]:
        """As the engine does."""
        return self._engine.describe()


def _digits(precision: str) -> int:
    """Binary digits of a format; of two engines' formats the fewer."""
    return min(DIGITS[name] for name in precision.split(" and "))


def _kept(answer: BatchCoefficients) -> BatchCoefficients:
    """An answer of the differences, safe from the engine's next batch."""
    assert answer.errors is not None
    assert answer.kinks is not None
    return BatchCoefficients(
        answer.responses.copy(), answer.terms.copy(), answer.errors.copy(), answer.kinks.copy()
    )


def _joints(answer: BatchCoefficients, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    """Coefficients that do not exist, of a shape (E, C, K); None where no event is on a joint."""
    return None if answer.apart is None else answer.apart.among(shape[0], shape[2])


def _judged(
    both: _Both,
    numbers: npt.NDArray[np.int64],
    indices: MultiIndices,
    spread: Floats,
    quiet: npt.NDArray[np.bool_],
) -> tuple[dict[str, Any], npt.NDArray[np.bool_]]:
    """Verdicts at events, of coefficients, of the responses and of the whole; and which
    coefficients (C, K) are ``scored_near_kinks``.

    Of the ``quiet`` responses (C,) there is nothing to compare.
    """
    ours, theirs = both.exact.terms, both.differences.terms
    assert both.differences.kinks is not None
    order = np.argsort(numbers[: len(ours)])
    budget, joints = both.budget, _joints(both.exact, ours.shape)
    codes, ratio = judge_events(
        ours, theirs, budget, both.differences.kinks, indices, spread, joints
    )
    codes[quiet[:, None] & (codes != KINK)] = UNDECIDED
    nearby = codes == KINK
    taken = np.isfinite(theirs) & ~nearby
    mean = np.where(taken, np.abs(theirs), 0.0).sum(axis=0) / np.maximum(taken.sum(axis=0), 1)
    sure = both.again(ratio, (codes == AGREES) | (codes == DIFFERS))
    scale = scale_of(mean, indices.scale(spread))
    verdicts = judge_coefficients(codes, ratio, budget, scale, sure)
    on_joints = np.zeros(verdicts.shape, np.int64) if joints is None else joints.sum(axis=0)
    often = on_joints >= max(2, OFTEN * len(ours))
    verdicts[often & (verdicts != DIFFERS)] = KINK
    elsewhere = scored_near_kinks(codes, ours, indices.scale(spread)) & (verdicts != DIFFERS)
    verdicts[elsewhere] = KINK
    responses = _responses(both, numbers)
    found = {
        "verdict": overall_verdict(
            verdicts,
            responses_agree=responses.agree,
            on_joints=bool(often.any()),
            elsewhere=bool(elsewhere.any()),
        ),
        "reason": None,
        "codes": verdicts,
        "on_joints": np.where(often, on_joints, 0),
        "responses": responses,
        "comparisons": Comparisons(
            numbers[order],
            ours[order],
            theirs[order],
            budget[order],
            ratio[order],
            codes[order],
        ),
    }
    return found, elsewhere


def _responses(both: _Both, numbers: npt.NDArray[np.int64]) -> Responses:
    """The responses of the two graphs; they must agree as far as rounding lets them."""
    ours, theirs = both.exact.responses, both.differences.responses
    deviation = np.abs(ours - theirs)
    scale = np.abs(theirs).max(axis=0)
    budget = both.responses + ROUNDINGS * 2.0 ** (1 - _digits(both.precision)) * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(deviation == 0, 0.0, deviation / budget)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    event, output = np.unravel_index(ratio.argmax(), ratio.shape)
    return Responses(
        agree=bool(ratio.max() <= 1),
        largest=float(ratio.max()),
        deviation=float(deviation[event, output]),
        event=int(numbers[event]),
    )


def _notes(events: int, sample: Sample, held: int, order: int) -> tuple[str, ...]:
    """What was left out, in words."""
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
