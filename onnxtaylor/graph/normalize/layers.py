"""Writes normalizations in the format of their input: official bodies use single precision.

InstanceNormalization       s (x − m)/√(v + ε) + b over the image of each channel
GroupNormalization          s (x − m)/√(v + ε) + b over the channels of each group
LayerNormalization          s (x − m)/√(v + ε) + b over the last axes
RMSNormalization            s x/√(mean x² + ε) over the last axes
MeanVarianceNormalization   (x − m)/(√v + 1e-9) over some axes
LpNormalization             x over its L1 or L2 norm along an axis
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from onnxtaylor.graph.normalize.writer import Attributes, Writer, axes, format_of, image_of

__all__ = ["LAYERS"]

EPSILON = float(np.float32(1e-5))  # attributes are numbers of single precision
TINY = 1e-9  # in the official body of MeanVarianceNormalization


def _centred(w: Writer, x: str, over: str) -> tuple[str, str]:
    """x − m, and the mean m."""
    mean = w.op("ReduceMean", x, over, keepdims=1)
    return w.op("Sub", x, mean), mean


def _mean_square(w: Writer, x: str, over: str) -> str:
    return w.op("ReduceMean", w.op("Mul", x, x), over, keepdims=1)


def _deviation(w: Writer, centred: str, over: str, epsilon: float, dtype: object) -> str:
    """√(mean x² + ε)."""
    small = w.constant(np.array(epsilon, dtype))  # type: ignore[call-overload]
    return w.op("Sqrt", w.op("Add", _mean_square(w, centred, over), small))


def _over(w: Writer, centred: str, size: str) -> str:
    """x/s as x · 1/s: s is small, and the derivatives of a product take fewer operations."""
    return w.op("Mul", centred, w.op("Reciprocal", size))


def _per_channel(w: Writer, node: onnx.NodeProto, unit: str, further: int) -> str:
    """s x + b, with s and b for each channel, whose axis has ``further`` axes after it."""
    column = axes(w, -1, *[1] * further)
    scale, bias = (w.op("Reshape", name, column) for name in node.input[1:3])
    return w.op("Add", w.op("Mul", unit, scale), bias)


def _instance(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    image, dtype = image_of(w, node), format_of(w, node)
    if image is None or dtype is None:
        return None
    over = axes(w, *image[1])
    centred, _ = _centred(w, node.input[0], over)
    size = _deviation(w, centred, over, float(a.get("epsilon", EPSILON)), dtype)
    return _per_channel(w, node, _over(w, centred, size), len(image[1]))


def _group(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    shape, dtype, x = w.shape(node.input[0]), format_of(w, node), node.input[0]
    if shape is None or dtype is None:
        return None
    last = axes(w, 2)
    centred, _ = _centred(w, w.op("Reshape", x, axes(w, 0, int(a["num_groups"]), -1)), last)
    size = _deviation(w, centred, last, float(a.get("epsilon", EPSILON)), dtype)
    unit = _over(w, centred, size)
    return _per_channel(w, node, w.op("Reshape", unit, w.op("Shape", x)), len(shape) - 2)


def _layer(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """LayerNormalization, with its further outputs m and 1/√(v + ε), and RMSNormalization."""
    shape, dtype, x = w.shape(node.input[0]), format_of(w, node), node.input[0]
    first = int(a.get("axis", -1))
    if dtype is None or (shape is None and first >= 0):
        return None
    over = axes(w, *range(first, 0 if first < 0 else len(shape or ())))
    centred, mean = x, ""
    if node.op_type == "LayerNormalization":
        centred, mean = _centred(w, x, over)
    size = _deviation(w, centred, over, float(a.get("epsilon", EPSILON)), dtype)
    for place, write, read in ((1, "Identity", mean), (2, "Reciprocal", size)):
        if len(node.output) > place and node.output[place]:
            w.write(write, [read], node.output[place])
    scaled = w.op("Mul", _over(w, centred, size), node.input[1])
    bias = node.input[2] if len(node.input) > 2 else ""
    return w.op("Add", scaled, bias) if bias else scaled


def _mean_variance(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype = format_of(w, node)
    if dtype is None:
        return None
    over = axes(w, *a.get("axes", (0, 2, 3)))
    centred, _ = _centred(w, node.input[0], over)
    size = w.op("Sqrt", _mean_square(w, centred, over))
    return w.op("Div", centred, w.op("Add", size, w.constant(np.array(TINY, dtype))))


def _lp(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, x, axis = format_of(w, node), node.input[0], axes(w, int(a.get("axis", -1)))
    if dtype is None:
        return None
    if int(a.get("p", 2)) == 1:
        norm = w.op("ReduceSum", w.op("Abs", x), axis, keepdims=1)
    else:
        norm = w.op("Sqrt", w.op("ReduceSum", w.op("Mul", x, x), axis, keepdims=1))
    # a row of zeros stays a row of zeros
    zero, one = (w.constant(np.array(k, dtype)) for k in (0, 1))
    return w.op("Div", x, w.op("Where", w.op("Equal", norm, zero), one, norm))


LAYERS: dict[str, Callable[[Writer, onnx.NodeProto, Attributes], str | None]] = {
    "InstanceNormalization": _instance,
    "GroupNormalization": _group,
    "LayerNormalization": _layer,
    "RMSNormalization": _layer,
    "MeanVarianceNormalization": _mean_variance,
    "LpNormalization": _lp,
}
