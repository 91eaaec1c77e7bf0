"""Operators that are made of elementary ones, and have no official function body or a poor one.

InstanceNormalization   s (x − m)/√(v + ε) + b over the image of each channel
LayerNormalization      s (x − m)/√(v + ε) + b over the last axes
RMSNormalization        s x/√(mean x² + ε) over the last axes
LpNormalization         x over its L1 or L2 norm along an axis
LRN                     x/(k + α/size Σ x²)^β over neighbouring channels
LpPool, GlobalLpPool    (Σ |x|^p)^(1/p) over windows, over images
Gemm                    α AB + βC where B is no constant or A is transposed
MatMul                  of vectors
Max, Min                of one or of more than two tensors
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, replaced

__all__ = ["elementary"]

Attributes = dict[str, Any]


def elementary(
    proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
) -> onnx.ModelProto:
    """Ensures: of the nodes above none is left whose rank and format are known.

    Requires: opset 18 or later. ``shapes`` are those of the tensors; without them, what shape
    inference finds.
    """

    def written(w: Writer, node: onnx.NodeProto) -> bool:
        write = WRITERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if write is None:
            return False
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        found = write(w, node, attributes)
        if found is None:
            return False
        w.write("Identity", [found], node.output[0])
        return True

    return replaced(proto, written, shapes)


def _format(w: Writer, node: onnx.NodeProto) -> npt.DTypeLike | None:
    kind = w.kind(node.input[0]) or w.kind(node.output[0])
    return helper.tensor_dtype_to_np_dtype(kind) if kind else None


def _axes(w: Writer, *axes: int) -> str:
    return w.constant(np.array(axes, dtype=np.int64))


def _image(w: Writer, node: onnx.NodeProto) -> tuple[Sequence[int], list[int]] | None:
    """The input's shape and the axes of its images."""
    shape = w.shape(node.input[0])
    return None if shape is None or len(shape) < 3 else (shape, list(range(2, len(shape))))


