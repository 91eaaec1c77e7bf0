"""Sizes of an analysis, and its warnings, before the first batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.reduced import Filled, Reduced, Reduction
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.options import StatisticsOptions
from onnxtaylor.options.grouping import read_by
from onnxtaylor.problem import Problem
from onnxtaylor.problem.hygiene import inspect
from onnxtaylor.problem.rounding import inspect_digits
from onnxtaylor.results.classes import classes_of
from onnxtaylor.results.summaries import units_apart
from onnxtaylor.results.taylor import Notice
from onnxtaylor.slots import FeatureName, Grouping
from onnxtaylor.statistics.finalize import ALL

__all__ = [
    "Ranked",
    "check_classes",
    "choose_by",
    "choose_ranked",
    "choose_replicates",
    "find_notices",
    "full_indices",
]

REPLICATES = 200
HIGHEST_BY_VARIABLE = 2  # order
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


@dataclass(frozen=True)
class Ranked:
    """Names that are ranked: groups of features, or, without ``grouping``, the features themselves.

    ``names`` are those of the features; ``how`` coefficients of a group are reduced is None for
    features.
    """

    names: tuple[str, ...]
    grouping: Grouping | None = None
    how: str | None = None

    @property
    def by(self) -> str:
        """``feature``, ``variable``, ``input`` or ``group``."""
        return "feature" if self.grouping is None else self.grouping.by

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of what is ranked."""
        return self.names if self.grouping is None else self.grouping.names

    def of(self, indices: MultiIndices) -> MultiIndices:
        """Coefficients that remain of those by feature. Raises OptionError."""
        if self.grouping is None or self.how is None:
            return indices
        return Reduction.plan(indices, self.grouping, self.how).indices

    def engine(
        self, engine: Engine, problem: Problem, scale: str, filled: Filled | None = None
    ) -> Engine:
        """Returns the engine of these coefficients, in units of ``scale`` where they are reduced.

        ``filled`` says which features are filled at an event; None: all are.
        Raises OptionError where none of them exists.
        """
        if self.grouping is None or self.how is None:
            return engine
        sigma = None
        if scale == "sigma":
            sigma = np.nan_to_num(np.array([feature.std for feature in problem.features]))
        return Reduced(
            engine, Reduction.plan(engine.indices, self.grouping, self.how, sigma), filled
        )


def choose_by(problem: Problem, statistics: StatisticsOptions, order: int) -> StatisticsOptions:
    """Returns statistics that say what is ranked: by default, the variables of a model with sets.

    Third order is ranked by feature.
    """
    if statistics.by is not None:
        return statistics
    inputs = [port.name for port in problem.choice.features]
    names = (FeatureName.parse(name, inputs) for name in problem.feature_names)
    sets = bool(problem.slots) and any(name.slot is not None for name in names)
    sets = sets and order <= HIGHEST_BY_VARIABLE
    return replace(statistics, by="variable" if sets else "feature")


def choose_ranked(problem: Problem, statistics: StatisticsOptions) -> Ranked:
    """Chooses what is ranked. Raises OptionError for groups that the features cannot form."""
    names = tuple(problem.feature_names)
    by = read_by(statistics.by or "feature")
    if by == "feature":
        if statistics.reduce is not None:
            raise OptionError(
                'is for several features that become one number: use by="variable", or leave it'
                " out",
                option="reduce",
            )
        return Ranked(names)
    inputs = [port.name for port in problem.choice.features]
    sets = {owner: owners[0] for owners in problem.choice.masks.values() for owner in owners}
    grouping = Grouping.of(names, by, inputs=inputs, sets=sets)
    return Ranked(names, grouping, statistics.reduce or "sum")


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
