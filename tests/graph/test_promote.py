"""Promoted graphs against formulas in NumPy's double precision, written out here by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.errors import ModelError
from onnxtaylor.graph.formats import retyped
from tests.graph.graphs import BF16, F16, F32, F64, I64, model, op, port
from tests.graph.promotions import RANDOM, Array, agree, f32, promoted, run, softmax

LINE = np.concatenate([np.linspace(-9, 9, 3001), [-60.0, -1e-9, 0.0, 1e-9, 0.46875, 60.0]])
UNIT = np.concatenate([np.linspace(-1, 1, 2001), [-1 + 1e-12, 1e-12, 1 - 1e-12]])


# --- functions of one number ---------------------------------------------------------------------


def over(function: Callable[[float], float]) -> Callable[[Array], Array]:
    return np.vectorize(function, otypes=[np.float64])


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


FUNCTIONS: dict[str, tuple[dict[str, Any], Array, Callable[[Array], Array]]] = {
    "Tanh": ({}, LINE, np.tanh),
    "Sigmoid": ({}, LINE, lambda x: 1 / (1 + np.exp(-x))),
    "Relu": ({}, LINE, lambda x: np.maximum(x, 0)),
    "Elu": ({"alpha": 0.7}, LINE, lambda x: elu(x, f32(0.7))),
    "Selu": ({}, LINE, lambda x: f32(1.050700987) * elu(x, f32(1.673263242))),
    "Celu": ({"alpha": 1.7}, LINE, lambda x: f32(1.7) * elu(x / f32(1.7))),
    "Softplus": ({}, LINE, softplus),
    "Gelu": ({}, LINE, over(lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2))))),
    "Gelu tanh": (
        {"approximate": "tanh"},
        LINE,
        lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "Mish": ({}, LINE, lambda x: x * np.tanh(softplus(x))),
    "LeakyRelu": ({}, LINE, lambda x: np.where(x < 0, f32(0.01) * x, x)),
    "HardSwish": ({}, LINE, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "HardSigmoid": ({}, LINE, lambda x: np.clip(f32(0.2) * x + 0.5, 0, 1)),
    "ThresholdedRelu": ({}, LINE, lambda x: np.where(x > 1, x, 0)),
    "Shrink": ({"bias": 0.3}, LINE, lambda x: np.sign(x) * (abs(x) - f32(0.3)) * (abs(x) > 0.5)),
    "Softsign": ({}, LINE, lambda x: x / (1 + np.abs(x))),
    "Erf": ({}, LINE, over(math.erf)),
    "Exp": ({}, UNIT, np.exp),
    "Log": ({}, UNIT + 1.5, np.log),
    "Sin": ({}, LINE, np.sin),
    "Tan": ({}, UNIT, np.tan),
    "Sinh": ({}, UNIT, np.sinh),
    "Cosh": ({}, UNIT, np.cosh),
    "Atan": ({}, np.concatenate([LINE, [1e5, -1e9]]), np.arctan),
    "Asin": ({}, UNIT, np.arcsin),
    "Acos": ({}, UNIT, np.arccos),
    "Asinh": ({}, np.concatenate([LINE, [1e5, -1e9]]), np.arcsinh),
    "Acosh": ({}, UNIT + 2, np.arccosh),
    "Atanh": ({}, UNIT * 0.9, np.arctanh),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    attributes, x, function = FUNCTIONS[name]
    nodes = [op(name.split()[0], ["x"], ["y"], **attributes)]
    proto = promoted(nodes, ["N", 1], 2, opset=22, ir=10)
    agree(run(proto, x[:, None]), function(x[:, None]))


def test_the_tails_of_erf_are_monotonous_and_odd():
    proto = promoted([op("Erf", ["x"], ["y"])], ["N", 1], 2)
    x = np.linspace(0, 40, 100_001)[:, None]
    y = run(proto, x)
    assert (np.diff(y[:, 0]) >= -2.3e-16).all()
    assert y[-1] == 1
    assert np.array_equal(run(proto, -x), -y)
    assert run(proto, np.array([[1e300], [-1e300]])).ravel().tolist() == [1, -1]


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [F16, BF16, F32])
def test_numbers_of_every_format_and_place_are_widened(kind):
    """Stored, in a Constant, by its attributes, in ConstantOfShape, cast, and in a branch. What is
    cast to half precision once and for all stays as it was rounded.
    """
    third = helper.make_tensor("t", kind, [1], [1 / 3])
    tenths = float(numpy_helper.to_array(helper.make_tensor("v", kind, [1], [f32(0.7)]))[0])
    value = float(numpy_helper.to_array(third)[0])
    inner = helper.make_graph(
        [op("Constant", [], ["c"], value=third), op("Mul", ["e", "c"], ["f"])],
        "inner",
        [],
        [port("f", None, kind)],
    )
    nodes = [
        op("Constant", [], ["a"], value=third),
        op("Constant", [], ["v32"], value_float=0.7),
        op("Cast", ["v32"], ["v"], to=kind),
        op("ConstantOfShape", ["one"], ["z32"]),
        op("Cast", ["z32"], ["z"], to=kind),
        op("Cast", ["x"], ["h"], to=kind),
        op("Mul", ["h", "a"], ["b"]),
        op("Add", ["b", "v"], ["d"]),
        op("Add", ["d", "z"], ["e"]),
        op("ReduceMax", ["e"], ["m"], keepdims=0),
        op("Cast", ["m"], ["yes"], to=TensorProto.BOOL),
        op("If", ["yes"], ["g"], then_branch=inner, else_branch=inner),
        op("Cast", ["g"], ["y"], to=F32),
    ]
    proto = promoted(nodes, ["N", 2], 2, {"one": np.array([1])})
    x = RANDOM.normal(size=(7, 2))
    agree(run(proto, x), (x * value + tenths) * value)
    assert set(_kinds(proto.graph)) == {F64}


def _kinds(graph: onnx.GraphProto):
    """Formats of real numbers that anything in a graph is declared to have."""
    floats = {F16, BF16, F32, F64}
    for info in (*graph.input, *graph.output, *graph.value_info):
        yield from {info.type.tensor_type.elem_type} & floats
    for tensor in graph.initializer:
        yield from {tensor.data_type} & floats
    for node in graph.node:
        for a in node.attribute:
            yield from {a.t.data_type} & floats if a.HasField("t") else ()
            yield from {a.i} & floats if a.name == "to" else ()
            assert not a.name.startswith("value_float")
            if a.HasField("g"):
                yield from _kinds(a.g)


def test_whole_numbers_stay():
    nodes = [op("Gather", ["x", "places"], ["y"], axis=1)]
    proto = promoted(nodes, ["N", 3], 2, {"places": np.array([2, 0])})
    assert [t.data_type for t in proto.graph.initializer] == [I64]
    x = RANDOM.normal(size=(4, 3))
    assert np.array_equal(run(proto, x), x[:, [2, 0]])


def test_a_body_of_a_loop_is_widened():
    body = helper.make_graph(
        [
            op("Mul", ["h", "third"], ["next"]),
            op("Identity", ["on"], ["on_"]),
        ],
        "body",
        [port("i", [], I64), port("on", [], TensorProto.BOOL), port("h", ["N", 2])],
        [port("on_", [], TensorProto.BOOL), port("next", ["N", 2])],
        [numpy_helper.from_array(np.float32([1 / 3]), "third")],
    )
    nodes = [op("Loop", ["times", "yes", "x"], ["y"], body=body)]
    constants = {"times": np.array(3), "yes": np.array(True)}
    x = RANDOM.normal(size=(4, 2))
    agree(run(promoted(nodes, ["N", 2], 2, constants), x), x * f32(1 / 3) ** 3)


def test_an_old_opset_and_a_function_of_the_model():
    body = helper.make_function(
        "own", "Half", ["a"], ["b"], [op("Elu", ["a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    nodes = [op("Half", ["x"], ["h"], domain="own"), op("Softmax", ["h"], ["y"])]
    proto = promoted(
        nodes, ["N", 3], 2, opset=17, domains={"own": 1}, functions=[body], kind=F32, ir=8
    )
    x = RANDOM.normal(size=(8, 3))
    agree(run(proto, x), softmax(elu(x)))


def test_retyping_leaves_the_original_alone():
    proto = model([op("Tanh", ["x"], ["y"])], [port("x", ["N", 1])], [port("y", ["N", 1])])
    before = proto.SerializeToString()
    found = retyped(proto, {F32}, F64)
    assert proto.SerializeToString() == before
    assert found.graph.input[0].type.tensor_type.elem_type == F64


TREE: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "target_treeids": [0, 0],
    "target_nodeids": [1, 2],
    "target_ids": [0, 0],
    "target_weights": [1.0, 2.0],
    "n_targets": 1,
}


@pytest.mark.parametrize(
    ("node", "constants", "name"),
    [
        (
            op("QuantizeLinear", ["x", "s"], ["q"], name="squash"),
            {"s": np.float32(0.1)},
            "QuantizeLinear.*squash",
        ),
        (op("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="d"), {}, "DynamicQuant.*'d'"),
        (
            op("TreeEnsembleRegressor", ["x"], ["q"], "trees", domain="ai.onnx.ml", **TREE),
            {},
            "TreeEnsembleRegressor.*trees",
        ),
    ],
)
def test_what_has_no_form_in_double_precision_is_named(node, constants, name):
    nodes = [node, op("Identity", ["q"], ["y"])]
    with pytest.raises(ModelError, match=name):
        promoted(nodes, ["N", 2], 2, constants, domains={"ai.onnx.ml": 3})
