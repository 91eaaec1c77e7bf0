"""The exact engine and the differences of a problem; one of them is the engine of the analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.averaged.steps import CurvatureSteps, plan_steps
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import AnyDifferences, ChosenEngine, make_engine
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress

__all__ = ["Engines", "NotComparableError", "find_engines"]

Floats = npt.NDArray[np.float64]


class NotComparableError(Exception):
    """Raised where the coefficients cannot be compared with a second engine; says why."""


@dataclass(frozen=True, eq=False)
class Engines:
    """The exact engine, and what the differences need.

    Parameters
    ----------
    problem, options
        The function, and how its coefficients are computed, second order of the same kind.
    exact
        The exact engine.
    differences
        The engine of the analysis, where that takes differences.
    averaged
        Whether second order is averaged over steps.
    """

    problem: Problem
    options: EngineOptions
    exact: Engine
    differences: AnyDifferences | None
    averaged: bool

    @property
    def steps(self) -> CurvatureSteps | None:
        """Steps of averaged second order; None where it is pointwise."""
        return plan_steps(self.problem, self.options.curvature_step) if self.averaged else None

    def make_differences(
        self, indices: MultiIndices, x: Floats, progress: Progress | None
    ) -> AnyDifferences:
        """Returns the differences of all coefficients, whose steps are tried at events x (B, n).

        Raises ModelError where the model fails.
        """
        if self.differences is not None:
            return self.differences
        # whatever the exact engine is asked to compute in, differences do best in double precision
        precision = "auto" if self.options.precision == "float32" else self.options.precision
        wanted = replace(self.options, engine="differences", precision=precision)
        made = make_engine(self.problem, wanted, indices, x=x, progress=progress).differences
        assert made is not None
        return made


def find_engines(
    problem: Problem,
    options: EngineOptions,
    indices: MultiIndices,
    x: Floats,
    chosen: ChosenEngine | None,
    progress: Progress | None,
) -> Engines:
    """Finds the exact engine: that of the analysis, or another one that is made at events x (B, n).

    Raises NotComparableError where there is none, ModelError where one cannot be chosen.
    """
    at_hand = None if chosen is None else chosen.differences
    if chosen is None or at_hand is not None:
        if chosen is not None and chosen.no_exact_engine:  # it has been tried
            raise NotComparableError(f"no exact derivatives: {chosen.no_exact_engine}")
        wanted = replace(_same_curvature(options, chosen), engine="auto")
        chosen = make_engine(problem, wanted, indices, x=x, progress=progress)
        if chosen.differences is not None:
            raise NotComparableError(f"no exact derivatives: {chosen.no_exact_engine}")
    options = _same_curvature(options, chosen)
    averaged = chosen.engine.quantity == "averaged"
    return Engines(problem, options, chosen.engine, at_hand, averaged)


def _same_curvature(options: EngineOptions, chosen: ChosenEngine | None) -> EngineOptions:
    """Returns the options that make second order of the kind that an engine has."""
    if chosen is None or options.order > 2:
        return options
    curvature = "averaged" if chosen.curvature.averaged else "pointwise"
    return replace(options, curvature=curvature)
