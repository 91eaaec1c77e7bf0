"""Replaces operators that onnxruntime rounds to single precision even if their input is double.

Gelu                  the official body, which onnxruntime runs, has √(2/π) in single precision
Shrink                the kernel rounds λ, the bias and x
GroupNormalization    the official body rounds intermediate results
Attention             the official body rounds intermediate results

Written out, they are as accurate as their input: a model in double precision is analyzed as the
formulas of its operators say.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnxtaylor.graph.normalize.attention import attention
from onnxtaylor.graph.normalize.layers import LAYERS
from onnxtaylor.graph.normalize.writer import Attributes, Writer, replace_nodes

__all__ = ["unrounded"]

# the opset from which on each operator has its present meaning
SINCE = {"Gelu": 20, "Shrink": 9, "GroupNormalization": 21, "Attention": 23}


def unrounded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no operator of the above is left that has an input in double precision.

    Graphs whose inputs are of another format are returned as they are.
    """
    version = max((e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")), default=0)
    fed = {info.type.tensor_type.elem_type for info in proto.graph.input}
    if TensorProto.DOUBLE not in fed:
        return proto

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        write = WRITERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if write is None or version < SINCE[node.op_type]:
            return False
        if w.kind(node.input[0]) != TensorProto.DOUBLE:
            return False
        output = write(w, node, {a.name: helper.get_attribute_value(a) for a in node.attribute})
        if output is None:
            return False
        w.write("Identity", [output], node.output[0])
        return True

    return replace_nodes(proto, rewrite)


def _number(w: Writer, value: float) -> str:
    return w.constant(np.float64(value))


def _gelu(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """½ x (1 + tanh(√(2/π) x (1 + 0.044715 x²)))."""
    if a.get("approximate", b"none") != b"tanh":
        return None
    x = node.input[0]
    root = math.sqrt(2 / math.pi)
    square = w.op("Mul", w.op("Mul", x, x), _number(w, root * 0.044715))
    inner = w.op("Mul", x, w.op("Add", square, _number(w, root)))
    half = w.op("Mul", x, _number(w, 0.5))
    return w.op("Add", half, w.op("Mul", half, w.op("Tanh", inner)))


def _shrink(w: Writer, node: onnx.NodeProto, a: Attributes) -> str:
    """x + b below −λ, x − b above λ, else 0."""
    x, limit, bias = node.input[0], float(a.get("lambd", 0.5)), float(a.get("bias", 0.0))
    below, above = w.op("Less", x, _number(w, -limit)), w.op("Greater", x, _number(w, limit))
    lower, upper = (w.op(kind, x, _number(w, bias)) for kind in ("Add", "Sub"))
    return w.op("Where", below, lower, w.op("Where", above, upper, _number(w, 0.0)))


WRITERS: dict[str, Callable[[Writer, onnx.NodeProto, Attributes], str | None]] = {
    "Gelu": _gelu,
    "Shrink": _shrink,
    "GroupNormalization": LAYERS["GroupNormalization"],
    "Attention": attention,
}
