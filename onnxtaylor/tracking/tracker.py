"""One model after another at the same events: weights swapped where the graph is the same.

The graph of the first model is compiled with its weights as inputs. A later model of the same
structure, after normalization, gives them new values; any other is compiled anew, and models that
the exact engine cannot differentiate are analyzed in the ordinary way. The responses of every graph
that was given other weights are compared with those of the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.exact.derive import normal_form
from onnxtaylor.engine.exact.reweighted import Reweighted
from onnxtaylor.engine.exact.structure import (
    Structure,
    float_constants,
    likely_weights,
    structure_of,
    with_stored_constants,
)
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.errors import ModelError, join_names, printable
from onnxtaylor.graph import GraphFunction, LoadedModel
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.finite_step import read_steps, step_text
from onnxtaylor.problem import Problem
from onnxtaylor.run.analyze import analyze_problem
from onnxtaylor.tracking.agreement import COMPARED, compared
from onnxtaylor.tracking.events import Scores, TrackedEvents

__all__ = ["Measured", "Tracker"]

HIGHEST = 2  # order of derivatives whose graph takes weights
AVERAGED = "second order averaged over steps is computed model by model"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Measured:
    """Scores of one step; ``how`` and ``note`` as in ``TrackedStep``."""

    scores: Scores
    problem: Problem
    how: str
    engine: str
    precision: str
    note: str | None


@dataclass
class _Compiled:
    engine: Reweighted
    structure: Structure
    weights: frozenset[str]


class Tracker:
    """Measures models at the same events. Raises as ``analyze`` does."""

    def __init__(
        self,
        events: TrackedEvents,
        model_options: ModelOptions,
        data_options: DataOptions,
        engine_options: EngineOptions,
        statistics_options: StatisticsOptions,
    ) -> None:
        self._events, self._options = events, engine_options
        self._model_options, self._data_options = model_options, data_options
        self._statistics = statistics_options
        self._compiled: _Compiled | None = None
        self._responses: tuple[str, ...] = ()
        self._refused: dict[bytes, str] = {}  # why, by structure
        self._indices: MultiIndices | None = None
        self.problem: Problem | None = None  # that was measured last

    def measure(self, model: LoadedModel) -> Measured:
        """Computes the scores of one model."""
        problem = self.open(model)
        self._responses = self._responses or problem.response_names
        renamed = problem.response_names != self._responses
        if len(problem.response_names) != len(self._responses):
            raise self._of_another_kind(problem)
        self.problem, why = problem, self._why_not()
        if why is None:
            try:
                how, note = self._ready(problem)
                self._settle_curvature(problem)
            except _RefusedError as refused:
                why = str(refused)
            else:
                if renamed and how != "swapped":  # in the same graph names mean nothing
                    raise self._of_another_kind(problem)
                scores = self.scores(problem.function, model)
                precision = problem.function.precision
                return Measured(scores, problem, how, "exact", precision, note)
        if renamed:
            raise self._of_another_kind(problem)
        return self._analyzed(problem, why)

    def _of_another_kind(self, problem: Problem) -> ModelError:
        return ModelError(
            f"{printable(problem.model.path)}: its responses are"
            f" {join_names(problem.response_names)}, those of the steps before"
            f" {join_names(self._responses)}: track one kind of model"
            " at a time"
        )

    @property
    def kinks(self) -> dict[str, int]:
        """Number of piecewise linear operators in the compiled graph, by kind."""
        return {} if self._compiled is None else self._compiled.engine.kinks

    @property
    def indices(self) -> MultiIndices:
        """Coefficients of all models: averaged over steps, those of the features that move.

        The steps follow from the data, which are the same for all models.
        """
        assert self._indices is not None
        return self._indices

    def open(self, model: LoadedModel) -> Problem:
        """Opens a model on the events that are watched, and probes it."""
        if self.problem is not None:
            return self.problem.with_model(model)
        return Problem.of_source(
            model,
            self._events.source,
            self._model_options,
            self._data_options,
            provider=self._options.provider,
        )

    def scores(
        self, function: GraphFunction | None = None, model: LoadedModel | None = None
    ) -> Scores:
        """Computes the scores of the compiled graph with its weights.

        The responses of a ``function`` are compared with the graph's. Raises ModelError where they
        differ.
        """
        assert self._compiled is not None
        engine = self._compiled.engine
        parts = engine.coefficients()
        if function is not None:
            where = "" if model is None else f"{printable(model.path)}: "
            parts = compared(parts, function, self._events.x, where)
        if self.problem is not None and self.problem.slots:
            parts = self._events.without_padding(parts, engine.indices, self.problem.slots)
        return self._events.scores(parts, self._factor(engine.indices))

    def constants(self, function: GraphFunction) -> dict[str, Array] | None:
        """The constants that a function has in normal form, by their names in the compiled graph;
        None for one of another structure.
        """
        normal = self._normal(function)
        return self._named(structure_of(normal), float_constants(normal))

    def _normal(self, function: GraphFunction) -> GraphFunction:
        return with_stored_constants(normal_form(function, self._events.x[:COMPARED]))

    def _named(self, own: Structure, values: Mapping[str, Array]) -> dict[str, Array] | None:
        if self._compiled is None or own.key != self._compiled.structure.key:
            return None
        names = zip(self._compiled.structure.constants, own.constants, strict=True)
        return {theirs: values[ours] for theirs, ours in names}

    def swap(self, values: Mapping[str, Array]) -> bool:
        """Sets weights of the compiled graph, by name; returns False where that is not possible."""
        return self._compiled is not None and self._compiled.engine.swap(values) is None

    def _why_not(self) -> str | None:
        if self._options.engine == "differences":
            return "differences were asked for"
        if self.problem is not None and self.problem.buckets is not None:
            return "sets of varying size need a graph for each size"
        if self._options.order > HIGHEST:
            return "third-order graphs are compiled for one set of weights"
        if self._options.curvature == "averaged" and self._options.order == HIGHEST:
            return AVERAGED
        return None

    def _settle_curvature(self, problem: Problem) -> None:
        """Chooses pointwise or averaged second order by the first model, for all of them.

        Raises _RefusedError where it is averaged: the graph that takes weights is pointwise.
        """
        if self._options.curvature != "auto" or self._options.order != HIGHEST:
            return
        averaged = False
        if self.kinks:
            indices = problem.function.indices(HIGHEST)
            averaged = make_engine(problem, self._options, indices).engine.quantity == "averaged"
        self._options = replace(self._options, curvature="averaged" if averaged else "pointwise")
        if averaged:
            self._compiled = None
            raise _RefusedError(AVERAGED)

    @property
    def curvature(self) -> tuple[str | None, dict[str, str] | None]:
        """Kind of second order, None where there is none, and widths of the steps by feature."""
        if self._options.order == 1:
            return None, None
        if self._options.curvature != "averaged":
            return "pointwise", None
        steps = read_steps(self._options.curvature_step, "curvature_step")
        return "averaged", {name: step_text(step) for name, step in steps.items()}

    def _ready(self, problem: Problem) -> tuple[str, str | None]:
        """Compiles the model, or puts its weights into the compiled graph; returns which, and why.

        Raises _RefusedError where the exact engine cannot differentiate the model.
        """
        key = structure_of(with_stored_constants(problem.function)).key
        if key in self._refused:
            raise _RefusedError(self._refused[key])
        try:
            normal = self._normal(problem.function)
            made, values = structure_of(normal), float_constants(normal)
            note, weights = None, frozenset(likely_weights(normal))
            if self._compiled is not None:
                named = self._named(made, values)
                if named is not None:
                    fixed = self._compiled.engine.swap(named)
                    if fixed is None:
                        return "swapped", None
                    note = f"constant '{printable(fixed)}' changed, which the graph held fixed"
                    places = zip(self._compiled.structure.constants, made.constants, strict=True)
                    before = {*self._compiled.weights, fixed}
                    weights |= {ours for theirs, ours in places if theirs in before}
                else:
                    note = "its graph has another structure than that of the step before"
            indices = normal.indices(self._options.order)
            threads = self._options.threads
            engine = Reweighted(normal, indices, self._events.x, weights, threads=threads)
        except ModelError as error:
            self._refused[key] = str(error)
            raise _RefusedError(str(error)) from None
        self._indices = indices
        self._compiled = _Compiled(engine, made, weights)
        return "compiled", note

    def _analyzed(self, problem: Problem, why: str) -> Measured:
        by_feature = replace(self._statistics, by="feature")
        result = analyze_problem(problem, self._options, by_feature).result
        self._indices = result.indices
        if self._options.curvature == "auto" and self._options.order == HIGHEST:
            self._options = replace(self._options, curvature=result.options["curvature"])
        scores = Scores(result.score, result.sem, result.signed_mean)
        summary = result.model
        note = f"not swapped: {why}"
        return Measured(scores, problem, "analyzed", summary.engine, summary.precision, note)

    def _factor(self, indices: MultiIndices) -> npt.NDArray[np.float64] | None:
        if self._statistics.scale != "sigma":
            return None
        known = self._events if self.problem is None else self.problem
        return indices.scale(np.nan_to_num(known.survey.std))  # of a problem: without padding


class _RefusedError(Exception):
    """The exact engine cannot differentiate a model."""
