"""Wiring of an analysis by finite steps: the survey's features → moves → engine → what is told."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt
from onnx import helper

from onnxtaylor.data import Survey
from onnxtaylor.data.values import is_missing
from onnxtaylor.engine.finite_step.engine import FiniteStep
from onnxtaylor.engine.finite_step.moves import FiniteSteps, Moves, plan_moves, read_steps
from onnxtaylor.errors import DataError, printable
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.options.analysis import AnalysisOptions
from onnxtaylor.problem.opening import OpenModel

__all__ = ["describe_moves", "finite_engine", "plan"]


def plan(
    asked: FiniteSteps,
    opened: OpenModel,
    found: Survey,
    names: Sequence[str],
    missing: float | None,
) -> Moves:
    """What moves how far in these data.

    Raises DataError for data that an input of whole numbers cannot hold, OptionError for steps
    that make no sense.
    """
    _require_whole(opened, found, names, missing)
    return plan_moves(
        asked,
        names,
        std=found.std,
        low=found.min,
        high=found.max,
        whole=found.whole,
        one_hot=found.one_hot,
    )


def _require_whole(
    opened: OpenModel, found: Survey, names: Sequence[str], missing: float | None
) -> None:
    ports, end = opened.choice.features, 0
    layout = lay_out(ports, printable(opened.model.path), found.sample.shape[1])
    for port, sizes in zip(ports, layout.sizes, strict=True):
        start, end = end, end + prod(sizes)
        if not port.is_whole:
            continue
        limits = np.iinfo(helper.tensor_dtype_to_np_dtype(port.type))
        for i in range(start, end):
            where = f"input '{printable(port.name)}' takes {port.type_name}, feature"
            where += f" '{printable(names[i])}'"
            if not found.whole[i] or (found.missing[i] and missing != missing):
                raise DataError(f"{where} has values that are no whole numbers")
            # missing entries are fed as they are: a sentinel has to fit, too
            fed = [found.min[i], found.max[i], *([missing] if found.missing[i] else [])]
            if any(not limits.min <= value <= limits.max for value in fed):
                low, high = min(fed), max(fed)
                raise DataError(
                    f"{where} has values from {low:g} to {high:g}: it holds"
                    f" {limits.min} … {limits.max}"
                )


def finite_engine(
    opened: OpenModel, moves: Moves, options: AnalysisOptions, x: npt.NDArray[np.float64]
) -> FiniteStep:
    """The engine for these moves of the model as it is; missing entries stay where they are."""
    missing = options.missing
    return FiniteStep(
        opened.function,
        moves,
        options.order,
        x=x,
        absent=None if missing is None else lambda rows: is_missing(rows, missing),
        threads=options.threads,
        provider=opened.provider,
    )


def describe_moves(
    moves: Moves | None, asked: FiniteSteps | None, names: Sequence[str]
) -> dict[str, object]:
    """What ``options`` of a result tell of the steps: ``finite_step``, null for derivatives."""
    if moves is None or asked is None:
        return {"finite_step": None}
    return {
        "finite_step": {
            "asked": {
                name: f"{size:.10g}{'sigma' if in_sigma else ''}"
                for name, (size, in_sigma) in read_steps(asked).items()
            },
            "steps": [float(d) or None for d in moves.steps],
            "whole": [names[i] for i in np.flatnonzero(moves.whole).tolist()],
            "not_moved": {names[i]: reason for i, reason in moves.fixed.items()},
            "no_second": [names[i] for i in np.flatnonzero(moves.two_valued).tolist()],
        }
    }
