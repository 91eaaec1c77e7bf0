"""Promoted layers against formulas in NumPy's double precision, written out here by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.graph.graphs import F64, model, op, port
from tests.graph.promotions import RANDOM, Array, agree, f32, promoted, run, single, softmax


def test_swish_and_prelu():
    slope = np.abs(single(3))
    nodes = [
        op("Sigmoid", ["x"], ["s"]),
        op("Mul", ["x", "s"], ["h"]),
        op("PRelu", ["h", "slope"], ["y"]),
    ]
    x = RANDOM.normal(size=(50, 3))
    h = x / (1 + np.exp(-x))
    agree(
        run(promoted(nodes, ["N", 3], 2, {"slope": slope}), x),
        np.where(h < 0, slope.astype(float) * h, h),
    )


def test_softmax():
    x = RANDOM.normal(size=(20, 5)) * 4
    agree(run(promoted([op("Softmax", ["x"], ["y"])], ["N", 5], 2), x), softmax(x))


@pytest.mark.parametrize("kind", ["scaled product", "rms", "layer", "clipped relu"])
def test_optimizers_keep_the_digits(kind):
    """onnxruntime would make attributes of single precision of the numbers here."""
    third, small, w = 1 / 3, 1e-3, RANDOM.normal(size=(6, 6))
    x = RANDOM.normal(size=(20, 6))
    root = [
        op("Pow", ["c", "two"], ["q"]),
        op("ReduceMean", ["q", "axes"], ["v"]),
        op("Add", ["v", "small"], ["e"]),
        op("Sqrt", ["e"], ["r"]),
        op("Div", ["c", "r"], ["u"]),
        op("Mul", ["u", "scale"], ["y"]),
    ]
    centre = [op("ReduceMean", ["x", "axes"], ["m"]), op("Sub", ["x", "m"], ["c"])]
    centred = x - x.mean(-1, keepdims=True)
    cases = {
        "scaled product": (
            [op("Mul", ["x", "third"], ["s"]), op("MatMul", ["s", "w"], ["y"])],
            x @ w / 3,
        ),
        "rms": (
            [op("Identity", ["x"], ["c"]), *root],
            x / np.sqrt((x**2).mean(-1, keepdims=True) + small) * w[0],
        ),
        "layer": (
            [*centre, *root],
            centred / np.sqrt((centred**2).mean(-1, keepdims=True) + small) * w[0],
        ),
        "clipped relu": (
            [op("Relu", ["x"], ["p"]), op("Clip", ["p", "small", "third"], ["y"])],
            np.clip(x, small, third),
        ),
    }
    nodes, wanted = cases[kind]
    constants = {
        "two": 2.0,
        "third": third,
        "small": small,
        "w": w,
        "scale": w[0],
        "axes": np.array([-1]),
    }
    used = {name for node in nodes for name in node.input}
    constants = {k: np.asarray(v) for k, v in constants.items() if k in used}
    agree(run(promoted(nodes, ["N", 6], 2, constants, kind=F64), x), wanted)


def test_layer_normalization():
    scale, bias = single(6), single(6)
    x = RANDOM.normal(size=(20, 6))
    nodes = [op("LayerNormalization", ["x", "s", "b"], ["y"], epsilon=1e-5)]
    unit = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + f32(1e-5))
    found = run(promoted(nodes, ["N", 6], 2, {"s": scale, "b": bias}), x)
    agree(found, unit * scale + bias)


def test_batch_normalization():
    s, b, m, v = single(4), single(4), single(4), np.abs(single(4))
    x = RANDOM.normal(size=(20, 4))
    nodes = [op("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])]
    found = run(promoted(nodes, ["N", 4], 2, {"s": s, "b": b, "m": m, "v": v}), x)
    wide = [a.astype(float) for a in (s, b, m, v)]
    agree(found, wide[0] * (x - wide[2]) / np.sqrt(wide[3] + f32(1e-5)) + wide[1])


def windows(x: Array, kernel: Sequence[int], stride: int, pad: int, fill: float) -> Array:
    """(N, C, steps…, kernel…) of an image of any rank."""
    rank = len(kernel)
    x = np.pad(x, [(0, 0), (0, 0), *[(pad, pad)] * rank], constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, tuple(range(2, 2 + rank)))
    return view[(slice(None), slice(None), *[slice(None, None, stride)] * rank)]


@pytest.mark.parametrize("shape", [(3, 9), (2, 7, 6)], ids=["1d", "2d"])
def test_convolution(shape):
    rank = len(shape) - 1
    kernel = (3, 2)[:rank]
    weight, bias = single(4, shape[0], *kernel), single(4)
    nodes = [op("Conv", ["x", "w", "b"], ["y"], strides=[2] * rank, pads=[1] * 2 * rank)]
    x = RANDOM.normal(size=(5, *shape))
    view = windows(x, kernel, 2, 1, 0.0)
    letters = "ab"[:rank], "pq"[:rank]
    wanted = np.einsum(
        f"nc{letters[0]}{letters[1]},mc{letters[1]}->nm{letters[0]}", view, weight.astype(float)
    )
    proto = promoted(nodes, ["N", *shape], rank + 2, {"w": weight, "b": bias})
    agree(run(proto, x), wanted + bias.astype(float).reshape(-1, *[1] * rank))


@pytest.mark.parametrize("kind", ["AveragePool", "MaxPool", "LpPool"])
def test_pooling(kind):
    x = RANDOM.normal(size=(5, 2, 7, 6))
    nodes = [op(kind, ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2])]
    view = windows(x, (3, 2), 2, 0, 0.0)
    wanted = {
        "AveragePool": view.mean((-2, -1)),
        "MaxPool": view.max((-2, -1)),
        "LpPool": np.sqrt((view**2).sum((-2, -1))),
    }
    agree(run(promoted(nodes, ["N", 2, 7, 6], 4), x), wanted[kind])


@pytest.mark.parametrize(("kind", "reduce"), [("Average", np.mean), ("Max", np.max)])
def test_global_pooling(kind, reduce):
    x = RANDOM.normal(size=(5, 2, 7))
    proto = promoted([op(f"Global{kind}Pool", ["x"], ["y"])], ["N", 2, 7], 3)
    agree(run(proto, x), reduce(x, axis=2, keepdims=True))


@pytest.mark.parametrize("out", [3, 9])
def test_resize(out):
    """Of a straight line, linear interpolation between the outermost points gives the line."""
    line = np.array([0.3, 1.1, 1.9, 2.7, 3.5])
    x = np.array([1.0, -0.7])[:, None, None] * line
    ends = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    sizes = {"sizes": np.array([out])}
    nodes = [op("Resize", ["x", "", "", "sizes"], ["y"], axes=[2], **ends)]
    found = run(promoted(nodes, ["N", 1, 5], 3, sizes), x)
    agree(found, np.array([1.0, -0.7])[:, None, None] * np.linspace(0.3, 3.5, out))


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("linear", {}),
        ("linear", {"coordinate_transformation_mode": "half_pixel_symmetric"}),
        ("linear", {"coordinate_transformation_mode": "asymmetric"}),
        ("cubic", {}),
        ("cubic", {"exclude_outside": 1, "cubic_coeff_a": -0.5}),
        ("cubic", {"coordinate_transformation_mode": "align_corners"}),
        ("nearest", {}),
        ("nearest", {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}),
        ("nearest", {"nearest_mode": "ceil"}),
        ("nearest", {"nearest_mode": "round_prefer_ceil"}),
    ],
)
def test_every_resize_is_the_one_of_single_precision(mode, more):
    nodes = [op("Resize", ["x", "", "scales"], ["y"], mode=mode, **more)]
    shape, scales = ["N", 2, 5, 7], {"scales": np.float32([1, 1, 1.7, 0.6])}
    x = RANDOM.normal(size=(3, 2, 5, 7)).astype(np.float32)
    original = model(nodes, [port("x", shape)], [port("y", None)], scales, opset=20, ir=9)
    found = run(promoted(nodes, shape, 4, scales), x.astype(np.float64))
    wanted = run(original, x)
    assert found.shape == wanted.shape == (3, 2, 8, 4)
    assert np.abs(found - wanted).max() < 3e-6


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def test_lstm():
    w, r, b = single(1, 16, 3), single(1, 16, 4), single(1, 32)
    nodes = [
        op("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        op("LSTM", ["t", "w", "r", "b"], ["", "h"], hidden_size=4),
        op("Squeeze", ["h", "axes"], ["y"]),
    ]
    constants = {"w": w, "r": r, "b": b, "axes": np.array([0])}
    x = RANDOM.normal(size=(6, 5, 3))
    wide_w, wide_r, wide_b = w[0].astype(float), r[0].astype(float), b[0].astype(float)
    h = c = np.zeros((6, 4))
    for t in range(5):
        gates = x[:, t] @ wide_w.T + h @ wide_r.T + wide_b[:16] + wide_b[16:]
        i, o, f, n = np.split(gates, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(n)
        h = sigmoid(o) * np.tanh(c)
    agree(run(promoted(nodes, ["N", 5, 3], 2, constants), x), h)


def test_gru():
    w, r, b = single(1, 12, 3), single(1, 12, 4), single(1, 24)
    nodes = [
        op("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        op("GRU", ["t", "w", "r", "b"], ["", "h"], hidden_size=4, linear_before_reset=1),
        op("Squeeze", ["h", "axes"], ["y"]),
    ]
    constants = {"w": w, "r": r, "b": b, "axes": np.array([0])}
    x = RANDOM.normal(size=(6, 5, 3))
    wz, wr, wn = np.split(w[0].astype(float), 3)
    rz, rr, rn = np.split(r[0].astype(float), 3)
    bz, br, bn, sz, sr, sn = np.split(b[0].astype(float), 6)
    h = np.zeros((6, 4))
    for t in range(5):
        z = sigmoid(x[:, t] @ wz.T + bz + h @ rz.T + sz)
        reset = sigmoid(x[:, t] @ wr.T + br + h @ rr.T + sr)
        n = np.tanh(x[:, t] @ wn.T + bn + reset * (h @ rn.T + sn))
        h = (1 - z) * n + z * h
    agree(run(promoted(nodes, ["N", 5, 3], 2, constants), x), h)


def test_attention():
    """Two heads, of one operator and written out as exporters of older opsets do."""
    x = RANDOM.normal(size=(4, 5, 6))
    heads = x.reshape(4, 5, 2, 3).transpose(0, 2, 1, 3)
    weights = softmax(heads @ heads.transpose(0, 1, 3, 2) / math.sqrt(3))
    wanted = (weights @ heads).transpose(0, 2, 1, 3).reshape(4, 5, 6)
    nodes = [op("Attention", ["x", "x", "x"], ["y"], q_num_heads=2, kv_num_heads=2)]
    agree(run(promoted(nodes, ["N", 5, 6], 3, opset=23, ir=11), x), wanted)


def test_support_vectors():
    vectors, factors = single(7, 3), single(7)
    nodes = [
        op(
            "SVMRegressor",
            ["x"],
            ["y"],
            domain="ai.onnx.ml",
            kernel_type="RBF",
            kernel_params=[0.3, 0.0, 0.0],
            n_supports=7,
            support_vectors=vectors.ravel(),
            coefficients=factors,
            rho=[0.5],
        )
    ]
    x = RANDOM.normal(size=(9, 3))
    distance = ((x[:, None] - vectors.astype(float)) ** 2).sum(axis=2)
    wanted = np.exp(-f32(0.3) * distance) @ factors.astype(float) + 0.5
    agree(run(promoted(nodes, ["N", 3], 2, domains={"ai.onnx.ml": 3}), x), wanted[:, None])
