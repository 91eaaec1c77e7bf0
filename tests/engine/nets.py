"""Nets of every activation in both formats, with derivatives carried forward by hand.

Of z = φ(a) with Jacobian J and Hessian H of a:  J_z = φ′ J,  H_z = φ″ J Jᵀ + φ′ H. Written with
operators that onnxruntime computes in double precision, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx
from onnx import numpy_helper

from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.differences.engine import Differences
from tests.engine.paper import Graph, function_of
from validation.numerical_errors.judge import answer_of

Array = np.ndarray
Slopes = tuple[Array, Array, Array]
GELU = math.sqrt(2 / math.pi)


def _sigmoid(a: Array) -> Slopes:
    s = 1 / (1 + np.exp(-a))
    return s, s * (1 - s), s * (1 - s) * (1 - 2 * s)


def _tanh(a: Array) -> Slopes:
    t = np.tanh(a)
    return t, 1 - t**2, -2 * t * (1 - t**2)


def _softplus(a: Array) -> Slopes:
    s, first, _ = _sigmoid(a)
    return np.log1p(np.exp(a)), s, first


def _swish(a: Array) -> Slopes:
    s, first, second = _sigmoid(a)
    return a * s, s + a * first, 2 * first + a * second


def _gelu(a: Array) -> Slopes:
    """½ a (1 + tanh u), u = √(2/π) (a + 0.044715 a³)."""
    c = float(np.float32(0.044715))
    scale = float(np.float32(GELU))
    t, first, second = _tanh(scale * (a + c * a**3))
    u1, u2 = scale * (1 + 3 * c * a**2), scale * 6 * c * a
    return (
        a * (1 + t) / 2,
        (1 + t) / 2 + a * first * u1 / 2,
        first * u1 + a * (second * u1**2 + first * u2) / 2,
    )


def _elu(a: Array) -> Slopes:
    e = np.exp(np.minimum(a, 0))
    return np.where(a < 0, e - 1, a), np.where(a < 0, e, 1.0), np.where(a < 0, e, 0.0)


def _softsign(a: Array) -> Slopes:
    d = 1 + abs(a)
    return a / d, 1 / d**2, -2 * np.sign(a) / d**3


def _relu(a: Array) -> Slopes:
    return np.maximum(a, 0), 1.0 * (a > 0), 0 * a


def _write_gelu(g: Graph, a: str) -> str:
    cube = g.node("Mul", a, g.node("Mul", a, g.node("Mul", a, g.constant(np.float32(0.044715)))))
    u = g.node("Mul", g.node("Add", a, cube), g.constant(np.float32(GELU)))
    t = g.node("Add", g.node("Tanh", u), g.constant(1.0))
    return g.node("Mul", g.node("Mul", a, g.constant(0.5)), t)


def _write_elu(g: Graph, a: str) -> str:
    negative = g.node("Sub", g.node("Exp", a), g.constant(1.0))
    return g.node("Where", g.node("Less", a, g.constant(0.0)), negative, a)


def _write_softsign(g: Graph, a: str) -> str:
    return g.node("Div", a, g.node("Add", g.node("Abs", a), g.constant(1.0)))


def _write_softplus(g: Graph, a: str) -> str:
    return g.node("Log", g.node("Add", g.node("Exp", a), g.constant(1.0)))


ACTIVATIONS: dict[str, tuple[Callable[[Graph, str], str], Callable[[Array], Slopes]]] = {
    "tanh": (lambda g, a: g.node("Tanh", a), _tanh),
    "sigmoid": (lambda g, a: g.node("Sigmoid", a), _sigmoid),
    "softplus": (_write_softplus, _softplus),
    "swish": (lambda g, a: g.node("Mul", a, g.node("Sigmoid", a)), _swish),
    "gelu": (_write_gelu, _gelu),
    "elu": (_write_elu, _elu),
    "softsign": (_write_softsign, _softsign),
    "relu": (lambda g, a: g.node("Relu", a), _relu),
}
SMOOTH = [name for name in ACTIVATIONS if name not in ("elu", "softsign", "relu")]


@dataclass(frozen=True)
class Net:
    """A dense net with softmax or without, its weights in single precision numbers."""

    activation: str
    sizes: tuple[int, ...] = (6, 20, 20, 4)
    softmax: bool = True
    gain: float = 1.0
    seed: int = 0

    def weights(self) -> list[tuple[Array, Array]]:
        random = np.random.default_rng(self.seed)
        found = []
        for a, b in pairwise(self.sizes):
            matrix = self.gain * random.normal(size=(a, b)) / math.sqrt(a)
            bias = 0.3 * random.normal(size=b)
            found.append(tuple(w.astype(np.float32).astype(np.float64) for w in (matrix, bias)))
        return found

    def model(self, dtype: type = np.float32) -> onnx.ModelProto:
        write, _ = ACTIVATIONS[self.activation]
        g, name = Graph(self.sizes[0], dtype), "x"
        for k, (matrix, bias) in enumerate(self.weights()):
            name = g.node("Gemm", name, g.constant(matrix), g.constant(bias))
            if k < len(self.sizes) - 2:
                name = write(g, name)
        if self.softmax:
            name = g.node("Softmax", name, axis=1)
        return g.model(name, self.sizes[-1])

    def hidden(self, x: Array) -> Array:
        """The inputs of the first layer's activations, (E, units)."""
        matrix, bias = self.weights()[0]
        return x @ matrix + bias

    def terms(self, x: Array) -> Array:
        """All t_α up to second order, (E, C, K)."""
        _, phi = ACTIVATIONS[self.activation]
        events, n = x.shape
        value, jacobian = x, np.broadcast_to(np.eye(n), (events, n, n))
        hessian = np.zeros((events, n, n, n))
        layers = self.weights()
        for k, (matrix, bias) in enumerate(layers):
            value = value @ matrix + bias
            jacobian = np.einsum("uv,eui->evi", matrix, jacobian)
            hessian = np.einsum("uv,euij->evij", matrix, hessian)
            if k < len(layers) - 1:
                value, first, second = phi(value)
                squares = np.einsum("eui,euj->euij", jacobian, jacobian)
                hessian = second[..., None, None] * squares + first[..., None, None] * hessian
                jacobian = first[..., None] * jacobian
        if self.softmax:
            jacobian, hessian = _softmax(value, jacobian, hessian)
        return flattened(jacobian, hessian)


