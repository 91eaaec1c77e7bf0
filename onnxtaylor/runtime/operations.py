"""Operations of a node, from the shapes of its tensors: a counter for each kind of operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import onnx
from onnx import helper

from onnxtaylor.graph.moving import MOVING

__all__ = ["Shape", "Shapes", "count_node"]

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Counter = Callable[[onnx.NodeProto, Sequence[Shape | None], Sequence[Shape | None]], float | None]

NONE = MOVING | {
    "Constant",
    "ConstantOfShape",
    "Cast",
    "CastLike",
    "Shape",
    "Size",
    "Range",
    "Tile",
    "Pad",
    "Compress",
    "NonZero",
    "OneHot",
    "SpaceToDepth",
    "DepthToSpace",
    "Dropout",
    "EyeLike",
}
REDUCTIONS = 1  # operations for each element that is read
ELEMENTS = {
    "Softmax": 5,  # largest, difference, exponential, sum, ratio
    "LogSoftmax": 5,
    "LayerNormalization": 8,  # mean, difference, square, mean, root, ratio, scale, shift
    "BatchNormalization": 2,
    "InstanceNormalization": 8,
    "GroupNormalization": 8,
    "RMSNormalization": 5,
}
CONTROL = ("If", "Loop", "Scan")


def count_node(node: onnx.NodeProto, shapes: Shapes) -> float | None:
    """Counts the operations of a node; None where they are not known.

    Estimated shapes may have another number of axes than the node takes: not known, either.
    """
    if node.op_type in NONE:
        return 0.0
    if node.op_type in CONTROL:
        return None
    inputs = [shapes.get(name) for name in node.input]
    outputs = [shapes.get(name) for name in node.output]
    if (counter := COUNTERS.get(node.op_type)) is not None:
        return counter(node, inputs, outputs)
    if node.op_type.startswith(("Reduce", "Arg", "Cum")):
        return _elements(inputs[:1], REDUCTIONS)
    if node.op_type == "TopK":
        return _elements(inputs[:1])
    if node.op_type in ("Sum", "Mean", "Max", "Min"):
        return _elements(outputs[:1], max(1, len(inputs) - 1))
    return _elements(outputs[:1], ELEMENTS.get(node.op_type, 1))


def _elements(shapes: Sequence[Shape | None], times: float = 1) -> float | None:
    """Elements of tensors, ``times`` each; None where a shape is not known."""
    if not shapes or any(shape is None for shape in shapes):
        return None
    return float(times * sum(prod(shape) for shape in shapes if shape is not None))


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return default


def _product(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    """2 · outputs · k, with k the last axis of the first factor."""
    first, answer = inputs[0], outputs[0]
    if first is None or answer is None:
        return None
    return float(2 * prod(answer) * (first[-1] if first else 1))


def _gemm(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    """2 · m · k · n, and m · n for what is added."""
    first, answer = inputs[0], outputs[0]
    if first is None or answer is None or len(first) != 2:
        return None
    inner = first[0] if _attribute(node, "transA", 0) else first[1]
    added = len(node.input) > 2 and bool(node.input[2])
    return float(prod(answer) * (2 * inner + added))


def _convolution(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    """2 · outputs · (channels of a group · size of the kernel), and a sum with the bias."""
    kernel, answer = inputs[3 if node.op_type == "QLinearConv" else 1], outputs[0]
    if kernel is None or answer is None:
        return None
    place = {"Conv": 2, "QLinearConv": 8}.get(node.op_type, len(node.input))
    added = place < len(node.input) and bool(node.input[place])
    return float(prod(answer) * (2 * prod(kernel[1:]) + added))


def _transposed_convolution(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    """2 · inputs · (channels that an input reaches · size of the kernel), and the bias."""
    x, kernel, answer = inputs[0], inputs[1], outputs[0]
    if x is None or kernel is None or answer is None:
        return None
    added = len(node.input) > 2 and bool(node.input[2])
    return float(2 * prod(x) * prod(kernel[1:]) + added * prod(answer))


def _einsum(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    """Operands times the sizes of all letters: 2 for a product of two; a sum of one is one each."""
    equation = _attribute(node, "equation", b"").decode().replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        if shape is None:
            return None
        head, dots, tail = term.partition("...")
        spread = shape[len(head) : len(shape) - len(tail)] if dots else ()
        letters = [*head, *(f"...{k - len(spread)}" for k in range(len(spread))), *tail]
        if len(letters) != len(shape):
            return None
        for letter, size in zip(letters, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return float(len(terms) * prod(sizes.values()))


def _recurrent(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    """Each step, direction and event: products of all gates, and the gates' own operations.

    g gates of h cells take 2·g·h·(inputs + h) of products, and about 3·g·h besides.
    """
    x, weights = inputs[0], inputs[1]
    if x is None or weights is None or (len(x), len(weights)) != (3, 3):
        return None
    directions, gates, width = weights
    hidden = gates // {"LSTM": 4, "GRU": 3, "RNN": 1}[node.op_type]
    return float(x[0] * x[1] * directions * gates * (2 * (width + hidden) + 3))


def _pool(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    return _elements(outputs[:1], prod(_attribute(node, "kernel_shape", [1])))


def _global_pool(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> float | None:
    return _elements(inputs[:1])


COUNTERS: Mapping[str, Counter] = {
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Gemm": _gemm,
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "QLinearConv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
}
