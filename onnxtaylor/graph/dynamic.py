"""Handles quantization by the range of a whole tensor, where a response depends on its batch.

DynamicQuantizeLinear takes scale and zero point from the smallest and the largest number of its
input, which holds all events of a batch. Such a model is a function of one event if events are
evaluated one at a time. Whether it mixes events for another reason, too, is tested with constant
scale and zero point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from onnxtaylor.graph.normalize.writer import Writer, replace_nodes

__all__ = ["dynamic_nodes", "dynamic_scales", "hold_scales", "in_single_precision"]

Array = npt.NDArray[Any]

WHOLE_TENSOR = ("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM")


def dynamic_nodes(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Returns the nodes that quantize by the range of a whole tensor."""
    return [node for node in proto.graph.node if node.op_type in WHOLE_TENSOR]


def dynamic_scales(proto: onnx.ModelProto) -> list[str]:
    """Returns the names of the scales and zero points that DynamicQuantizeLinear computes."""
    nodes = (n for n in proto.graph.node if n.op_type == "DynamicQuantizeLinear")
    return [name for node in nodes for name in list(node.output)[1:]]


def hold_scales(proto: onnx.ModelProto, values: Mapping[str, Array]) -> onnx.ModelProto:
    """Replaces DynamicQuantizeLinear by QuantizeLinear with these scales and zero points."""

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        if node.op_type != "DynamicQuantizeLinear":
            return False
        held = [w.constant(values[name]) for name in list(node.output)[1:]]
        for constant, name in zip(held, list(node.output)[1:], strict=True):
            w.write("Identity", [constant], name)
        w.write("QuantizeLinear", [node.input[0], *held], node.output[0])
        return True

    return replace_nodes(proto, rewrite)


def in_single_precision(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces DynamicQuantizeMatMul and DynamicQuantizeLSTM by MatMul and LSTM.

    Weights are dequantized, inputs are not quantized at all.
    """
    writers = {"DynamicQuantizeMatMul": _product, "DynamicQuantizeLSTM": _lstm}

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        return node.op_type in writers and writers[node.op_type](w, node)

    return replace_nodes(proto, rewrite)


def _product(w: Writer, node: onnx.NodeProto) -> bool:
    """Writes x · (W − zero) scale + bias; zero and bias may be absent."""
    x, weights, scale, zero, bias = [*node.input, "", ""][:5]
    shifted = w.op("Cast", weights, to=TensorProto.FLOAT)
    if zero:
        shifted = w.op("Sub", shifted, w.op("Cast", zero, to=TensorProto.FLOAT))
    product = w.op("MatMul", x, w.op("Mul", shifted, scale))
    w.write("Add" if bias else "Identity", [product, bias] if bias else [product], node.output[0])
    return True


def _lstm(w: Writer, node: onnx.NodeProto) -> bool:
    """Writes an LSTM, whose weights are stored with their last two axes exchanged."""
    read = [*node.input, *[""] * 12][:12]
    values = [w.value(read[k]) for k in (1, 8, 9, 2, 10, 11)]
    if any(v is None for v in values):
        return False
    weights, w_scale, w_zero, again, r_scale, r_zero = values
    kept = [
        read[0],
        w.constant(_restored(weights, w_scale, w_zero)),
        w.constant(_restored(again, r_scale, r_zero)),
        *read[3:8],
    ]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    w.nodes.append(helper.make_node("LSTM", kept, list(node.output), node.name, **attributes))
    return True


def _restored(weights: Any, scale: Any, zero: Any) -> Array:
    """(W − zero) scale of W (directions, from, to), as (directions, to, from).

    Zero and scale are single numbers for each direction, or one for each column.
    """
    zero, scale = (np.reshape(v, (len(weights), 1, -1)).astype(np.float32) for v in (zero, scale))
    numbers = (weights.astype(np.float32) - zero) * scale
    return np.ascontiguousarray(numbers.transpose(0, 2, 1))
