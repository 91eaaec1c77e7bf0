"""The options under which onnxruntime computes what the file says, and no approximation of it.

By default onnxruntime rewrites a graph to make it fast, and some rewritten graphs are other
functions:

- Products with stored integer weights, DequantizeLinear → MatMul or Gemm, become MatMulNBits at
  accuracy level 4, which rounds its input to 8 bits: a smooth function becomes a step function.
- Between QuantizeLinear and DequantizeLinear it computes in whole numbers, and rounds in other
  places; two quantizations in a row become one.
- A Pad before a pooling becomes padding of the pooling, which is −∞ for MaxPool in place of 0, and
  which some poolings refuse.
- What looks like a layer normalization is replaced by one, whatever the exponent of its Pow is, and
  also where the mean comes first in the subtraction: f = (μ − x) … changes its sign.
- In double precision some optimizers keep a factor or an ε as an attribute, which holds 24 bits.

What its kernels for whole numbers cut off is in ``onnxtaylor.runtime.whole_products``.

These were found by comparing each optimization of onnxruntime 1.31 with the graph as it is written.
For others, not yet known, ``onnxtaylor.problem.deployed`` searches every model that is opened.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, numpy_helper

from onnxtaylor.graph.walk import nodes_of_model

__all__ = ["FAITHFUL_ENTRIES", "as_written", "distorting_optimizers", "is_questionable"]

# entries of a session's configuration; from set_denormal_as_zero on they are the defaults, and
# stand here so that a later onnxruntime cannot change them
FAITHFUL_ENTRIES = {
    "session.qdq_matmulnbits_accuracy_level": "0",
    "session.disable_quant_qdq": "1",
    "session.disable_double_qdq_remover": "1",
    "session.set_denormal_as_zero": "0",
    "optimization.enable_gelu_approximation": "0",
    "optimization.enable_cast_chain_elimination": "0",
    "mlas.enable_gemm_fastmath_arm64_bfloat16": "0",
    "mlas.use_lut_gemm": "0",
}

# optimizers that round constants of double precision; FuseReluClip fails on them altogether
ROUNDING = ("MatMulScaleFusion", "SimplifiedLayerNormFusion", "FuseReluClip")
NORMS = ("LayerNormFusionL1", "LayerNormFusionL2")
PADS = ("Pad_Fusion",)
POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})
QUANTIZING = frozenset({"QuantizeLinear", "DequantizeLinear", "MatMulNBits"})


def as_written(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the graph with all MatMulNBits nodes computing in the format of their input.

    y = x · dequantized(W) is the operator's definition; its ``accuracy_level`` allows a runtime to
    round x to 8 bits on the way. A graph without such nodes is returned as it is.
    """
    if not any(_level(node) for node in nodes_of_model(proto)):
        return proto
    kept = onnx.ModelProto()
    kept.CopyFrom(proto)
    for node in nodes_of_model(kept):
        for attribute in node.attribute if _level(node) else ():
            if attribute.name == "accuracy_level":
                attribute.i = 0
    return kept


def distorting_optimizers(proto: onnx.ModelProto) -> list[str]:
    """Names the optimizers of onnxruntime that would change the function of this graph."""
    nodes = list(nodes_of_model(proto))
    kinds = {node.op_type for node in nodes}
    names: list[str] = []
    if "Pad" in kinds and kinds & POOLS:
        names += PADS
    if _has_doubles(proto):
        names += ROUNDING
    if _has_doubles(proto) or _resembles_norm(proto, nodes):
        names += NORMS
    return names


def is_questionable(proto: onnx.ModelProto) -> bool:
    """Tests whether onnxruntime with its default options may compute another function.

    The rounding of constants in double precision does not count: 24 bits of them stay.
    """
    nodes = list(nodes_of_model(proto))
    kinds = {node.op_type for node in nodes}
    pads = "Pad" in kinds and bool(kinds & POOLS)
    return pads or bool(kinds & QUANTIZING) or _resembles_norm(proto, nodes)


def _level(node: onnx.NodeProto) -> int:
    """Reads the accuracy level of a MatMulNBits node; 0 means the format of its input."""
    if node.op_type != "MatMulNBits":
        return 0
    return next((int(a.i) for a in node.attribute if a.name == "accuracy_level"), 0)


def _has_doubles(proto: onnx.ModelProto) -> bool:
    """Tests whether an input or a constant is in double precision."""
    fed = any(i.type.tensor_type.elem_type == TensorProto.DOUBLE for i in proto.graph.input)
    return fed or any(t.data_type == TensorProto.DOUBLE for t in proto.graph.initializer)


def _resembles_norm(proto: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> bool:
    """Tests for a mean together with a power other than 2, or with a difference mean − x."""
    means = {node.output[0] for node in nodes if node.op_type == "ReduceMean"}
    if not means:
        return False
    squares = _twos(proto, nodes)
    return any(
        (node.op_type == "Pow" and node.input[1] not in squares)
        or (node.op_type == "Sub" and node.input[0] in means)
        for node in nodes
    )


def _twos(proto: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> set[str]:
    """Finds the names of the constants that are the number 2."""
    tensors = {t.name: t for t in proto.graph.initializer}
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    small = {name: t for name, t in tensors.items() if sum(t.dims) <= 1}
    return {
        name
        for name, t in small.items()
        if t.data_location != TensorProto.EXTERNAL and (numpy_helper.to_array(t) == 2).all()
    }
