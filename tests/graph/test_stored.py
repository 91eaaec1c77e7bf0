"""Stored whole numbers become what they stand for, as onnxruntime reads them."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor
from onnxtaylor.graph.normalize.stored import restore_weights
from onnxtaylor.runtime.promotion import promote
from onnxtaylor.runtime.session import Session
from tests.engine.optimized import CHANGED, rounded, stored
from tests.graph.graphs import model, op, opened, port

RNG = np.random.default_rng(2)


def case(kind, shape, scale, zero=None, **attributes):
    """x + DequantizeLinear of a constant of that shape."""
    low, high = (-8, 8) if kind == TensorProto.INT4 else (0, 100)
    whole = RNG.integers(low, high, shape)
    tensors = [helper.make_tensor("q", kind, shape, whole.ravel().tolist())]
    names = ["q", "s"]
    if zero is not None:
        names.append("z")
        tensors.append(helper.make_tensor("z", kind, np.shape(zero), np.ravel(zero).tolist()))
    nodes = [op("DequantizeLinear", names, ["w"], **attributes), op("Add", ["x", "w"], ["y"])]
    constants = {"s": np.asarray(scale, "f4")}
    proto = model(
        nodes, [port("x", list(shape))], [port("y", list(shape))], constants, opset=21, ir=10
    )
    proto.graph.initializer.extend(tensors)
    return proto


INT8, UINT8, INT4, INT32 = (getattr(TensorProto, k) for k in ("INT8", "UINT8", "INT4", "INT32"))
CASES = {
    "one scale": case(INT8, (3, 4), 0.1, 7),
    "one scale in a list": case(UINT8, (3, 4), [0.1], [7]),
    "no zero": case(INT8, (3, 4), 0.3),
    "bias": case(INT32, (4,), 0.01),
    "columns": case(UINT8, (3, 4), [0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4], axis=1),
    "columns by default": case(INT8, (3, 4), [0.1, 0.2, 0.3, 0.4]),
    "rows": case(INT8, (3, 4), [0.1, 0.2, 0.3], axis=0),
    "last axis": case(INT8, (2, 3, 4), [0.1, 0.2, 0.3, 0.4], axis=-1),
    "blocks": case(
        INT4, (6, 2), RNG.uniform(1, 2, (3, 2)), np.ones((3, 2), int), axis=0, block_size=2
    ),
    "a block that is cut": case(INT8, (2, 5), RNG.uniform(1, 2, (2, 3)), axis=1, block_size=2),
}


@pytest.mark.parametrize("name", CASES)
def test_a_constant_is_what_onnxruntime_reads(name):
    proto = CASES[name]
    written = restore_weights(proto)
    assert [node.op_type for node in written.graph.node] == ["Identity", "Add"]
    shape = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    answers = []
    for one in (proto, written):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(one.SerializeToString(), options)
        answers.append(session.run(None, {"x": np.zeros(shape, "f4")})[0])
    np.testing.assert_array_equal(*answers)


def test_what_is_computed_is_left():
    nodes = [*rounded("x", "s", "z"), op("Identity", ["xd"], ["y"])]
    constants = {"s": np.float32(0.1), "z": np.uint8(3)}
    proto = model(nodes, [port("x", ["N", 2])], [port("y", ["N", 2])], constants)
    assert restore_weights(proto) is proto


@pytest.mark.parametrize(
    "name", ["stored int8 columns, MatMul", "stored uint8, Gemm", "stored int4 blocks"]
)
def test_differences_are_taken_in_double_precision(name):
    proto = CHANGED[name]
    x = RNG.normal(size=(8, proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value))
    made = promote(opened(proto, x).function, x)
    assert made.refused is None
    c = {t.name: numpy_helper.to_array(t) for t in stored().graph.initializer}
    if name == "stored int8 columns, MatMul":
        weights = (c["q"] * c["s"]).astype(float)
        expected = np.tanh(x @ weights) @ c["V"].astype(float)
        assert Session(made.function)(x) == pytest.approx(expected, abs=1e-13)


def test_external_data_are_no_obstacle(tmp_path):
    """They are read with the file."""
    onnx.save(stored(), tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    loaded = onnx.load(tmp_path / "m.onnx")
    assert "DequantizeLinear" not in {n.op_type for n in restore_weights(loaded).graph.node}


def test_whole_numbers_that_half_precision_cannot_hold_are_rounded_once():
    """100000 · 10⁻⁵ is 1 in half precision, 100000 is infinite."""
    whole, scale = np.array([[100_000, 3], [70_000, 5]], np.int32), np.float16(1e-5)
    nodes = [
        op("DequantizeLinear", ["q", "s"], ["h"]),
        op("Cast", ["h"], ["w"], to=TensorProto.FLOAT),
        op("MatMul", ["x", "w"], ["y"]),
    ]
    constants = {"q": whole, "s": scale}
    proto = model(nodes, [port("x", ["N", 2])], [port("y", ["N", 2])], constants, opset=21, ir=10)
    held = (whole * np.float64(scale)).astype(np.float16).astype(np.float64)
    x = RNG.normal(size=(6, 2))
    for engine in ("exact", "differences"):
        result = onnxtaylor.analyze(proto, x, engine=engine, bootstrap=0, check=6, scale="unit")
        for c in range(2):
            np.testing.assert_allclose(result.vector(f"y[{c}]"), held[:, c], rtol=1e-6)
    assert result.check["verdict"] == "agrees"
