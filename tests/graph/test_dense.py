"""Sparse constants become the dense ones that onnxruntime makes of them."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import read_model
from onnxtaylor.graph.normalize.upgrade import upgrade
from tests.graph.graphs import I64, ask, events, model, op, port

W = np.zeros((3, 3), np.float32)
W[0, 1], W[1, 2] = 0.5, -1.0
FLAT, PAIRS = np.array([1, 5]), np.array([[0, 1], [1, 2]])


def sparse(places=FLAT, values=(0.5, -1.0), dims=(3, 3), name="w"):
    tensor = onnx.SparseTensorProto()
    tensor.values.CopyFrom(numpy_helper.from_array(np.array(values, np.float32), name))
    tensor.indices.CopyFrom(numpy_helper.from_array(np.asarray(places, np.int64), "places"))
    tensor.dims.extend(dims)
    return tensor


def stored(tensor=None):
    """tanh(x w), with w as a sparse initializer."""
    nodes = [op("MatMul", ["x", "w"], ["h"]), op("Tanh", ["h"], ["y"])]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])])
    proto.graph.sparse_initializer.append(tensor or sparse())
    return proto


def constant():
    """The same, with w as a Constant node's sparse value."""
    proto = stored()
    del proto.graph.sparse_initializer[:]
    proto.graph.node.insert(0, op("Constant", [], ["w"], sparse_value=sparse()))
    return proto


def inside():
    """The same in both branches of an If."""
    branches = {}
    for name in ("then_branch", "else_branch"):
        graph = helper.make_graph(list(stored().graph.node), name, [], [port("y", None)])
        graph.sparse_initializer.append(sparse())
        branches[name] = graph
    nodes = [
        op("ReduceMax", ["x"], ["m"], keepdims=0),
        op("Less", ["m", "most"], ["c"]),
        op("If", ["c"], ["y"], **branches),
    ]
    return model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])], {"most": np.float32(1e9)})


FORMS = {
    "flat": stored,
    "pairs": lambda: stored(sparse(PAIRS)),
    "none": lambda: stored(sparse(np.zeros(0), ())),
    "node": constant,
    "branch": inside,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_dense_tensor_has_the_same_responses(form):
    proto, x = FORMS[form](), events()
    dense = read_model(proto).proto
    assert not dense.graph.sparse_initializer
    np.testing.assert_array_equal(ask(dense, x=x)["y"], ask(proto, x=x)["y"])
    w = 0 * W if form == "none" else W
    np.testing.assert_allclose(ask(dense, x=x)["y"], np.tanh(x @ w), atol=1e-6)


@pytest.mark.parametrize("form", ["flat", "pairs", "node"])
@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_derivatives_behind_sparse_weights(form, engine):
    x = events(count=8)
    result = ot.analyze(FORMS[form](), x, engine=engine, check=4, scale="unit")
    d = 1 - np.tanh(x @ W) ** 2
    first = [np.abs(d[:, c] * W[i, c]).mean() for c in range(3) for i in range(3)]
    found = [result.vector(f"y[{c}]")[i] for c in range(3) for i in range(3)]
    np.testing.assert_allclose(found, first, atol=2e-5)
    assert result.check["verdict"] == "agrees"


def test_a_derivative_graph_of_sparse_weights_is_saved(tmp_path):
    ot.differentiate(stored()).save(tmp_path / "d.onnx")
    x = events()
    found = ask(onnx.load(tmp_path / "d.onnx"), features=x)["jacobian"]
    expected = (1 - np.tanh(x @ W) ** 2)[:, :, None] * W.T
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (sparse([1, 9]), "damaged"),
        (sparse([-1, 5]), "below 0"),
        (sparse([[0, 1], [1, 3]]), "damaged"),
        (sparse([1]), "2 values have 1 indices"),
        (sparse(dims=(3, -3)), "damaged"),
        (sparse(dims=(2**20, 2**20)), "larger than 2 GiB"),
        (sparse(dims=(2**62, 2**62)), "larger than 2 GiB"),
    ],
)
def test_what_is_no_tensor_is_refused_in_one_line(tensor, says):
    with pytest.raises(ModelError, match=says) as error:
        read_model(stored(tensor))
    assert "sparse tensor 'w'" in str(error.value)
    assert "\n" not in str(error.value)


def test_many_tensors_that_are_too_large_together_are_refused():
    proto = stored()
    for k in range(5):
        proto.graph.sparse_initializer.append(sparse(dims=(2**14, 2**13), name=f"w{k}"))
    with pytest.raises(ModelError, match=r"'w3'.*larger than 2 GiB"):
        read_model(proto)


def test_what_the_version_converter_raises_is_one_line():
    proto = model([op("MatMul", ["x", "w"], ["y"])], [port("x", ["N", 3])], [port("y", None)])
    with pytest.raises(ModelError, match="cannot be converted to opset"):
        upgrade(proto)


def test_sparse_values_of_other_types():
    tensor = sparse()
    tensor.values.CopyFrom(numpy_helper.from_array(np.array([2, -7], np.int64), "w"))
    proto = stored(tensor)
    dense = read_model(proto).proto.graph.initializer[0]
    assert dense.data_type == I64
    np.testing.assert_array_equal(numpy_helper.to_array(dense), [[0, 2, 0], [0, 0, -7], [0, 0, 0]])
