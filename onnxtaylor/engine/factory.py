"""Makes the engine that the options ask for, for a problem.

``auto`` takes the exact engine where every operator on the way has a rule, both engines where that
holds for some responses alone, differences elsewhere; and says why. Second order is pointwise or
averaged over steps: ``auto`` measures whether kinks matter on the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from gc import collect as collect_garbage

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.averaged.choose import CurvatureChoice, choose_curvature
from onnxtaylor.engine.averaged.steps import CurvatureSteps, plan_steps
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.beside_trees import refuse_trees
from onnxtaylor.engine.by_size import engine_by_size
from onnxtaylor.engine.chosen import AnyDifferences, ChosenEngine
from onnxtaylor.engine.differences.averaged import AveragedDifferences
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.differences.usual import usual_survey
from onnxtaylor.engine.exact.averaged import Averaged, make_averaged
from onnxtaylor.engine.exact.batch_size import BatchRequest
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.finite_step.plan import finite_step_engine
from onnxtaylor.engine.likely import affordable_events
from onnxtaylor.engine.mixed import Mixed, divide
from onnxtaylor.errors import DisagreementError, ModelError, OptionError, ProbeError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions
from onnxtaylor.options.sizes import read_bytes
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress
from onnxtaylor.runtime.available import default_bytes
from onnxtaylor.runtime.promotion import Promotion, promote
from onnxtaylor.runtime.session import Session

__all__ = ["AnyDifferences", "ChosenEngine", "make_engine"]

HIGHEST = 2  # order that can be averaged
TRIED, LONG = 16, 2.0  # events at which averaged coefficients must be finite; seconds for them


def make_engine(
    problem: Problem,
    options: EngineOptions,
    indices: MultiIndices,
    *,
    x: npt.NDArray[np.float64] | None = None,
    events: int | None = None,
    replicates: int = 0,
    sums: bool = True,
    memory: int | None = None,
    progress: Progress | None = None,
) -> ChosenEngine:
    """Makes the engine for these coefficients of a problem.

    Parameters
    ----------
    problem, options
        The function and its data, and how coefficients are computed.
    indices
        The coefficients of derivatives. Responses to finite steps, and second order averaged over
        steps, have indices of their own: not every feature moves.
    x
        A few events (B, n) at which the graph is observed and steps are tried; the first ones of
        the data by default.
    events
        Number of events that the engine will serve: those of the data, or of ``x``, by default.
    replicates
        Number of bootstrap replicates, for an engine that makes sums by itself.
    sums
        Whether it may do so; False where the coefficients themselves are needed.
    memory
        Bytes that the engine may take; by default what the options say, or half of what is free.
    progress
        Called with the stages of the making.

    Raises
    ------
    ModelError
        The options request ``exact`` and the graph cannot be differentiated, or request a precision
        that the model does not have.
    DisagreementError
        The derivative graph does not respond as the model does, with any choice of engine.
    """
    if problem.buckets is not None:
        make = partial(make_engine, sums=False, progress=progress)
        own, first = engine_by_size(problem, options, indices, make)
        return replace(first, engine=own, differences=own if first.differences else None)
    if options.finite_step is not None:
        step, threads = options.finite_step, options.threads
        return ChosenEngine(finite_step_engine(problem, step, options.order, threads=threads))
    if not problem.derivatives:
        raise OptionError(
            "must be given: the problem was opened for responses to finite steps",
            option="finite_step",
        )
    if events is None:
        events = problem.survey.events if x is None else len(x)
    shown = problem.first_events if x is None else x
    memory = memory or read_bytes(options.memory) or default_bytes()
    maker = _Maker(problem, options, indices, shown, events, replicates, memory, progress, sums)
    try:
        return _with_curvature(maker, problem, options)
    except DisagreementError as error:
        raise error.located(problem.model.path) from None


def _with_curvature(maker: _Maker, problem: Problem, options: EngineOptions) -> ChosenEngine:
    """Makes the engine with second order as it is asked for, or as the data need it."""
    if maker.indices.order != HIGHEST or options.order > HIGHEST:
        reason = "third order exists at the events alone" if options.order > HIGHEST else None
        return replace(maker.make(), curvature=CurvatureChoice(False, reason))
    if options.curvature == "averaged":
        maker.steps = plan_steps(problem, options.curvature_step)
        return replace(maker.make(), curvature=CurvatureChoice(averaged=True))
    chosen = maker.make()
    if options.curvature == "pointwise":
        return chosen
    choice = choose_curvature(chosen.engine, problem, options)
    if not choice.averaged:
        return replace(chosen, curvature=choice)
    del chosen  # its graph and buffers would be held beside those of the averaged curvature
    collect_garbage()
    averaged = _averaged(maker, problem, options, choice)
    if _is_finite(averaged.engine, problem):
        return replace(averaged, curvature=choice)
    maker.steps = None
    why = f"{choice.reason}, but beside the data the model does not respond with finite numbers"
    return replace(maker.make(), curvature=CurvatureChoice(False, why))


def _averaged(
    maker: _Maker, problem: Problem, options: EngineOptions, choice: CurvatureChoice
) -> ChosenEngine:
    """Makes the engine that kinks need. Raises OptionError where memory does not allow it.

    To go on with second order at the events would change, without a word, what is computed.
    """
    maker.steps = plan_steps(problem, options.curvature_step)
    try:
        return maker.make()
    except OptionError as error:
        if error.option != "memory":
            raise
        raise OptionError(
            f"{error.message}; {choice.reason}, so second order is averaged over steps;"
            ' curvature="pointwise" takes it at the events, in less memory',
            option="memory",
        ) from None


def _is_finite(engine: Engine, problem: Problem) -> bool:
    """Whether an engine has finite coefficients at some events of the data."""
    tried = affordable_events(engine, problem.function.proto, seconds=LONG, most=TRIED)
    try:
        return bool(np.isfinite(engine.coefficients(problem.survey.sample[:tried]).terms).all())
    except ModelError:
        return False


@dataclass
class _Maker:
    """Makes engines of derivatives; ``steps``: those of averaged second order, None without."""

    problem: Problem
    options: EngineOptions
    indices: MultiIndices
    x: npt.NDArray[np.float64]
    events: int
    replicates: int
    memory: int
    progress: Progress | None
    sums: bool = True
    no_float64: str | None = None
    steps: CurvatureSteps | None = None

    def make(self) -> ChosenEngine:
        """Tries exact, then both, then differences, as far as the options let it."""
        function, why = self._function(), None
        if self.options.engine != "differences":
            try:
                return ChosenEngine(self._exact(function), reasons=self._reasons(None))
            except DisagreementError:
                raise
            except ProbeError as error:  # no engine can help
                raise error.located(self.problem.model.path) from None
            except ModelError as error:
                refuse_trees(function, self.problem.model.path)
                if self.options.engine == "exact":
                    raise ModelError(
                        f'no exact derivatives: {error}; use engine="differences"'
                    ).located(self.problem.model.path) from None
                why = str(error)
            mixed = self._mixed(function)
            if mixed is not None:
                return ChosenEngine(mixed, reasons=self._reasons(mixed.why))
        differences = self._differences(function)
        return ChosenEngine(differences, differences, self._reasons(why))

    def _reasons(self, no_exact_engine: str | None) -> dict[str, str | None]:
        return {"no_exact_engine": no_exact_engine, "no_float64": self.no_float64}

    @property
    def _own_indices(self) -> MultiIndices:
        """The coefficients that derivatives at the events are needed of."""
        return self.indices if self.steps is None else self.problem.function.indices(1)

    def _exact(self, function: GraphFunction, sums: str = "auto") -> Exact | Averaged:
        batch = BatchRequest(self.events, self.options.batch_size)
        if self.steps is not None:
            return make_averaged(
                function,
                self.steps,
                x=self.x,
                threads=self.options.threads,
                provider=self.problem.provider,
                batch=batch,
                memory=self.memory,
                progress=self.progress,
            )
        return Exact(
            function,
            self.indices,
            x=self.x,
            threads=self.options.threads,
            provider=self.problem.provider,
            sums=sums if self.sums else "kernel",
            groups=max(1, len(self.problem.survey.classes)),
            replicates=self.replicates,
            batch=batch,
            memory=self.memory,
            progress=self.progress,
        )

    def _mixed(self, function: GraphFunction) -> Mixed | None:
        """Makes both engines; None where the exact engine can compute no response."""
        division = divide(function, self.x)
        if division is None:
            return None
        try:
            # sums in the graph are of use to an engine that serves all responses alone
            exact = self._exact(division.exact, sums="kernel")
        except (DisagreementError, ProbeError):
            raise
        except ModelError:  # each part compiles, all of them together do not
            return None
        differences = self._differences(division.others)
        return Mixed(exact, differences, division, self.problem.response_names)

    def _differences(self, function: GraphFunction) -> AnyDifferences:
        refuse_trees(function, self.problem.model.path)
        promotion = Promotion(function, None)
        provider, threads = self.problem.provider, self.options.threads
        if self.options.precision == "auto":
            own = self.problem.session
            known = own if isinstance(own, Session) and own.function is function else None
            promotion = promote(function, self.x, provider=provider, original=known)
        self.no_float64 = promotion.refused
        session = promotion.session or Session(promotion.function, provider=provider, threads=1)
        survey = usual_survey(self.problem.survey, promotion.function.digits)
        differences = Differences(
            promotion.function,
            self._own_indices,
            spread=(spread := survey.spread),
            largest=survey.largest,
            x=self.x,
            accuracy=self.options.accuracy,
            mixed=self.options.mixed,
            threads=threads,
            provider=provider,
            session=session,
            progress=self.progress,
        )
        if self.steps is None:
            return differences
        return AveragedDifferences(differences, session, self.steps, spread=spread, threads=threads)

    def _function(self) -> GraphFunction:
        """Returns the function in the requested precision. Raises ModelError if there is none."""
        function, where = self.problem.function, self.problem.model.path
        if self.options.precision == "float64":
            promotion = promote(function, self.x, provider=self.problem.provider)
            if promotion.refused:
                raise ModelError(
                    f'no evaluation in float64: {promotion.refused}; use precision="auto"'
                ).located(where)
            return promotion.function
        if self.options.precision == "float32" and function.precision == "float64":
            raise ModelError(
                'precision="float32" cannot be had, the model computes in float64: use'
                ' precision="auto"'
            ).located(where)
        return function
