"""Operations of graphs against counts by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.runtime.flops import count_work, work_of_event
from validation.performance.nets import dense_net


def graph_of(kind, shapes, output, constants=(), domain="", **attributes):
    """A graph of one node with inputs, constants behind them, and one output of these shapes."""
    inputs = [f"x{k}" for k in range(len(shapes))]
    fixed = [
        numpy_helper.from_array(np.zeros(shape, np.float32), f"c{k}")
        for k, shape in enumerate(constants)
    ]
    names = [*inputs, *(tensor.name for tensor in fixed)]
    node = helper.make_node(kind, names, ["y"], domain=domain, **attributes)
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(inputs, shapes, strict=True)
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, output)
    graph = helper.make_graph([node], "one", ports, [out], fixed)
    known = {**dict(zip(inputs, map(tuple, shapes), strict=True)), "y": tuple(output)}
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), known


def flops(*arguments, **attributes):
    return count_work(*graph_of(*arguments, **attributes)).flops


@pytest.mark.parametrize(
    ("kind", "shapes", "output", "constants", "attributes", "expected"),
    [
        # 7 · 5 outputs, 3 products and 3 sums each
        ("MatMul", [(7, 3)], (7, 5), [(3, 5)], {}, 7 * 5 * 2 * 3),
        # two batches of 4 × 6 outputs
        ("MatMul", [(2, 4, 3), (2, 3, 6)], (2, 4, 6), [], {}, 2 * 4 * 6 * 2 * 3),
        ("MatMul", [(7, 3)], (7,), [(3,)], {}, 7 * 2 * 3),
        ("Gemm", [(7, 3)], (7, 5), [(3, 5), (5,)], {}, 7 * 5 * (2 * 3 + 1)),
        ("Gemm", [(3, 7)], (7, 5), [(5, 3)], {"transA": 1, "transB": 1}, 7 * 5 * 2 * 3),
        # 2 events, 8 channels, 10 × 10 places; 3 channels and 3 × 3 places are read; a bias
        (
            "Conv",
            [(2, 3, 12, 12)],
            (2, 8, 10, 10),
            [(8, 3, 3, 3), (8,)],
            {},
            2 * 8 * 100 * (2 * 27 + 1),
        ),
        # each of 4 groups reads its own channel
        ("Conv", [(1, 4, 9)], (1, 4, 7), [(4, 1, 3)], {"group": 4}, 4 * 7 * 2 * 3),
        # every one of 3 · 5 inputs goes to 2 channels and 4 places
        ("ConvTranspose", [(1, 3, 5)], (1, 2, 8), [(3, 2, 4)], {}, 15 * 2 * 2 * 4),
        ("Einsum", [(2, 4, 3), (2, 3, 6)], (2, 4, 6), [], {"equation": "bij,bjk->bik"}, 2 * 144),
        ("Einsum", [(5, 4), (5, 4)], (5,), [], {"equation": "...i,...i->..."}, 2 * 20),
        ("Einsum", [(5, 4)], (5,), [], {"equation": "ij->i"}, 20),
        ("Tanh", [(7, 3)], (7, 3), [], {}, 21),
        ("Add", [(7, 3)], (7, 3), [(3,)], {}, 21),
        ("Sum", [(7, 3), (7, 3), (7, 3)], (7, 3), [], {}, 42),
        ("Softmax", [(7, 3)], (7, 3), [], {}, 5 * 21),
        ("ReduceSum", [(7, 3)], (7, 1), [], {}, 21),
        ("Transpose", [(7, 3)], (3, 7), [], {"perm": [1, 0]}, 0),
        ("MaxPool", [(1, 2, 8)], (1, 2, 4), [], {"kernel_shape": [2], "strides": [2]}, 16),
        # 6 steps of 2 events: 4 gates of 5 cells read 3 inputs and 5 states
        (
            "LSTM",
            [(6, 2, 3)],
            (6, 1, 2, 5),
            [(1, 20, 3), (1, 20, 5)],
            {"hidden_size": 5},
            6 * 2 * 20 * (2 * (3 + 5) + 3),
        ),
        (
            "GRU",
            [(6, 2, 3)],
            (6, 2, 2, 5),
            [(2, 15, 3), (2, 15, 5)],
            {"hidden_size": 5, "direction": "bidirectional"},
            6 * 2 * 2 * 15 * (2 * (3 + 5) + 3),
        ),
    ],
)
def test_operators_against_counts_by_hand(kind, shapes, output, constants, attributes, expected):
    assert flops(kind, shapes, output, constants, **attributes) == expected


def test_a_dense_net_for_one_event():
    """30·200, 200·200 and 200·5 products with a sum each, biases, two tanh and one softmax."""
    work = work_of_event(dense_net((30, 200, 200, 5)))
    products = 30 * 200 + 200 * 200 + 200 * 5
    assert work.flops == 2 * products + 405 + 400 + 5 * 5
    # each node reads and writes its tensors once; weights are left out
    assert work.bytes == 4 * (30 + 200 + 200 + 200 + 200 + 200 + 200 + 200 + 200 + 5 + 5 + 5)
    assert work.largest == 4 * 400
    assert work.nodes == 6


def test_what_is_not_known_is_named():
    model, shapes = graph_of("MatMul", [(7, 3)], (7, 5), [(3, 5)])
    work = count_work(model, {"x0": shapes["x0"]})
    assert work.flops == 0
    assert work.uncounted == {"MatMul"}


@pytest.mark.parametrize(
    ("kind", "shapes", "constants", "attributes"),
    [
        ("Einsum", [(8, 1, 2), (3, 2, 3)], [], {"equation": "acik,bkj->abcij"}),
        ("Gemm", [(8,)], [(3, 5)], {}),
        ("Gemm", [(8, 1, 3)], [(3, 5)], {}),
        ("LSTM", [(6, 3)], [(1, 20, 3), (1, 20, 5)], {"hidden_size": 5}),
        ("GRU", [(6, 2, 3), (15, 3), (1, 15, 5)], [], {"hidden_size": 5}),
    ],
)
def test_an_estimated_shape_that_does_not_fit_the_node_is_not_counted(
    kind, shapes, constants, attributes
):
    work = count_work(*graph_of(kind, shapes, (8, 5), constants, **attributes))
    assert work.flops == 0
    assert work.uncounted == {kind}


def test_an_einsum_behind_compress_is_counted_without_it():
    """Shape inference does not know the output of Compress, here of a single axis."""
    nodes = [
        helper.make_node("Compress", ["x", "flags"], ["few"]),
        helper.make_node("Reshape", ["few", "shape"], ["rows"]),
        helper.make_node("Einsum", ["rows", "rows"], ["y"], equation="aik,bkj->abij"),
    ]
    ports = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3]),
        helper.make_tensor_value_info("flags", TensorProto.BOOL, [6]),
        helper.make_tensor_value_info("shape", TensorProto.INT64, [3]),
    ]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    model = helper.make_model(
        helper.make_graph(nodes, "compressed", ports, out),
        opset_imports=[helper.make_opsetid("", 21)],
    )
    assert work_of_event(model).flops == 0


def test_a_loop_is_named():
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Neg", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [2]),
        ],
        [
            helper.make_tensor_value_info("d", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [2]),
        ],
    )
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
    ports = [
        helper.make_tensor_value_info("n", TensorProto.INT64, []),
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]),
    ]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])]
    model = helper.make_model(helper.make_graph([loop], "loop", ports, out))
    assert isinstance(model, onnx.ModelProto)
    assert count_work(model, {"n": (), "x": (2,), "y": (2,)}).uncounted == {"Loop"}
