"""Replaces convolutions and pools by Gather and MatMul, which exist in double precision.

With W (M, C·K) the weights and x_w (C·K, steps) the elements under the window at each step,
y = W x_w; a transposed convolution multiplies by Wᵀ first and then adds all products that fall on
the same element. onnxruntime has kernels for Conv, ConvTranspose, AveragePool and the global pools
in single precision only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, replace_nodes

__all__ = ["expand_windows"]

Attributes = dict[str, Any]
Places = npt.NDArray[np.int64]


def expand_windows(
    proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
) -> onnx.ModelProto:
    """Ensures: none of these operators is left where the sizes are known.

    For graphs in double precision: in single precision the operators themselves are faster.
    ``shapes`` as in ``writer.replace_nodes``.
    """

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        write = WRITERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        shape, out = w.shape(node.input[0]) if node.input else None, w.shape(node.output[0])
        if write is None or shape is None or out is None or len(shape) < 3:
            return False
        if min(*shape[1:], *out[1:]) <= 0:
            return False
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        output = write(w, node, attributes, list(shape), list(out))
        if output is None:
            return False
        w.write("Identity", [output], node.output[0])
        return True

    return replace_nodes(proto, rewrite, shapes)


def _window(
    a: Attributes, kernel: Sequence[int], image: Sequence[int], steps: Sequence[int]
) -> tuple[Places, npt.NDArray[np.int64]]:
    """Places of a window's elements at each step (steps, K), and the number of elements (steps,).

    A place counts elements of the flattened image; one outside the image is the image's size. The
    number of elements includes padding.
    """
    rank = len(kernel)
    strides = a.get("strides") or [1] * rank
    dilations = a.get("dilations") or [1] * rank
    pads = a.get("pads") or [0] * (2 * rank)
    auto = a.get("auto_pad", b"NOTSET").decode()
    flat, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
    counted = np.ones((1, 1), bool)
    for k in range(rank):
        begin, end = pads[k], pads[rank + k]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            over = strides[k] * (steps[k] - 1) + dilations[k] * (kernel[k] - 1) + 1 - image[k]
            begin = (max(over, 0) + (auto == "SAME_LOWER")) // 2
            end = max(over, 0) - begin
        line = strides[k] * np.arange(steps[k])[:, None] - begin
        line = line + dilations[k] * np.arange(kernel[k])
        here, size = (line >= 0) & (line < image[k]), (flat.shape[0] * steps[k], -1)
        flat = (flat[:, None, :, None] * image[k] + line[None, :, None, :]).reshape(size)
        inside = (inside[:, None, :, None] & here[None, :, None, :]).reshape(size)
        within = line < image[k] + end
        counted = (counted[:, None, :, None] & within[None, :, None, :]).reshape(size)
    return np.where(inside, flat, prod(image)), counted.sum(axis=1)


def _ints(w: Writer, *values: int) -> str:
    return w.constant(np.array(values, dtype=np.int64))


def _gathered(w: Writer, x: str, places: Places) -> str:
    """Elements of x (N, C, D) at these places, along the last axis; place D gives 0."""
    return w.op("Gather", w.op("Pad", x, _ints(w, 0, 0, 0, 0, 0, 1)), w.constant(places), axis=2)


def _biased(w: Writer, node: onnx.NodeProto, y: str, out: Sequence[int]) -> str:
    """Result y in the shape of the output, plus the bias if there is one."""
    y = w.op("Reshape", y, _ints(w, -1, *out[1:]))
    if len(node.input) < 3 or not node.input[2]:
        return y
    column = w.op("Reshape", node.input[2], _ints(w, -1, *[1] * (len(out) - 2)))
    return w.op("Add", y, column)


def _conv(
    w: Writer, node: onnx.NodeProto, a: Attributes, shape: list[int], out: list[int]
) -> str | None:
    weight, group = w.value(node.input[1]), int(a.get("group", 1))
    if weight is None:
        return None
    places, _ = _window(a, weight.shape[2:], shape[2:], out[2:])  # (steps, K)
    flat = w.op("Reshape", node.input[0], _ints(w, -1, shape[1], prod(shape[2:])))
    steps, size = places.shape
    under = _gathered(w, flat, np.ascontiguousarray(places.T).reshape(-1))  # (N, C, K·steps)
    under = w.op("Reshape", under, _ints(w, -1, group, shape[1] // group * size, steps))
    matrix = weight.reshape(group, out[1] // group, -1)
    return _biased(w, node, w.op("MatMul", w.constant(matrix), under), out)


def _conv_transpose(
    w: Writer, node: onnx.NodeProto, a: Attributes, shape: list[int], out: list[int]
) -> str | None:
    weight, group = w.value(node.input[1]), int(a.get("group", 1))
    auto = a.get("auto_pad", b"NOTSET").decode()
    if weight is None:
        return None
    kernel, rank = weight.shape[2:], len(shape) - 2
    if a.get("output_shape") or auto.startswith("SAME"):
        lines = zip(
            a.get("strides") or [1] * rank,
            shape[2:],
            a.get("output_padding") or [0] * rank,
            a.get("dilations") or [1] * rank,
            kernel,
            out[2:],
            strict=True,
        )
        over = [max(s * (n - 1) + o + d * (k - 1) + 1 - m, 0) for s, n, o, d, k, m in lines]
        begin = [v // 2 if auto == "SAME_UPPER" else v - v // 2 for v in over]
        a = {**a, "pads": begin + [v - b for v, b in zip(over, begin, strict=True)]}
    # the places of a convolution that has the output as its input
    places, _ = _window({**a, "auto_pad": b"NOTSET"}, kernel, out[2:], shape[2:])
    steps, size = places.shape
    matrix = weight.reshape(group, shape[1] // group, -1).transpose(0, 2, 1)  # (g, M/g·K, C/g)
    x = w.op("Reshape", node.input[0], _ints(w, -1, group, shape[1] // group, steps))
    spread = w.op("MatMul", w.constant(np.ascontiguousarray(matrix)), x)
    spread = w.op("Reshape", spread, _ints(w, -1, out[1], size * steps))
    where = np.ascontiguousarray(places.T).reshape(-1)
    # table (elements, most): the products that fall on each element, padded with a place of 0
    order = np.argsort(where, kind="stable")
    ends = np.searchsorted(where[order], np.arange(prod(out[2:]) + 1))
    counts = np.diff(ends)
    table = np.full((len(counts), max(int(counts.max()), 1)), size * steps, dtype=np.int64)
    for k in range(table.shape[1]):
        some = np.flatnonzero(counts > k)
        table[some, k] = order[ends[some] + k]
    total = w.op("ReduceSum", _gathered(w, spread, table), _ints(w, 3), keepdims=0)
    return _biased(w, node, total, out)


def _average_pool(
    w: Writer, node: onnx.NodeProto, a: Attributes, shape: list[int], out: list[int]
) -> str | None:
    kind = w.kind(node.input[0])
    if not kind:
        return None
    places, counted = _window(a, a["kernel_shape"], shape[2:], out[2:])
    if not a.get("count_include_pad", 0):
        counted = (places < prod(shape[2:])).sum(axis=1)
    flat = w.op("Reshape", node.input[0], _ints(w, -1, shape[1], prod(shape[2:])))
    total = w.op("ReduceSum", _gathered(w, flat, places), _ints(w, 3), keepdims=0)
    share = (1.0 / counted).astype(helper.tensor_dtype_to_np_dtype(kind))
    return w.op("Reshape", w.op("Mul", total, w.constant(share)), _ints(w, -1, *out[1:]))


def _global(kind: str) -> Callable[..., str]:
    def write(
        w: Writer, node: onnx.NodeProto, a: Attributes, shape: list[int], out: list[int]
    ) -> str:
        axes = _ints(w, *range(2, len(shape)))
        return w.op(kind, node.input[0], axes, keepdims=1)

    return write


WRITERS: dict[str, Callable[..., str | None]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global("ReduceMean"),
    "GlobalMaxPool": _global("ReduceMax"),
}
