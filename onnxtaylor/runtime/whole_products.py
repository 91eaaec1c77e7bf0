"""Products of whole numbers, with weights stored so that every processor computes them exactly.

Processors without the instructions VNNI add pairs of products u·w, u of 8 bits without and w of 8
bits with a sign, in 16 bits: 255 · 127 + 255 · 127 does not fit, and onnxruntime takes the largest
number that does. Its products of two numbers without a sign have no such limit, and

    Σ u (w − z) = Σ u ((w + 128) − (z + 128)),

so weights and their zero points are shifted by 128. ConvInteger takes u for the weights: it gets
weights with a sign. Left as they are: weights that are computed or stand in a body of If, Loop or
Scan.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from onnxtaylor.graph.normalize.writer import Writer, replace_nodes

__all__ = ["exact_products", "has_whole_products"]

Array = npt.NDArray[Any]

SHIFT = 128

# places of the weights and of their zero points among the inputs of a node
PLACES = {
    "MatMulInteger": ((1, 3),),
    "MatMulIntegerToFloat": ((1, 5),),
    "DynamicQuantizeMatMul": ((1, 3),),
    "DynamicQuantizeLSTM": ((1, 9), (2, 11)),
    "QLinearMatMul": ((3, 5),),
    "QLinearConv": ((3, 5),),
    "QGemm": ((3, 5),),
    "ConvInteger": ((1, 3),),
}

# place of the zero point of the other factor: with a sign it must meet weights with a sign
OTHER = {"MatMulIntegerToFloat": 4, "QLinearMatMul": 2, "QLinearConv": 2, "QGemm": 2}


def has_whole_products(proto: onnx.ModelProto) -> bool:
    """Tests whether a node multiplies whole numbers of 8 bits."""
    return any(node.op_type in PLACES for node in proto.graph.node)


def exact_products(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the graph with weights that are multiplied exactly; itself where it has none."""
    if not has_whole_products(proto):
        return proto
    return replace_nodes(proto, _shifted)


def _shifted(w: Writer, node: onnx.NodeProto) -> bool:
    """Writes the node with shifted weights, if they are stored and of the other kind."""
    kind = node.op_type
    if kind not in PLACES:
        return False
    if kind in OTHER and w.kind(node.input[OTHER[kind]]) != TensorProto.UINT8:
        return False
    old, new = (np.uint8, np.int8) if kind == "ConvInteger" else (np.int8, np.uint8)
    inputs = [*node.input]
    for place, zero in PLACES[kind]:
        inputs += [""] * (zero + 1 - len(inputs))
        weights = w.value(inputs[place])
        zeros = w.value(inputs[zero]) if inputs[zero] else np.zeros((), old)
        if weights is None or zeros is None or weights.dtype != old:
            return False
        inputs[place] = w.constant(_moved(weights, new))
        inputs[zero] = w.constant(_moved(zeros, new))
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.input[:]
    copy.input.extend(inputs)
    w.nodes.append(copy)
    return True


def _moved(numbers: Array, new: type[np.integer[Any]]) -> Array:
    """Shifts whole numbers of 8 bits to those with, or without a sign."""
    shift = SHIFT if new is np.uint8 else -SHIFT
    return (numbers.astype(np.int16) + shift).astype(new)
