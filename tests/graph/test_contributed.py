"""onnxruntime's own operators: written out, they give what its kernels give, and their derivatives
are those of the formulas, taken by differences in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import onnxtaylor
from onnxtaylor.graph.normalize import modernize
from onnxtaylor.rules import RULES
from tests.rules.reference import differences

Array = np.ndarray
RANDOM = np.random.default_rng(6)
DOMAIN = "com.microsoft"


def c(*shape: int) -> Array:
    """A constant, exact in single precision."""
    return RANDOM.uniform(-1, 1, shape).astype(np.float32).astype(float)


def gelu(x: Array) -> Array:
    return x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2


def tanh_gelu(x: Array) -> Array:
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def unit(x: Array, epsilon: float) -> Array:
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)


def root_mean_square(x: Array, epsilon: float) -> Array:
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)


def attended(q: Array, k: Array, v: Array, heads: int, scale: float, bias: Any = 0.0) -> Array:
    q, k, v = (
        x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3).astype(float) for x in (q, k, v)
    )
    weights = np.exp(scale * q @ k.transpose(0, 1, 3, 2) + bias)
    found = (weights / weights.sum(axis=-1, keepdims=True)) @ v
    return found.transpose(0, 2, 1, 3).reshape(found.shape[0], found.shape[2], -1)


B, W, V, M = c(4), c(4, 3), c(3), c(4, 4)
FAR = np.array([5.0, -5.0, 5.0])  # away from the kink
IMAGE = c(3, 2, 2, 2)
QKV, QKV_BIAS = c(4, 12), c(12)
ATTENTION_BIAS = c(1, 2, 3, 3)
KEYS = c(1, 3, 4)


def conv(x: Array) -> Array:
    """Of images (N, 2, 3, 3) with windows of 2 × 2."""
    parts = [
        np.einsum("ncij,ocij->no", x[:, :, i : i + 2, j : j + 2], IMAGE)
        for i in (0, 1)
        for j in (0, 1)
    ]
    return np.stack(parts, axis=-1).reshape(-1, 3, 2, 2)


# the operator, the shape of x, its further inputs, attributes, and the same in NumPy
Case = tuple[str, tuple[int, ...], list[Any], dict[str, Any], Callable[[Array], Array]]
CASES: dict[str, Case] = {
    "Gelu": ("Gelu", (4,), [], {}, gelu),
    "BiasGelu": ("BiasGelu", (3, 4), [B], {}, lambda x: gelu(x + B)),
    "FastGelu": ("FastGelu", (4,), [], {}, tanh_gelu),
    "FastGelu, bias": ("FastGelu", (4,), [B], {}, lambda x: tanh_gelu(x + B)),
    "QuickGelu": ("QuickGelu", (4,), [], {}, lambda x: x * sigmoid(float(np.float32(1.702)) * x)),
    "QuickGelu, alpha": ("QuickGelu", (4,), [], {"alpha": 0.75}, lambda x: x * sigmoid(0.75 * x)),
    "FusedGemm": (
        "FusedGemm",
        (4,),
        [W, V],
        {"activation": "Tanh", "alpha": 0.5, "beta": 2.0},
        lambda x: np.tanh(0.5 * x @ W + 2 * V),
    ),
    "FusedGemm, transposed": (
        "FusedGemm",
        (4,),
        [np.ascontiguousarray(W.T), FAR],
        {"activation": "LeakyRelu", "activation_alpha": 0.25, "transB": 1},
        lambda x: np.where(FAR > 0, x @ W + FAR, 0.25 * (x @ W + FAR)),
    ),
    "FusedMatMul": ("FusedMatMul", (3, 4), [W], {"alpha": 0.25}, lambda x: 0.25 * x @ W),
    "FusedMatMul, B": (
        "FusedMatMul",
        (3, 4),
        [np.ascontiguousarray(W.T)],
        {"transB": 1, "alpha": -1.5},
        lambda x: -1.5 * x @ W,
    ),
    "FusedMatMul, itself": (
        "FusedMatMul",
        (3, 4),
        ["x"],
        {"transA": 1, "alpha": 0.5},
        lambda x: 0.5 * x.transpose(0, 2, 1) @ x,
    ),
    "TransposeMatMul": (
        "TransposeMatMul",
        (3, 4),
        ["x"],
        {"transB": 1},
        lambda x: x @ x.transpose(0, 2, 1),
    ),
    "FusedConv": (
        "FusedConv",
        (2, 3, 3),
        [IMAGE, V],
        {"activation": "Sigmoid", "kernel_shape": [2, 2]},
        lambda x: sigmoid(conv(x) + V[:, None, None]),
    ),
    "FusedConv, HardSigmoid": (
        "FusedConv",
        (2, 3, 3),
        [IMAGE],
        {"activation": "HardSigmoid", "activation_params": [0.125, 0.5]},
        lambda x: np.clip(0.125 * conv(x) + 0.5, 0, 1),
    ),
    "CDist": ("CDist", (4,), [c(5, 4)], {"metric": "sqeuclidean"}, None),
    "CDist, euclidean": ("CDist", (4,), [c(5, 4)], {"metric": "euclidean"}, None),
    "SkipLayerNormalization": (
        "SkipLayerNormalization",
        (3, 4),
        ["x", B, M[0], M[1]],
        {"epsilon": 0.125},
        lambda x: unit(2 * x + M[1], 0.125) * B + M[0],
    ),
    "SkipLayerNormalization, without bias": (
        "SkipLayerNormalization",
        (3, 4),
        [KEYS, B],
        {"epsilon": 0.125},
        lambda x: unit(x + KEYS, 0.125) * B,
    ),
    "SkipSimplifiedLayerNormalization": (
        "SkipSimplifiedLayerNormalization",
        (3, 4),
        [KEYS, B, M[2]],
        {"epsilon": 0.125},
        lambda x: root_mean_square(x + KEYS + M[2], 0.125) * B,
    ),
    "SimplifiedLayerNormalization": (
        "SimplifiedLayerNormalization",
        (3, 4),
        [B],
        {"epsilon": 0.125, "axis": -1},
        lambda x: root_mean_square(x, 0.125) * B,
    ),
    "LayerNormalization before ONNX had it": (
        "LayerNormalization",
        (3, 4),
        [B, M[1]],
        {"epsilon": 0.125, "axis": -1},
        lambda x: unit(x, 0.125) * B + M[1],
    ),
    "Attention": (
        "Attention",
        (3, 4),
        [QKV, QKV_BIAS],
        {"num_heads": 2},
        lambda x: attended(*np.split(x @ QKV + QKV_BIAS, 3, axis=-1), 2, 2**-0.5),
    ),
    "Attention, bias and scale": (
        "Attention",
        (3, 4),
        [QKV, QKV_BIAS, None, None, ATTENTION_BIAS],
        {"num_heads": 2, "scale": 0.25},
        lambda x: attended(*np.split(x @ QKV + QKV_BIAS, 3, -1), 2, 0.25, ATTENTION_BIAS),
    ),
    "MultiHeadAttention": (
        "MultiHeadAttention",
        (3, 4),
        ["x", "x", QKV_BIAS],
        {"num_heads": 2},
        lambda x: attended(*(x + b for b in np.split(QKV_BIAS, 3)), 2, 2**-0.5),
    ),
}


def squared_distances(x: Array, rows: Array) -> Array:
    return ((x[:, None, :] - rows[None]) ** 2).sum(-1)


def formula(name: str) -> Callable[[Array], Array]:
    _, _, further, attributes, function = CASES[name]
    if function is not None:
        return function
    if attributes["metric"] == "euclidean":
        return lambda x: np.sqrt(squared_distances(x, further[0]))
    return lambda x: squared_distances(x, further[0])


def built(name: str, opset: int = 16) -> onnx.ModelProto:
    """Features (N, F) → the operator → (N, …)."""
    kind, shape, further, attributes, _ = CASES[name]
    domain = "" if kind in ("SimplifiedLayerNormalization", "LayerNormalization") else DOMAIN
    names, constants = ["x"], {"shape": np.array([-1, *shape])}
    for place, value in enumerate(further):
        names.append(value if isinstance(value, str) else "" if value is None else f"c{place}")
        if isinstance(value, np.ndarray):
            constants[f"c{place}"] = value.astype(np.float32)
    if name == "SkipLayerNormalization, without bias" or kind == "SkipSimplifiedLayerNormalization":
        # a skip for every event, as large as x
        constants["zero"] = np.float32(0)
        zeros = [
            helper.make_node("Mul", ["x", "zero"], ["none"]),
            helper.make_node("Add", ["none", "c0"], ["skip"]),
        ]
        names[1] = "skip"
    else:
        zeros = []
    nodes = [
        helper.make_node("Reshape", ["features", "shape"], ["x"]),
        *zeros,
        helper.make_node(kind, names, ["y"], "the_node", domain=domain, **attributes),
    ]
    size = int(np.prod(shape))
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("features", 1, ["N", size])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def run(proto: onnx.ModelProto, x: Array) -> Array:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"features": x.astype(np.float32)})[0]


def features(name: str) -> Array:
    size = int(np.prod(CASES[name][1]))
    x = np.random.default_rng(9).uniform(-1, 1, (4, size))
    return x.astype(np.float32).astype(float)


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_onnxruntime_and_of_the_formula(name):
    proto, x = built(name), features(name)
    after = modernize(proto)
    assert all(
        (n.domain == "" and n.op_type in RULES)
        or n.op_type in ("LayerNormalization", "Gelu", "Celu")
        for n in after.graph.node
    )
    wanted = run(proto, x)
    assert np.abs(run(after, x) - wanted).max() < 2e-6 * max(1, np.abs(wanted).max())
    shaped = x.reshape(-1, *CASES[name][1])
    assert np.abs(formula(name)(shaped) - wanted).max() < 5e-6 * max(1, np.abs(wanted).max())


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_the_formula(name):
    x = features(name)
    shape, function = CASES[name][1], formula(name)
    found = onnxtaylor.differentiate(built(name))(x)

    def flat(rows: Array) -> Array:
        return function(rows.reshape(-1, *shape)).reshape(len(rows), -1)

    wanted = differences(flat, x, 0.02)
    n = x.shape[1]
    assert apart(found.jacobian, wanted[..., :n]) < 3e-6
    second = found.hessian[..., *np.triu_indices(n)] / np.where(np.eye(n)[np.triu_indices(n)], 2, 1)
    scale = max(np.linalg.norm(wanted[..., n:]), np.linalg.norm(wanted[..., :n]))
    assert np.linalg.norm(second - wanted[..., n:]) < 5e-6 * scale


def apart(found: Array, wanted: Array) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize(
    "trans", [(a, b, ta, tb) for a in (0, 1) for b in (0, 1) for ta in (0, 1) for tb in (0, 1)]
)
def test_every_way_to_turn_the_factors_of_a_product(trans):
    """Against onnxruntime's kernel, with two axes of batch of unlike sizes."""
    names = ("transA", "transB", "transBatchA", "transBatchB")
    flags = dict(zip(names, trans, strict=True))
    rows, inner, columns = 2, 4, 5

    def shaped(first: int, second: int, turned: int, batch_turned: int) -> tuple[int, ...]:
        first, second = (second, first) if turned else (first, second)
        # the first of the last two axes goes in front of the batch
        return (first, 3, 6, second) if batch_turned else (3, 6, first, second)

    left = shaped(rows, inner, flags["transA"], flags["transBatchA"])
    right = shaped(inner, columns, flags["transB"], flags["transBatchB"])
    nodes = [
        helper.make_node("Reshape", ["features", "s"], ["x"]),
        helper.make_node("FusedMatMul", ["x", "c"], ["y"], domain=DOMAIN, alpha=0.5, **flags),
    ]
    stored = {"s": np.array(left), "c": RANDOM.normal(size=right).astype(np.float32)}
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("features", 1, ["N", int(np.prod(left))])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(v, k) for k, v in stored.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    x = RANDOM.normal(size=(1, int(np.prod(left))))
    after = modernize(proto)
    assert not any(n.domain for n in after.graph.node)
    wanted = run(proto, x)
    assert run(after, x).shape == wanted.shape == (3, 6, rows, columns)
    assert np.abs(run(after, x) - wanted).max() < 1e-5


def test_forms_that_are_not_known_are_left_as_they_are():
    proto = built("Attention")
    proto.graph.node[-1].attribute.append(helper.make_attribute("unidirectional", 1))
    assert any(n.domain == DOMAIN for n in modernize(proto).graph.node)
    with pytest.raises(onnxtaylor.errors.ModelError, match=r"Attention has no rule"):
        onnxtaylor.differentiate(proto)
