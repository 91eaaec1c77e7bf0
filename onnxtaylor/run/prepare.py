"""Sizes of an analysis, and its warnings, before the first batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import ChosenEngine, make_engine
from onnxtaylor.engine.padded import leave_out_padding
from onnxtaylor.engine.reduced import Filled, Reduced, Reduction
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.grouping import read_by
from onnxtaylor.options.scale import scale_of
from onnxtaylor.options.sizes import read_bytes
from onnxtaylor.problem import Problem
from onnxtaylor.problem.hygiene import inspect
from onnxtaylor.problem.rounding import inspect_digits
from onnxtaylor.progress import Progress
from onnxtaylor.results.classes import classes_of
from onnxtaylor.results.summaries import units_apart
from onnxtaylor.results.taylor import Notice
from onnxtaylor.run.sums import bytes_beside_sums, bytes_of_sums, choose_replicates
from onnxtaylor.runtime.available import default_bytes
from onnxtaylor.slots import FeatureName, Grouping
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.finalize import ALL

__all__ = [
    "Prepared",
    "Ranked",
    "check_classes",
    "choose_by",
    "choose_memory",
    "choose_ranked",
    "find_notices",
    "full_indices",
    "prepare",
]

HIGHEST_BY_VARIABLE = 2  # order
MOST_COEFFICIENTS = 10**8  # of all responses
INDEX_BYTES = 64  # of a multi-index in the tables that sort the coefficients


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


def choose_memory(options: EngineOptions) -> int:
    """Returns the bytes that an analysis may take: as asked, or half of what is free."""
    return read_bytes(options.memory) or default_bytes()


def full_indices(problem: Problem, order: int, memory: int) -> MultiIndices:
    """Lists all coefficients up to an order. Raises OptionError for more than can be held.

    That is the list itself and, in double precision, the coefficients of one event and a copy.
    """
    n, responses = problem.function.n_varied, len(problem.response_names)
    needed = count(n, order) * (16 * responses + INDEX_BYTES)
    if needed > memory:
        raise OptionError(
            f"must be at least {needed / 2**30:.2g} GiB for the {count(n, order)} coefficients of"
            f" each of {responses} responses, and {memory / 2**30:.2g} GiB are there: use order=1"
            f" ({n} coefficients)",
            option="memory",
        )
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


@dataclass(frozen=True)
class Prepared:
    """Everything that an analysis needs before its first batch.

    Parameters
    ----------
    chosen
        The engine of coefficients by feature, and why it is no other one.
    engine
        The engine of what is ranked, made of it.
    ranked
        Names that are ranked.
    statistics
        The options, with the number of bootstrap replicates that memory allows.
    """

    chosen: ChosenEngine
    engine: Engine
    ranked: Ranked
    statistics: StatisticsOptions

    def sums(self, problem: Problem, *, threads: int = 1) -> Accumulator:
        """Makes the sums, without events, to be updated by so many threads."""
        return Accumulator(
            len(problem.response_names),
            len(self.engine.indices),
            classes=tuple(problem.survey.classes),
            replicates=self.statistics.bootstrap or 0,
            seed=self.statistics.seed,
            quantity=self.engine.quantity,
            threads=threads,
        )


def prepare(
    problem: Problem,
    options: EngineOptions,
    statistics: StatisticsOptions,
    progress: Progress | None = None,
) -> Prepared:
    """Chooses what is ranked and makes the engine for it.

    Raises DataError for a problem without data, OptionError for more coefficients than can be held.
    """
    statistics = choose_by(problem, statistics, options.order)
    if problem.stand_ins:
        raise DataError(f"an analysis needs data: {problem.stand_ins}")
    scale = scale_of(options, statistics)
    check_classes(problem, per_class=statistics.per_class)
    # the batch and its first displaced rows must fit in memory before anything is allocated
    memory = choose_memory(options)
    everything = full_indices(problem, options.order, memory)
    ranked = choose_ranked(problem, statistics)
    summed = ranked.of(everything)
    replicates = choose_replicates(statistics.bootstrap, problem, summed, memory)
    statistics = replace(statistics, bootstrap=replicates)
    chosen = make_engine(
        problem,
        options,
        everything,
        replicates=replicates,
        sums=ranked.grouping is None,
        memory=bytes_beside_sums(memory, bytes_of_sums(problem, summed, replicates)),
        progress=progress,
    )
    engine = leave_out_padding(chosen.engine, problem.slots)
    engine = ranked.engine(engine, problem, scale, problem.filled)
    return Prepared(chosen, engine, ranked, statistics)


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


def find_notices(problem: Problem, engine: Engine, scale: str) -> list[Notice]:
    """Lists the notices on data, responses and steps, and on files that were left out."""
    faults: Mapping[str, str] = getattr(problem.source, "skipped", {})
    notices = [
        Notice("skipped-file", None, f"a file is left out: {fault}") for fault in faults.values()
    ]
    notices += inspect(problem, scale, engine.reach)
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
