"""Small models for which onnxruntime has an optimization of its own, one of each kind.

``CHANGED`` are those that it made another function of when this was written, ``KEPT`` the others.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.graph.graphs import F32, model, op, port

RNG = np.random.default_rng(7)
X, H = 8, 16
W, B = RNG.normal(size=(X, H)).astype("f4") * 0.4, RNG.normal(size=H).astype("f4") * 0.2
V = RNG.normal(size=(H, 3)).astype("f4") * 0.4
SCALES = (np.abs(W).max(axis=0) / 127).astype("f4")
WHOLE = np.rint(W / SCALES).astype("i1")
G, S = RNG.normal(size=X).astype("f4"), RNG.normal(size=X).astype("f4")
MICROSOFT = {"com.microsoft": 1}


def applied(*nodes, n=X, opset=17, **constants):
    options = {"opset": opset, "ir": 8 if opset < 21 else 10, "domains": MICROSOFT}
    return model(nodes, [port("x", ["N", n])], [port("y", None)], constants, **options)


def f4(value):
    return np.float32(value)


def tail(name="h"):
    """tanh, then a product with weights of single precision."""
    return [op("Tanh", [name], ["t"]), op("MatMul", ["t", "V"], ["y"])]


def stored(kind="MatMul", whole=WHOLE, scale=SCALES, zero=None, **constants):
    """DequantizeLinear → MatMul or Gemm → tanh → MatMul."""
    zero = np.zeros(np.shape(scale), whole.dtype) if zero is None else zero
    rest = ["b"] if kind == "Gemm" else []
    nodes = [
        op("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1),
        op(kind, ["x", "w", *rest], ["h"]),
    ]
    return applied(*nodes, *tail(), q=whole, s=scale, z=zero, b=B, V=V, **constants)


def blocks(kind, zero):
    """4-bit weights with a scale for every 32 numbers of a column."""
    n, size = 64, 32
    codes = RNG.integers(0, 16, (n, H)) - (8 - zero)
    nodes = [
        op("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0, block_size=size),
        op("MatMul", ["x", "w"], ["h"]),
    ]
    scales = RNG.uniform(0.02, 0.06, (n // size, H)).astype("f4")
    proto = applied(*nodes, *tail(), n=n, opset=21, s=scales, V=V)
    for name, dims, values in (
        ("q", (n, H), codes.ravel()),
        ("z", scales.shape, [zero] * scales.size),
    ):
        tensor = helper.make_tensor(name, kind, dims, [int(v) for v in values])
        proto.graph.initializer.append(tensor)
    return proto


def packed(level):
    """MatMulNBits of the file's own, 4 bits, and its weights as they are meant."""
    n, size = 64, 32
    codes = RNG.integers(0, 16, (H, n // size, size))
    scales = RNG.uniform(0.02, 0.06, (H, n // size)).astype("f4")
    node = op(
        "MatMulNBits",
        ["x", "q", "s"],
        ["h"],
        domain="com.microsoft",
        **{"K": n, "N": H, "bits": 4, "block_size": size, "accuracy_level": level},
    )
    two = (codes[..., 0::2] | (codes[..., 1::2] << 4)).astype("u1")
    proto = applied(node, *tail(), n=n, q=two, s=scales.ravel(), V=V)
    return proto, ((codes - 8) * scales[..., None]).reshape(H, n).T


def rounded(name, scale, zero):
    """QuantizeLinear → DequantizeLinear."""
    return [
        op("QuantizeLinear", [name, scale, zero], [name + "q"]),
        op("DequantizeLinear", [name + "q", scale, zero], [name + "d"]),
    ]


QUANTA = {"sa": f4(0.02), "za": np.uint8(128), "sb": f4(0.05), "zb": np.uint8(120)}


def image(*nodes, side=8, opset=17, **constants):
    shape = np.array([-1, 1, side, side])
    first = op("Reshape", ["x", "image"], ["i"])
    return applied(first, *nodes, n=side * side, opset=opset, image=shape, **constants)


def padded(kind, value=None, **attributes):
    given = {} if value is None else {"value": f4(value)}
    return image(
        op("Pad", ["i", "p", *given], ["j"]),
        op(kind, ["j"], ["k"], kernel_shape=[2, 2], **attributes),
        op("Flatten", ["k"], ["y"]),
        p=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        **given,
    )


def norm(power=2.0, reverse=False, epsilon=0.01):
    """d / √(mean dᵖ + ε) · g + s with d = x − μ, or μ − x."""
    return applied(
        op("ReduceMean", ["x"], ["m"], axes=[-1]),
        op("Sub", ["m", "x"] if reverse else ["x", "m"], ["d"]),
        op("Pow", ["d", "p"], ["d2"]),
        op("ReduceMean", ["d2"], ["v"], axes=[-1]),
        op("Add", ["v", "e"], ["ve"]),
        op("Sqrt", ["ve"], ["r"]),
        op("Div", ["d", "r"], ["n"]),
        op("Mul", ["n", "g"], ["ng"]),
        op("Add", ["ng", "s"], ["y"]),
        **{"p": f4(power), "e": f4(epsilon), "g": G, "s": S},
    )


def gelu():
    return applied(
        op("Div", ["x", "r"], ["a"]),
        op("Erf", ["a"], ["b"]),
        op("Add", ["b", "one"], ["c"]),
        op("Mul", ["x", "c"], ["d"]),
        op("Mul", ["d", "half"], ["y"]),
        **{"r": f4(2**0.5), "one": f4(1), "half": f4(0.5)},
    )


def fast_gelu():
    return applied(
        op("Pow", ["x", "three"], ["a"]),
        op("Mul", ["a", "k"], ["b"]),
        op("Add", ["x", "b"], ["c"]),
        op("Mul", ["c", "r"], ["d"]),
        op("Tanh", ["d"], ["e"]),
        op("Add", ["e", "one"], ["f"]),
        op("Mul", ["x", "f"], ["g"]),
        op("Mul", ["g", "half"], ["y"]),
        **{"three": f4(3), "k": f4(0.044715), "r": f4(0.7978845608)},
        **{"one": f4(1), "half": f4(0.5)},
    )


def quick_gelu():
    nodes = [
        op("Mul", ["x", "k"], ["a"]),
        op("Sigmoid", ["a"], ["b"]),
        op("Mul", ["x", "b"], ["y"]),
    ]
    return applied(*nodes, k=f4(1.702))


def skip_norm(epsilon):
    return applied(
        op("MatMul", ["x", "Q"], ["a"]),
        op("Add", ["a", "s"], ["b"]),
        op("Add", ["x", "b"], ["c"]),
        op("LayerNormalization", ["c", "g", "s"], ["y"], epsilon=epsilon),
        **{"Q": RNG.normal(size=(X, X)).astype("f4"), "g": G, "s": S},
    )


def convolution(activation, channels=16):
    kernels = RNG.normal(size=(channels, 1, 3, 3)).astype("f4")
    return image(
        op("Conv", ["i", "k"], ["c"]),
        op("BatchNormalization", ["c", "g", "s", "m", "v"], ["n"]),
        op(activation, ["n"], ["a"]),
        op("GlobalAveragePool", ["a"], ["p"]),
        op("Flatten", ["p"], ["y"]),
        k=kernels,
        **{name: RNG.uniform(0.5, 2, channels).astype("f4") for name in "gsmv"},
    )


def cast(kind):
    return applied(
        op("Mul", ["x", "five"], ["a"]),
        op("Cast", ["a"], ["b"], to=kind),
        op("Cast", ["b"], ["c"], to=F32),
        op("Sin", ["c"], ["y"]),
        five=f4(5),
    )


def half_precision():
    return applied(
        op("Cast", ["x"], ["xh"], to=TensorProto.FLOAT16),
        op("MatMul", ["xh", "W"], ["a"]),
        op("Tanh", ["a"], ["b"]),
        op("MatMul", ["b", "V"], ["c"]),
        op("Cast", ["c"], ["y"], to=F32),
        **{"W": W.astype("f2"), "V": V.astype("f2")},
    )


def attention():
    """One head over two tokens of four numbers."""
    parts = [op("Reshape", ["x", "tokens"], ["i"])]
    for name in "qkv":
        parts.append(op("MatMul", ["i", "W" + name], [name]))
    parts += [
        op("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        op("MatMul", ["q", "kt"], ["a"]),
        op("Mul", ["a", "half"], ["b"]),
        op("Add", ["b", "mask"], ["c"]),
        op("Softmax", ["c"], ["p"], axis=-1),
        op("MatMul", ["p", "v"], ["o"]),
        op("Flatten", ["o"], ["y"]),
    ]
    weights = {"W" + name: RNG.normal(size=(4, 4)).astype("f4") for name in "qkv"}
    mask = np.array([[[0.0, -1.0]]], "f4")
    return applied(*parts, tokens=np.array([-1, 2, 4]), half=f4(0.5), mask=mask, **weights)


def dense(activation, **attributes):
    nodes = [op("Gemm", ["x", "W", "b"], ["a"]), op(activation, ["a"], ["y"], **attributes)]
    return applied(*nodes, W=W, b=B)


def whole_convolution():
    """QLinearConv rounds elsewhere than Conv between QuantizeLinear and DequantizeLinear."""
    return image(
        *rounded("i", "sa", "za"),
        op("DequantizeLinear", ["k", "sk"], ["w"]),
        op("Conv", ["id", "w"], ["c"]),
        *rounded("c", "sb", "zb"),
        op("Flatten", ["cd"], ["y"]),
        **QUANTA,
        k=RNG.integers(-127, 127, (4, 1, 3, 3)).astype("i1"),
        sk=f4(0.005),
    )


def whole_pooling():
    pool = op("AveragePool", ["id"], ["p"], kernel_shape=[2, 2], strides=[2, 2])
    flat = op("Flatten", ["pd"], ["y"])
    return image(*rounded("i", "sa", "za"), pool, *rounded("p", "sa", "za"), flat, **QUANTA)


def whole_product():
    return applied(
        *rounded("x", "sa", "za"),
        op("DequantizeLinear", ["q", "sk"], ["w"]),
        op("MatMul", ["xd", "w"], ["h"]),
        *rounded("h", "sb", "zb"),
        *tail("hd"),
        **QUANTA,
        **{"q": WHOLE, "sk": f4(0.005), "V": V},
    )


def twice_rounded():
    second = [
        op("QuantizeLinear", ["xd", "sb", "zb"], ["r"]),
        op("DequantizeLinear", ["r", "sb", "zb"], ["y"]),
    ]
    return applied(*rounded("x", "sa", "za"), *second, **QUANTA)


ONE = f4(np.abs(W).max() / 127)
UNSIGNED = (np.rint(W / ONE) + 128).astype("u1")

CHANGED: dict[str, onnx.ModelProto] = {
    "stored int8 columns, MatMul": stored(),
    "stored int8 columns, Gemm": stored("Gemm"),
    "stored int8, one scale": stored(whole=np.rint(W / ONE).astype("i1"), scale=ONE),
    "stored uint8, one scale": stored(whole=UNSIGNED, scale=ONE, zero=np.uint8(128)),
    "stored uint8, Gemm": stored("Gemm", UNSIGNED, ONE, np.uint8(128)),
    "stored int4 blocks": blocks(TensorProto.INT4, 0),
    "stored uint4 blocks": blocks(TensorProto.UINT4, 8),
    "MatMulNBits at level 4": packed(4)[0],
    "two quantizations": twice_rounded(),
    "whole convolution": whole_convolution(),
    "whole pooling": whole_pooling(),
    "whole product": whole_product(),
    "pad, MaxPool": padded("MaxPool"),
    "pad of 0, MaxPool": padded("MaxPool", 0.0),
    "pad, padded AveragePool": padded("AveragePool", count_include_pad=1, pads=[1, 1, 0, 0]),
    "power 4 in a norm": norm(4.0),
    "reversed norm": norm(reverse=True),
}

KEPT: dict[str, onnx.ModelProto] = {
    "MatMulNBits at level 0": packed(0)[0],
    "norm": norm(),
    "norm, large epsilon": norm(epsilon=1.0),
    "skip norm": skip_norm(1e-5),
    "skip norm, large epsilon": skip_norm(0.5),
    "gelu": gelu(),
    "fast gelu": fast_gelu(),
    "quick gelu": quick_gelu(),
    "pad of 0.7, MaxPool": padded("MaxPool", 0.7),
    "pad, AveragePool": padded("AveragePool"),
    "attention": attention(),
    "half precision": half_precision(),
    "Gemm, LeakyRelu": dense("LeakyRelu", alpha=0.3),
    "Gemm, HardSigmoid": dense("HardSigmoid", alpha=0.3, beta=0.4),
    "Gemm, ThresholdedRelu": dense("ThresholdedRelu", alpha=0.4),
    "tiny numbers": applied(
        op("Mul", ["x", "k"], ["a"]), op("Mul", ["a", "l"], ["y"]), k=f4(1e-39), l=f4(1e38)
    ),
    **{
        f"convolution, {kind}": convolution(kind)
        for kind in ("Relu", "Sigmoid", "Tanh", "HardSigmoid", "Softplus")
    },
    **{
        f"cast to {TensorProto.DataType.Name(kind)}": cast(kind)
        for kind in (
            *(TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE),
            *(TensorProto.INT32, TensorProto.INT8, TensorProto.BOOL),
        )
    },
}


def width(proto: onnx.ModelProto) -> int:
    return int(proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value)


def rows(proto: onnx.ModelProto, count: int = 64) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(count, width(proto))).astype("f4").astype(float)


def constants(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t).astype(float) for t in proto.graph.initializer}
