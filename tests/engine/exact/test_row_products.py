"""Second derivatives that the derivative graph leaves to a kernel."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.compiler import TERMS, curvature
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.session import start
from validation.performance.nets import dense_net


def events_behind() -> object:
    """A net of columns: the events are the last axis of its hidden tensors (5, N) and (3, N)."""
    random = np.random.default_rng(0)
    weights = {"w0": (5, 4), "w1": (3, 5)}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["w0", "t"], ["z0"]),
        helper.make_node("Tanh", ["z0"], ["h0"]),
        helper.make_node("MatMul", ["w1", "h0"], ["z1"]),
        helper.make_node("Sigmoid", ["z1"], ["h1"]),
        helper.make_node("Transpose", ["h1"], ["y"], perm=[1, 0]),
    ]
    graph = helper.make_graph(
        nodes,
        "columns",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [
            numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
            for name, shape in weights.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


MODELS = {
    "two layers": lambda: dense_net((30, 40, 20, 3)),
    "events behind": events_behind,
    "one layer": lambda: dense_net((9, 20, 1), last="Sigmoid"),
}


def opened(name: str) -> tuple[GraphFunction, np.ndarray]:
    model = read_model(MODELS[name]())
    function = build_function(model, choose(model))
    x = np.random.default_rng(3).normal(size=(37, function.n_features))
    return function, x.astype(np.float32).astype(float)


@pytest.mark.parametrize("limit", [0, curvature.PAIR_LIMIT])
@pytest.mark.parametrize("name", MODELS)
def test_the_kernel_sums_what_the_graph_sums(monkeypatch, name, limit):
    monkeypatch.setattr(curvature, "PAIR_LIMIT", limit)  # 0: rows that are constant go there too
    function, x = opened(name)
    indices = MultiIndices.full(function.n_features)
    whole = start(derive(function, indices, x).proto, threads=1)
    (expected,) = whole.run([TERMS], {function.feed: x.astype(np.float32)})
    engine = Exact(function, indices, x=x, threads=2)
    assert engine.graph.products
    for _ in range(2):  # the second call fills the buffers of the first
        found = engine.coefficients(x).terms
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("most", "left"), [(30, True), (29, False)])
def test_models_of_many_features_leave_nothing_to_the_kernel(monkeypatch, most, left):
    monkeypatch.setattr(curvature, "KERNEL_FEATURES", most)
    function, x = opened("two layers")
    graph = derive(function, MultiIndices.full(30), x, loose=True, kernel=True)
    assert bool(graph.products) == left
