"""MLPs with every activation against the chain rule written out by hand in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime
import pytest

from onnxtaylor.compiler import TERMS
from onnxtaylor.indices import MultiIndices
from tests.rules.reference import Array, Evaluator, compiled
from tests.rules.sample import Graph, helper

SIZES = (6, 9, 8, 4)
erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(a: Array) -> tuple[Array, Array, Array]:
    s = 1 / (1 + np.exp(-a))
    return s, s * (1 - s), s * (1 - s) * (1 - 2 * s)


def _tanh(a: Array) -> tuple[Array, Array, Array]:
    t = np.tanh(a)
    return t, 1 - t**2, -2 * t * (1 - t**2)


def _softplus(a: Array) -> tuple[Array, Array, Array]:
    s, first, _ = _sigmoid(a)
    return np.log1p(np.exp(a)), s, first


def _elu(a: Array) -> tuple[Array, Array, Array]:
    e = np.exp(a)
    return np.where(a < 0, e - 1, a), np.where(a < 0, e, 1.0), np.where(a < 0, e, 0.0)


def _swish(a: Array) -> tuple[Array, Array, Array]:
    s, first, second = _sigmoid(a)
    return a * s, s + a * first, 2 * first + a * second


def _gelu(a: Array) -> tuple[Array, Array, Array]:
    normal = np.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    total = (1 + erf(a / math.sqrt(2))) / 2
    return a * total, total + a * normal, (2 - a * a) * normal


def _relu(a: Array) -> tuple[Array, Array, Array]:
    return np.maximum(a, 0), 1.0 * (a > 0), 0 * a


def _write_gelu(g: Graph, a: str) -> str:
    inner = g.op("Erf", g.op("Div", a, g.constant(math.sqrt(2))))
    return g.op("Mul", g.op("Mul", a, g.constant(0.5)), g.op("Add", inner, g.constant(1.0)))


def _write(kind: str) -> Callable[[Graph, str], str]:
    return lambda g, a: g.op(kind, a)


ACTIVATIONS: dict[str, tuple[Callable[[Graph, str], str], Callable[[Array], Any]]] = {
    "tanh": (_write("Tanh"), _tanh),
    "sigmoid": (_write("Sigmoid"), _sigmoid),
    "relu": (_write("Relu"), _relu),
    "softplus": (_write("Softplus"), _softplus),
    "elu": (_write("Elu"), _elu),
    "swish": (lambda g, a: g.op("Mul", a, g.op("Sigmoid", a)), _swish),
    "swish operator": (_write("Swish"), _swish),
    "gelu": (_write_gelu, _gelu),
}


def weights(dtype: Any) -> list[tuple[Array, Array]]:
    """Numbers that single precision holds, so that both formats are one and the same net."""
    random = np.random.default_rng(3)
    return [
        (
            (random.normal(size=(a, b)) / math.sqrt(a)).astype(np.float32).astype(dtype),
            (0.3 * random.normal(size=b)).astype(np.float32).astype(dtype),
        )
        for a, b in pairwise(SIZES)
    ]


def net(write: Callable[[Graph, str], str], dtype: Any, softmax: bool) -> Any:
    g, name = Graph(np.dtype(dtype)), "features"
    layers = weights(dtype)
    for k, (matrix, bias) in enumerate(layers):
        if k % 2:
            name = g.op("Add", g.op("MatMul", name, g.constant(matrix)), g.constant(bias))
        else:
            name = g.op("Gemm", name, g.constant(matrix.T), g.constant(bias), transB=1)
        if k < len(layers) - 1:
            name = write(g, name)
    if softmax:
        name = g.op("Softmax", name, axis=1)
    proto = g.model(name, 24)
    feed = helper.make_tensor_value_info("features", g.float, ["N", SIZES[0]])
    proto.graph.input[0].CopyFrom(feed)
    return proto


def by_hand(phi: Callable[[Array], Any], x: Array, softmax: bool) -> tuple[Array, Array]:
    """Jacobian (N, C, n) and Hessian (N, C, n, n), carried forward through all layers."""
    events, n = x.shape
    value = x
    jacobian = np.broadcast_to(np.eye(n), (events, n, n))  # (N, units, n)
    hessian = np.zeros((events, n, n, n))  # (N, units, n, n)
    layers = weights(np.float64)
    for k, (matrix, bias) in enumerate(layers):
        value = value @ matrix + bias
        jacobian = np.einsum("uv,eui->evi", matrix, jacobian)
        hessian = np.einsum("uv,euij->evij", matrix, hessian)
        if k == len(layers) - 1:
            break
        value, first, second = phi(value)
        hessian = first[..., None, None] * hessian + np.einsum(
            "eu,eui,euj->euij", second, jacobian, jacobian
        )
        jacobian = first[..., None] * jacobian
    if softmax:
        p = np.exp(value - value.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        centred = jacobian - np.einsum("eu,eui->ei", p, jacobian)[:, None]
        # log p_c has the Hessian h_c − Σ p h − Σ_u p_u ĵ_u ĵ_uᵀ
        spread = np.einsum("eu,eui,euj->eij", p, centred, centred)
        mean = np.einsum("eu,euij->eij", p, hessian)
        outer = np.einsum("eui,euj->euij", centred, centred)
        hessian = p[..., None, None] * (hessian + outer - (mean + spread)[:, None])
        jacobian = p[..., None] * centred
    return jacobian, hessian


def events() -> Array:
    return np.random.default_rng(4).normal(size=(7, SIZES[0])).astype(np.float32).astype(float)


def split(found: Array) -> tuple[Array, Array]:
    """Jacobian and Hessian of Taylor coefficients."""
    n = SIZES[0]
    i, j = np.triu_indices(n)
    hessian = np.zeros((*found.shape[:2], n, n))
    hessian[..., i, j] = hessian[..., j, i] = found[..., n:] * np.where(i == j, 2, 1)
    return found[..., :n], hessian


def apart(found: Array, wanted: Array) -> float:
    """Norm-wise relative error; of what vanishes, the norm."""
    size = np.linalg.norm(wanted)
    return float(np.linalg.norm(found - wanted) / (size or 1))


@pytest.mark.parametrize("softmax", [False, True], ids=["logits", "softmax"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_double_precision(name: str, softmax: bool):
    write, phi = ACTIVATIONS[name]
    x = events()
    _, graph = compiled(net(write, np.float64, softmax), x)
    jacobian, hessian = split(Evaluator(graph.proto)(x)[TERMS])
    wanted = by_hand(phi, x, softmax)
    assert apart(jacobian, wanted[0]) <= 1e-12
    assert apart(hessian, wanted[1]) <= 1e-12


@pytest.mark.parametrize("softmax", [False, True], ids=["logits", "softmax"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_single_precision_on_onnxruntime(name: str, softmax: bool):
    write, phi = ACTIVATIONS[name]
    x = events()
    function, graph = compiled(net(write, np.float32, softmax), x.astype(np.float32))
    session = onnxruntime.InferenceSession(
        graph.proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run([TERMS], {function.feed: x.astype(np.float32)})
    jacobian, hessian = split(found.astype(np.float64))
    wanted = by_hand(phi, x, softmax)
    assert apart(jacobian, wanted[0]) <= 5e-6
    assert apart(hessian, wanted[1]) <= 5e-6


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_first_order_alone_takes_the_reverse_sweep_and_gives_the_same(name: str):
    write, phi = ACTIVATIONS[name]
    x = events()
    indices = MultiIndices.full(SIZES[0], 1)
    _, graph = compiled(net(write, np.float64, False), x, indices)
    found = Evaluator(graph.proto)(x)[TERMS]
    assert apart(found, by_hand(phi, x, False)[0]) <= 1e-12


def test_relu_before_a_linear_response_has_no_second_order():
    _, graph = compiled(net(ACTIVATIONS["relu"][0], np.float64, False), events())
    assert not Evaluator(graph.proto)(events())[TERMS][..., SIZES[0] :].any()
