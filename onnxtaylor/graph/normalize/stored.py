"""Replaces weights that are stored as whole numbers by their floating-point values.

DequantizeLinear of a constant, y = (x − zero) scale, is a constant itself. Without the operator,
which is not defined for double precision, the graph can be promoted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, replace_nodes

__all__ = ["restore_weights"]

Array = npt.NDArray[Any]


def restore_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no DequantizeLinear of a constant is left at the top level."""

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        if node.op_type != "DequantizeLinear" or node.domain not in ("", "ai.onnx"):
            return False
        whole, scale, zero = ([w.value(name) for name in node.input] + [None])[:3]
        lacking = len(node.input) > 2 and node.input[2] and zero is None
        if whole is None or scale is None or lacking:
            return False
        named = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        value = _dequantized(whole, scale, zero, named.get("axis", 1), named.get("block_size", 0))
        w.write("Identity", [w.constant(value)], node.output[0])
        return True

    return replace_nodes(proto, rewrite)


def _dequantized(whole: Array, scale: Array, zero: Array | None, axis: int, block: int) -> Array:
    """(whole − zero) scale, in the format of the scale.

    Scale and zero are single numbers, or one for each place along the axis, or one for each block
    of places. The result is rounded once, at the end: on the way, whole numbers may be larger than
    half precision can represent.
    """

    def spread(value: Array) -> Array:
        if value.size == 1:
            return value.reshape(())
        if block:
            places = np.arange(whole.shape[axis]) // block
            return value.take(places, axis)
        shape = [1] * whole.ndim
        shape[axis] = -1
        return value.reshape(shape)

    shifted = whole.astype(np.float64)
    if zero is not None:
        shifted = shifted - spread(zero).astype(np.float64)
    return np.asarray(shifted * spread(scale).astype(np.float64)).astype(scale.dtype)
