"""Networks of several kinds, of random weights, to measure on: name → graph of one input ``x``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import onnx

from validation.architectures.base import Writer
from validation.performance.nets import dense_net

__all__ = ["KINDS", "masked_sets"]


class _Net(Writer):
    """A writer of layers with weights of variance 1/n from a fixed seed, in single precision."""

    def __init__(self) -> None:
        super().__init__(np.float32)
        self._random = np.random.default_rng(0)

    def weights(self, *shape: int, inputs: int) -> str:
        return self.w(self._random.normal(size=shape) / np.sqrt(inputs))

    def dense(self, x: str, n_in: int, n_out: int) -> str:
        product = self.op("MatMul", x, self.weights(n_in, n_out, inputs=n_in))
        return str(self.op("Add", product, self.weights(n_out, inputs=n_out)))

    def reshape(self, x: str, *shape: int) -> str:
        return str(self.op("Reshape", x, self.w(np.array(shape))))

    def softmax(self, x: str) -> str:
        return str(self.op("Softmax", x, axis=-1))


def _convolution(channels: int, size: int, outputs: int) -> onnx.ModelProto:
    """Two convolutions 3×3 with a pooling each, of an image channels × size × size."""
    net, x = _Net(), "x"
    x = net.reshape(x, -1, channels, size, size)
    for n_in, n_out in ((channels, 8), (8, 16)):
        kernel = net.weights(n_out, n_in, 3, 3, inputs=9 * n_in)
        x = net.op("Relu", net.op("Conv", x, kernel, pads=[1, 1, 1, 1]))
        x = net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    flat = 16 * (size // 4) ** 2
    x = net.dense(net.reshape(x, -1, flat), flat, outputs)
    return net.model(net.softmax(x), channels * size * size)


def _convolution_in_time(steps: int, width: int, outputs: int) -> onnx.ModelProto:
    """Two convolutions along a series of ``steps`` × ``width`` numbers, tanh."""
    net = _Net()
    x = net.op("Transpose", net.reshape("x", -1, steps, width), perm=[0, 2, 1])
    for n_in, n_out in ((width, 16), (16, 16)):
        kernel = net.weights(n_out, n_in, 3, inputs=3 * n_in)
        x = net.op("Tanh", net.op("Conv", x, kernel, pads=[1, 1]))
    x = net.dense(net.reshape(x, -1, 16 * steps), 16 * steps, outputs)
    return net.model(net.softmax(x), steps * width)


def _recurrent(kind: str, steps: int, width: int, hidden: int, outputs: int) -> onnx.ModelProto:
    """One LSTM or GRU layer; its last state is read."""
    net, gates = _Net(), {"LSTM": 4, "GRU": 3}[kind]
    x = net.op("Transpose", net.reshape("x", -1, steps, width), perm=[1, 0, 2])
    weights = net.weights(1, gates * hidden, width, inputs=width)
    again = net.weights(1, gates * hidden, hidden, inputs=hidden)
    _, last = net.op(kind, x, weights, again, outputs=2, hidden_size=hidden)
    last = net.op("Squeeze", last, net.w(np.array([0])))
    return net.model(net.softmax(net.dense(last, hidden, outputs)), steps * width)


def _transformer(tokens: int, width: int, inner: int, outputs: int) -> onnx.ModelProto:
    """One encoder layer of two heads over ``tokens``, whose mean is read."""
    net, heads = _Net(), 2
    h = net.dense(net.reshape("x", -1, tokens, width), width, inner)
    parts = []
    for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        part = net.reshape(net.dense(h, inner, inner), -1, tokens, heads, inner // heads)
        parts.append(net.op("Transpose", part, perm=perm))
    query, key, value = parts
    scores = net.op("Mul", net.op("MatMul", query, key), net.w(np.array((inner / heads) ** -0.5)))
    mixed = net.op("Transpose", net.op("MatMul", net.softmax(scores), value), perm=[0, 2, 1, 3])
    h = net.op("Add", h, net.dense(net.reshape(mixed, -1, tokens, inner), inner, inner))
    one, zero = net.w(np.ones(inner)), net.w(np.zeros(inner))
    h = net.op("LayerNormalization", h, one, zero)
    h = net.op(
        "Add", h, net.dense(net.op("Tanh", net.dense(h, inner, 2 * inner)), 2 * inner, inner)
    )
    h = net.op("ReduceMean", h, net.w(np.array([1])), keepdims=0)
    return net.model(net.softmax(net.dense(h, inner, outputs)), tokens * width)


def _sets(objects: int, width: int, inner: int, outputs: int) -> onnx.ModelProto:
    """DeepSets: each object embedded by itself, their mean classified."""
    net = _Net()
    h = net.reshape("x", -1, objects, width)
    for n_in in (width, inner):
        h = net.op("Tanh", net.dense(h, n_in, inner))
    h = net.op("ReduceMean", h, net.w(np.array([1])), keepdims=0)
    h = net.op("Tanh", net.dense(h, inner, inner))
    return net.model(net.softmax(net.dense(h, inner, outputs)), objects * width)


def masked_sets(objects: int, width: int, inner: int, outputs: int) -> onnx.ModelProto:
    """DeepSets of two inputs: objects ``x`` [N, objects, width] and their ``mask`` [N, objects]."""
    net = _Net()
    h = "x"
    for n_in in (width, inner):
        h = net.op("Tanh", net.dense(h, n_in, inner))
    filled = net.op("Unsqueeze", "mask", net.w(np.array([2])))
    h = net.op("ReduceSum", net.op("Mul", h, filled), net.w(np.array([1])), keepdims=0)
    h = net.op("Tanh", net.dense(h, inner, inner))
    model = net.model(net.softmax(net.dense(h, inner, outputs)), width)
    kind = onnx.TensorProto.FLOAT
    del model.graph.input[:]
    for name, shape in (("x", ["N", objects, width]), ("mask", ["N", objects])):
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, shape))
    return model


KINDS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "flat 8": partial(dense_net, (8, 200, 200, 5)),
    "flat 30": partial(dense_net, (30, 200, 200, 5)),
    "flat 100": partial(dense_net, (100, 200, 200, 5)),
    "flat 300": partial(dense_net, (300, 200, 200, 5)),
    "ReLU 30": partial(dense_net, (30, 200, 200, 5), activation="Relu"),
    "convolution 1×16×16": partial(_convolution, 1, 16, 5),
    "convolution 3×32×32": partial(_convolution, 3, 32, 10),
    "convolution in time 20×4": partial(_convolution_in_time, 20, 4, 3),
    "LSTM 20×4": partial(_recurrent, "LSTM", 20, 4, 32, 3),
    "GRU 10×6": partial(_recurrent, "GRU", 10, 6, 24, 3),
    "Transformer 16×8": partial(_transformer, 16, 8, 32, 5),
    "DeepSets 16×8": partial(_sets, 16, 8, 64, 5),
}