def _instance_normalization(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    image, dtype, x = _image(w, node), _format(w, node), node.input[0]
    if image is None or dtype is None:
        return None
    axes = _axes(w, *image[1])
    centred = w.op("Sub", x, w.op("ReduceMean", x, axes, keepdims=1))
    variance = w.op("ReduceMean", w.op("Mul", centred, centred), axes, keepdims=1)
    epsilon = w.constant(np.array(a.get("epsilon", 1e-5), dtype))
    unit = w.op("Div", centred, w.op("Sqrt", w.op("Add", variance, epsilon)))
    column = w.constant(np.array([-1, *[1] * len(image[1])], dtype=np.int64))
    scale, bias = (w.op("Reshape", name, column) for name in node.input[1:3])
    return w.op("Add", w.op("Mul", unit, scale), bias)


def _lp_normalization(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, x, axis = _format(w, node), node.input[0], _axes(w, int(a.get("axis", -1)))
    if dtype is None:
        return None
    if int(a.get("p", 2)) == 1:
        norm = w.op("ReduceSum", w.op("Abs", x), axis, keepdims=1)
    else:
        norm = w.op("Sqrt", w.op("ReduceSum", w.op("Mul", x, x), axis, keepdims=1))
    # a row of zeros stays one
    zero, one = (w.constant(np.array(k, dtype)) for k in (0, 1))
    return w.op("Div", x, w.op("Where", w.op("Equal", norm, zero), one, norm))


def _lrn(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    image, dtype, x = _image(w, node), _format(w, node), node.input[0]
    if image is None or dtype is None or image[0][1] <= 0:
        return None
    shape, size = image[0], int(a["size"])
    channels = np.arange(shape[1])
    step = channels[None, :] - channels[:, None]  # out, in
    near = (step >= -((size - 1) // 2)) & (step <= size - 1 - (size - 1) // 2)
    factor = float(a.get("alpha", 1e-4)) / size
    rank = len(shape)
    flat = w.op("Reshape", w.op("Mul", x, x), _axes(w, 0, 0, -1)) if rank != 3 else None
    total = w.op("MatMul", w.constant((factor * near).astype(dtype)), flat or w.op("Mul", x, x))
    inner = w.op("Add", total, w.constant(np.array(a.get("bias", 1.0), dtype)))
    power = w.op("Pow", inner, w.constant(np.array(-float(a.get("beta", 0.75)), dtype)))
    if flat:
        power = w.op("Reshape", power, w.op("Shape", x))
    return w.op("Mul", x, power)


def _power(w: Writer, x: str, p: int, dtype: npt.DTypeLike) -> str:
    """|x|^p."""
    if p == 2:
        return w.op("Mul", x, x)
    size = w.op("Abs", x)
    return size if p == 1 else w.op("Pow", size, w.constant(np.array(p, dtype)))


def _root(w: Writer, x: str, p: int, dtype: npt.DTypeLike) -> str:
    if p == 2:
        return w.op("Sqrt", x)
    return x if p == 1 else w.op("Pow", x, w.constant(np.array(1 / p, dtype)))


def _lp_pool(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, p = _format(w, node), int(a.pop("p", 2))
    if dtype is None or a.get("ceil_mode") or a.get("auto_pad", b"NOTSET") != b"NOTSET":
        return None
    powers = _power(w, node.input[0], p, dtype)
    # the average over the whole window, padding included, is the sum over its size
    mean = w.op("AveragePool", powers, count_include_pad=1, **a)
    total = w.op("Mul", mean, w.constant(np.array(prod(a["kernel_shape"]), dtype)))
    return _root(w, total, p, dtype)


def _global_lp_pool(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    image, dtype, p = _image(w, node), _format(w, node), int(a.get("p", 2))
    if image is None or dtype is None:
        return None
    powers = _power(w, node.input[0], p, dtype)
    return _root(w, w.op("ReduceSum", powers, _axes(w, *image[1]), keepdims=1), p, dtype)


def _gemm(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype = _format(w, node)
    if dtype is None or (not a.get("transA") and w.value(node.input[1]) is not None):
        return None
    factors = [
        w.op("Transpose", name, perm=[1, 0]) if a.get(f"trans{k}") else name
        for k, name in zip("AB", node.input, strict=False)
    ]
    product = _times(w, w.op("MatMul", *factors), float(a.get("alpha", 1.0)), dtype)
    if len(node.input) < 3 or not node.input[2]:
        return product
    return w.op("Add", product, _times(w, node.input[2], float(a.get("beta", 1.0)), dtype))


def _times(w: Writer, x: str, factor: float, dtype: npt.DTypeLike) -> str:
    return x if factor == 1 else w.op("Mul", x, w.constant(np.array(factor, dtype)))


def _matmul(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    ranks = [len(w.shape(name) or ()) for name in node.input]
    if min(ranks) != 1 or 0 in ranks:
        return None
    x, y = node.input
    left = w.op("Unsqueeze", x, _axes(w, 0)) if ranks[0] == 1 else x
    right = w.op("Unsqueeze", y, _axes(w, 1)) if ranks[1] == 1 else y
    gone = [-2] * (ranks[0] == 1) + [-1] * (ranks[1] == 1)
    return w.op("Squeeze", w.op("MatMul", left, right), _axes(w, *gone))


def _layer_normalization(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """(x − mean)/√(variance + ε) · scale + bias over the last axes, in the format of x.

    The official body computes in single precision whatever x is.
    """
    shape, dtype, x = w.shape(node.input[0]), _format(w, node), node.input[0]
    if shape is None or dtype is None or any(node.output[1:]):
        return None
    first = int(a.get("axis", -1)) % len(shape)
    axes = _axes(w, *range(first, len(shape)))
    centred = x
    if node.op_type == "LayerNormalization":
        centred = w.op("Sub", x, w.op("ReduceMean", x, axes, keepdims=1))
    variance = w.op("ReduceMean", w.op("Mul", centred, centred), axes, keepdims=1)
    epsilon = w.constant(np.array(a.get("epsilon", 1e-5), dtype))
    unit = w.op("Div", centred, w.op("Sqrt", w.op("Add", variance, epsilon)))
    scaled = w.op("Mul", unit, node.input[1])
    bias = node.input[2] if len(node.input) > 2 else ""
    return w.op("Add", scaled, bias) if bias else scaled


def _chain(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Max(x, y, z) = Max(Max(x, y), z); of one tensor it is that tensor."""
    if len(node.input) == 2:
        return None
    found = str(node.input[0])
    for other in node.input[1:]:
        found = w.op(node.op_type, found, other)
    return found


WRITERS: dict[str, Callable[[Writer, onnx.NodeProto, Attributes], str | None]] = {
    "InstanceNormalization": _instance_normalization,
    "LpNormalization": _lp_normalization,
    "LRN": _lrn,
    "LpPool": _lp_pool,
    "GlobalLpPool": _global_lp_pool,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _layer_normalization,
    "Max": _chain,
    "Min": _chain,
}
