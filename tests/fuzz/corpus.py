"""Small models of many kinds: one for each rule, others with subgraphs, tables, functions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.graph.graphs import BF16, F16, F32, F64, I64, STRING, model, net, op, port
from tests.rules.samples import SAMPLES

__all__ = ["corpus"]

X, Y = port("x", ["N", 3]), port("y", ["N", None])


def corpus() -> list[onnx.ModelProto]:
    """Models whose features are three numbers of an event, or an input of another kind."""
    by_kind = {sample.kind: sample for sample in reversed(SAMPLES)}
    ruled = [by_kind[kind].model(np.float32) for kind in sorted(by_kind)]
    return [*_special(), *ruled]


def _special() -> Iterator[onnx.ModelProto]:
    yield net(metadata={"feature_names": "a,b,c"})
    yield net(batch=4)
    yield net(kind=F64, opset=9)
    yield net(kind=F16)
    yield net(kind=BF16, opset=21, ir=10)
    yield from _control()
    yield from _functions()
    yield from _tables()
    yield from _shapes()
    yield from _inputs()


def _body(name, nodes, inputs, outputs, constants=None):
    stored = [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()]
    return helper.make_graph(nodes, name, inputs, outputs, stored)


def _control() -> Iterator[onnx.ModelProto]:
    branches = {
        side: _body(side, [op(kind, ["x"], [side])], [], [port(side, None)])
        for side, kind in (("yes", "Tanh"), ("no", "Sigmoid"))
    }
    yield model(
        [
            op("ReduceMax", ["x"], ["most"], keepdims=0),
            op("Greater", ["most", "zero"], ["which"]),
            op("If", ["which"], ["y"], then_branch=branches["yes"], else_branch=branches["no"]),
        ],
        [X],
        [Y],
        {"zero": np.float32(0)},
    )
    turn = _body(
        "turn",
        [
            op("Tanh", ["s"], ["t"]),
            op("Identity", ["goes"], ["on"]),
            op("ReduceSum", ["t", "one"], ["part"], keepdims=0),
        ],
        [port("k", [], I64), port("goes", [], onnx.TensorProto.BOOL), port("s", None)],
        [port("on", [], onnx.TensorProto.BOOL), port("t", None), port("part", None)],
        {"one": np.array([1])},
    )
    yield model(
        [
            op("Loop", ["count", "", "x"], ["last", "parts"], body=turn),
            op("ReduceSum", ["parts", "first"], ["sum"], keepdims=0),
            op("Unsqueeze", ["sum", "second"], ["column"]),
            op("Add", ["last", "column"], ["y"]),
        ],
        [X],
        [Y],
        {"count": np.int64(3), "first": np.array([0]), "second": np.array([1])},
    )
    step = _body(
        "step",
        [op("Add", ["s", "e"], ["sum"]), op("Tanh", ["sum"], ["t"]), op("Identity", ["t"], ["u"])],
        [port("s", None), port("e", None)],
        [port("t", None), port("u", None)],
    )
    yield model(
        [
            op("Transpose", ["x"], ["xt"], perm=[1, 0]),
            op("ReduceSum", ["xt", "first"], ["begin"], keepdims=0),
            op("Scan", ["begin", "xt"], ["last", "all"], body=step, num_scan_inputs=1),
            op("Transpose", ["all"], ["y"], perm=[1, 0]),
        ],
        [X],
        [Y],
        {"first": np.array([0])},
    )
    yield model(
        [
            op("SplitToSequence", ["x"], ["parts"], axis=1, keepdims=1),
            op("SequenceAt", ["parts", "second"], ["one"]),
            op("ConcatFromSequence", ["parts"], ["all"], axis=1),
            op("Mul", ["all", "one"], ["y"]),
        ],
        [X],
        [Y],
        {"second": np.int64(1)},
    )


def _functions() -> Iterator[onnx.ModelProto]:
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    inner = helper.make_function("own", "Inner", ["a"], ["b"], [op("Tanh", ["a"], ["b"])], sets)
    calls = [
        op("Inner", ["a"], ["h"], domain="own"),
        op("Inner", ["h"], ["k"], domain="own"),
        op("Add", ["h", "k"], ["b"]),
    ]
    outer = helper.make_function("own", "Outer", ["a"], ["b"], calls, sets)
    yield model(
        [op("Outer", ["x"], ["y"], domain="own")],
        [X],
        [Y],
        domains={"own": 1},
        functions=[inner, outer],
    )


def _tables() -> Iterator[onnx.ModelProto]:
    nodes = {
        "nodes_treeids": [0, 0, 0, 1, 1, 1],
        "nodes_nodeids": [0, 1, 2, 0, 1, 2],
        "nodes_featureids": [0, 0, 0, 2, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"] * 2,
        "nodes_values": [0.1, 0.0, 0.0, -0.2, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0, 1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0, 2, 0, 0],
    }
    leaves = {"treeids": [0, 0, 1, 1], "nodeids": [1, 2, 1, 2], "weights": [0.1, -0.3, 0.4, 0.2]}
    ml = {"domain": "ai.onnx.ml"}
    targets = {f"target_{k}": v for k, v in leaves.items()} | {"target_ids": [0, 0, 0, 0]}
    yield model(
        [op("TreeEnsembleRegressor", ["x"], ["y"], n_targets=1, **nodes, **targets, **ml)],
        [X],
        [Y],
        domains={"ai.onnx.ml": 3},
    )
    classes = {f"class_{k}": v for k, v in leaves.items()} | {"class_ids": [0, 1, 0, 1]}
    labels = {"classlabels_int64s": [0, 1]}
    zipped = onnx.ValueInfoProto(name="maps")
    yield model(
        [
            op("TreeEnsembleClassifier", ["x"], ["k", "p"], **nodes, **classes, **labels, **ml),
            op("ZipMap", ["p"], ["maps"], **labels, **ml),
        ],
        [X],
        [port("k", ["N"], I64), zipped],
        domains={"ai.onnx.ml": 3},
    )
    linear = {"coefficients": [1.0, -1.0, 0.5, -0.5, 0.25, 0.0], "intercepts": [0.0, 0.1]}
    yield model(
        [
            op("Scaler", ["x"], ["a"], offset=[0.0, 0.1, 0.2], scale=[1.0, 2.0, 3.0], **ml),
            op("Normalizer", ["a"], ["b"], norm="L2", **ml),
            op("LinearClassifier", ["b"], ["k", "y"], post_transform="SOFTMAX", **linear, **labels,
               **ml),
        ],
        [X],
        [port("k", ["N"], I64), Y],
        domains={"ai.onnx.ml": 1},
    )  # fmt: skip
    vectors = {"support_vectors": [0.1, 0.2, 0.3, -0.4, 0.5, 0.6], "kernel_type": "RBF"}
    support = {"coefficients": [1.0, -1.0], "rho": [0.1], "kernel_params": [0.5, 0.0, 3.0]}
    yield model(
        [op("SVMRegressor", ["x"], ["y"], n_supports=2, **vectors, **support, **ml)],
        [X],
        [Y],
        domains={"ai.onnx.ml": 1},
    )


def _shapes() -> Iterator[onnx.ModelProto]:
    yield model(
        [
            op("Shape", ["x"], ["shape"]),
            op("Gather", ["shape", "zero"], ["count"]),
            op("Concat", ["count", "five"], ["wanted"], axis=0),
            op("ConstantOfShape", ["wanted"], ["ones"],
               value=numpy_helper.from_array(np.ones(1, np.float32))),
            op("ReduceSum", ["x", "one"], ["sum"], keepdims=1),
            op("Expand", ["sum", "wanted"], ["wide"]),
            op("Range", ["start", "stop", "step"], ["steps"]),
            op("Mul", ["wide", "steps"], ["scaled"]),
            op("Tile", ["scaled", "twice"], ["tiled"]),
            op("Split", ["tiled"], ["left", "right"], axis=1),
            op("Pad", ["left", "pads"], ["padded"]),
            op("Slice", ["padded", "from", "to", "one"], ["cut"]),
            op("Mul", ["cut", "ones"], ["y"]),
        ],
        [X],
        [Y],
        {
            "zero": np.array([0]), "five": np.array([5]), "one": np.array([1]),
            "start": np.float32(0), "stop": np.float32(5), "step": np.float32(1),
            "twice": np.array([1, 2]), "pads": np.array([0, 1, 0, 1]), "from": np.array([1]),
            "to": np.array([6]),
        },
    )  # fmt: skip
    yield model(
        [
            op("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
            op("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
            op("DequantizeLinear", ["W", "scale", "zero"], ["w"]),
            op("MatMul", ["d", "w"], ["z"]),
            op("Add", ["z", "x"], ["a"]),
            op("Tanh", ["a"], ["y"]),
        ],
        [X],
        [Y],
        {
            "scale": np.float32(0.1), "zero": np.int8(1),
            "W": np.arange(9, dtype=np.int8).reshape(3, 3),
        },
    )  # fmt: skip
    yield model(
        [
            op("FusedMatMul", ["x", "W"], ["a"], domain="com.microsoft", alpha=0.5),
            op("Gelu", ["a"], ["y"], domain="com.microsoft"),
        ],
        [X],
        [Y],
        {"W": np.eye(3, dtype=np.float32)},
        domains={"com.microsoft": 1},
    )


def _inputs() -> Iterator[onnx.ModelProto]:
    yield model(
        [
            op("LabelEncoder", ["kind"], ["number"], domain="ai.onnx.ml",
               keys_strings=["a", "b"], values_floats=[0.5, -0.5]),
            op("Mul", ["x", "number"], ["y"]),
        ],
        [X, port("kind", ["N", 1], STRING)],
        [Y],
        domains={"ai.onnx.ml": 2},
    )  # fmt: skip
    yield model(
        [
            op("Where", ["mask", "pf", "none"], ["some"]),
            op("ReduceSum", ["some", "slots"], ["sum"], keepdims=0),
            op("Tanh", ["sum"], ["y"]),
        ],
        [port("pf", ["N", 4, 3]), port("mask", ["N", 4, 1], onnx.TensorProto.BOOL)],
        [Y],
        {"slots": np.array([1]), "none": np.float32(0)},
    )
    yield model(
        [op("ArgMax", ["x"], ["k"], axis=1), op("Cast", ["k"], ["y"], to=F32)],
        [X],
        [Y],
    )
