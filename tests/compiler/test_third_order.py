"""Third order: the derivative graph differentiated again."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.engine.exact import derive
from onnxtaylor.engine.session import start
from onnxtaylor.graph import ModelRequest, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from validation.performance.nets import dense_net


def double(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same net in double precision."""
    graph = model.graph
    for info in (*graph.input, *graph.output):
        info.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    wide = [
        numpy_helper.from_array(numpy_helper.to_array(t).astype(float), t.name)
        for t in graph.initializer
    ]
    del graph.initializer[:]
    graph.initializer.extend(wide)
    return model


def terms(model, order, x):
    loaded = read_model(model)
    function = build_function(loaded, choose(loaded, ModelRequest()))
    indices = MultiIndices.full(x.shape[1], order)
    graph = derive(function, indices)
    onnx.checker.check_model(graph.proto)
    session = start(graph.proto)
    names = [o.name for o in graph.proto.graph.output]
    return session.run(names, {function.feed: x})[1]


@pytest.mark.parametrize("layers", [(3, 6, 2), (4, 7, 5, 3), (2, 5, 1)])
def test_third_order_is_the_difference_of_second_order(layers):
    last = "Softmax" if layers[-1] > 1 else "Sigmoid"
    model = double(dense_net(layers, last=last, seed=5))
    n, h = layers[0], 1e-4
    x = np.random.default_rng(1).normal(size=(7, n))
    third, second = MultiIndices.full(n, 3), MultiIndices.full(n, 2)
    found = terms(model, 3, x)
    assert found[:, :, : len(second)] == pytest.approx(terms(model, 2, x), rel=1e-12, abs=1e-14)
    place = {alpha: k for k, alpha in enumerate(second.tuples())}
    scale = np.abs(found[:, :, len(second) :]).max()
    assert scale > 1e-3
    for column, alpha in enumerate(third.tuples()):
        if len(alpha) < 3:
            continue
        i, pair = alpha[0], alpha[1:]
        step = np.zeros(n)
        step[i] = h
        up, down = (terms_at(model, x + s * step, place[pair]) for s in (1, -1))
        # from t_jk to ∂²f, one derivative more, and α! of all three
        derivative = (up - down) / (2 * h) / second.inverse_factorials[place[pair]]
        expected = derivative * third.inverse_factorials[column]
        assert found[:, :, column] == pytest.approx(expected, abs=1e-7 * scale)


_SESSIONS = {}


def terms_at(model, x, column):
    key = id(model)
    if key not in _SESSIONS:
        loaded = read_model(model)
        function = build_function(loaded, choose(loaded, ModelRequest()))
        graph = derive(function, MultiIndices.full(x.shape[1], 2))
        names = [o.name for o in graph.proto.graph.output]
        _SESSIONS[key] = (model, start(graph.proto), names, function.feed)
    _, session, names, feed = _SESSIONS[key]
    return session.run(names, {feed: x})[1][:, :, column]


def test_a_cubic_has_its_coefficients_as_third_order_terms():
    """f = 2 x³ + 5 x² y + 7 x y z: t_α is the coefficient of x^α at the origin."""
    nodes = [
        helper.make_node("Split", ["x"], ["a", "b", "c"], axis=1, num_outputs=3),
        helper.make_node("Mul", ["a", "a"], ["aa"]),
        helper.make_node("Mul", ["aa", "a"], ["aaa"]),
        helper.make_node("Mul", ["aa", "b"], ["aab"]),
        helper.make_node("Mul", ["a", "b"], ["ab"]),
        helper.make_node("Mul", ["ab", "c"], ["abc"]),
        helper.make_node("Concat", ["aaa", "aab", "abc"], ["parts"], axis=1),
        helper.make_node("MatMul", ["parts", "w"], ["y"]),
    ]
    kind = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes,
        "cubic",
        [helper.make_tensor_value_info("x", kind, ["N", 3])],
        [helper.make_tensor_value_info("y", kind, ["N", 1])],
        [numpy_helper.from_array(np.array([[2.0], [5.0], [7.0]]), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    result = ot.analyze(model, np.zeros((4, 3)), order=3, bootstrap=0)
    found = dict(zip(result.indices.tuples(), result.score[0, 0], strict=True))
    expected = {(0, 0, 0): 2.0, (0, 0, 1): 5.0, (0, 1, 2): 7.0}
    assert len(found) == 19
    for alpha, value in found.items():
        assert value == pytest.approx(expected.get(alpha, 0.0), abs=1e-14)
