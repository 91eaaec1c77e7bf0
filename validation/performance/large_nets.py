"""Nets of random weights that are too large to be differentiated all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from validation.performance.nets import dense_net

__all__ = ["attention_net", "convolution_net", "deepjet_net", "dense", "lstm_net"]


class _Writer:
    """Collects the nodes and the random weights of a float32 graph."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: int) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape]))
        return name

    def weight(self, *shape: int, fan: int) -> str:
        """Draws a tensor of variance 1/fan."""
        return self.put((self._random.normal(size=shape) / np.sqrt(fan)).astype(np.float32))

    def put(self, value: npt.NDArray[Any]) -> str:
        self.weights.append(numpy_helper.from_array(value, f"w{len(self.weights)}"))
        return self.weights[-1].name

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Writes a node; returns its last output."""
        names = [f"{kind.lower()}{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[-1]

    def dense(self, x: str, n_in: int, n_out: int) -> str:
        return self.op("Gemm", x, self.weight(n_in, n_out, fan=n_in), self.weight(n_out, fan=100))

    def lstm(self, x: str, n_in: int, hidden: int) -> str:
        """The last hidden state (N, hidden) of a sequence (T, N, n_in)."""
        parts = (
            self.weight(1, 4 * hidden, n_in, fan=n_in),
            self.weight(1, 4 * hidden, hidden, fan=hidden),
        )
        state = self.op("LSTM", x, *parts, outputs=2, hidden_size=hidden)
        return self.op("Squeeze", state, self.put(np.array([0])))

    def model(self, y: str, outputs: int) -> onnx.ModelProto:
        self.nodes.append(helper.make_node("Softmax" if outputs > 1 else "Sigmoid", [y], ["y"]))
        port = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", outputs])
        graph = helper.make_graph(self.nodes, "large", self.inputs, [port], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def dense(*layers: int) -> onnx.ModelProto:
    """Makes a dense net with tanh."""
    return dense_net(layers)


def lstm_net(steps: int, features: int, hidden: int) -> onnx.ModelProto:
    """Makes an LSTM (steps, features) → 1."""
    w = _Writer()
    x = w.op("Transpose", w.input("x", steps, features), perm=[1, 0, 2])
    return w.model(w.dense(w.lstm(x, features, hidden), hidden, 1), 1)


def convolution_net(
    channels: int, pixels: int, outputs: int, *, filters: Sequence[int] = (8, 16)
) -> onnx.ModelProto:
    """Makes a net of 3×3 convolutions with strides, (channels, pixels, pixels) → outputs."""
    w = _Writer()
    x, size, last = w.input("x", channels, pixels, pixels), pixels, channels
    for count in filters:
        kernel = w.weight(count, last, 3, 3, fan=9 * last)
        x = w.op("Conv", x, kernel, strides=[2, 2], pads=[1, 1, 1, 1])
        x, size, last = w.op("Tanh", x), (size + 1) // 2, count
    return w.model(w.dense(w.op("Flatten", x), last * size * size, outputs), outputs)


def attention_net(tokens: int, features: int, width: int = 32, outputs: int = 2) -> onnx.ModelProto:
    """Makes one block of self-attention with a feed-forward net, (tokens, features) → outputs."""
    w = _Writer()
    x = w.op("MatMul", w.input("x", tokens, features), w.weight(features, width, fan=features))
    q, k, v = (w.op("MatMul", x, w.weight(width, width, fan=width)) for _ in range(3))
    scores = w.op("MatMul", q, w.op("Transpose", k, perm=[0, 2, 1]))
    scaled = w.op("Mul", scores, w.put(np.array(width**-0.5, np.float32)))
    x = w.op("Add", x, w.op("MatMul", w.op("Softmax", scaled, axis=-1), v))
    inner = w.op("Tanh", w.op("MatMul", x, w.weight(width, 2 * width, fan=width)))
    x = w.op("Add", x, w.op("MatMul", inner, w.weight(2 * width, width, fan=2 * width)))
    mean = w.op("ReduceMean", x, axes=[1], keepdims=0)
    return w.model(w.dense(mean, width, outputs), outputs)


def deepjet_net() -> onnx.ModelProto:
    """Makes a jet tagger of 614 features in five inputs, with 1×1 convolutions and three LSTMs."""
    w = _Writer()
    parts = [w.input("jet", 15)]
    for name, count, features, filters, hidden in (
        ("charged", 25, 16, (64, 32, 32, 8), 150),
        ("neutral", 25, 6, (32, 16, 4), 50),
        ("vertices", 4, 12, (64, 32, 32, 8), 50),
    ):
        x, last = w.op("Transpose", w.input(name, count, features), perm=[0, 2, 1]), features
        for width in filters:
            x = w.op("Relu", w.op("Conv", x, w.weight(width, last, 1, fan=last)))
            last = width
        parts.append(w.lstm(w.op("Transpose", x, perm=[2, 0, 1]), last, hidden))
    parts.append(w.input("momentum", 1))
    x, last = w.op("Concat", *parts, axis=1), 15 + 150 + 50 + 50 + 1
    for width in (200, 100, 100, 100):
        x, last = w.op("Relu", w.dense(x, last, width)), width
    return w.model(w.dense(x, last, 6), 6)
