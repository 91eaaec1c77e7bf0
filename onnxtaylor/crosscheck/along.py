"""Answers of both engines along random directions at a few events.

The coefficients that the engine of the analysis computes at an event, all of them, are contracted
with the directions (``directions``), and compared with differences of the original model on their
lines and planes (``lines``, ``planes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.answers import Answers, copied, digits_of
from onnxtaylor.crosscheck.budget import Scales, measure_round_off
from onnxtaylor.crosscheck.directions import Directions, Layout, entry_units
from onnxtaylor.crosscheck.lines import LineSession, exact_centres, largest_for
from onnxtaylor.crosscheck.originals import Model, Originals
from onnxtaylor.crosscheck.plan import ALONG_PILOTS
from onnxtaylor.crosscheck.planes import AveragedPlanes
from onnxtaylor.crosscheck.second_look import confirmed_ratio
from onnxtaylor.crosscheck.verdicts import near_kinks
from onnxtaylor.engine.averaged.steps import CurvatureSteps
from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.differences.steps import step_share
from onnxtaylor.engine.no_derivative import features_of
from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress, report_progress

__all__ = ["Along", "evaluate_along"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NUMBERS = 2**24  # coefficients that the exact engine is asked for at a time


@dataclass(frozen=True, eq=False)
class Along:
    """Answers of both engines along directions.

    Parameters
    ----------
    answers
        Responses and coefficients along the directions at E events.
    layout
        The directions at each event, and the coefficients along them.
    on_joints
        Number of events (C, K) at which a coefficient by features does not exist.
    precision, points
        Format of the differences, and their evaluations per event.
    """

    answers: Answers
    layout: Layout
    on_joints: npt.NDArray[np.int64]
    precision: str
    points: int


def evaluate_along(
    originals: Originals,
    exact: Engine,
    x: Floats,
    layout: Layout,
    *,
    steps: CurvatureSteps | None = None,
    measured: int | None = None,
    threads: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Along:
    """Evaluates both engines along directions at the events x (E, n).

    Parameters
    ----------
    originals
        The original model of a problem.
    exact
        Computes all coefficients by features.
    x
        Events (E, n).
    layout
        Number and kinds of the directions at each event.
    steps
        Steps of averaged second order; None where it is pointwise.
    measured
        Number of events at which the rounding of the exact engine is measured; default: all.
    threads
        Number of threads of the differences; 0 takes one for each processor.
    seed
        Random seed of the directions.
    progress
        Called with the evaluations done.

    Raises
    ------
    ModelError
        An engine fails.
    """
    problem = originals.problem
    function, spread = problem.function, problem.survey.spread
    units = np.where(function.is_varied, entry_units(spread), 0.0)
    models = originals.at(x)
    x = exact_centres(x, units, function.digits)
    free = (units > 0) & ~_absent(problem, models, x)
    ours = _Contracted(exact, Directions.draw(layout, free, units, seed))
    report_progress(progress, "cross-check", 0, None)
    answer = ours.start(x)
    lines = Lines(models, x, ours.directions.vectors, units)
    theirs = _differences(lines, layout, steps, threads, progress)
    rows = np.zeros((len(x), layout.count + 1))
    rows[:, -1] = np.arange(len(x))
    total = len(x) * theirs.points
    along = copied(
        theirs.coefficients(
            rows,
            lambda share: report_progress(progress, "cross-check", round(share * total), total),
        )
    )
    report_progress(progress, "cross-check", total, total)
    assert along.kinks is not None
    shape = answer.terms.shape
    terms, responses, share = measure_round_off(
        ours.coefficients,
        x,
        answer,
        comparable=~near_kinks(along.kinks, layout.indices, shape, averaged=layout.averaged),
        scales=Scales(
            layout.indices.orders,
            np.ones(len(layout.indices)),
            spread,
            np.where(units > 0, spread * _changes_over(theirs), 0.0),
            digits_of(exact.precision),
        ),
        seed=seed,
        measured=measured,
        progress=progress,
    )
    again = partial(confirmed_ratio, theirs, rows, answer.terms, terms)
    form = exact.precision, layout.averaged
    answers = Answers(answer, along, terms, responses, *form, again, share)
    precision = models[0].session.function.precision
    return Along(answers, layout, ours.on_joints, precision, theirs.points)


class _Contracted:
    """The exact engine, its coefficients contracted with directions at the same events.

    Parameters
    ----------
    engine
        Computes all coefficients by features.
    directions
        Directions at the events. Features by which no derivative exists at an event are left out of
        those there, once the events have been evaluated.
    """

    def __init__(self, engine: Engine, directions: Directions) -> None:
        self._engine, self.directions = engine, directions
        shape = (len(engine.exact_responses), len(engine.indices))
        self.on_joints = np.zeros(shape, np.int64)

    def start(self, x: Floats) -> BatchCoefficients:
        """Computes coefficients along the directions at all their events x (E, n)."""

        def leave_out(part: slice, answer: BatchCoefficients) -> None:
            joints = answer.no_derivative
            if joints is not None:
                flags = np.zeros((part.stop - part.start, x.shape[1]), np.bool_)
                flags[joints.events] = features_of(
                    np.asarray(joints.mask.any(axis=1)), self._engine.indices
                )
                self.directions = self.directions.without(part, flags)
                self.on_joints += joints.mask.sum(axis=0)

        return self._evaluate(x, None, leave_out)

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes coefficients at events x (E', n) next to the first E' of those."""
        return self._evaluate(x, watch, lambda part, answer: None)

    def _evaluate(
        self,
        x: Floats,
        watch: Watcher | None,
        seen: Callable[[slice, BatchCoefficients], None],
    ) -> BatchCoefficients:
        indices, found = self._engine.indices, []
        events = max(1, NUMBERS // self.on_joints.size)
        for first in range(0, len(x), events):
            part = slice(first, min(first + events, len(x)))
            answer = self._engine.coefficients(x[part])
            seen(part, answer)
            along = self.directions.along(part, answer.terms, indices)
            found.append((answer.responses.copy(), along))
            if watch is not None:
                watch(part.stop / len(x))
        responses, terms = zip(*found, strict=True)
        return BatchCoefficients(np.concatenate(responses), np.concatenate(terms))


@dataclass(frozen=True, eq=False)
class Lines:
    """The model at events, and the lines through them."""

    models: Sequence[Model]
    centres: Floats
    vectors: Floats
    units: Floats

    def session(self, slots: Sequence[int]) -> LineSession:
        """Returns the model as a function along some of the directions."""
        return LineSession(self.models, self.centres, self.vectors[:, slots])

    def largest(self, slots: Sequence[int]) -> Floats:
        """Returns sizes of the numbers of some of the directions, and of events."""
        digits = self.models[0].session.function.digits
        return largest_for(self.vectors[:, slots], self.centres, self.units, digits)


def _absent(problem: Problem, models: Sequence[Model], x: Floats) -> Flags:
    """Finds entries (E, n) that are no data: of padded slots, or of no slot at all."""
    absent = ~np.isfinite(x)
    if problem.slots:
        absent |= problem.slots.padded(x)
    for event, model in enumerate(models):
        absent[event] |= ~np.isin(np.arange(x.shape[1]), model.columns)
    return absent


def _differences(
    lines: Lines,
    layout: Layout,
    steps: CurvatureSteps | None,
    threads: int,
    progress: Progress | None,
) -> Differences | AveragedPlanes:
    """Makes the differences along the directions; steps are tried along one of each kind."""
    second = layout.order > 1 and steps is None
    tried = _of_each_kind(layout)
    pilots = np.zeros((min(ALONG_PILOTS[layout.order], len(lines.centres)), len(tried) + 1))
    pilots[:, -1] = np.arange(len(pilots))
    places = range(len(tried))
    table: list[tuple[int, ...]] = [(d,) for d in places]
    if second:
        table += [(d, e) for d in places for e in range(d, len(tried))]
    trial = Differences(
        lines.session(tried).function,
        MultiIndices.of(len(tried) + 1, table),
        spread=np.ones(len(tried) + 1),
        largest=lines.largest(tried),
        x=pilots,
        threads=threads,
        session=lines.session(tried),
        progress=progress,
    )
    everything = list(range(layout.count))
    alike = [tried.index(next(t for t in tried if layout.kinds[t] == k)) for k in layout.kinds]
    session = lines.session(everything)
    rows = np.zeros((len(pilots), layout.count + 1))
    rows[:, -1] = np.arange(len(pilots))
    own = layout.indices
    first = Differences(
        session.function,
        own if second else own.part(np.flatnonzero(own.orders == 1)),
        spread=np.ones(layout.count + 1),
        largest=lines.largest(everything),
        x=rows,
        steps=np.append(trial.steps[:, alike], np.zeros((2, 1)), axis=1),
        threads=threads,
        session=session,
    )
    if steps is None:
        return first
    return AveragedPlanes(
        first, session, steps, centres=lines.centres, vectors=lines.vectors, indices=own
    )


def _of_each_kind(layout: Layout) -> list[int]:
    """Returns the first direction of each kind; two of them where there are planes."""
    kinds = layout.kinds.tolist()
    found = [kinds.index(kind) for kind in dict.fromkeys(kinds)]
    return found if len(found) > 1 else list(range(min(2, len(kinds))))


def _changes_over(engine: Differences | AveragedPlanes) -> float:
    """Length over which the function changes, in spreads: that of which a step is a part."""
    steps = engine.steps[0, :-1]
    c = step_share(digits=engine.digits, order=1, accuracy=engine.accuracy)
    return float(min(1.0, steps.max() / c))
