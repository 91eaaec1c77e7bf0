"""Graphs whose coefficients are plain to see, or that have an end where none is expected."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from tests.compiler.coefficients import coefficients, compiled
from tests.compiler.random_graphs import agrees, events, fed
from tests.rules.reference import Evaluator
from tests.rules.sample import Graph


def test_linear_model():
    g = Graph(np.dtype(np.float64))
    matrix = np.random.default_rng(0).normal(size=(3, 2))
    proto, x = fed(g, g.op("MatMul", "features", g.constant(matrix)), 3), events(3)
    found = agrees(proto, x)
    assert np.array_equal(found[..., :3], np.broadcast_to(matrix.T, (4, 2, 3)))
    assert not found[..., 3:].any()


def test_quadratic_model_has_a_constant_hessian():
    g = Graph(np.dtype(np.float64))
    a, b = np.random.default_rng(1).normal(size=(2, 3, 2))
    left = g.op("MatMul", "features", g.constant(a))
    right = g.op("MatMul", "features", g.constant(b))
    found = agrees(fed(g, g.op("Mul", left, right), 3), events(3))
    assert np.array_equal(found[..., 3:], np.broadcast_to(found[:1, :, 3:], found[..., 3:].shape))


def test_square_of_everything():
    g = Graph(np.dtype(np.float64))
    root = g.op("MatMul", "features", g.constant(np.eye(3)[::-1].copy()))
    agrees(fed(g, g.op("ReduceSum", g.op("Mul", root, root), g.constant([1])), 3), events(3))


@pytest.mark.parametrize("kind", ["Relu", "Abs"])
def test_piecewise_linear_model(kind: str):
    g = Graph(np.dtype(np.float64))
    random = np.random.default_rng(2)
    inner = g.op(kind, g.op("MatMul", "features", g.constant(random.normal(size=(3, 4)))))
    proto = fed(g, g.op("MatMul", inner, g.constant(random.normal(size=(4, 2)))), 3)
    _, found = coefficients(proto, events(3), 3)
    assert not found[..., 3:].any()
    assert found[..., :3].any()


def test_features_and_responses_without_influence_have_zeros():
    """Response 0 depends on feature 0 alone, response 1 on nothing, response 2 is feature 1."""
    g = Graph(np.dtype(np.float64))
    first, second = (g.op("Gather", "features", g.constant([k]), axis=1) for k in range(2))
    nothing = g.op("Mul", g.op("Floor", first), g.constant(0.5))
    proto = fed(g, g.op("Concat", g.op("Sin", first), nothing, second, axis=1), 3)
    x = np.random.default_rng(5).uniform(0.2, 0.8, (4, 3))
    found = agrees(proto, x)
    wanted = np.zeros_like(found)
    wanted[:, 0, 0], wanted[:, 2, 1] = np.cos(x[:, 0]), 1
    wanted[:, 0, 3], wanted[:, 0, 9] = -np.sin(x[:, 0]) / 2, -np.cos(x[:, 0]) / 6
    np.testing.assert_allclose(found, wanted, atol=1e-15)


def test_chosen_features_that_a_response_does_not_know():
    g = Graph(np.dtype(np.float64))
    column = g.op("Gather", "features", g.constant([1]), axis=1)
    proto = fed(g, g.op("Tanh", column), 3)
    _, found = coefficients(proto, events(3), MultiIndices.of(3, [(0,), (2, 0)]))
    assert found.shape == (4, 1, 2)
    assert not found.any()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_response_that_does_not_vary_is_refused(order: int):
    g = Graph(np.dtype(np.float64))
    proto = fed(g, g.op("Floor", "features"), 2)
    with pytest.raises(ModelError, match="does not vary"):
        coefficients(proto, events(2), order)


def test_the_features_themselves_as_responses():
    g = Graph(np.dtype(np.float64))
    found = agrees(fed(g, g.op("Identity", "features"), 2), events(2))
    assert np.array_equal(found[0], np.eye(2, 9))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("responses", [1, 2, 5])
def test_few_features_and_many_responses(n: int, responses: int):
    g = Graph(np.dtype(np.float64))
    random = np.random.default_rng(n)
    inner = g.op("Tanh", g.op("MatMul", "features", g.constant(random.normal(size=(n, 3)))))
    root = g.op("MatMul", inner, g.constant(random.normal(size=(3, responses))))
    agrees(fed(g, g.op("Softmax", root, axis=1), n), events(n))


def test_only_second_order_of_a_linear_model():
    g = Graph(np.dtype(np.float64))
    proto = fed(g, g.op("MatMul", "features", g.constant(np.ones((2, 1)))), 2)
    _, found = coefficients(proto, events(2), MultiIndices.of(2, [(0, 1)]))
    assert found.shape == (4, 1, 1)
    assert not found.any()


@pytest.mark.parametrize("order", [2, 3])
def test_shape_inference_finds_the_events_of_einsum(order: int):
    """Tangents that do not vary have 1 where their operand has N: inference must not take the 1,
    or onnxruntime puts the events of a batch into memory laid out for one.
    """
    g = Graph(np.dtype(np.float64))
    a, b = (g.op("Reshape", "features", g.constant([-1, *k])) for k in ((1, 2), (2, 1)))
    proto = fed(g, g.op("Flatten", g.op("Einsum", a, b, equation="...ij,...jk->...ik")), 2)
    graph = compiled(proto, events(2), MultiIndices.full(2, order)).proto
    names = [name for node in graph.graph.node for name in node.output]
    seen = Evaluator(graph, names)(events(2))
    told = onnx.shape_inference.infer_shapes(graph, data_prop=True).graph.value_info
    dims = {info.name: info.type.tensor_type.shape.dim for info in told}
    for name in dims.keys() & seen.keys():
        for said, found in zip(dims[name], seen[name].shape, strict=True):
            assert said.dim_value in (0, found), name


def reading_loop(trips: int, *, beside: bool) -> onnx.ModelProto:
    """y = [x +] Σ over some trips of tanh(x), or less that, where only the body's graph names x."""
    info, number = onnx.helper.make_tensor_value_info, onnx.TensorProto
    node = onnx.helper.make_node
    body = onnx.helper.make_graph(
        [
            node("Tanh", ["features"], ["t"]),
            node("Add", ["sum", "t"], ["more"]),
            node("Identity", ["go"], ["on"]),
        ],
        "body",
        [
            info("trip", number.INT64, []),
            info("go", number.BOOL, []),
            info("sum", number.DOUBLE, [None, 3]),
        ],
        [info("on", number.BOOL, []), info("more", number.DOUBLE, [None, 3])],
    )
    g = Graph(np.dtype(np.float64))
    inputs = [g.constant(v) for v in (np.array(trips), np.array(True), np.zeros((1, 3)))]
    looped = g.op("Loop", *inputs, body=body)
    total = g.op("Add", "features", looped) if beside else g.op("Neg", looped)
    return fed(g, total, 3)


@pytest.mark.parametrize("beside", [True, False])
def test_a_loop_that_reads_a_feature_from_outside_is_no_constant(beside):
    """With more trips than are unrolled it is refused; with fewer they count."""
    proto = reading_loop(3000, beside=beside)
    with pytest.raises(ModelError, match="operator Loop has no rule"):
        compiled(proto, events(3), MultiIndices.full(3, 1))
    x = events(3)
    _, found = coefficients(reading_loop(2, beside=beside), x, MultiIndices.full(3, 1))
    slope = 2 * (1 - np.tanh(x) ** 2)
    wanted = 1 + slope if beside else -slope
    assert np.allclose(found, np.eye(3) * wanted[:, None, :], atol=1e-14)
