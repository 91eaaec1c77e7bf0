"""How onnxruntime is told to compute what the file says, and no approximation of it.

By default it rewrites a graph to make it fast, and some rewritten graphs are other functions:

- products with stored integer weights, DequantizeLinear → MatMul or Gemm, become MatMulNBits at
  accuracy level 4, which rounds what enters them to 8 bits: a smooth function becomes a step
  function;
- between QuantizeLinear and DequantizeLinear it computes in whole numbers, and rounds elsewhere;
  two quantizations in a row become one;
- Pad before a pooling becomes padding of the pooling, which of MaxPool is −∞ in place of 0, and
  which some poolings refuse;
- the shape of a layer normalization is taken for one, whatever the exponent of its Pow is, and also
  where the mean comes first in the subtraction: f = (μ − x) … gets another sign;
- in double precision some keep a factor or an ε as an attribute, which holds 24 bits.

Found by comparing each optimization of onnxruntime 1.31 with the graph as it is written; what no
one has found yet, ``engine.deployed`` looks for in every model that is opened.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, numpy_helper

from onnxtaylor.graph.walk import nodes_of_model

__all__ = ["KEPT", "as_written", "distorting", "is_questionable"]

# session options; those of the second group are off by default, and said to stay so
KEPT = {
    "session.qdq_matmulnbits_accuracy_level": "0",
    "session.disable_quant_qdq": "1",
    "session.disable_double_qdq_remover": "1",
    "session.set_denormal_as_zero": "0",
    "optimization.enable_gelu_approximation": "0",
    "optimization.enable_cast_chain_elimination": "0",
    "mlas.enable_gemm_fastmath_arm64_bfloat16": "0",
    "mlas.use_lut_gemm": "0",
}

# FuseReluClip gives up on doubles altogether
ROUNDING = ("MatMulScaleFusion", "SimplifiedLayerNormFusion", "FuseReluClip")
NORMS = ("LayerNormFusionL1", "LayerNormFusionL2")
PADS = ("Pad_Fusion",)
POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})
QUANTIZING = frozenset({"QuantizeLinear", "DequantizeLinear", "MatMulNBits"})


def as_written(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph whose MatMulNBits nodes compute in the format of their input.

    y = x · dequantized(W) is what the operator means; its ``accuracy_level`` allows a runtime to
    round x to 8 bits on the way.
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


def distorting(proto: onnx.ModelProto) -> list[str]:
    """The optimizers of onnxruntime that would make another function of this graph."""
    nodes = list(nodes_of_model(proto))
    kinds = {node.op_type for node in nodes}
    found: list[str] = []
    if "Pad" in kinds and kinds & POOLS:
        found += PADS
    if _has_doubles(proto):
        found += ROUNDING
    if _has_doubles(proto) or _resembles_norm(proto, nodes):
        found += NORMS
    return found


def is_questionable(proto: onnx.ModelProto) -> bool:
    """Whether onnxruntime may compute another function where it is told nothing.

    Of double precision it computes the same to 24 bits: that is no other function.
    """
    nodes = list(nodes_of_model(proto))
    kinds = {node.op_type for node in nodes}
    pads = "Pad" in kinds and bool(kinds & POOLS)
    return pads or bool(kinds & QUANTIZING) or _resembles_norm(proto, nodes)


def _level(node: onnx.NodeProto) -> int:
    if node.op_type != "MatMulNBits":
        return 0
    return next((int(a.i) for a in node.attribute if a.name == "accuracy_level"), 0)


def _has_doubles(proto: onnx.ModelProto) -> bool:
    """Whether numbers in double precision are fed or stored."""
    fed = any(i.type.tensor_type.elem_type == TensorProto.DOUBLE for i in proto.graph.input)
    return fed or any(t.data_type == TensorProto.DOUBLE for t in proto.graph.initializer)


def _resembles_norm(proto: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> bool:
    """Whether a mean is taken, and a power other than 2 as well, or a difference mean − x."""
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
    """Names of the constants that are the number 2."""
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
