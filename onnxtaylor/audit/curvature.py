"""Second order of an audit and of its baseline: of the same kind, or refused."""

from __future__ import annotations

from dataclasses import replace

from onnxtaylor.options import EngineOptions
from onnxtaylor.options.finite_step import read_steps, step_text
from onnxtaylor.results.quantity import AVERAGED, averaging_words, curvature_of
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["asked_curvature", "with_curvature_of"]

SECOND = 2  # order


def with_curvature_of(options: EngineOptions, baseline: TaylorResult) -> EngineOptions:
    """Returns options with second order as in a baseline, where it is left open.

    Steps that are given remain, so that they are compared with those of the baseline.
    """
    if options.curvature != "auto" or options.order != SECOND:
        return options
    if baseline.method == AVERAGED.method:
        steps = baseline.options["curvature_step"]["asked"]
        if options.curvature_step != EngineOptions().curvature_step:  # others are not overruled
            steps = options.curvature_step
        return replace(options, curvature="averaged", curvature_step=steps)
    if curvature_of(baseline.quantity, baseline.indices):
        return replace(options, curvature="pointwise")
    return options


def asked_curvature(options: EngineOptions) -> str:
    """Names the kind of second order that options ask for; empty where it is left open."""
    if options.curvature == "auto" or options.order == 1:
        return ""
    if options.curvature == "pointwise":
        return "pointwise"
    steps = read_steps(options.curvature_step, "curvature_step")
    return averaging_words({name: step_text(step) for name, step in steps.items()})
