"""Third order: the derivative graph differentiated again."""

import re
import subprocess
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.cli import main
from onnxtaylor.compiler import MissingRuleError
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.graph import build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from onnxtaylor.runtime.session import start
from tests.compiler.coefficients import coefficients, compiled
from tests.compiler.random_graphs import agrees, fed
from tests.rules.reference import Evaluator
from tests.rules.sample import Graph
from tests.rules.samples import SAMPLES
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
    function = build_function(loaded, choose(loaded))
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
        function = build_function(loaded, choose(loaded))
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
    result = ot.analyze(model, np.zeros((4, 3)), order=3, scale="unit", bootstrap=0)
    found = dict(zip(result.indices.tuples(), result.score[0, 0], strict=True))
    expected = {(0, 0, 0): 2.0, (0, 0, 1): 5.0, (0, 1, 2): 7.0}
    assert len(found) == 19
    for alpha, value in found.items():
        assert value == pytest.approx(expected.get(alpha, 0.0), abs=1e-14)


def rows_of(graph):
    """How many responses the Jacobian's graph has for each of the model's."""
    x = np.zeros((2, graph.indices.n_features))
    wide = Evaluator(graph.proto, ["third/jacobian"])(x)["third/jacobian"].shape[1]
    narrow = graph.proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    return wide / narrow


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        ([(1, 1, 4)], 1),
        ([(0, 2, k) for k in range(6)], 1),
        ([(2, 3, k) for k in range(6)] + [(0, 0, 1)], 2),
        ([(k, k, k) for k in range(6)], 6),
        ([(0,), (3,), (0, 5), (4, 4), (1, 1, 4)], 1),
        ([(0, 1, 2), (1, 2, 3), (2, 3, 4)], 1),
    ],
)
def test_chosen_triples_take_the_fewest_rows_of_the_jacobian(chosen, rows):
    model = double(dense_net((6, 7, 3), seed=3))
    x = np.random.default_rng(2).normal(size=(4, 6))
    some, full = MultiIndices.of(6, chosen), MultiIndices.full(6, 3)
    graph = compiled(model, x, some)
    assert rows_of(graph) == rows
    found, whole = coefficients(model, x, some)[1], coefficients(model, x, full)[1]
    places = [full.tuples().index(alpha) for alpha in some.tuples()]
    np.testing.assert_allclose(found, whole[..., places], rtol=1e-12, atol=1e-14)


def test_third_order_costs_as_many_second_orders_as_there_are_rows():
    """Counted in numbers that are computed for three events."""

    def cost(indices):
        graph = compiled(model, x, indices).proto
        names = [o for node in graph.graph.node for o in node.output]
        return sum(v.size for v in Evaluator(graph, names)(x).values())

    n = 10
    model, x = double(dense_net((n, 12, 2), seed=3)), np.ones((3, n))
    everything = cost(MultiIndices.full(n, 3))
    row = cost(MultiIndices.of(n, [(0, j, k) for j in range(n) for k in range(n)]))
    one = cost(MultiIndices.of(n, [(0, 1, 2)]))
    assert 0.8 * n < everything / row < 1.1 * n
    assert 4 * one < row


def test_kinks_have_no_third_order_and_are_counted():
    """f = relu(x)³: 3 x², 3 x and 1 on one side, nothing on the other."""
    g = Graph(np.dtype(np.float64))
    r = g.op("Relu", "features")
    x = np.array([[-0.7], [0.4], [1.2]])
    proto = fed(g, g.op("Mul", g.op("Mul", r, r), r), 1)
    indices = MultiIndices.full(1, 3)
    side = x[:, 0] > 0
    expected = np.where(side, [3 * x[:, 0] ** 2, 3 * x[:, 0], 1 + 0 * x[:, 0]], 0).T[:, None]
    np.testing.assert_allclose(coefficients(proto, x, indices)[1], expected, rtol=1e-14)
    assert compiled(proto, x, indices).kinks == {"Relu": 1}


@pytest.mark.parametrize("kind", [None, "Relu", "Abs"])
def test_what_is_linear_between_kinks_has_zeros(kind):
    """Its Jacobian does not vary, and still there are coefficients."""
    g = Graph(np.dtype(np.float64))
    random = np.random.default_rng(0)
    inner = g.op("MatMul", "features", g.constant(random.normal(size=(3, 4))))
    inner = g.op(kind, inner) if kind else inner
    proto = fed(g, g.op("MatMul", inner, g.constant(random.normal(size=(4, 2)))), 3)
    x = random.normal(size=(5, 3))
    found = coefficients(proto, x, 3)[1]
    assert found.shape == (5, 2, 19)
    assert found[..., :3].all()
    assert not found[..., 3:].any()
    only = coefficients(proto, x, MultiIndices.of(3, [(0, 1, 2)]))[1]
    assert only.shape == (5, 2, 1)
    assert not only.any()