def _softmax(a: Array, jacobian: Array, hessian: Array) -> tuple[Array, Array]:
    """∂p_k = p_k ĵ_k,  ∂²p_k = p_k (ĵ_k ĵ_kᵀ + h_k), centred with the mean under p."""
    p = np.exp(a - a.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    centred = jacobian - np.einsum("eu,eui->ei", p, jacobian)[:, None]
    squares = np.einsum("eui,euj->euij", centred, centred)
    bent = squares + hessian
    bent = bent - np.einsum("eu,euij->eij", p, bent)[:, None]
    return p[..., None] * centred, p[..., None, None] * bent


def flattened(jacobian: Array, hessian: Array) -> Array:
    """t_i, then t_ii and t_ij row by row, from first and second derivatives."""
    n = jacobian.shape[-1]
    i, j = np.triu_indices(n)
    return np.concatenate((jacobian, hessian[..., i, j] * np.where(i == j, 0.5, 1.0)), axis=2)


def in_double(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph without attributes of tensors, promoted: the same numbers in double precision."""
    double = onnx.ModelProto.FromString(model.SerializeToString())
    graph = double.graph
    for k, tensor in enumerate(graph.initializer):
        if tensor.data_type == onnx.TensorProto.FLOAT:
            wide = numpy_helper.to_array(tensor).astype(np.float64)
            graph.initializer[k].CopyFrom(numpy_helper.from_array(wide, tensor.name))
    for port in (*graph.input, *graph.output):
        if port.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            port.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    del graph.value_info[:]
    return double


def events_of(n: int, count: int = 300, seed: int = 5) -> Array:
    """Standard normal events that single precision holds."""
    x = np.random.default_rng(seed).normal(size=(count, n))
    return x.astype(np.float32).astype(np.float64)


def judged(
    model: onnx.ModelProto, x: Array, pilot: Array | None = None, **options: object
) -> tuple[Differences, BatchCoefficients]:
    """The engine with error estimates as an analysis makes it, and its answer at x."""
    return answer_of(function_of(model), x, x[:64] if pilot is None else pilot, **options)
