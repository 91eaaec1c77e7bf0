"""Replaces composite operators, whose official function body is unsuitable, by elementary ones.

ONNX has no body for some of these; the bodies of others compute in the wrong format or overflow.

LRN                     x/(k + α/size Σ x²)^β over neighbouring channels
LpPool, GlobalLpPool    (Σ |x|^p)^(1/p) over windows, over images
Gemm                    α AB + βC where B is no constant or A is transposed
MatMul                  for vectors
Max, Min                for one tensor or more than two
Celu                    α Elu(x/α)
ReduceL2                √Σ x²
ReduceLogSumExp         m + log Σ exp(x − m)
CastLike                a Cast to the format of its second input
CumProd                 products of 2, 4, 8, … neighbours

The operators of ``layers``, ``attention`` and ``sampled`` are replaced here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.attention import attention
from onnxtaylor.graph.normalize.layers import LAYERS
from onnxtaylor.graph.normalize.sampled import SAMPLED
from onnxtaylor.graph.normalize.writer import (
    Attributes,
    Writer,
    axes,
    format_of,
    image_of,
    replace_nodes,
)

__all__ = ["COMPOSITE", "expand_composite"]


def expand_composite(
    proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
) -> onnx.ModelProto:
    """Ensures: none of these operators is left where rank and format are known.

    Requires: opset 18 or later. ``shapes`` as in ``writer.replace_nodes``.
    """

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        write = WRITERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if write is None:
            return False
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        output = write(w, node, attributes)
        if output is None:
            return False
        w.write("Identity", [output], node.output[0])
        return True

    return replace_nodes(proto, rewrite, shapes)


def _lrn(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    image, dtype, x = image_of(w, node), format_of(w, node), node.input[0]
    if image is None or dtype is None or image[0][1] <= 0:
        return None
    shape, size = image[0], int(a["size"])
    channels = np.arange(shape[1])
    step = channels[None, :] - channels[:, None]  # out, in
    near = (step >= -((size - 1) // 2)) & (step <= size - 1 - (size - 1) // 2)
    factor = float(a.get("alpha", np.float32(1e-4))) / size
    rank = len(shape)
    flat = w.op("Reshape", w.op("Mul", x, x), axes(w, 0, 0, -1)) if rank != 3 else None
    total = w.op("MatMul", w.constant((factor * near).astype(dtype)), flat or w.op("Mul", x, x))
    inner = w.op("Add", total, w.constant(np.array(a.get("bias", 1.0), dtype)))
    power = w.op("Pow", inner, w.constant(np.array(-float(a.get("beta", 0.75)), dtype)))
    if flat:
        power = w.op("Reshape", power, w.op("Shape", x))
    return w.op("Mul", x, power)


def _power(w: Writer, x: str, p: int, dtype: npt.DTypeLike) -> str:
    """|x|^p."""
    if p == 2:
        return w.op("Mul", x, x)
    size = w.op("Abs", x)
    return size if p == 1 else w.op("Pow", size, w.constant(np.array(p, dtype)))


def _root(w: Writer, x: str, p: int, dtype: npt.DTypeLike) -> str:
    if p == 2:
        return w.op("Sqrt", x)
    return x if p == 1 else w.op("Pow", x, w.constant(np.array(1 / p, dtype)))


def _lp_pool(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype, p = format_of(w, node), int(a.pop("p", 2))
    if dtype is None or a.get("ceil_mode"):
        return None
    powers = _power(w, node.input[0], p, dtype)
    # the average over the whole window, padding included, is the sum over its size
    mean = w.op("AveragePool", powers, count_include_pad=1, **a)
    total = w.op("Mul", mean, w.constant(np.array(prod(a["kernel_shape"]), dtype)))
    return _root(w, total, p, dtype)


def _global_lp_pool(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    image, dtype, p = image_of(w, node), format_of(w, node), int(a.get("p", 2))
    if image is None or dtype is None:
        return None
    powers = _power(w, node.input[0], p, dtype)
    return _root(w, w.op("ReduceSum", powers, axes(w, *image[1]), keepdims=1), p, dtype)


def _gemm(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    dtype = format_of(w, node)
    if dtype is None or (not a.get("transA") and w.value(node.input[1]) is not None):
        return None
    factors = [
        w.op("Transpose", name, perm=[1, 0]) if a.get(f"trans{k}") else name
        for k, name in zip("AB", node.input, strict=False)
    ]
    product = _times(w, w.op("MatMul", *factors), float(a.get("alpha", 1.0)), dtype)
    if len(node.input) < 3 or not node.input[2]:
        return product
    return w.op("Add", product, _times(w, node.input[2], float(a.get("beta", 1.0)), dtype))


def _times(w: Writer, x: str, factor: float, dtype: npt.DTypeLike) -> str:
    return x if factor == 1 else w.op("Mul", x, w.constant(np.array(factor, dtype)))


def _matmul(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    ranks = [len(w.shape(name) or ()) for name in node.input]
    if min(ranks) != 1 or 0 in ranks:
        return None
    x, y = node.input
    left = w.op("Unsqueeze", x, axes(w, 0)) if ranks[0] == 1 else x
    right = w.op("Unsqueeze", y, axes(w, 1)) if ranks[1] == 1 else y
    gone = [-2] * (ranks[0] == 1) + [-1] * (ranks[1] == 1)
    return w.op("Squeeze", w.op("MatMul", left, right), axes(w, *gone))


def _chain(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Max(x, y, z) = Max(Max(x, y), z); Max(x) = x."""
    if len(node.input) == 2:
        return None
    chain = str(node.input[0])
    for other in node.input[1:]:
        chain = w.op(node.op_type, chain, other)
    return chain


