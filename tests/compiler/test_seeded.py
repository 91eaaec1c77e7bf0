"""Products with fed vectors, J v, Jᵀ u and Σ u_c H_c v, against all coefficients contracted."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from onnx import printer

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.compiler.export import arrays_of
from onnxtaylor.compiler.seeded import GRADIENT, PRODUCT, Gradient, compile_jvp, compile_vjp
from onnxtaylor.graph.normalize import OPSET
from onnxtaylor.indices import MultiIndices
from tests.compiler import random_moves, random_steps  # noqa: F401  they fill STEPS
from tests.compiler.coefficients import coefficients
from tests.compiler.random_graphs import STEPS, events, steps_of, written
from tests.compiler.test_random_graphs import drawn
from tests.compiler.test_swapped_weights import normal_of
from tests.rules.reference import Array, Evaluator, distance, observed

NAMES = sorted(STEPS)
COUNTS = (1, 3)  # one graph takes any number of vectors


def answers(proto: onnx.ModelProto, **fed: Array) -> dict[str, Array]:
    """The outputs of a graph whose inputs are x, and u and v under their reserved names."""
    ask = Evaluator(proto)
    short = {ADJOINTS: "u", DIRECTIONS: "v"}
    feeds = {i.name: fed[short.get(i.name, "x")] for i in proto.graph.input}
    with np.errstate(all="ignore"):
        return dict(zip(ask.names, ask._session.run(None, feeds), strict=True))


def second_order(proto: onnx.ModelProto, x: Array, *, by_adjoint: bool) -> onnx.ModelProto:
    """The graph of Σ u_c H_c v, or of Σ u_c H_c v + Jᵀ u̇."""
    function = normal_of(proto)
    once = compile_vjp(function, observed(function, x), OPSET, lead=1)
    gradient = Gradient(function, once, by_adjoint=by_adjoint)
    u = np.random.default_rng(2).normal(size=(len(x), gradient.responses))
    seen = observed(gradient.function, gradient.rows(x, u))
    twice = compile_jvp(gradient.function, seen, OPSET, keep=gradient.keep)
    return gradient.with_inputs(twice)


def compare(proto: onnx.ModelProto, x: Array, responses: int, limit: float = 1e-10) -> None:
    """Compares the three products with the Jacobian and the Hessian, contracted."""
    function, n = normal_of(proto), x.shape[1]
    indices = MultiIndices.full(n, 2)
    y, terms = coefficients(proto, x, indices)
    jacobian, hessian = arrays_of(terms, indices)
    seen, random = observed(function, x), np.random.default_rng(1)
    jvp, vjp = compile_jvp(function, seen, OPSET), compile_vjp(function, seen, OPSET)
    hvp, both = (second_order(proto, x, by_adjoint=b) for b in (False, True))
    for count in COUNTS:
        v = random.normal(size=(count, len(x), n))
        u = random.normal(size=(count, len(x), responses))
        found = answers(jvp, x=x, v=v)
        assert distance(found[function.response], y, 1e-9) < 1e-10
        wanted = np.einsum("eci,lei->lec", jacobian, v)
        assert distance(found[PRODUCT], wanted, 1e-6) < limit
        wanted = np.einsum("eci,lec->lei", jacobian, u)
        assert distance(answers(vjp, x=x, u=u)[PRODUCT], wanted, 1e-6) < limit
        found = answers(hvp, x=x, u=u[:1], v=v)
        assert distance(found[GRADIENT][0], wanted[0], 1e-6) < limit
        curved = np.einsum("ecij,ec,lej->lei", hessian, u[0], v)
        assert distance(found[PRODUCT], curved, 1e-6) < limit
        found = answers(both, x=x, u=u[:1], v=np.concatenate([v, u], axis=2))
        assert distance(found[PRODUCT], curved + wanted, 1e-6) < limit


@drawn(60)
@given(
    n=st.integers(1, 4),
    responses=st.integers(1, 4),
    ends=st.integers(1, 3),
    steps=steps_of(NAMES, 1, 10),
)
def test_products_of_random_graphs(n: int, responses: int, ends: int, steps: list[Any]):
    proto, x = written(n, responses, ends, steps), events(n)
    note(printer.to_text(proto))
    compare(proto, x, responses)


@pytest.mark.parametrize("name", NAMES)
def test_products_through_each_step(name: str):
    for pick in (0, 7):
        x = events(3)
        compare(written(3, 2, 2, [(name, 0, 1, pick), (name, 0, 1, pick + 1)]), x, 2)
