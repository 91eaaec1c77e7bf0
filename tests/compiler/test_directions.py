"""Derivatives along fed directions: J v and vᵀ H w, the same for all events or by event."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from onnx import printer

from onnxtaylor.compiler import TERMS, compile_terms
from onnxtaylor.compiler.directions import DIRECTIONS, Directions
from onnxtaylor.compiler.export import arrays_of
from onnxtaylor.graph.normalize import OPSET
from onnxtaylor.indices import MultiIndices
from tests.compiler import random_moves, random_steps  # noqa: F401  they fill STEPS
from tests.compiler.coefficients import coefficients
from tests.compiler.random_graphs import STEPS, events, steps_of, written
from tests.compiler.test_random_graphs import drawn
from tests.compiler.test_swapped_weights import normal_of, run
from tests.rules.reference import Array, distance, observed

NAMES = sorted(STEPS)
COUNT = 3


def along(proto: onnx.ModelProto, x: Array, v: Array) -> list[Array]:
    """J v (N, C, L) and vᵀ H w (N, C, L, L) by a graph that is fed with directions."""
    function, indices = normal_of(proto), MultiIndices.full(len(v), 2)
    asked = Directions(len(v), by_event=v.shape[1] > 1)
    seen = observed(function, x)
    graph = compile_terms(function, indices, seen, OPSET, directions=asked)
    return arrays_of(run(graph, x, {DIRECTIONS: v})[TERMS], indices)


def contracted(proto: onnx.ModelProto, x: Array, v: Array) -> list[Array]:
    """The same from all coefficients."""
    indices = MultiIndices.full(x.shape[1], 2)
    jacobian, hessian = arrays_of(coefficients(proto, x, indices)[1], indices)
    every = np.broadcast_to(v, (len(v), *x.shape))
    return [
        np.einsum("eci,lei->ecl", jacobian, every),
        np.einsum("ecij,kei,lej->eckl", hessian, every, every),
    ]


@pytest.mark.parametrize("by_event", [False, True])
@drawn(40)
@given(
    n=st.integers(1, 4),
    responses=st.integers(1, 4),
    ends=st.integers(1, 3),
    steps=steps_of(NAMES, 1, 10),
)
def test_coefficients_along_directions(
    by_event: bool, n: int, responses: int, ends: int, steps: list[Any]
):
    proto, x = written(n, responses, ends, steps), events(n)
    note(printer.to_text(proto))
    v = np.random.default_rng(1).normal(size=(COUNT, len(x) if by_event else 1, n))
    for found, wanted in zip(along(proto, x, v), contracted(proto, x, v), strict=True):
        assert distance(found, wanted, 1e-6) < 1e-10
