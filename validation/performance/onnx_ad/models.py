"""The models that both programs differentiate: nets of random weights, and models by other people.

All take one input of floating-point numbers, whose first axis counts events.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from validation.performance.nets import dense_net

__all__ = ["MODELS", "models"]

OPSET = 18


class _Writer:
    """Writes a net in float32; weights have variance 1/n."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._random = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._stored: list[onnx.TensorProto] = []
        self._shape = shape

    def weights(self, *shape: int, inputs: int = 0) -> str:
        spread = np.sqrt(inputs or shape[0])
        return self.constant((self._random.normal(size=shape) / spread).astype(np.float32))

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self._stored)}"
        self._stored.append(numpy_helper.from_array(value, name))
        return name

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def reshape(self, name: str, *shape: int) -> str:
        return self.op("Reshape", name, self.constant(np.array(shape)))

    def model(self, row: str, width: int, responses: int = 5) -> onnx.ModelProto:
        """A softmax of a dense layer behind a row of ``width`` numbers."""
        weights, bias = self.weights(width, responses), self.weights(responses)
        self.op("Softmax", self.op("Gemm", row, weights, bias), output="y", axis=1)
        kind = TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "net",
            [helper.make_tensor_value_info("x", kind, ["N", *self._shape])],
            [helper.make_tensor_value_info("y", kind, ["N", responses])],
            self._stored,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


def _convolution() -> onnx.ModelProto:
    """3×16×16 → two convolutions of 8 channels with tanh, the second in steps of 2 → 5."""
    w = _Writer((3, 16, 16))
    one = w.op("Conv", "x", w.weights(8, 3, 3, 3, inputs=27), pads=[1, 1, 1, 1])
    two = w.op(
        "Conv",
        w.op("Tanh", one),
        w.weights(8, 8, 3, 3, inputs=72),
        pads=[1, 1, 1, 1],
        strides=[2, 2],
    )
    return w.model(w.op("Flatten", w.op("Tanh", two)), 8 * 8 * 8)


def _recurrent(kind: str, gates: int) -> onnx.ModelProto:
    """12 steps × 4 features → a recurrent layer of 16 → its last state → 5."""
    steps, inputs, hidden = 12, 4, 16
    w = _Writer((steps, inputs))
    turned = w.op("Transpose", "x", perm=[1, 0, 2])
    weights = [w.weights(1, gates * hidden, k, inputs=k) for k in (inputs, hidden)]
    bias = w.constant(np.zeros((1, 2 * gates * hidden), np.float32))
    states = w.op(kind, turned, *weights, bias, hidden_size=hidden)  # (T, 1, N, hidden)
    last = w.op("Gather", states, w.constant(np.array(steps - 1)), axis=0)
    return w.model(w.op("Squeeze", last, w.constant(np.array([0]))), hidden)


def _attention() -> onnx.ModelProto:
    """12 tokens × 8 features → one head of attention of 16, layer normalization → mean → 5."""
    tokens, inputs, width = 12, 8, 16
    w = _Writer((tokens, inputs))
    query, key, value = (w.op("MatMul", "x", w.weights(inputs, width)) for _ in range(3))
    scores = w.op("MatMul", query, w.op("Transpose", key, perm=[0, 2, 1]))
    scaled = w.op("Mul", scores, w.constant(np.float32(width**-0.5)))
    mixed = w.op("MatMul", w.op("Softmax", scaled, axis=-1), value)
    ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
    normal = w.op("LayerNormalization", mixed, w.constant(ones), w.constant(zeros))
    mean = w.op("ReduceMean", normal, w.constant(np.array([1])), keepdims=0)
    return w.model(mean, width)


def _of_others(name: str) -> Callable[[], onnx.ModelProto]:
    def read() -> onnx.ModelProto:
        return onnx.load(Path(os.environ["ONNXTAYLOR_DATA"]) / "models" / f"{name}.onnx")

    return read


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "30-200-200-5-tanh": lambda: dense_net((30, 200, 200, 5)),
    "30-200-200-5-relu": lambda: dense_net((30, 200, 200, 5), activation="Relu"),
    "30-200-200-1-tanh": lambda: dense_net((30, 200, 200, 1), last="Sigmoid"),
    "8-32-32-2-tanh": lambda: dense_net((8, 32, 32, 2)),
    "convolution": _convolution,
    "lstm": lambda: _recurrent("LSTM", 4),
    "gru": lambda: _recurrent("GRU", 3),
    "attention": _attention,
    **{
        name: _of_others(name)
        for name in (
            "acasxu_1_1",
            "tinytaxinet",
            "marabou_tanh_controller",
            "mandal_certificate_controller",
            "mnist_sigmoid_mlp",
            "mnist_self_attention",
            "mujoco_go1_policy",
            "surfaces_mlp_svm_surrogate",
        )
    },
}


def models(names: Sequence[str]) -> dict[str, onnx.ModelProto]:
    """Reads or writes the models of some names; those of others only where the data are there."""
    found = {}
    for name in names:
        try:
            found[name] = MODELS[name]()
        except (KeyError, OSError) as error:
            if name not in MODELS:
                raise
            print(f"{name}: left out, {type(error).__name__}: {error}")
    return found
