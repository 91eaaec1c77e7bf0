"""Rules where functions saturate, overflow or begin: finite wherever the true derivative is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from onnxtaylor.compiler import TERMS
from tests.rules.reference import Array, Evaluator, compiled
from tests.rules.sample import Graph

FAR = [-1e3, -30.0, 0.0, 30.0, 1e3]


def derivatives(
    kind: str, points: list[float], dtype: Any, opset: int, constants: tuple[Any, ...], **more: Any
) -> tuple[Array, Array]:
    """φ′ and φ″ of one operator at points."""
    g = Graph(np.dtype(dtype))
    names = [g.constant(np.asarray(value)) for value in constants]
    y = g.op(kind, "features", *names, **more)
    proto = g.model(y, opset)
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("features", g.float, ["N", 1]))
    x = np.array(points, dtype=dtype)[:, None]
    _, graph = compiled(proto, np.resize(x, (3, 1)))
    with np.errstate(all="ignore"):
        found = Evaluator(graph.proto)(x)[TERMS]
    return found[:, 0, 0], 2 * found[:, 0, 1]


def sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def slope(x: Array) -> Array:
    """σ(1 − σ) without cancellation."""
    return np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2


def sech2(x: Array) -> Array:
    return 4 * slope(2 * x)


# kind → (points, opset, further inputs, attributes, φ′, φ″)
TABLE: list[tuple[str, list[float], int, tuple[Any, ...], dict[str, Any], Any, Any]] = [
    ("Tanh", FAR, 21, (), {}, sech2, lambda x: -2 * np.tanh(x) * sech2(x)),
    ("Sigmoid", FAR, 21, (), {}, slope, lambda x: slope(x) * (1 - 2 * sigmoid(x))),
    ("Softplus", FAR, 21, (), {}, sigmoid, slope),
    (
        "Swish",
        FAR,
        24,
        (),
        {},
        lambda x: sigmoid(x) + x * slope(x),
        lambda x: slope(x) * (2 + x * (1 - 2 * sigmoid(x))),
    ),
    (
        "Elu",
        [-1e3, -30.0, 30.0, 1e3],
        21,
        (),
        {"alpha": 0.5},
        lambda x: np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 1),
        lambda x: np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 0),
    ),
    (
        "Erf",
        FAR,
        21,
        (),
        {},
        lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x),
        lambda x: -4 * x / np.sqrt(np.pi) * np.exp(-x * x),
    ),
    (
        "Softsign",
        [-1e3, -30.0, 30.0, 1e3],
        21,
        (),
        {},
        lambda x: 1 / (1 + np.abs(x)) ** 2,
        lambda x: -2 * np.sign(x) / (1 + np.abs(x)) ** 3,
    ),
    ("Atan", FAR, 21, (), {}, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    (
        "Asinh",
        FAR,
        21,
        (),
        {},
        lambda x: (1 + x * x) ** -0.5,
        lambda x: -x * (1 + x * x) ** -1.5,
    ),
    ("Relu", [-1e3, 1e3], 21, (), {}, lambda x: 1.0 * (x > 0), lambda x: 0 * x),
    ("Pow", [0.0, 2.0, -3.0], 21, (0.0,), {}, lambda x: 0 * x, lambda x: 0 * x),
    ("Pow", [0.0, 2.0, -3.0], 21, (1.0,), {}, lambda x: 1 + 0 * x, lambda x: 0 * x),
    ("Pow", [0.0, 2.0, -3.0], 21, (2.0,), {}, lambda x: 2 * x, lambda x: 2 + 0 * x),
    ("Pow", [0.0, 2.0, -3.0], 21, (3.0,), {}, lambda x: 3 * x**2, lambda x: 6 * x),
    ("Pow", [0.0, 2.0, -3.0], 21, (2,), {}, lambda x: 2 * x, lambda x: 2 + 0 * x),
    ("Abs", [-3.0, 3.0], 21, (), {}, np.sign, lambda x: 0 * x),
    ("Exp", [-1e3, 0.0, 30.0], 21, (), {}, np.exp, np.exp),
    ("Sin", [0.0, 30.0], 21, (), {}, np.cos, lambda x: -np.sin(x)),
    ("Asin", [0.0], 21, (), {}, lambda x: 1 + 0 * x, lambda x: 0 * x),
    ("Atanh", [0.0], 21, (), {}, lambda x: 1 + 0 * x, lambda x: 0 * x),
    ("Mul", [0.0, 1e3], 21, (0.0,), {}, lambda x: 0 * x, lambda x: 0 * x),
    ("Div", [0.0, 1e3], 21, (4.0,), {}, lambda x: 0.25 + 0 * x, lambda x: 0 * x),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", TABLE, ids=lambda case: "-".join(map(str, (case[0], *case[3]))))
def test_first_and_second_derivative(case: Any, dtype: Any):
    kind, points, opset, constants, attributes, first, second = case
    found = derivatives(kind, points, dtype, opset, constants, **attributes)
    x = np.array(points)
    # φ′ = 1 − y² and the like keep what a number near 1 can hold
    near = 1e-14 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found[0], first(x), rtol=near, atol=near)
    np.testing.assert_allclose(found[1], second(x), rtol=near, atol=near)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_softmax_of_far_apart_logits(kind: str, dtype: Any):
    g = Graph(np.dtype(dtype))
    proto = g.model(g.op(kind, "features", axis=1), 21)
    x = np.array([[0, 1e3, -1e3], [5e2, 5e2, 0], [-1e3, -1e3, -1e3]], dtype=dtype)
    _, graph = compiled(proto, x)
    found = Evaluator(graph.proto)(x)[TERMS]
    assert np.isfinite(found).all()
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    jacobian = p[:, :, None] * (np.eye(3) - p[:, None, :])
    if kind == "LogSoftmax":
        jacobian = np.eye(3) - p[:, None, :] * np.ones((1, 3, 1))
    np.testing.assert_allclose(found[..., :3], jacobian, atol=1e-6)
