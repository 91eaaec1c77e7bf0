"""Both engines at a sample of events: all coefficients, or random directions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.along import Along, evaluate_along
from onnxtaylor.crosscheck.answers import Answers, digits_of, evaluate_both
from onnxtaylor.crosscheck.largest import LargestEvents, WrongEvents, compare_largest
from onnxtaylor.crosscheck.originals import Originals
from onnxtaylor.crosscheck.plan import FEWEST, Plan
from onnxtaylor.crosscheck.second_engine import Engines
from onnxtaylor.engine.differences.usual import far_limit, usual_survey
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress

__all__ = ["Compared", "compare_all", "compare_along"]

Floats = npt.NDArray[np.float64]

NUMBERS = 2**22  # comparisons that are held: 32 MiB an array


@dataclass(frozen=True, eq=False)
class Compared:
    """Answers of both engines, and what they are answers of.

    Parameters
    ----------
    answers
        Responses and coefficients of both engines at events.
    indices
        The K' coefficients that are compared: by features, or along directions.
    units
        Spread of each feature, or 1 for each direction.
    precision, points
        Format of the differences, and their evaluations per event.
    along
        What was compared along directions; None where all coefficients were.
    wrong
        Events besides the sample that make ⟨t⟩ wrong, where there are such.
    """

    answers: Answers
    indices: MultiIndices
    units: Floats
    precision: str
    points: int
    along: Along | None = None
    wrong: WrongEvents | None = None


def compare_all(
    engines: Engines,
    indices: MultiIndices,
    x: Floats,
    plan: Plan,
    seed: int,
    progress: Progress | None,
    largest: LargestEvents | None,
) -> Compared:
    """Compares all coefficients at events x (E, n), as many as the plan has and as are held."""
    survey = engines.problem.survey
    spread = usual_survey(survey, DIGITS["float64"]).spread
    size = len(engines.problem.response_names) * len(indices)  # averaged they may be fewer
    x = x[: min(plan.events, max(FEWEST, NUMBERS // size))]
    pilots = x[: plan.pilots]
    differences = engines.make_differences(indices, pilots, progress)
    answers = evaluate_both(engines.exact, differences, x, spread, seed=seed, progress=progress)
    limit = far_limit(survey, digits_of(differences.precision))
    wrong = compare_largest(engines.exact, differences, largest, limit)
    return Compared(
        answers.without(differences.indices.having(np.abs(x) > limit)),
        differences.indices,
        spread,
        differences.precision,
        differences.points,
        wrong=wrong,
    )


def compare_along(
    engines: Engines,
    originals: Originals,
    x: Floats,
    plan: Plan,
    seed: int,
    progress: Progress | None,
    largest: LargestEvents | None,
) -> Compared:
    """Compares coefficients along random directions at events x (E, n), as many as planned.

    At the events with the largest coefficients, the few that are made there are compared, too.
    """
    assert plan.layout is not None
    along = evaluate_along(
        originals,
        engines.exact,
        x[: plan.events],
        plan.layout,
        steps=engines.steps,
        measured=plan.measured,
        threads=engines.options.threads,
        seed=seed,
        progress=progress,
    )
    ones = np.ones(plan.layout.count + 1)
    answers = along.answers
    limit = far_limit(engines.problem.survey, digits_of(along.precision))
    # every direction has all features
    far = np.any(np.abs(x[: len(answers.terms)]) > limit, axis=1, keepdims=True)
    answers = answers.without(np.broadcast_to(far, answers.terms[:, 0].shape))
    wrong = None
    if largest is not None and len(largest.dominated) and not engines.averaged:
        own = engines.exact.indices.part(largest.dominated)
        differences = engines.make_differences(own, x[:FEWEST], progress)
        wrong = compare_largest(engines.exact, differences, largest, limit, largest.dominated)
    found = Compared(answers, plan.layout.indices, ones, along.precision, along.points, along)
    return replace(found, wrong=wrong)
