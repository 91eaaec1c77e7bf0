"""Sizes of an analysis, and its warnings, before the first batch."""

from __future__ import annotations

from onnxtaylor.engine.base import Engine
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.problem import Problem
from onnxtaylor.problem.hygiene import inspect
from onnxtaylor.problem.rounding import inspect_digits
from onnxtaylor.results.classes import classes_of
from onnxtaylor.results.summaries import units_apart
from onnxtaylor.results.taylor import Notice
from onnxtaylor.statistics.finalize import ALL

__all__ = ["check_classes", "choose_replicates", "find_notices", "full_indices"]

REPLICATES = 200
REPLICATE_BYTES = 2**30  # beyond it the default bootstrap has fewer replicates
MOST_COEFFICIENTS = 10**8  # of all responses


def check_classes(problem: Problem, *, per_class: bool = False) -> None:
    """Checks the classes of the data before the analysis.

    Raises DataError for a class that is called as the group of all events, OptionError where
    ``per_class`` is chosen and the class of a response is unknown.
    """
    classes = list(problem.survey.classes)
    if ALL in classes:
        raise DataError(f"a class is called '{ALL}', as is the group of all events: rename it")
    if per_class:
        classes_of(problem.nodes, problem.response_names, classes)


def full_indices(problem: Problem, order: int) -> MultiIndices:
    """Lists all coefficients up to an order. Raises OptionError for more than can be held."""
    n, responses = problem.function.n_varied, len(problem.response_names)
    if count(n, order) * responses > MOST_COEFFICIENTS:
        raise OptionError(
            f"{count(n, order)} coefficients of {responses} responses are too many to hold: use"
            f" order=1 ({n} coefficients)"
        )
    return problem.function.indices(order)


def choose_replicates(asked: int | None, problem: Problem, indices: MultiIndices) -> int:
    """Returns the requested number of bootstrap replicates; by default 200, if memory allows.

    Raises OptionError for more than 16 GiB of them.
    """
    groups = max(1, len(problem.survey.classes))
    size = 8 * len(problem.response_names) * len(indices) * groups
    if asked is None:
        affordable = REPLICATE_BYTES // size
        return min(REPLICATES, affordable) if affordable >= 20 else 0
    if asked * size > 16 * REPLICATE_BYTES:
        raise OptionError(
            f"of {asked} replicates needs {asked * size / 2**30:.0f} GiB for {len(indices)}"
            f" coefficients: use {16 * REPLICATE_BYTES // size} or fewer, or 0",
            option="bootstrap",
        )
    return asked


def find_notices(problem: Problem, engine: Engine, scale: str) -> list[Notice]:
    """Lists the notices on data, responses and steps."""
    notices = inspect(problem, scale, engine.reach)
    notices += inspect_digits(
        problem.model,
        problem.choice.features,
        problem.survey,
        problem.feature_names,
        problem.missing,
    )
    if (apart := units_apart(problem.features, scale)) is not None:
        notices.append(apart)
    return notices
