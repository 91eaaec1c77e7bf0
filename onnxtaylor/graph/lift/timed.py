"""Operators on signals and along times, and the values of an event in their order."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx

from onnxtaylor.graph.lift.layers import merged
from onnxtaylor.graph.lift.lifter import Lifter, Rule, behind, inputs_of
from onnxtaylor.graph.normalize.writer import Attributes

__all__ = ["RULES"]


def transformed(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """DFT: moves the axis, which is an input."""
    context.require_shared(node)
    x, length, axis = inputs_of(node, 3)
    if axis:
        given = context.value(axis)
        axis = context.constant(behind(int(given.reshape(-1)[0])), given.dtype)
    context.keep(node, [x, length, axis] if axis else [x, length] if length else [x])


def reversed_in_time(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """ReverseSequence: brings its rows to the front, where they are merged with the events."""
    x, lengths = node.input
    shape = context.shape(x)
    rows, time = int(a.get("batch_axis", 1)), int(a.get("time_axis", 0))
    perm = [0, 1 + rows, 1 + time, *range(3, 1 + len(shape))]
    turned = context.op("Transpose", context.everywhere(x), perm=perm)
    inner = [shape[rows], shape[time], *shape[2:]]
    flat = context.op("Reshape", turned, context.constant([-1, *inner[1:]]))
    own = context.op("Reshape", context.everywhere(lengths), context.constant([-1]))
    flat = context.op("ReverseSequence", flat, own, batch_axis=0, time_axis=1)
    found = context.reshaped(flat, inner)
    context.finish(node, "Transpose", found, perm=[int(k) for k in np.argsort(perm)])


def scattered_in_time(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """TensorScatter: merges its batch with the events."""
    x, update, places = inputs_of(node, 3)
    shape, rank = context.shape(x), context.rank(x)
    read = [
        context.op("Reshape", context.everywhere(name), context.constant([-1, *sizes[1:]]))
        for name, sizes in ((x, shape), (update, context.shape(update)))
    ]
    if places:
        read.append(context.op("Reshape", context.everywhere(places), context.constant([-1])))
    axis = int(a.get("axis", -2)) % rank
    flat = context.op("TensorScatter", *read, axis=axis, mode=a.get("mode", b"linear"))
    context.finish(node, "Identity", context.reshaped(flat, shape))


def distinct(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Unique of numbers that all differ: sorted, or as they are; each occurs once.

    The number of results must be that of the elements: of another event the graph would give a
    response of another size.
    """
    x, size = node.input[0], prod(context.shape(node.input[0]))
    if "axis" in a:
        raise ValueError("it compares slices along an axis")
    if context.shape(node.output[0]) != (size,):
        raise ValueError(
            "some of its elements are equal, so that their number depends on the event"
        )
    row = context.reshaped(x, [size])
    outputs = [*node.output, "", "", ""][:4]
    steps = context.op("Expand", context.constant(np.arange(size)), context.for_events([size]))
    places = back = steps
    values = row
    if a.get("sorted", 1):
        many = context.constant([size])
        values, places = context.w.ops("TopK", 2, row, many, axis=1, largest=0)
        if outputs[2]:
            _, back = context.w.ops("TopK", 2, places, many, axis=1, largest=0)
    ones = context.op("Expand", context.constant([1]), context.for_events([size]))
    for output, name in zip(outputs, (values, places, back, ones), strict=True):
        if output:
            context.w.write("Identity", [name], output)


RULES: dict[str, Rule] = {
    "Col2Im": merged(),
    "DFT": transformed,
    "ReverseSequence": reversed_in_time,
    "STFT": merged(),
    "TensorScatter": scattered_in_time,
    "Unique": distinct,
}
