"""The curvature of a softmax of C responses from C − 1 of them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.compiler import curvature
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from validation.performance.nets import dense_net

FEATURES, WIDE = 6, 90


def opened(model: onnx.ModelProto, **options) -> GraphFunction:
    view = read_model(model)
    return build_function(view, choose(view), **options)


def net(outputs: int, shift: float = 0.0, activation: str = "Tanh") -> onnx.ModelProto:
    """A net of two layers; ``shift`` is added to the first score and taken from the last."""
    model = dense_net((FEATURES, WIDE, WIDE, outputs), activation=activation)
    (bias,) = (t for t in model.graph.initializer if t.name == "b2")
    value = np.zeros(outputs, np.float32)
    value[0], value[-1] = shift, -shift
    bias.CopyFrom(numpy_helper.from_array(value, "b2"))
    return model


def by_chain_rule(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """Coefficients (N, C, n(n+1)/2) of second order of such a net, layer by layer in float64."""
    w = {t.name: numpy_helper.to_array(t).astype(float) for t in model.graph.initializer}
    h = x
    slopes = np.broadcast_to(np.eye(FEATURES), (len(x), FEATURES, FEATURES))  # (N, n, units)
    curved = np.zeros((len(x), FEATURES, FEATURES, FEATURES))  # (N, n, n, units)
    for layer in (0, 1):
        h = np.tanh(h @ w[f"w{layer}"] + w[f"b{layer}"])
        slopes, curved = slopes @ w[f"w{layer}"], curved @ w[f"w{layer}"]
        first = (1 - h**2)[:, None, None]
        square = slopes[:, :, None] * slopes[:, None]
        curved = first * curved - 2 * h[:, None, None] * first * square
        slopes = first[:, 0] * slopes
    scores, slopes, curved = h @ w["w2"] + w["b2"], slopes @ w["w2"], curved @ w["w2"]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    off = slopes - (slopes * p[:, None]).sum(axis=2, keepdims=True)
    square = off[:, :, None] * off[:, None] + curved
    second = p[:, None, None] * (square - (square * p[:, None, None]).sum(axis=3, keepdims=True))
    i, j = np.triu_indices(FEATURES)
    # t_ij = ∂²f/∂x_i∂x_j, and half of it where i = j
    return (second[:, i, j] * np.where(i == j, 0.5, 1.0)[:, None]).transpose(0, 2, 1)


def events(count: int = 13) -> np.ndarray:
    x = np.random.default_rng(3).normal(size=(count, FEATURES))
    return x.astype(np.float32).astype(float)


@pytest.mark.parametrize("most", [0, curvature.KERNEL_FEATURES])
@pytest.mark.parametrize("shift", [0.0, 6.0, -6.0])
@pytest.mark.parametrize("outputs", [2, 3, 5])
def test_each_response_is_exact_on_its_own_scale(monkeypatch, outputs, shift, most):
    monkeypatch.setattr(curvature, "KERNEL_FEATURES", most)  # 0: products of the graph
    model, x = net(outputs, shift), events()
    function = opened(model)
    engine = Exact(function, MultiIndices.full(FEATURES), x=x, threads=2)
    assert engine.graph.gaps
    assert bool(engine.graph.products) == (most > 0)
    expected = by_chain_rule(model, x)
    scale = np.abs(expected).max(axis=2, keepdims=True)
    for _ in range(2):  # the second call fills the buffers of the first
        found = engine.coefficients(x).terms[:, :, FEATURES:]
        assert (np.abs(found - expected) <= 4e-6 * scale).all()


def constant_curvature() -> onnx.ModelProto:
    """The softmax of scores W₁ (W₀ x)²: their second derivatives are the same at all events."""
    random = np.random.default_rng(1)
    weights = {"w0": (FEATURES, WIDE), "w1": (WIDE, 3)}
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["h"]),
        helper.make_node("Mul", ["h", "h"], ["s"]),
        helper.make_node("MatMul", ["s", "w1"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"], axis=1),
    ]
    kind = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("x", kind, ["N", FEATURES])],
        [helper.make_tensor_value_info("y", kind, ["N", 3])],
        [
            numpy_helper.from_array(random.normal(size=shape) / shape[0], name)
            for name, shape in weights.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_scores_of_constant_curvature():
    model, x = constant_curvature(), events()
    engine = Exact(opened(model), MultiIndices.full(FEATURES), x=x, threads=1)
    assert engine.graph.gaps
    w = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    scores = (x @ w["w0"]) ** 2 @ w["w1"]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    slopes = 2 * np.einsum("id,nd,dc->nci", w["w0"], x @ w["w0"], w["w1"])
    bends = 2 * np.einsum("id,jd,dc->cij", w["w0"], w["w0"], w["w1"])
    mean = np.einsum("nc,nci->ni", p, slopes)
    rows = slopes - mean[:, None]
    outer = np.einsum("nci,ncj->ncij", rows, rows) + bends
    second = p[:, :, None, None] * (outer - np.einsum("nc,ncij->nij", p, outer)[:, None])
    indices = MultiIndices.full(FEATURES)
    i, j = indices.table[FEATURES:].T
    expected = np.concatenate((p[:, :, None] * rows, second[:, :, i, j]), axis=2)
    found = engine.coefficients(x).terms
    np.testing.assert_allclose(found, expected * indices.inverse_factorials, rtol=0, atol=1e-13)


def test_pairs_alone():
    model, x = net(3), events()
    whole = Exact(opened(model), MultiIndices.full(FEATURES), x=x, threads=1)
    indices = MultiIndices(FEATURES, np.array([[0, 3], [2, 2], [1, 5]], np.int32))
    engine = Exact(opened(model), indices, x=x, threads=1)
    assert engine.graph.gaps
    found = engine.coefficients(x).terms
    places = [whole.indices.tuples().index(alpha) for alpha in indices.tuples()]
    expected = whole.coefficients(x).terms[:, :, places]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def graph_of(model: onnx.ModelProto, **options):
    indices = MultiIndices.full(FEATURES)
    return derive(opened(model, **options), indices, events(), loose=True, kernel=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: graph_of(net(3), link="logit"),  # no softmax
        lambda: graph_of(net(3, activation="Relu")),  # nothing is curved before the scores
        lambda: graph_of(dense_net((FEATURES, 20, 5))),  # to mix would cost more
        lambda: graph_of(dense_net((FEATURES, WIDE, 3), last="Sigmoid")),
    ],
)
def test_others_stay_as_they_are(make):
    assert make().gaps is None
