"""Makes the engine that the options ask for, for a problem.

``auto`` takes the exact engine where every operator on the way has a rule, both engines where that
holds for some responses alone, differences elsewhere; and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.finite_step.plan import finite_step_engine
from onnxtaylor.engine.mixed import Mixed, divide
from onnxtaylor.errors import DisagreementError, ModelError, OptionError, ProbeError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress
from onnxtaylor.runtime.promotion import Promotion, promote

__all__ = ["ChosenEngine", "make_engine"]


@dataclass(frozen=True)
class ChosenEngine:
    """An engine, and why it is no other one.

    Parameters
    ----------
    engine
        Computes the coefficients.
    differences
        The same engine, where all responses are served by differences; else None.
    reasons
        Why ``auto`` could not take the exact engine for all responses (``no_exact_engine``) or
        double precision (``no_float64``), None where it could; empty where neither was tried.
    """

    engine: Engine
    differences: Differences | None = None
    reasons: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def no_exact_engine(self) -> str | None:
        """Why a response has no exact derivatives; None where all have, or none was tried."""
        return self.reasons.get("no_exact_engine")


def make_engine(
    problem: Problem,
    options: EngineOptions,
    indices: MultiIndices,
    *,
    x: npt.NDArray[np.float64] | None = None,
    replicates: int = 0,
    progress: Progress | None = None,
) -> ChosenEngine:
    """Makes the engine for these coefficients of a problem.

    Parameters
    ----------
    problem, options
        The function and its data, and how coefficients are computed.
    indices
        The coefficients of derivatives. Responses to finite steps have indices of their own: not
        every feature moves.
    x
        A few events (B, n) at which the graph is observed and steps are tried; the first ones of
        the data by default.
    replicates
        Number of bootstrap replicates, for an engine that makes sums by itself.
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
    if options.finite_step is not None:
        step, threads = options.finite_step, options.threads
        return ChosenEngine(finite_step_engine(problem, step, options.order, threads=threads))
    if not problem.derivatives:
        raise OptionError(
            "must be given: the problem was opened for responses to finite steps",
            option="finite_step",
        )
    events = problem.first_events if x is None else x
    maker = _Maker(problem, options, indices, events, replicates, progress)
    try:
        return maker.make()
    except DisagreementError as error:
        raise error.located(problem.model.path) from None


@dataclass
class _Maker:
    """Makes engines of derivatives with one set of options."""

    problem: Problem
    options: EngineOptions
    indices: MultiIndices
    x: npt.NDArray[np.float64]
    replicates: int
    progress: Progress | None
    no_float64: str | None = None

    def make(self) -> ChosenEngine:
        """Tries the exact engine, then both, then differences, as far as the options let it."""
        function, why = self._function(), None
        if self.options.engine != "differences":
            try:
                return ChosenEngine(self._exact(function), reasons=self._reasons(None))
            except DisagreementError:
                raise
            except ProbeError as error:  # no engine can help
                raise error.located(self.problem.model.path) from None
            except ModelError as error:
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

    def _exact(self, function: GraphFunction, sums: str = "auto") -> Exact:
        return Exact(
            function,
            self.indices,
            x=self.x,
            threads=self.options.threads,
            provider=self.problem.provider,
            sums=sums,
            groups=max(1, len(self.problem.survey.classes)),
            replicates=self.replicates,
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

    def _differences(self, function: GraphFunction) -> Differences:
        promotion = Promotion(function, None)
        if self.options.precision == "auto":
            whole = function is self.problem.function
            promotion = promote(
                function,
                self.x,
                provider=self.problem.provider,
                original=self.problem.session if whole else None,
            )
        self.no_float64 = promotion.refused
        return Differences(
            promotion.function,
            self.indices,
            spread=self.problem.survey.spread,
            largest=self.problem.survey.largest,
            x=self.x,
            accuracy=self.options.accuracy,
            mixed=self.options.mixed,
            threads=self.options.threads,
            provider=self.problem.provider,
            session=promotion.session,
            progress=self.progress,
        )

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
