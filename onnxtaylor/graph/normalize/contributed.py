"""Replaces onnxruntime's own operators by the ONNX operators that they combine.

Files that onnxruntime saved after optimizing have them, and some exporters write them.

Gelu, BiasGelu, FastGelu, QuickGelu     x Φ(x), of x + b, its approximation by tanh, x σ(α x)
FusedGemm, FusedConv, FusedMatMulActivation     a product, (a sum,) an activation
FusedMatMul, TransposeMatMul            α A B with axes of A and B turned
BiasAdd                                 x + b + skip
SkipLayerNormalization, SkipSimplifiedLayerNormalization, SimplifiedLayerNormalization
                                        γ (s − m)/√(v + ε) + β, γ s/√(mean s² + ε); s = x + skip + b
CDist                                   |a − b| or |a − b|² for all pairs of rows
Attention, MultiHeadAttention           softmax(s Q Kᵀ + B) V, without masks and past (``fused``)

Other operators, and forms with attributes that are not listed, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.fused import attention, multi_head_attention, write_activation
from onnxtaylor.graph.normalize.writer import Attributes, Writer, axes, format_of, replace_nodes

__all__ = ["expand_contributed", "mark_contributed"]

DOMAIN = "com.microsoft"
# operators that onnxruntime has in ONNX's domain, and the first opset that has them (None: no one)
EARLY = {"SimplifiedLayerNormalization": None, "LayerNormalization": 17}
TINY = float(np.float32(1e-12))  # attributes are numbers of single precision
EPSILON = float(np.float32(1e-5))


def mark_contributed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Moves operators that ONNX does not have to onnxruntime's domain: ONNX's tools refuse them."""
    version = max((e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")), default=0)

    def early(node: onnx.NodeProto) -> bool:
        if node.domain not in ("", "ai.onnx") or node.op_type not in EARLY:
            return False
        since = EARLY[node.op_type]
        return since is None or version < since

    if not any(map(early, proto.graph.node)):
        return proto
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for node in filter(early, copy.graph.node):
        node.domain = DOMAIN
    if not any(e.domain == DOMAIN for e in copy.opset_import):
        copy.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return copy


def expand_contributed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: none of these operators is left where form, rank and format are known.

    Requires: opset 20 or later; no operator of onnxruntime in ONNX's domain.
    """
    # ranks after an operator that ONNX does not know are known only once it is written out
    while True:
        after = replace_nodes(proto, _rewrite)
        if after is proto:
            return proto
        proto = after


def _rewrite(w: Writer, node: onnx.NodeProto) -> bool:
    write = WRITERS.get(node.op_type) if node.domain == DOMAIN else None
    if write is None:
        return False
    output = write(w, node, {a.name: helper.get_attribute_value(a) for a in node.attribute})
    if output is None:
        return False
    if output:  # else the writer has given the node's own outputs to what it wrote
        w.write("Identity", [output], node.output[0])
    return True


def _input(node: onnx.NodeProto, place: int) -> str:
    """Name of an input, "" where it is left out."""
    return str(node.input[place]) if len(node.input) > place else ""


def _sum(w: Writer, *names: str) -> str:
    first, *others = filter(None, names)
    for name in others:
        first = w.op("Add", first, name)
    return first


# --- activations ---------------------------------------------------------------------------------


def _gelu(w: Writer, node: onnx.NodeProto, a: Attributes) -> str:
    return w.op("Gelu", _sum(w, *node.input))


def _fast_gelu(w: Writer, node: onnx.NodeProto, a: Attributes) -> str:
    return w.op("Gelu", _sum(w, *node.input), approximate="tanh")


def _quick_gelu(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, x = format_of(w, node), node.input[0]
    if dtype is None:
        return None
    alpha = w.constant(np.array(a.get("alpha", np.float32(1.702)), dtype))
    return w.op("Mul", x, w.op("Sigmoid", w.op("Mul", x, alpha)))


def _bias_add(w: Writer, node: onnx.NodeProto, a: Attributes) -> str:
    return _sum(w, *node.input)


# --- products ------------------------------------------------------------------------------------


def _factor(w: Writer, name: str, *, turned: bool, batch_turned: bool) -> str | None:
    """Factor of a product with its axes in order; None where its rank is unknown."""
    if not turned and not batch_turned:
        return name
    shape = w.shape(name)
    if shape is None:
        return None
    order = list(range(len(shape)))
    if batch_turned:  # the axis of rows stands before those of the batch
        order = [*order[1:-1], 0, order[-1]]
    if turned:
        order[-2:] = order[:-3:-1]
    return w.op("Transpose", name, perm=order)


def _matmul(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, alpha = format_of(w, node), float(a.get("alpha", 1.0))
    factors = [
        _factor(
            w,
            name,
            turned=bool(a.get(f"trans{k}", 0)),
            batch_turned=bool(a.get(f"transBatch{k}", 0)),
        )
        for k, name in zip("AB", node.input, strict=True)
    ]
    if None in factors or (alpha != 1 and dtype is None):
        return None
    product = w.op("MatMul", *(f for f in factors if f))
    if alpha != 1:
        product = w.op("Mul", product, w.constant(np.full(1, alpha, dtype)))
    return write_activation(w, product, a, dtype) if "activation" in a else product


def _gemm(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    known = {k: a[k] for k in ("alpha", "beta", "transA", "transB") if k in a}
    product = w.op("Gemm", *node.input, **known)
    return write_activation(w, product, a, format_of(w, node))


def _conv(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    known = {k: v for k, v in a.items() if not k.startswith("activation")}
    product = w.op("Conv", *filter(None, node.input[:3]), **known)
    return write_activation(w, _sum(w, product, _input(node, 3)), a, format_of(w, node))


def _distances(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Distances between each row of A and each row of B.

    Where B is constant, they are computed as |a|² − 2 a·b + |b|², measured from the mean of B so
    that less cancels.
    """
    dtype, (x, y) = format_of(w, node), node.input
    if dtype is None:
        return None
    rows = w.value(y)
    if a.get("metric", b"sqeuclidean") == b"euclidean" or rows is None:
        gap = w.op("Sub", w.op("Unsqueeze", x, axes(w, 1)), w.op("Unsqueeze", y, axes(w, 0)))
        square = w.op("ReduceSum", w.op("Mul", gap, gap), axes(w, 2), keepdims=0)
        return w.op("Sqrt", square) if a.get("metric") == b"euclidean" else square
    middle = rows.mean(axis=0)
    x, near = w.op("Sub", x, w.constant(middle)), rows - middle
    square = w.op("ReduceSum", w.op("Mul", x, x), axes(w, 1), keepdims=1)
    cross = w.op("MatMul", x, w.constant(-2 * near.T))
    return w.op("Add", w.op("Add", square, cross), w.constant((near * near).sum(axis=1)))


# --- normalizations ------------------------------------------------------------------------------


def _layer(w: Writer, node: onnx.NodeProto, a: Attributes) -> str:
    """LayerNormalization of ONNX's domain, with all outputs."""
    w.nodes.append(helper.make_node("LayerNormalization", node.input, node.output, **a))
    return ""


def _skipped(w: Writer, node: onnx.NodeProto, bias: int) -> str:
    """Sum that is normalized, and written to the fourth output where that is used."""
    total = _sum(w, node.input[0], node.input[1], _input(node, bias))
    if len(node.output) > 3 and node.output[3]:
        w.write("Identity", [total], node.output[3])
    return total


def _skip_layer(w: Writer, node: onnx.NodeProto, a: Attributes) -> str:
    read = [_skipped(w, node, 4), node.input[2], *filter(None, [_input(node, 3)])]
    outputs = list(node.output[:3])
    while not outputs[-1]:
        outputs.pop()
    epsilon = float(a.get("epsilon", TINY))
    w.nodes.append(
        helper.make_node("LayerNormalization", read, outputs, node.name, epsilon=epsilon)
    )
    return ""


def _skip_simplified(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype = format_of(w, node)
    if dtype is None or any(node.output[1:3]):
        return None
    epsilon = float(a.get("epsilon", TINY))
    return _root_mean_square(w, _skipped(w, node, 3), node.input[2], epsilon, dtype)[0]


def _simplified(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, axis = format_of(w, node), int(a.get("axis", -1))
    shape = w.shape(node.input[0])
    if dtype is None or (axis != -1 and (shape is None or axis != len(shape) - 1)):
        return None
    epsilon = float(a.get("epsilon", EPSILON))
    normal, size = _root_mean_square(w, node.input[0], node.input[1], epsilon, dtype)
    if len(node.output) > 1 and node.output[1]:
        w.write("Reciprocal", [size], node.output[1])
    return normal


def _root_mean_square(
    w: Writer, x: str, scale: str, epsilon: float, dtype: object
) -> tuple[str, str]:
    """γ x/√(mean x² + ε), and the square root."""
    square = w.op("ReduceMean", w.op("Mul", x, x), axes(w, -1), keepdims=1)
    small = w.constant(np.array(epsilon, dtype))  # type: ignore[call-overload]
    size = w.op("Sqrt", w.op("Add", square, small))
    return w.op("Mul", w.op("Div", x, size), scale), size


WRITERS: dict[str, Callable[[Writer, onnx.NodeProto, Attributes], str | None]] = {
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "BiasAdd": _bias_add,
    "FusedMatMul": _matmul,
    "FusedMatMulActivation": _matmul,
    "TransposeMatMul": _matmul,
    "FusedGemm": _gemm,
    "FusedConv": _conv,
    "CDist": _distances,
    "LayerNormalization": _layer,
    "SkipLayerNormalization": _skip_layer,
    "SkipSimplifiedLayerNormalization": _skip_simplified,
    "SimplifiedLayerNormalization": _simplified,
    "Attention": attention,
    "MultiHeadAttention": multi_head_attention,
}
