"""The rewritten function has the values of the original graph."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.errors import ModelError
from onnxtaylor.runtime.session import Session
from tests.graph.functions import function_of
from tests.graph.graphs import (
    F16,
    F32,
    F64,
    I64,
    ask,
    events,
    model,
    net,
    op,
    port,
    respond,
)


def test_inner_tensors_and_several_outputs():
    x, proto = events(), net()
    original = ask(proto, x=x)["y"]
    inner = respond(proto, x, outputs=("h",))
    assert inner.shape == (6, 4)
    assert (respond(proto, x, outputs=("y", "h")) == np.hstack([original, inner])).all()
    assert (respond(proto, x, outputs=("h", "y")) == np.hstack([inner, original])).all()


@pytest.mark.parametrize(
    ("kind", "precision", "fed"),
    [(F16, "float16", "float32"), (F32, "float32", "float32"), (F64, "float64", "float64")],
)
def test_precision_is_that_of_the_file(kind, precision, fed):
    x = events()
    proto = net(kind=kind)
    function = function_of(proto)
    assert (function.precision, function.dtype) == (precision, np.dtype(fed))
    # onnxruntime's CPU computes half precision in single and rounds only what leaves the graph
    tolerance = 2e-3 if kind == F16 else 0
    assert Session(function)(x) == pytest.approx(ask(proto, x=x)["y"], rel=tolerance, abs=tolerance)


def test_precision_is_the_coarsest_on_the_way():
    def through(first, inner, **ports):
        nodes = [
            op("Cast", ["x"], ["a"], to=inner),
            op("Exp", ["a"], ["b"]),
            op("Cast", ["b"], ["y"], to=first),
        ]
        return function_of(model(nodes, [port("x", ["N", 3], first)], [port("y", None, first)]))

    assert through(F64, F32).precision == "float32"
    assert through(F32, F16).precision == "float16"
    assert through(F32, F64).precision == "float32"
    assert through(F64, F32).dtype == np.float64
    scaler = model(
        [op("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[1.0])],
        [port("x", ["N", 3], F64)],
        [port("y", ["N", 3])],
        domains={"ai.onnx.ml": 1},
    )
    assert function_of(scaler).precision == "float32"


def test_inputs_of_different_formats_are_fed_in_the_coarser():
    proto = model(
        [op("Cast", ["b"], ["c"], to=F32), op("Add", ["a", "c"], ["s"]), op("Exp", ["s"], ["y"])],
        [port("a", ["N", 2]), port("b", ["N", 2], F64)],
        [port("y", ["N", 2])],
    )
    function = function_of(proto, inputs=("a", "b"))
    assert (function.precision, function.dtype) == ("float32", np.float32)
    x = events(4)
    expected = ask(proto, a=x[:, :2], b=x[:, 2:])["y"]
    assert Session(function)(x) == pytest.approx(expected, rel=1e-6)


def test_names_that_collide_with_those_of_the_rewrite():
    """Analyzing a graph that this program has rewritten already."""
    function = function_of(net())
    x = events()
    again = function_of(function.proto)
    assert (Session(again)(x) == ask(net(), x=x)["y"]).all()
    third = function_of(again.proto, link="identity")
    assert (Session(third)(x) == ask(net(), x=x)["y"]).all()


def test_local_functions_are_kept_and_looked_into():
    def calling(kind):
        body = helper.make_function(
            "own",
            "Act",
            ["a"],
            ["b"],
            [op(kind, ["a"], ["t"]), op("Neg", ["t"], ["b"])],
            [helper.make_opsetid("", 17)],
        )
        return model(
            [op("Act", ["x"], ["y"], domain="own")],
            [port("x", ["N", 3])],
            [port("y", ["N", 3])],
            domains={"own": 1},
            functions=[body],
        )

    x = events()
    assert (respond(calling("Exp"), x) == ask(calling("Exp"), x=x)["y"]).all()
    assert function_of(calling("Exp")).dependence.smooth
    assert not function_of(calling("Floor")).dependence.smooth


def test_subgraphs_read_features_held_inputs_and_constants():
    branches = [
        helper.make_graph([op(kind, ["x", "k"], [kind])], kind, [], [port(kind, None)])
        for kind in ("Add", "Mul")
    ]
    nodes = [
        op("Equal", ["mode", "one"], ["is_one"]),
        op("If", ["is_one"], ["r"], then_branch=branches[0], else_branch=branches[1]),
        op("Exp", ["r"], ["y"]),
    ]
    proto = model(
        nodes,
        [port("x", ["N", 3]), port("mode", [], I64), port("k", [1, 3])],
        [port("y", None)],
        {"one": np.array(1)},
    )
    x, k = events(), np.array([[1.0, 2.0, 3.0]])
    for mode in (0, 1):
        expected = ask(proto, x=x, mode=mode, k=k)["y"]
        assert (respond(proto, x, fix={"mode": mode, "k": k}) == expected).all()


def test_a_loop_that_reads_outer_tensors():
    body = helper.make_graph(
        [
            op("Identity", ["going"], ["on"]),
            op("Add", ["sum", "x"], ["s"]),
            op("Tanh", ["s"], ["next"]),
        ],
        "body",
        [port("i", [], I64), port("going", [], onnx.TensorProto.BOOL), port("sum", None)],
        [port("on", [], onnx.TensorProto.BOOL), port("next", None)],
    )
    nodes = [op("Neg", ["x"], ["start"]), op("Loop", ["three", "true", "start"], ["y"], body=body)]
    proto = model(
        nodes,
        [port("x", ["N", 3])],
        [port("y", None)],
        {"three": np.array(3), "true": np.array(True)},
    )
    x = events()
    assert (respond(proto, x) == ask(proto, x=x)["y"]).all()


def test_sparse_initializers_are_kept_as_constants():
    values = numpy_helper.from_array(np.array([2.0], np.float32), "w")
    places = numpy_helper.from_array(np.array([1]), "w_places")
    proto = model(
        [op("Mul", ["x", "w"], ["m"]), op("Exp", ["m"], ["y"])],
        [port("x", ["N", 3])],
        [port("y", ["N", 3])],
    )
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [3]))
    x = events()
    assert (respond(proto, x) == ask(proto, x=x)["y"]).all()


def test_a_circle_of_names_is_an_error_of_one_line():
    proto = model(
        [op("Add", ["x", "b"], ["a"]), op("Neg", ["a"], ["b"])],
        [port("x", ["N", 3])],
        [port("b", ["N"])],
    )
    with pytest.raises(ModelError) as error:
        respond(proto, events())
    assert "\n" not in str(error.value)
