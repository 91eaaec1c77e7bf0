"""Jacobians and Hessians of a model at given events, by either engine, and how far they are apart.

The engines are made as ``onnxtaylor.analyze`` makes them, from the same options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.engine.factory import make_engine
from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import EngineOptions, ModelOptions
from onnxtaylor.problem import Problem
from validation.study import StudyError

__all__ = ["CELLS", "Answer", "Cell", "Taylor", "apart", "clear_events", "deviations"]

Floats = npt.NDArray[np.float64]
Record = dict[str, Any]
Sides = Callable[[Floats], Floats]

MARGIN = 2.0  # of the stencil's reach that is kept clear of kinks
FEWEST = 3


@dataclass(frozen=True)
class Cell:
    """A way of getting coefficients: of a file in a format, by an engine in a precision."""

    file: str
    engine: str
    precision: str
    title: str


CELLS = (
    Cell("float32", "exact", "float32", "exact, float32"),
    Cell("float32", "exact", "float64", "exact, float64"),
    Cell("float32", "differences", "float64", "differences"),
    Cell("float64", "exact", "float64", "exact, float64 file"),
    Cell("float64", "differences", "float64", "differences, float64 file"),
)


class Answer(NamedTuple):
    """Of N events: y (N, C), J (N, C, n), H (N, C, n, n)."""

    value: Floats
    jacobian: Floats
    hessian: Floats


class Taylor:
    """One engine of a model in a precision, made for the data x (N, n). Raises ModelError."""

    def __init__(self, model: onnx.ModelProto, x: Floats, engine: str, precision: str) -> None:
        fed = [i.name for i in model.graph.input]
        problem = Problem.open(model, x, ModelOptions(input=fed), provider="cpu")
        # the frameworks' Hessians are those at the events
        options = EngineOptions(
            engine=engine, precision=precision, curvature="pointwise", threads=1
        )
        self._indices = MultiIndices.full(x.shape[1], 2)
        self._engine = make_engine(problem, options, self._indices, x=x).engine

    def __call__(self, x: Floats) -> Answer:
        """H_ij = t_ij and H_ii = 2 t_ii from the coefficients at x (N, n)."""
        answer = self._engine.coefficients(x)
        n, terms = x.shape[1], answer.terms
        half = np.zeros((*terms.shape[:2], n, n))
        i, j = np.triu_indices(n)
        half[..., i, j] = terms[..., n:]
        return Answer(answer.responses, terms[..., :n], half + np.swapaxes(half, -1, -2))

    @property
    def reach(self) -> Floats:
        """How far (n,) the stencil of differences reaches."""
        assert self._engine.reach is not None
        return self._engine.reach


def deviations(
    proto: onnx.ModelProto, data: Floats, x: Floats, cell: Cell, wanted: Answer
) -> Record:
    """The deviations of a cell, or why there are none (``refused``)."""
    try:
        found = Taylor(proto, data, cell.engine, cell.precision)(x)
    except ModelError as error:
        return {"refused": str(error).removeprefix("<model in memory>: ")}
    names = ("value", "jacobian", "hessian")
    return {k: apart(a, b) for k, a, b in zip(names, found, wanted, strict=True)}


def apart(found: Floats, wanted: Floats) -> float:
    """max ‖found − wanted‖ / ‖wanted‖ over events, Frobenius norms of all that one event has."""
    axes = tuple(range(1, wanted.ndim))
    size = np.sqrt((wanted**2).sum(axis=axes))
    off = np.sqrt(((found - wanted) ** 2).sum(axis=axes))
    if not size.all():  # what vanishes has no relative error
        return float(off.max())
    return float((off / size).max())


def clear_events(sides: Sides | None, proto: onnx.ModelProto, data: Floats) -> Floats:
    """The events of the data; where activations are bent, those alone that are clear of kinks.

    A difference across a kink is no derivative, and frameworks have nothing to say on it.
    ``sides`` gives the arguments of bent activations (N, m) at rows (N, n). Raises StudyError where
    hardly any event is left.
    """
    if sides is None:
        return data
    reach = MARGIN * Taylor(proto, data, "differences", "float64").reach
    clear = data[clear_of_kinks(sides, data, reach)]
    if len(clear) < FEWEST:
        raise StudyError(f"only {len(clear)} events are clear of kinks")
    return clear


def clear_of_kinks(sides: Sides, x: Floats, reach: Floats) -> npt.NDArray[np.bool_]:
    """At which events (N,) none of ``sides`` changes its sign within ``reach`` (n,), along any
    axis and any diagonal of two axes.
    """
    here, n = np.sign(sides(x)), x.shape[1]
    pairs = [((i,), (s,)) for i in range(n) for s in (-1.0, 1.0)]
    pairs += [
        (axes, signs)
        for axes in combinations(range(n), 2)
        for signs in product((-1.0, 1.0), repeat=2)
    ]
    clear = np.ones(len(x), np.bool_)
    for axes, signs in pairs:
        step = np.zeros(n)
        step[list(axes)] = np.multiply(signs, reach[list(axes)])
        for share in (0.25, 0.5, 0.75, 1.0):
            clear &= (np.sign(sides(x + share * step)) == here).all(axis=1)
    return clear