def _celu(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """α Elu(x/α); the official body has α in single precision."""
    dtype = format_of(w, node)
    if dtype is None:
        return None
    alpha = w.constant(np.array(a.get("alpha", 1.0), dtype))
    return w.op("Mul", w.op("Elu", w.op("Div", node.input[0], alpha)), alpha)


def _reduce_l2(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """√Σ x²; the official body takes the root in single precision."""
    x = node.input[0]
    return w.op("Sqrt", w.op("ReduceSum", w.op("Mul", x, x), *node.input[1:], **a))


def _log_sum_exp(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """m + log Σ exp(x − m), with m the maximum of ⌊x⌋.

    The sum is right for any m; this one avoids overflow and has derivative 0, unlike max x. The
    official body computes in double precision, without m.
    """
    x = node.input[0]
    where = w.value(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    if a.get("noop_with_empty_axes") and (where is None or not where.size):
        return w.op("Identity", x)
    whole = w.op("Floor", x)
    shift = w.op("ReduceMax", whole, *node.input[1:], **{**a, "keepdims": 1})
    total = w.op("ReduceSum", w.op("Exp", w.op("Sub", x, shift)), *node.input[1:], **a)
    if not a.get("keepdims", 1):
        shift = w.op("ReduceMax", whole, *node.input[1:], **a)
    return w.op("Add", shift, w.op("Log", total))


def _cast_like(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Writes CastLike as Cast, whose attribute shows whether it is a step function."""
    kind = w.kind(node.input[1])
    return w.op("Cast", node.input[0], to=kind, **a) if kind else None


def _running_product(w: Writer, node: onnx.NodeProto, a: Attributes) -> str | None:
    """Π over all elements up to each one along an axis.

    Products of 2 neighbours are multiplied to those of 4, these to those of 8, and so on: no
    division, so that it holds at 0 as well.
    """
    x, shape, dtype = node.input[0], w.shape(node.input[0]), format_of(w, node)
    axis = w.value(node.input[1])
    if shape is None or dtype is None or axis is None:
        return None
    place = int(axis.reshape(-1)[0]) % len(shape)
    count = int(shape[place])
    if count <= 0:
        return None
    one, backwards = w.constant(np.array(1, dtype)), bool(a.get("reverse"))

    def shifted(x: str, by: int) -> str:
        """Moves all elements by some places along the axis; ones follow them."""
        pads = [-by, by] if backwards else [by, -by]
        return w.op("Pad", x, axes(w, *pads), one, axes(w, place))

    if a.get("exclusive"):
        x = shifted(x, 1)
    reach = 1
    while reach < count:
        x, reach = w.op("Mul", x, shifted(x, reach)), 2 * reach
    return w.op("Identity", x)


WRITERS: dict[str, Callable[[Writer, onnx.NodeProto, Attributes], str | None]] = {
    **LAYERS,
    **SAMPLED,
    "Attention": attention,
    "LRN": _lrn,
    "LpPool": _lp_pool,
    "GlobalLpPool": _global_lp_pool,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Max": _chain,
    "Min": _chain,
    "Celu": _celu,
    "ReduceL2": _reduce_l2,
    "ReduceLogSumExp": _log_sum_exp,
    "CastLike": _cast_like,
    "CumProd": _running_product,
}
COMPOSITE = frozenset(WRITERS)
