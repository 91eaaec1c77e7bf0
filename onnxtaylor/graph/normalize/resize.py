"""Replaces Resize by products with matrices of interpolation, one axis after the other.

    y = M x along an axis, M (out, in)

With x(i) the place of output i among the inputs, a row of M has a single 1 for ``nearest``, the
weights 1 − r and r of the two neighbours for ``linear``, with r = x − ⌊x⌋, and for ``cubic`` four
weights by Keys' kernel. onnxruntime has a kernel in single precision only.

Source of the kernel: R. G. Keys, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 1153.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Attributes, Writer, axes, replace_nodes

__all__ = ["expand_resize"]

Floats = npt.NDArray[np.float64]


def expand_resize(
    proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
) -> onnx.ModelProto:
    """Ensures: no Resize is left whose sizes are known, apart from the batch.

    One that crops, smooths before it shrinks, or keeps an aspect ratio stays as it is.
    """

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        if node.op_type != "Resize" or node.domain not in ("", "ai.onnx"):
            return False
        a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
        shape, out = w.shape(node.input[0]), w.shape(node.output[0])
        if shape is None or out is None or min(*shape[1:], *out[1:]) <= 0 or not _is_supported(a):
            return False
        scales = _scales(w, node, a, shape, out)
        if scales is None or scales[0] != 1:
            return False
        x, sides = node.input[0], list(shape)
        for axis in range(1, len(shape)):
            if out[axis] == shape[axis] and scales[axis] == 1:
                continue
            matrix = _matrix(a, shape[axis], out[axis], scales[axis])
            lines = w.op("Reshape", x, axes(w, -1, sides[axis], prod(sides[axis + 1 :])))
            sides[axis] = out[axis]
            x = w.op("Reshape", w.op("MatMul", w.constant(matrix), lines), axes(w, -1, *sides[1:]))
        w.write("Identity", [x], node.output[0])
        return True

    return replace_nodes(proto, rewrite, shapes)


def _is_supported(a: Attributes) -> bool:
    return not (
        a.get("coordinate_transformation_mode") == b"tf_crop_and_resize"
        or bool(a.get("antialias", 0))
        or a.get("keep_aspect_ratio_policy", b"stretch") != b"stretch"
    )


def _scales(
    w: Writer, node: onnx.NodeProto, a: Attributes, shape: Sequence[int], out: Sequence[int]
) -> list[float] | None:
    """Ratio out/in of every axis, from the node or from the sizes; None where it is computed."""
    name = node.input[2] if len(node.input) > 2 else ""
    value = w.value(name) if name else None
    if name and value is None:
        return None
    if value is None or not value.size:
        # the first axis is the batch, whose size is not known
        sizes = w.value(node.input[3]) if len(node.input) > 3 else None
        if sizes is None or (len(sizes) == len(shape) and sizes[0] != shape[0]):
            return None
        return [1.0, *(n / m for m, n in zip(shape[1:], out[1:], strict=True))]
    scales = [1.0] * len(shape)
    for axis, scale in zip(a.get("axes", range(len(shape))), value, strict=True):
        scales[axis] = float(scale)
    return scales


def _places(a: Attributes, size: int, out: int, scale: float) -> Floats:
    """Places x(i) of the outputs among the inputs.

    For ``nearest`` they are computed in single precision, as in onnxruntime's kernel: else another
    neighbour would win where two are equally near.
    """
    nearest = a.get("mode", b"nearest") == b"nearest"
    real: Any = np.float32 if nearest else np.float64
    mode = a.get("coordinate_transformation_mode", b"half_pixel").decode()
    i: Any = np.arange(out).astype(real)
    m, n, s = real(size), real(out), real(scale)
    if mode == "align_corners":
        x = i * (m - 1) / (n - 1) if out > 1 else 0 * i
    elif mode == "asymmetric":
        x = i / s
    elif mode == "pytorch_half_pixel" and out == 1:
        x = 0 * i
    else:
        x = (i + real(0.5)) / s - real(0.5)
    if mode == "half_pixel_symmetric":  # the middle stays in place where the size was rounded
        x = m / 2 * (1 - n / (s * m)) + (i + real(0.5)) / s - real(0.5)
    return np.asarray(x, dtype=np.float64)


def _matrix(a: Attributes, size: int, out: int, scale: float) -> Floats:
    """Matrix M (out, in)."""
    x, mode = _places(a, size, out, scale), a.get("mode", b"nearest").decode()
    low = np.floor(x)
    if mode == "nearest":
        nearest = {
            "round_prefer_floor": np.ceil(x - 0.5),
            "round_prefer_ceil": np.floor(x + 0.5),
            "floor": low,
            "ceil": np.ceil(x),
        }
        places = nearest[a.get("nearest_mode", b"round_prefer_floor").decode()][:, None]
        weights = np.ones((out, 1))
    elif mode == "linear":
        places = low[:, None] + np.arange(2)
        weights = np.stack([1 - (x - low), x - low], axis=1)
    else:
        places = low[:, None] + np.arange(-1, 3)
        weights = _keys(np.abs(x[:, None] - places), float(a.get("cubic_coeff_a", -0.75)))
        if a.get("exclude_outside", 0):
            weights = np.where((places < 0) | (places >= size), 0, weights)
            weights = weights / weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((out, size))
    near = np.clip(places, 0, size - 1).astype(np.int64)
    np.add.at(matrix, (np.arange(out)[:, None], near), weights)
    return matrix


def _keys(t: Floats, a: float) -> Floats:
    """Keys' kernel at distances t < 2."""
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = ((t - 5) * t + 8) * t * a - 4 * a
    return np.where(t <= 1, inner, outer)
