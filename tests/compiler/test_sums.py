"""Sums that a derivative graph makes of its coefficients, against plain sums in NumPy.

Run on the CPU; not run on CUDA, which is where they are used.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from onnxtaylor.compiler import TERMS
from onnxtaylor.compiler.sums import (
    COUNTS,
    FIRST,
    GROUPS,
    MOMENTS,
    REPLICATES,
    WEIGHTS,
    sums_graph,
)
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.session import start
from tests.engine.paper import Graph, function_of

N, EVENTS, R = 3, 40, 5


def net(dtype: type, shift: float = 0.0, size: float = 1.0) -> GraphFunction:
    """shift · Σx + size · (a net of two responses)."""
    g, random = Graph(N, dtype), np.random.default_rng(4)
    hidden = g.node("Tanh", g.node("MatMul", "x", g.constant(random.normal(size=(N, 6)))))
    hidden = g.node("Sigmoid", g.node("MatMul", hidden, g.constant(random.normal(size=(6, 4)))))
    curved = g.node("MatMul", hidden, g.constant(size * random.normal(size=(4, 2))))
    linear = g.node("MatMul", "x", g.constant(np.full((N, 2), shift)))
    return function_of(g.model(g.node("Add", curved, linear), 2))


def feeds(function: GraphFunction, groups: int) -> dict[str, np.ndarray]:
    """Events of weights of both signs in all groups but the last, which is empty beside others."""
    random = np.random.default_rng(5)
    own = random.integers(0, max(1, groups - 1), EVENTS)
    weights = np.zeros((groups, EVENTS))
    weights[own, np.arange(EVENTS)] = random.normal(1.0, 1.0, EVENTS)
    return {
        function.feed: random.normal(size=(EVENTS, N)).astype(function.dtype),
        WEIGHTS: weights,
        GROUPS: own,
        FIRST: np.array([np.argmax(own == g) for g in range(groups)]),
        COUNTS: random.poisson(1.0, (EVENTS, R)).astype(np.uint8),
    }


def answers(proto: onnx.ModelProto, fed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = start(proto, threads=1)
    names = [output.name for output in session.get_outputs()]
    known = {i.name for i in session.get_inputs()}
    return dict(zip(names, session.run(names, {k: fed[k] for k in known}), strict=True))


def terms_of(function: GraphFunction, indices: MultiIndices, fed: dict[str, np.ndarray]):
    graph = derive(function, indices, fed[function.feed])
    return answers(graph.proto, fed)[TERMS].astype(np.float64).reshape(EVENTS, -1)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("loose", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_sums_are_those_of_the_coefficients(order, loose, groups):
    function, indices = net(np.float64), MultiIndices.full(N, order)
    fed = feeds(function, groups)
    t = terms_of(function, indices, fed)
    graph = derive(function, indices, fed[function.feed], loose=loose)
    found = answers(sums_graph(graph, groups=groups, replicates=R), fed)
    for g in range(groups):
        inside = (fed[GROUPS] == g) & (fed[WEIGHTS].sum(axis=0) != 0)
        w, a = fed[WEIGHTS][g, inside], np.abs(t[inside])
        absolute, signed, square, mean, spread = found[MOMENTS][:, g]
        scale = 1e-13 * np.abs(w) @ a
        assert (np.abs(absolute - w @ a) <= scale).all()
        assert (np.abs(signed - w @ t[inside]) <= scale).all()
        np.testing.assert_allclose(square, w @ a**2, atol=1e-13 * (np.abs(w) @ a**2).max())
        drawn = (w[:, None] * fed[COUNTS][inside]).T
        assert (np.abs(found[REPLICATES][g] - drawn @ a) <= 1e-13 * (np.abs(drawn) @ a)).all()
        if inside.any():
            about = w**2 @ a / (w**2).sum()
            np.testing.assert_allclose(mean, about, rtol=1e-13, atol=1e-300)
            np.testing.assert_allclose(spread, w**2 @ (a - about) ** 2, rtol=1e-11, atol=1e-28)
        else:
            assert not spread.any()


def test_chosen_coefficients_come_in_their_order():
    function = net(np.float64)
    indices = MultiIndices.of(N, [(1,), (0, 0), (0, 2), (2, 2)])
    fed = feeds(function, 1)
    t = np.abs(terms_of(function, indices, fed))
    graph = derive(function, indices, fed[function.feed], loose=True)
    found = answers(sums_graph(graph, groups=1), fed)
    assert REPLICATES not in found
    np.testing.assert_allclose(found[MOMENTS][0, 0], (fed[WEIGHTS] @ t)[0], rtol=1e-11)


def test_nearly_constant_coefficients_keep_the_digits_of_their_spread():
    """First derivatives 1e6 + δ, δ about 1e-3, each exact to 1e-10: Σ a² − (Σ a)² would leave none
    of the spread's digits, and so do sums in single precision."""
    function, indices = net(np.float64, shift=1e6, size=1e-3), MultiIndices.full(N, 1)
    fed = feeds(function, 1)
    a = np.abs(terms_of(function, indices, fed)).astype(np.longdouble)
    graph = derive(function, indices, fed[function.feed], loose=True)
    spread = answers(sums_graph(graph, groups=1), fed)[MOMENTS][4, 0]
    w2 = fed[WEIGHTS][0].astype(np.longdouble) ** 2
    expected = w2 @ (a - w2 @ a / w2.sum()) ** 2
    np.testing.assert_allclose(spread, expected.astype(float), rtol=1e-9)


def test_single_precision_is_summed_in_double():
    function, indices = net(np.float32), MultiIndices.full(N)
    fed = feeds(function, 1)
    graph = derive(function, indices, fed[function.feed])
    t = answers(graph.proto, fed)[TERMS].astype(np.float64).reshape(EVENTS, -1)
    found = answers(sums_graph(graph, groups=1), fed)[MOMENTS]
    assert found.dtype == np.float64
    scale = 1e-14 * np.abs(fed[WEIGHTS]) @ np.abs(t)
    assert (np.abs(found[1] - fed[WEIGHTS] @ t) <= scale).all()


def test_standard_operators_only():
    function = net(np.float32)
    fed = feeds(function, 2)
    proto = sums_graph(
        derive(function, MultiIndices.full(N), fed[function.feed], loose=True),
        groups=2,
        replicates=R,
    )
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx"}
