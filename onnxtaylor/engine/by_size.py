"""Chooses the engine at the most frequent size of sets, and asks for the same at all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxtaylor.engine.averaged.steps import plan_steps
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.bucketed import Bucketed, narrowed_indices
from onnxtaylor.engine.finite_step.plan import plan_finite_steps
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions
from onnxtaylor.problem import Problem
from onnxtaylor.problem.jagged import Size

if TYPE_CHECKING:
    from onnxtaylor.engine.factory import ChosenEngine

__all__ = ["engine_by_size"]


def engine_by_size(
    problem: Problem,
    options: EngineOptions,
    indices: MultiIndices,
    make: Callable[..., ChosenEngine],
) -> tuple[Bucketed, ChosenEngine]:
    """Makes one engine of the engines of all sizes.

    Parameters
    ----------
    problem, options, indices
        As for ``make_engine``; the problem has ``buckets``.
    make
        Makes the engine of a problem, options and indices, and of a number of ``events``.

    Returns
    -------
    tuple
        The engine, and what was chosen at the most frequent size.
    """
    buckets = problem.buckets
    assert buckets is not None

    def own_indices(size: Size) -> MultiIndices:
        return narrowed_indices(indices, buckets.columns(size))[0]

    def engine_at(size: Size, options: EngineOptions) -> ChosenEngine:
        own = problem.of_size(size)
        return make(own, options, own_indices(size), events=buckets.events(size))

    usual = buckets.usual
    with buckets.located(usual):
        first = engine_at(usual, options)
    everything = indices
    facts: dict[str, object] = {}
    if first.engine.quantity == "finite-step":
        assert options.finite_step is not None
        moves = plan_finite_steps(problem, options.finite_step)
        everything, facts = moves.indices(options.order), {"finite_step": moves.describe()}
    elif first.engine.quantity == "averaged":
        steps = plan_steps(problem, options.curvature_step)
        everything, facts = steps.indices, {"curvature_step": steps.describe()}
    asked = _as_chosen(options, first)

    def engine_of(size: Size) -> Engine:
        if size == usual:
            return first.engine
        return engine_at(size, asked).engine

    return Bucketed(buckets, everything, engine_of, facts), first


def _as_chosen(options: EngineOptions, chosen: ChosenEngine) -> EngineOptions:
    """Options that ask by name for what was chosen."""
    if chosen.engine.quantity == "finite-step":
        return options
    if chosen.engine.name in ("exact", "differences"):
        options = replace(options, engine=chosen.engine.name)
    if options.order == 2:
        averaged = chosen.engine.quantity == "averaged"
        options = replace(options, curvature="averaged" if averaged else "pointwise")
    return options
