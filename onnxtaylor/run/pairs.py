"""Second order of chosen pairs alone: named ones, or the highest ranked at a sample of events.

The pairs of ``top:N`` are those of the N best ranks of ⟨t_ij⟩ (t_ii among them) of any response at
up to 256 events of the data, each with weight 1. Which events these are depends on the data alone:
they are the first of the survey's sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.averaged.choose import find_kinks
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import ChosenEngine, make_engine
from onnxtaylor.engine.padded import leave_out_padding
from onnxtaylor.engine.part import Part
from onnxtaylor.errors import DataError, ModelError, OptionError, name_hint, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.pairs import top_count
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress
from onnxtaylor.run.prepare import (
    Prepared,
    check_classes,
    choose_memory,
    choose_ranked,
    full_indices,
)
from onnxtaylor.run.sums import bytes_beside_sums, bytes_of_sums, choose_replicates
from onnxtaylor.statistics.ranks import ranks

__all__ = [
    "PairChoice",
    "choose_pairs",
    "named_pairs",
    "prepare_pairs",
    "require_pairs_make_sense",
]

SAMPLE = 256  # events

Pair = tuple[int, int]


@dataclass(frozen=True)
class PairChoice:
    """Chosen pairs, as columns of the fed row, and how they were chosen.

    ``events`` is the number of events of the sample, None for named pairs; ``total`` the number of
    all pairs.
    """

    asked: str
    pairs: tuple[Pair, ...]
    events: int | None
    total: int

    def indices(self, problem: Problem) -> MultiIndices:
        """First order of all features, and the chosen pairs."""
        first = [(i,) for i in range(problem.function.n_varied)]
        return MultiIndices.of(problem.function.n_features, [*first, *self.pairs])

    def compared(self, chosen: ChosenEngine) -> MultiIndices | None:
        """Coefficients that the engines are compared in; None for all up to second order."""
        return None if chosen.curvature.averaged else chosen.engine.indices

    def describe(self) -> dict[str, object]:
        """Facts for ``options`` of the result."""
        return {
            "asked": self.asked,
            "computed": len(self.pairs),
            "of": self.total,
            "sample_events": self.events,
        }


def require_pairs_make_sense(
    options: EngineOptions, statistics: StatisticsOptions
) -> StatisticsOptions:
    """Raises OptionError for options that chosen pairs contradict; returns those by feature."""
    if options.order != 2:
        raise OptionError(
            f"are of second order: use order=2 with them, got order={options.order}",
            option="pairs",
        )
    if options.finite_step is not None:
        raise OptionError("are of derivatives: leave finite_step=… out", option="pairs")
    if statistics.by not in (None, "feature"):
        raise OptionError('are pairs of features: use by="feature" with them', option="pairs")
    return replace(statistics, by="feature")


def choose_pairs(
    problem: Problem, options: EngineOptions, pairs: str, scale: str, progress: Progress | None
) -> PairChoice:
    """Chooses the pairs that ``pairs`` asks for.

    Raises OptionError for a name that no feature has, ModelError where the sample has no event at
    which the coefficients are finite.
    """
    n, count = problem.function.n_varied, top_count(pairs)
    total = n * (n + 1) // 2
    if count is None:
        return PairChoice(pairs, named_pairs(pairs, problem.feature_names[:n]), None, total)
    memory = choose_memory(options)
    everything = full_indices(problem, 2, memory)
    made = make_engine(
        problem, _pointwise(options), everything, sums=False, memory=memory, progress=progress
    ).engine
    engine = leave_out_padding(made, problem.slots)
    x = problem.survey.sample[:SAMPLE]
    score, events = _scores(engine, x)
    if scale == "sigma":
        score = score * engine.indices.scale(problem.survey.spread)
    second = np.flatnonzero(engine.indices.orders == 2)
    best = ranks(score[:, second]).min(axis=0)
    chosen = second[np.argsort(best, kind="stable")[:count]]
    table = engine.indices.table[np.sort(chosen)]
    return PairChoice(pairs, tuple((i, j) for i, j in table.tolist()), events, total)


def prepare_pairs(
    problem: Problem,
    options: EngineOptions,
    statistics: StatisticsOptions,
    pairs: str,
    progress: Progress | None = None,
) -> tuple[Prepared, PairChoice]:
    """Chooses pairs, and makes the engine of first order and of these: see ``prepare``.

    Second order that is averaged over steps is computed of all pairs, of which the chosen ones are
    kept. Raises OptionError where ``auto`` would have to measure whether kinks matter, for which
    all pairs are needed, and for pairs of features that no step moves.
    """
    statistics = require_pairs_make_sense(options, statistics)
    if problem.stand_ins:
        raise DataError(f"an analysis needs data: {problem.stand_ins}")
    check_classes(problem, per_class=statistics.per_class)
    choice = choose_pairs(problem, options, pairs, scale_of(options, statistics), progress)
    memory, indices = choose_memory(options), choice.indices(problem)
    replicates = choose_replicates(statistics.bootstrap, problem, indices, memory)
    averaged = options.curvature == "averaged"
    chosen = make_engine(
        problem,
        _pointwise(options),
        full_indices(problem, 2, memory) if averaged else indices,
        replicates=replicates,
        sums=not averaged,
        memory=bytes_beside_sums(memory, bytes_of_sums(problem, indices, replicates)),
        progress=progress,
    )
    if options.curvature == "auto":
        _require_no_kinks(chosen.engine, problem)
    engine = chosen.engine
    if not np.array_equal(engine.indices.table, indices.table):
        engine = Part(engine, _places(engine, choice, problem))
    engine = leave_out_padding(engine, problem.slots)
    statistics = replace(statistics, bootstrap=replicates)
    return Prepared(chosen, engine, choose_ranked(problem, statistics), statistics), choice


def _require_no_kinks(engine: Engine, problem: Problem) -> None:
    """Raises OptionError where kinks may matter."""
    kinks = find_kinks(engine, problem.function.proto)
    if kinks is not None:
        raise OptionError(
            f"leave open whether the kinks of {kinks.words} matter, since that is measured on all"
            ' pairs: choose curvature="averaged" (all pairs are computed, these are kept) or'
            ' curvature="pointwise"',
            option="pairs",
        )


def named_pairs(pairs: str, features: Sequence[str]) -> tuple[Pair, ...]:
    """Returns the pairs (i, j), i ≤ j, in order, that names or patterns joined by ``:`` mean.

    Raises OptionError for a name that no feature has, and for one that can be read in two ways.

    >>> named_pairs("pt:e*, m:m", ["pt", "eta", "m", "e"])
    ((0, 1), (0, 3), (2, 2))
    """
    found: set[Pair] = set()
    for text in (part.strip() for part in pairs.split(",")):
        splits = [(text[:k], text[k + 1 :]) for k, letter in enumerate(text) if letter == ":"]
        sides = [(_matching(a, features), _matching(b, features)) for a, b in splits]
        meant = [pair for pair in sides if all(pair)]
        if len(meant) > 1:
            raise OptionError(
                f"'{printable(text)}' can be read in {len(meant)} ways, as ':' is in a name:"
                " write ? in place of it",
                option="pairs",
            )
        if not meant:
            a, b = splits[0] if splits else (text, "")
            lost = b if _matching(a, features) else a
            raise OptionError(
                f"no feature matches '{printable(lost)}' of '{printable(text)}'"
                + name_hint(lost, features),
                option="pairs",
            )
        found |= {(min(i, j), max(i, j)) for i, j in product(*meant[0])}
    return tuple(sorted(found))


def _matching(pattern: str, features: Sequence[str]) -> list[int]:
    """Features of this name, or of names that match this shell pattern."""
    return [i for i, name in enumerate(features) if name == pattern or fnmatchcase(name, pattern)]


def _pointwise(options: EngineOptions) -> EngineOptions:
    """Options with second order at the events, unless it is asked to be averaged."""
    return options if options.curvature == "averaged" else replace(options, curvature="pointwise")


def _scores(engine: Engine, x: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], int]:
    """⟨t⟩ (C, K) at the events x (B, n) with finite coefficients, and their number."""
    total: npt.NDArray[np.float64] | float = 0.0
    events = 0
    for start in range(0, len(x), engine.batch_events):
        terms = engine.coefficients(x[start : start + engine.batch_events]).terms
        finite = np.isfinite(terms).all(axis=(1, 2))
        total = total + np.abs(terms[finite]).sum(axis=0)
        events += int(finite.sum())
    if not events:
        raise ModelError(
            f"pairs cannot be chosen: the coefficients are not finite at any of {len(x)} events"
        )
    return np.asarray(total / events), events


def _places(engine: Engine, choice: PairChoice, problem: Problem) -> npt.NDArray[np.int64]:
    """Places of first order and of the chosen pairs among the coefficients of an engine."""
    wanted = set(choice.pairs)
    tuples = engine.indices.tuples()
    lost = wanted - set(tuples)
    if lost:
        names = problem.feature_names
        i, j = min(lost)
        raise OptionError(
            f"'{printable(names[i])}:{printable(names[j])}' has no averaged second order, as one of"
            ' them is not stepped: leave it out, or use curvature="pointwise"',
            option="pairs",
        )
    kept = [k for k, alpha in enumerate(tuples) if len(alpha) == 1 or alpha in wanted]
    return np.array(kept, np.int64)
