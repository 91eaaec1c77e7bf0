"""The engine of finite steps for a problem: features of the survey → moves → engine."""

from __future__ import annotations

from math import prod

import numpy as np
from onnx import helper

from onnxtaylor.data.values import is_missing
from onnxtaylor.engine.finite_step.engine import FiniteStep
from onnxtaylor.engine.finite_step.moves import Moves, plan_moves
from onnxtaylor.errors import DataError, printable
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.options.finite_step import FiniteSteps
from onnxtaylor.problem import Problem

__all__ = ["finite_step_engine", "plan_finite_steps"]


def finite_step_engine(
    problem: Problem, steps: FiniteSteps, order: int, *, threads: int = 0
) -> FiniteStep:
    """Makes the finite-step engine of a model; missing entries are not moved.

    Raises DataError for data that an input of whole numbers cannot hold, OptionError for steps
    that make no sense.
    """
    _require_whole(problem)
    moves, missing = plan_finite_steps(problem, steps), problem.missing
    return FiniteStep(
        problem.function,
        moves,
        order,
        x=problem.first_events,
        absent=None if missing is None else lambda rows: is_missing(rows, missing),
        threads=threads,
        provider=problem.provider,
    )


def plan_finite_steps(problem: Problem, steps: FiniteSteps) -> Moves:
    """Plans which feature moves how far. Raises OptionError for steps that make no sense."""
    survey = problem.survey
    return plan_moves(
        steps,
        problem.column_names,
        std=survey.std,
        low=survey.min,
        high=survey.max,
        whole=survey.whole,
        one_hot=survey.one_hot,
        context=problem.function.n_context,
    )


def _require_whole(problem: Problem) -> None:
    """Raises DataError where an input of whole numbers would get fractions or too large numbers."""
    ports, end, survey = problem.choice.features, 0, problem.survey
    missing, names = problem.missing, problem.feature_names
    columns = survey.sample.shape[1] - problem.function.n_context
    layout = lay_out(ports, printable(problem.model.path), columns)
    for port, sizes in zip(ports, layout.sizes, strict=True):
        start, end = end, end + prod(sizes)
        if not port.is_whole:
            continue
        limits = np.iinfo(helper.tensor_dtype_to_np_dtype(port.type))
        for i in range(start, end):
            where = f"input '{printable(port.name)}' takes {port.type_name}, feature"
            where += f" '{printable(names[i])}'"
            own = missing if missing is None or isinstance(missing, float) else float(missing[i])
            if not survey.whole[i] or (survey.missing[i] and own != own):
                raise DataError(f"{where} has values that are no whole numbers")
            # missing entries are fed as they are: a sentinel has to fit, too
            fed = [survey.min[i], survey.max[i], *([own] if survey.missing[i] else [])]
            if any(not limits.min <= value <= limits.max for value in fed):
                low, high = min(fed), max(fed)
                raise DataError(
                    f"{where} has values from {low:g} to {high:g}: it holds"
                    f" {limits.min} … {limits.max}"
                )
