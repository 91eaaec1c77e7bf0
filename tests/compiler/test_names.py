"""Names of a model that a derivative graph has for itself: the model's own give way."""

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxtaylor as ot
from onnxtaylor.compiler.sums import is_reserved
from onnxtaylor.graph.rename import rename_reserved, separate_node_names, unused_stem
from onnxtaylor.runtime.session import Session, start
from tests.graph.graphs import F32, ask, events, model, op, opened, port

X = events(3, 4)
WEIGHTS = np.arange(6, dtype=np.float32).reshape(3, 2) / 7
OUTPUTS = ["value", "jacobian", "hessian", "third"]
NAMES = [
    *OUTPUTS,
    *("features", "responses", "onnxtaylor/terms", "onnxtaylor/_1", "onnxtaylor/n1"),
    *("taylor/c_1", "taylor/mul_2", "third/low", "third/second", "third/third"),
    *("export/first", "export/hessian/gathered", "model/value", "onnxtaylor/sums/c_1"),
]


def product(inner="h", feed="x", response="y", weights="w", node="n"):
    """y = (x·tanh x) W, whose derivatives are known in closed form."""
    return model(
        [
            op("Tanh", [feed], [inner], name=node),
            op("Mul", [inner, feed], ["z"]),
            op("MatMul", ["z", weights], [response]),
        ],
        [port(feed, ["N", 3])],
        [port(response, ["N", 2])],
        {weights: WEIGHTS},
    )


def expected(x):
    """Value, Jacobian, Hessian and third derivatives of (x·tanh x) W."""
    t = np.tanh(x)
    d = 1 - t**2
    first = t + x * d
    second = 2 * d - 2 * x * t * d
    third = -6 * t * d - 2 * x * d**2 + 4 * x * t**2 * d
    w, eye = WEIGHTS.astype(float), np.eye(3)
    return (
        (x * t) @ w,
        np.einsum("bi,ic->bci", first, w),
        np.einsum("bi,ic,ij->bcij", second, w, eye),
        np.einsum("bi,ic,ij,ik->bcijk", third, w, eye, eye),
    )


def check(proto, order):
    derivatives = ot.differentiate(proto, order=order)
    assert [o.name for o in derivatives.proto.graph.output] == OUTPUTS[: order + 1]
    onnx.checker.check_model(derivatives.proto)
    found = start(derivatives.proto).run(
        None, {derivatives.proto.graph.input[0].name: X.astype("f4")}
    )
    for a, b in zip(found, expected(X), strict=False):
        np.testing.assert_allclose(a, b, atol=3e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["inner", "feed", "response", "weights", "node"])
def test_a_model_may_have_any_name_anywhere(place, name):
    check(product(**{place: name}), 3)


def test_all_names_at_once():
    check(product("hessian", "value", "jacobian", "third", "value"), 3)
    check(product("value", "features", "responses", "onnxtaylor/terms", "features"), 3)


def test_the_names_of_a_branch_give_way():
    branches = {
        name: helper.make_graph(
            [op(kind, ["x"], ["hessian"], name="value")], "jacobian", [], [port("hessian", None)]
        )
        for name, kind in {"then_branch": "Tanh", "else_branch": "Neg"}.items()
    }
    nodes = [
        op("ReduceMax", ["c"], ["some"], keepdims=0),
        op("Cast", ["some"], ["is"], to=onnx.TensorProto.BOOL),
        op("If", ["is"], ["value"], name="value", **branches),
        op("Mul", ["value", "x"], ["z"]),
        op("MatMul", ["z", "w"], ["y"]),
    ]
    constants = {"w": WEIGHTS, "c": np.ones(2, np.float32)}
    check(model(nodes, [port("x", ["N", 3])], [port("y", ["N", 2])], constants), 2)


def test_the_names_of_a_function_stay_inside():
    body = helper.make_function(
        "jacobian",
        "value",
        ["hessian"],
        ["value"],
        [op("Tanh", ["hessian"], ["third"]), op("Mul", ["third", "hessian"], ["value"])],
        [helper.make_opsetid("", 17)],
    )
    nodes = [op("value", ["x"], ["z"], domain="jacobian"), op("MatMul", ["z", "w"], ["y"])]
    ports = ([port("x", ["N", 3])], [port("y", ["N", 2])])
    proto = model(nodes, *ports, {"w": WEIGHTS}, domains={"jacobian": 1}, functions=[body])
    check(proto, 2)


def test_a_derivative_graph_is_differentiated_again():
    once = ot.differentiate(product(), order=2)
    again = ot.differentiate(once.proto, order=1, output="jacobian")(X)
    hessian = expected(X)[2]
    np.testing.assert_allclose(again.jacobian.reshape(hessian.shape), hessian, atol=3e-6)


@pytest.mark.parametrize("name", ["onnxtaylor/weights", "onnxtaylor/groups", "onnxtaylor/sums/c_1"])
def test_the_graph_of_sums_has_its_names_for_itself(name):
    assert is_reserved(name)
    given = rename_reserved(product(inner=name), is_reserved)
    assert name not in {o for n in given.graph.node for o in n.output}
    np.testing.assert_array_equal(ask(given, x=X)["y"], ask(product(), x=X)["y"])


def test_a_free_name_is_taken_in_place_of_a_reserved_one():
    proto = product(inner="value", node="model/value")
    given = rename_reserved(proto, lambda name: name == "value")
    assert [n.output[0] for n in given.graph.node] == ["model2/value", "z", "y"]
    assert rename_reserved(proto, lambda name: name == "other") is proto


def test_nodes_are_called_apart_from_tensors_of_others():
    proto = product(node="x")
    separate_node_names(proto)
    assert [n.name for n in proto.graph.node] == ["model/x", "", ""]
    own = product(node="h")
    separate_node_names(own)
    assert own.graph.node[0].name == "h"  # it computes h


def test_a_stem_is_free_everywhere():
    proto = product(inner="taylor/a", weights="taylor2/b")
    assert unused_stem(proto.graph, "taylor") == "taylor3"


def test_the_symbol_of_the_batch_may_stand_for_other_sizes():
    nodes = [
        op("Tanh", ["x"], ["t"]),
        op("Mul", ["t", "x"], ["u"]),
        op("MatMul", ["u", "w"], ["y"]),
    ]
    proto = model(nodes, [port("x", ["b", "N"])], [port("y", ["b", 2])], {"w": WEIGHTS})
    proto.graph.value_info.append(helper.make_tensor_value_info("t", F32, ["b", "N"]))
    proto.graph.value_info.append(helper.make_tensor_value_info("u", F32, ["b", "N"]))
    function = opened(proto, X).function
    np.testing.assert_allclose(Session(function)(X), expected(X)[0], atol=1e-6)
    found = ot.differentiate(proto, n_features=3)(X)
    np.testing.assert_allclose(found.hessian, expected(X)[2], atol=3e-6)