def test_link_looks_behind_the_sigmoid():
    """The logit of sigmoid(2 x² y + x) has third order 2 at (0, 0, 1), and no other."""
    g = Graph(np.dtype(np.float64))
    a, b = (g.op("Gather", "features", g.constant([k]), axis=1) for k in (0, 1))
    cubic = g.op("Mul", g.op("Mul", a, a), g.op("Mul", b, g.constant(2.0)))
    model = fed(g, g.op("Sigmoid", g.op("Add", cubic, a)), 2)
    x = np.random.default_rng(3).uniform(-1, 1, (6, 2))
    settings = {"order": 3, "scale": "unit", "bootstrap": 0, "precision": "float64"}
    result = ot.analyze(model, x, link="logit", **settings)
    found = dict(zip(result.indices.tuples(), result.signed_mean[0, 0], strict=True))
    assert found[0, 0, 1] == pytest.approx(2.0, rel=1e-9)
    for alpha in ((0, 0, 0), (0, 1, 1), (1, 1, 1)):
        assert found[alpha] == pytest.approx(0.0, abs=1e-9)
    plain = ot.analyze(model, x, **settings)
    assert not np.allclose(plain.signed_mean, result.signed_mean, atol=1e-2)


def test_softmax_net_against_nested_differences():
    found = agrees(
        double(dense_net((3, 8, 6, 4), seed=7)), np.random.default_rng(4).normal(size=(4, 3))
    )
    assert np.abs(found.sum(axis=1)).max() < 1e-12  # the responses add up to 1


def test_convolutional_net_against_nested_differences():
    g = Graph(np.dtype(np.float64))
    random = np.random.default_rng(5)
    image = g.op("Reshape", "features", g.constant([-1, 1, 2, 3]))
    for channels in ((2, 1), (3, 2)):
        kernel = g.constant(random.normal(size=(*channels, 2, 2)) / 2)
        image = g.op("Tanh", g.op("Conv", image, kernel, pads=[0, 0, 1, 1]))
    pooled = g.op("Flatten", g.op("GlobalAveragePool", image))
    mixed = g.op("MatMul", pooled, g.constant(random.normal(size=(3, 2))))
    agrees(fed(g, g.op("Softmax", mixed, axis=1), 6), random.uniform(-1, 1, (3, 6)))


def test_an_operator_without_a_rule_in_the_jacobian_is_named(monkeypatch):
    """Second order of a sine needs no rule for the cosine that its Jacobian has."""
    monkeypatch.delitem(RULES, "Cos")
    g = Graph(np.dtype(np.float64))
    proto, x = fed(g, g.op("Sin", "features"), 2), np.ones((3, 2))
    assert coefficients(proto, x, 2)[1].any()
    with pytest.raises(MissingRuleError) as caught:
        compiled(proto, x, MultiIndices.full(2, 3))
    message = (
        "third order: in the Jacobian's graph, node 'taylor2?/cos_[0-9]+': operator Cos has no"
    )
    assert re.match(message, str(caught.value))


def test_rules_are_written_with_operators_that_have_rules():
    """What makes third order possible for every operator that has second."""
    without = Counter()
    for s in SAMPLES:
        dtype = np.float32 if s.single else np.float64
        graph = compiled(s.model(dtype), s.events().astype(dtype), MultiIndices.full(3, 2))
        without.update({node.op_type for node in graph.proto.graph.node} - set(RULES))
    assert not without


BARE = """
import sys
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
found = session.run(None, {session.get_inputs()[0].name: numpy.load(sys.argv[2])})
assert [o.name for o in session.get_outputs()] == ["value", "jacobian", "hessian", "third"]
assert not {"onnx", "onnxtaylor"} & set(sys.modules)
numpy.savez(sys.argv[3], *found)
"""


def test_a_saved_demo_net_runs_where_there_is_only_a_runtime(tmp_path):
    """Third derivatives are α! t_α in every order of their features."""
    model = Path(ot.__file__).parent / "demo" / "higgs.onnx"
    saved, events, found = (tmp_path / name for name in ("taylor.onnx", "x.npy", "found.npz"))
    assert main(["differentiate", str(model), "-o", str(saved), "--order", "3"]) == 0
    x = np.random.default_rng(6).normal(size=(3, 30)).astype(np.float32)
    np.save(events, x)
    subprocess.run([sys.executable, "-I", "-c", BARE, saved, events, found], check=True)
    value, *derivatives = np.load(found).values()
    indices = MultiIndices.full(30, 3)
    expected = terms(str(model), 3, x)
    (response,) = start(onnx.load(model)).run(None, {"features": x})
    np.testing.assert_allclose(value, response, rtol=1e-5)
    for order, derivative in enumerate(derivatives, start=1):
        mine = indices.orders == order
        places = tuple(indices.table[mine, :order].T)
        t = derivative[:, :, *places] * indices.inverse_factorials[mine]
        np.testing.assert_allclose(t, expected[..., mine], rtol=1e-6, atol=1e-5 * np.abs(t).max())
        for turned in permutations(range(order)):
            axes = (0, 1, *(2 + k for k in turned))
            assert np.array_equal(derivative, derivative.transpose(axes))
    assert np.abs(derivatives[2]).max() > 1e-4
