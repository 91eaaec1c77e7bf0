"""Branches that are not taken may hold NaN, ±∞ or roots of negative numbers: they do not show."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidGraph

import onnxtaylor as ot
from onnxtaylor.engine.exact.derive import normal_form
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.exact.reweighted import Reweighted
from onnxtaylor.graph import read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model
from onnxtaylor.rules import RULES
from tests.rules.sample import Sample
from tests.rules.samples import by_kind

TABLE = by_kind()
# what v < 0 makes of a number that the operator is fed with
POISONS = {
    "NaN": [("Sqrt", ["v"], "p")],
    "+inf": [("Relu", ["v"], "r"), ("Reciprocal", ["r"], "p")],
    "-inf": [("Relu", ["v"], "r"), ("Log", ["r"], "p")],
}
SLOPES = np.random.default_rng(4).normal(size=(3, 2))


def guarded(sample: Sample, poison: str, dtype: Any) -> onnx.ModelProto:
    """Where(v > 0, the sample of features + poison, a linear function of the features)."""
    proto = onnx.ModelProto()
    proto.CopyFrom(sample.model(dtype))
    graph = proto.graph
    inner, response = graph.input[0].name, graph.output[0].name
    constants = {
        "three": np.arange(3),
        "last": np.array([3]),
        "slopes": SLOPES.astype(dtype),
        "zero": np.zeros((), dtype),
        "small": np.array(0.01, dtype),
    }
    graph.initializer.extend(numpy_helper.from_array(v, f"outer/{k}") for k, v in constants.items())

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [output], name=f"outer/{output}", **attributes)

    front = [
        node("Gather", ["x", "outer/three"], "f", axis=1),
        node("Gather", ["x", "outer/last"], "v", axis=1),
        *(node(*line) for line in POISONS[poison]),
        node("Mul", ["p", "outer/small"], "q"),
        node("Add", ["f", "q"], inner),
    ]
    back = [
        node("Greater", ["v", "outer/zero"], "c"),
        node("MatMul", ["f", "outer/slopes"], "plain"),
        node("Where", ["c", response, "plain"], "y"),
    ]
    nodes = [*front, *graph.node, *back]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph.input.append(helper.make_tensor_value_info("x", kind, ["N", 4]))
    graph.output.append(helper.make_tensor_value_info("y", kind, ["N", 2]))
    return proto


def not_taken(kind: str, poison: str) -> bool:
    """Whether a sample of a kind ran; its other branch must not show where v < 0."""
    x = np.random.default_rng(9).uniform(-1, 1, (8, 4))
    x[:, 3] = np.where(np.arange(8) % 2, 0.5, -0.5)
    ran = False
    for sample, dtype in product(TABLE[kind][:2], (np.float64, np.float32)):
        try:
            opened = open_model(read_model(guarded(sample, poison, dtype)), ModelOptions(), x)
            made = Exact(opened.function, MultiIndices.full(4, 2), x=x)
        except (InvalidGraph, ot.OnnxTaylorError):  # no double kernel, or a constant response
            continue
        found = made.coefficients(x)
        wanted = np.zeros((2, 14))
        wanted[:, :3] = SLOPES.T
        near = 1e-13 if dtype is np.float64 else 1e-6
        np.testing.assert_allclose(
            found.terms[::2], np.broadcast_to(wanted, (4, 2, 14)), rtol=near, atol=near
        )
        if found.no_derivative is not None:
            joints = found.no_derivative
            assert not joints.mask[np.isin(joints.events, [0, 2, 4, 6])].any()
        ran = True
        break
    return ran


CHOSEN = ["Mul", "Div", "MatMul", "Softmax", "Relu", "ReduceMax", "Gemm", "Sqrt", "Tanh", "Pow"]


@pytest.mark.parametrize("kind", CHOSEN)
def test_what_a_branch_holds_that_is_not_taken_does_not_show(kind):
    assert not_taken(kind, "NaN")


@pytest.mark.slow
@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("kind", sorted(RULES))
def test_no_rule_lets_a_branch_show_that_is_not_taken(kind, poison):
    # what quantizes by the whole batch has no exact derivatives
    assert not_taken(kind, poison) or kind == "DynamicQuantizeLinear"


HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
NORM = "q = Mul(x, x) s = ReduceSum(q, ax) r = Sqrt(s)"
GUARDS = {
    "where of a root": (
        "m (float[N,2] x) => (float[N,2] y) <float z={0.0}>"
        " { c = Greater(x, z) s = Sqrt(x) y = Where(c, s, x) }",
        [[-1.0, -4.0], [2.0, 3.0], [-2.0, 1.5]],
        lambda x: np.where(x > 0, 0.5 * np.abs(x) ** -0.5, 1.0)[:, None, :] * np.eye(2),
    ),
    **{
        f"norm below a limit, {name}": (
            f"m (float[N,2] x) => (float[N,1] y) <float e={{0.001}}, int64[1] ax={{1}}>"
            f" {{ {NORM} {guard} }}",
            [[0.0, 0.0], [0.3, -0.4], [0.0, 1.0]],
            lambda x: (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30))[:, None, :],
        )
        for name, guard in {
            "clip": "y = Clip(r, e)",
            "max": "y = Max(r, e)",
            "where": "c = Greater(r, e) y = Where(c, r, e)",
        }.items()
    },
    # x/max(‖x‖, 1e-12), as torch.nn.functional.normalize writes it
    "normalized": (
        "m (float[N,2] x) => (float[N,2] y) <float e={1e-12}, float big={1e12}, int64[1] ax={1}>"
        " { r = ReduceL2<axes: ints = [1], keepdims: int = 1>(x) d = Clip(r, e)"
        " t = Div(x, d) y = Tanh(t) }",
        [[0.3, -0.4], [0.0, 1.0], [2.0, 1.0]],
        None,
    ),
    # the distance of every pair of two objects, those of one with itself included
    "distances with the diagonal": (
        "m (float[N,2] x) => (float[N,1] y) <int64[1] a1={1}, int64[1] a2={2}, int64[2] all={1,2}>"
        " { u = Unsqueeze(x, a1) v = Unsqueeze(x, a2) d = Sub(u, v) q = Mul(d, d) r = Sqrt(q)"
        " s = ReduceSum<keepdims: int = 0>(r, all) y = Unsqueeze(s, a1) }",
        [[0.3, -0.4], [1.0, 0.5]],
        lambda x: np.stack(
            [np.sign(x[:, 0] - x[:, 1]) * 2, np.sign(x[:, 1] - x[:, 0]) * 2], axis=1
        )[:, None, :],
    ),
    # an exponential that overflows where it is not taken
    "exponential linear unit in pieces": (
        "m (float[N,2] x) => (float[N,2] y) <float z={0.0}, float one={1.0}>"
        " { c = Greater(x, z) p = Exp(x) m = Sub(p, one) y = Where(c, x, m) }",
        [[200.0, -0.5], [300.0, 2.0]],
        lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))[:, None, :] * np.eye(2),
    ),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", GUARDS)
def test_guarded_functions_have_finite_derivatives(name, order):
    text, events, jacobian = GUARDS[name]
    model, x = onnx.parser.parse_model(HEAD + text), np.array(events)
    opened = open_model(read_model(model), ModelOptions(), x)
    made = Exact(opened.function, MultiIndices.full(2, order), x=x)
    found = made.coefficients(x)
    assert np.isfinite(found.terms).all()
    if jacobian is not None:
        np.testing.assert_allclose(found.terms[..., :2], jacobian(x), rtol=2e-6, atol=2e-6)
    derived = ot.differentiate(model, order=order)
    values = derived(x)
    # the saved graph is finite there as well
    saved = InferenceSession(derived.proto.SerializeToString())
    feed = {derived.proto.graph.input[0].name: x.astype(np.float32)}
    for jacobian, *hessian in (values[1 : order + 1], saved.run(None, feed)[1:]):
        assert np.isfinite(jacobian).all()
        np.testing.assert_allclose(jacobian, found.terms[..., :2], rtol=2e-6, atol=2e-6)
        assert all(np.isfinite(h).all() for h in hessian)


# |x|² by a root, whose slope is infinite at 0: there 0 · ∞ is no 0
ROOT = (
    "m (double[N,2] x) => (double[N,1] y) <int64[1] a={1}>"
    " { q = Mul(x, x) s = ReduceSum<keepdims: int = 1>(q, a) r = Sqrt(s) y = Mul(r, r) }"
)
CENTRE = np.array([[0.0, 0.0], [0.3, -0.4], [0.0, 1.0]])


def test_zero_times_infinity_by_accident_is_no_zero():
    values = ot.differentiate(onnx.parser.parse_model(HEAD + ROOT))(CENTRE)
    np.testing.assert_allclose(values.jacobian[:, 0], 2 * CENTRE, atol=1e-12)
    assert values.hessian is not None
    np.testing.assert_allclose(values.hessian[:, 0], [2 * np.eye(2)] * 3, atol=1e-12)


def test_nor_is_it_where_weights_are_swapped():
    opened = open_model(read_model(onnx.parser.parse_model(HEAD + ROOT)), ModelOptions(), CENTRE)
    normal = normal_form(opened.function, CENTRE)
    made = Reweighted(normal, MultiIndices.full(2, 2), CENTRE, [])
    (_, found), *_ = made.coefficients()
    np.testing.assert_allclose(found.terms[:, 0], [[*(2 * x), 1, 0, 1] for x in CENTRE], atol=1e-12)


FAR = (
    "m (float[N,2] x) => (float[N,2] y) <float low={-50.0}>"
    " { c = Greater(x, low) p = Sigmoid(x) m = Log(p) y = Where(c, m, x) }"
)


def test_a_sigmoid_is_zero_at_sentinels():
    x = np.array([[-999.0, 0.5], [-1.0, -999.0]])
    derived = ot.differentiate(onnx.parser.parse_model(HEAD + FAR), order=1)
    saved = InferenceSession(derived.proto.SerializeToString())
    _, jacobian = saved.run(None, {derived.proto.graph.input[0].name: x.astype(np.float32)})
    wanted = np.where(x > -50, 1 / (1 + np.exp(np.maximum(x, -50))), 1.0)
    np.testing.assert_allclose(jacobian, wanted[:, None, :] * np.eye(2), rtol=1e-5)


def test_layer_normalization_needs_no_strong_zeros():
    """Their root is of a number that is never 0: the graph is not made slower for it."""
    text = (
        "m (float[N,4] x) => (float[N,4] y)"
        " <float[4] g={1.0,2.0,0.5,1.5}, float[4] b={0.1,0.2,0.3,0.4}>"
        " { n = LayerNormalization<axis: int = 1, epsilon: float = 1e-5>(x, g, b) y = Tanh(n) }"
    )
    derived = ot.differentiate(onnx.parser.parse_model(HEAD + text))
    assert not any(node.op_type == "Or" for node in derived.proto.graph.node)


def test_no_warning_of_numpy_leaves():
    text, events, _ = GUARDS["where of a root"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ot.analyze(onnx.parser.parse_model(HEAD + text), np.array(events), bootstrap=0, check=0)
