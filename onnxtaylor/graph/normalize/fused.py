"""Activations and simple attention, which onnxruntime fuses with products."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.graph.normalize.writer import Attributes, Writer, axes, format_of

__all__ = ["attention", "multi_head_attention", "write_activation"]

PLAIN = frozenset({"Relu", "Tanh", "Sigmoid", "Softplus", "Softsign", "HardSwish", "Gelu"})
# attributes of activations, in the order in which onnxruntime lists their values
KEYED = {
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "Celu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Selu": ("alpha", "gamma"),
}


def write_activation(w: Writer, x: str, a: Attributes, dtype: npt.DTypeLike | None) -> str | None:
    """Writes the activation of x that a fused operator names; None for an unknown one."""
    kind = a.get("activation", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if not kind:
        return x
    listed = [float(p) for p in a.get("activation_params") or []]
    if kind in PLAIN:
        return w.op(kind, x)
    if kind in KEYED:
        names = KEYED[kind]
        numbers = dict(zip(names, listed, strict=False))
        numbers |= {k: float(a[f"activation_{k}"]) for k in names if f"activation_{k}" in a}
        return w.op(kind, x, **numbers)
    if kind == "Clip" and len(listed) == 2 and dtype is not None:
        return w.op("Clip", x, *(w.constant(np.array(limit, dtype)) for limit in listed))
    return None


def attention(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Writes attention of x (batch, sequence, width) with one weight (width, Q + K + V)."""
    read = [*node.input, *[""] * (7 - len(node.input))]
    weight, dtype = w.value(read[1]), format_of(w, node)
    plain = not any(read[3:5]) and not read[6] and not any(node.output[1:])
    supported = {"num_heads", "scale", "qkv_hidden_sizes", "mask_filter_value"}
    if weight is None or dtype is None or not plain or _has_others(a, supported):
        return None
    sizes = [int(s) for s in a.get("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3]
    whole = w.op("MatMul", read[0], read[1])
    if read[2]:
        whole = w.op("Add", whole, read[2])
    q, k, v = w.ops("Split", 3, whole, axes(w, *sizes), axis=-1)
    heads = int(a["num_heads"])
    scale = float(a.get("scale", 0.0)) or 1 / sqrt(sizes[0] // heads)
    return _attended(w, (q, k, v), heads, scale, read[5], dtype)


def multi_head_attention(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Writes attention of query, key and value, each (batch, sequence, width)."""
    read = [*node.input, *[""] * (10 - len(node.input))]
    shapes, dtype = [w.shape(name) for name in read[:3]], format_of(w, node)
    plain = all(read[:3]) and not read[4] and not any(read[6:]) and not any(node.output[1:])
    if not plain or _has_others(a, {"num_heads", "scale", "mask_filter_value"}) or dtype is None:
        return None
    bias = w.value(read[3]) if read[3] else None
    widths = [int(s[2]) if s is not None and len(s) == 3 else 0 for s in shapes]
    if min(widths) <= 0 or (read[3] and bias is None):
        return None
    qkv = list(read[:3])
    if bias is not None:
        parts = np.split(bias, np.cumsum(widths)[:2])
        qkv = [w.op("Add", x, w.constant(b)) for x, b in zip(qkv, parts, strict=True)]
    heads = int(a["num_heads"])
    scale = float(a.get("scale", 0.0)) or 1 / sqrt(widths[0] // heads)
    return _attended(w, (qkv[0], qkv[1], qkv[2]), heads, scale, read[5], dtype)


def _has_others(a: Attributes, supported: set[str]) -> bool:
    """Whether an attribute that is not supported is set."""
    return any(value for name, value in a.items() if name not in supported)


def _attended(
    w: Writer, qkv: tuple[str, str, str], heads: int, scale: float, bias: str, dtype: npt.DTypeLike
) -> str:
    """softmax(s Q Kᵀ + B) V for each head, with the heads side by side."""
    split = [w.op("Reshape", x, axes(w, 0, 0, heads, -1)) for x in qkv]
    q, v = (w.op("Transpose", split[place], perm=[0, 2, 1, 3]) for place in (0, 2))
    k = w.op("Transpose", split[1], perm=[0, 2, 3, 1])
    logits = w.op("MatMul", w.op("Mul", q, w.constant(np.full(1, scale, dtype))), k)
    if bias:
        logits = w.op("Add", logits, bias)
    attended = w.op("MatMul", w.op("Softmax", logits, axis=-1), v)
    return w.op("Reshape", w.op("Transpose", attended, perm=[0, 2, 1, 3]), axes(w, 0, 0, -1))
