"""Operators that onnxruntime rounds to single precision are exact in models of double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor import analyze
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.unrounded import unrounded

SCALE, BIAS = np.linspace(0.3, 1.2, 4), np.linspace(-0.5, 0.4, 4)


def gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def shrink(x: np.ndarray) -> np.ndarray:
    b = float(np.float32(0.1))
    return np.where(x < -0.25, x + b, np.where(x > 0.25, x - b, 0))


def group(x: np.ndarray) -> np.ndarray:
    z = x.reshape(len(x), 2, -1)
    z = z - z.mean(axis=-1, keepdims=True)
    z = z / np.sqrt((z**2).mean(axis=-1, keepdims=True) + 0.25)
    return z.reshape(x.shape) * SCALE[:, None, None] + BIAS[:, None, None]


def attention(x: np.ndarray) -> np.ndarray:
    logits = np.exp(x @ x.swapaxes(-1, -2) / math.sqrt(x.shape[-1]))
    return logits / logits.sum(axis=-1, keepdims=True) @ x


CASES: list[tuple[str, dict[str, Any], Callable[[np.ndarray], np.ndarray]]] = [
    ("Gelu x", {"approximate": "tanh"}, gelu),
    ("Shrink x", {"lambd": 0.25, "bias": 0.1}, shrink),
    ("GroupNormalization x scale bias", {"num_groups": 2, "epsilon": 0.25}, group),
    ("Attention x x x", {}, attention),
]


def model(call: str, kind: int, **attributes: Any) -> onnx.ModelProto:
    name, *inputs = call.split()
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    values = {"scale": SCALE, "bias": BIAS}
    graph = helper.make_graph(
        [helper.make_node(name, inputs, ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", kind, ["N", 4, 3, 2])],
        [helper.make_tensor_value_info("y", kind, ["N", 4, 3, 2])],
        [numpy_helper.from_array(values[i].astype(dtype), i) for i in inputs if i in values],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


@pytest.mark.parametrize(("call", "attributes", "formula"), CASES, ids=lambda v: str(v)[:12])
def test_doubles_follow_the_formula(call: str, attributes: dict[str, Any], formula: Any):
    x = np.random.default_rng(4).normal(size=(3, 4, 3, 2))
    proto = model(call, TensorProto.DOUBLE, **attributes)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4

    def run(m: onnx.ModelProto) -> Any:
        session = onnxruntime.InferenceSession(
            m.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"x": x})[0]

    assert np.abs(run(proto) - formula(x)).max() > 1e-11, "onnxruntime no longer rounds: drop this"
    np.testing.assert_allclose(run(unrounded(proto)), formula(x), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("call", "attributes", "formula"), CASES, ids=lambda v: str(v)[:12])
def test_single_precision_is_left_to_the_kernel(call: str, attributes: Any, formula: Any):
    proto = model(call, TensorProto.FLOAT, **attributes)
    assert unrounded(proto) is proto


def test_a_model_in_double_precision_is_analyzed():
    """The exact engine compares its responses with those of the model to a few ulps."""
    proto = model("Gelu x", TensorProto.DOUBLE, approximate="tanh")
    x = np.random.default_rng(4).normal(size=(20, 24))
    result = analyze(proto, x, order=1, engine="exact", scale="unit")
    scores = np.asarray(result.to_pandas()["score"], dtype=float)
    u = math.sqrt(2 / math.pi) * (x[:, 0] + 0.044715 * x[:, 0] ** 3)
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x[:, 0] ** 2)
    expected = (1 + np.tanh(u)) / 2 + x[:, 0] / 2 * (1 - np.tanh(u) ** 2) * slope
    # response 0 varies with feature 0 alone, and their coefficient comes first
    assert scores[0] == pytest.approx(np.abs(expected).mean(), rel=1e-12)


def test_an_attribute_that_is_left_out_is_a_number_of_single_precision():
    """ε = 1e-5 is 9.99999974737875e-6: what the kernel adds, and the derivative graph as well."""
    graph = helper.make_graph(
        [
            helper.make_node("LayerNormalization", ["x", "scale"], ["n"]),
            helper.make_node("Tanh", ["n"], ["y"]),
        ],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 4])],
        [numpy_helper.from_array(SCALE, "scale")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = np.random.default_rng(4).normal(size=(20, 4)) * 0.01
    scores = analyze(proto, x, order=1, engine="exact").to_pandas()["score"]
    assert np.isfinite(np.asarray(scores, dtype=float)).all()


def test_bodies_of_operators_with_inputs_left_out():
    """The inliner looks up the type of each input, also of one that is left out."""
    x, top = np.array([[-3.0, 0.2, 0.9]], np.float32), np.array(0.5, np.float32)
    graph = helper.make_graph(
        [helper.make_node("Clip", ["x", "", "top"], ["y"])],
        "clip",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(top, "top")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    after = expand(proto, ())
    onnx.checker.check_model(after)
    assert "Clip" not in {n.op_type for n in after.graph.node}
    session = onnxruntime.InferenceSession(
        after.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": x})[0].tolist() == [[-3.0, np.float32(0.2), 0.5]]
