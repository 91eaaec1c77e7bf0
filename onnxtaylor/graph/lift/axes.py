"""Operators along axes: their axes move behind N, and targets of shapes get an axis."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx

from onnxtaylor.graph.lift.lifter import Lifter, Rule, behind, inputs_of
from onnxtaylor.graph.normalize.writer import Attributes

__all__ = ["RULES"]


def along(default: int) -> Rule:
    """Returns the rule that moves the attribute ``axis``; further inputs are shared."""

    def rule(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
        context.require_shared(node)
        context.keep(node, axis=behind(int(a.get("axis", default))))

    return rule


def concat(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Repeats for every event what is the same for all."""
    inputs = [context.everywhere(name) for name in node.input]
    context.keep(node, inputs, axis=behind(int(a["axis"])))


def cumulated(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axis, which is an input."""
    axis = context.value(node.input[1])
    moved = context.constant(behind(int(axis.reshape(-1)[0])), axis.dtype)
    context.keep(node, [node.input[0], moved])


def reduced(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axes; all axes are all but N. A number per event is summed over an axis of 1."""
    x, given = inputs_of(node, 2)
    axes = context.numbers(given) if given else []
    rank = context.rank(x)
    if not axes and a.get("noop_with_empty_axes", 0):
        return context.keep(node)
    if rank == 0:
        column = context.op("Unsqueeze", x, context.constant([1]))
        return context.keep(node, [column, context.constant([1])], keepdims=0)
    moved = [behind(axis) for axis in axes or range(rank)]
    return context.keep(node, [x, context.constant(moved)])


def quantized(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axis of a scale that varies along it."""
    context.require_shared(node)
    rank = context.rank(node.input[1])
    if rank == 0:
        return context.keep(node)
    if rank > 1 or a.get("block_size", 0):
        raise ValueError("its scale varies in blocks")
    return context.keep(node, axis=behind(int(a.get("axis", 1))))


def sliced(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axes; without any, the first ones are meant."""
    context.require_shared(node)
    x, starts, ends, given, steps = inputs_of(node, 5)
    axes = context.numbers(given) if given else range(context.shape(starts)[0])
    # onnxruntime asks for one format of all four
    kind = context.value(starts).dtype
    moved = context.constant([behind(axis) for axis in axes], kind)
    context.keep(node, [x, starts, ends, moved, *[steps] * bool(steps)])


def padded(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Writes the pads of all axes, 0 for N."""
    context.require_shared(node)
    x, pads, value, given = inputs_of(node, 4)
    sizes, rank = context.numbers(pads), context.rank(x)
    axes = [axis % rank for axis in context.numbers(given)] if given else range(rank)
    half = len(sizes) // 2
    whole = np.zeros((2, 1 + rank), np.int64)
    for place, axis in enumerate(axes):
        whole[:, 1 + axis] = sizes[place], sizes[half + place]
    context.keep(node, [x, context.constant(whole.reshape(-1)), *[value] * bool(value)])


def transposed(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Keeps N first."""
    perm = a.get("perm", range(context.rank(node.input[0]))[::-1])
    context.keep(node, perm=[0, *(int(axis) + 1 for axis in perm)])


def reshaped(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Reshapes to [N, *shape], the shape being that of one event."""
    context.require_shared(node)
    result = context.reshaped(node.input[0], context.shape(node.output[0]))
    context.finish(node, "Identity", result)


def expanded(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Expands to [1, *shape]: it leaves N as it is."""
    context.require_shared(node)
    shape = context.shape(node.output[0])
    x = context.aligned(node.input[0], len(shape))
    context.keep(node, [x, context.constant([1, *shape])])


def tiled(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Repeats N once."""
    repeats = context.numbers(node.input[1])
    context.keep(node, [node.input[0], context.constant([1, *repeats])])


def compressed(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axis; without one, the elements of an event are in a row."""
    context.require_shared(node)
    x, condition = node.input
    if "axis" in a:
        return context.keep(node, axis=behind(int(a["axis"])))
    row = context.reshaped(x, [prod(context.shape(x))])
    return context.keep(node, [row, condition], axis=1)


RULES: dict[str, Rule] = {
    "ArgMax": along(0),
    "ArgMin": along(0),
    "Compress": compressed,
    "Concat": concat,
    "CumProd": cumulated,
    "CumSum": cumulated,
    "DequantizeLinear": quantized,
    "Expand": expanded,
    "Flatten": reshaped,
    "Hardmax": along(-1),
    "LayerNormalization": along(-1),
    "LogSoftmax": along(-1),
    "LpNormalization": along(-1),
    "OneHot": along(-1),
    "Pad": padded,
    "QuantizeLinear": quantized,
    "ReduceL1": reduced,
    "ReduceL2": reduced,
    "ReduceLogSum": reduced,
    "ReduceLogSumExp": reduced,
    "ReduceMax": reduced,
    "ReduceMean": reduced,
    "ReduceMin": reduced,
    "ReduceProd": reduced,
    "ReduceSum": reduced,
    "ReduceSumSquare": reduced,
    "Reshape": reshaped,
    "Slice": sliced,
    "Softmax": along(-1),
    "Split": along(0),
    "Squeeze": reshaped,
    "Tile": tiled,
    "TopK": along(-1),
    "Transpose": transposed,
    "Unsqueeze": reshaped,
}
