"""Elements that are picked or placed by indices, which may depend on the event themselves."""

from __future__ import annotations

import onnx

from onnxtaylor.graph.lift.lifter import Lifter, Rule, behind
from onnxtaylor.graph.normalize.writer import Attributes

__all__ = ["RULES"]


def gather(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axis; indices of each event pick from its own tensor.

    Data D of rank r and indices I of rank q give the axes (N, before, I, after).
    """
    data, indices = node.input
    rank, places = context.rank(data), context.rank(indices)
    axis = int(a.get("axis", 0)) % rank
    if not context.is_lifted(indices):
        return context.keep(node, axis=axis + 1)
    if not context.is_lifted(data):
        if axis == 0:
            return context.keep(node)
        # (before, N, I, after)
        picked = context.op("Gather", data, indices, axis=axis)
        rest = range(axis + 1, rank + places)
        return context.finish(node, "Transpose", picked, perm=[axis, *range(axis), *rest])
    before, after = range(1, 1 + axis), range(2 + axis, 1 + rank)
    first = context.op("Transpose", data, perm=[0, 1 + axis, *before, *after]) if axis else data
    last = context.op("Unsqueeze", indices, context.constant([-1]))
    if axis == 0:
        return context.finish(node, "GatherND", first, last, batch_dims=1)
    picked = context.op("GatherND", first, last, batch_dims=1)  # (N, I, before, after)
    middle = 1 + places
    ahead, behind_them = range(middle, middle + axis), range(middle + axis, places + rank)
    perm = [0, *ahead, *range(1, middle), *behind_them]
    return context.finish(node, "Transpose", picked, perm=perm)


def by_elements(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Moves the axis; all tensors have the same axes, so that each gets N."""
    inputs = [context.everywhere(name) for name in node.input]
    context.keep(node, inputs, axis=behind(int(a.get("axis", 0))))


def gather_nd(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Makes N one more batch axis; from shared data, indices of all events pick alike."""
    data, indices = node.input
    batch = int(a.get("batch_dims", 0))
    if not context.is_lifted(data) and batch == 0:
        return context.keep(node)
    both = [context.everywhere(data), context.everywhere(indices)]
    return context.keep(node, both, batch_dims=batch + 1)


def scatter_nd(context: Lifter, node: onnx.NodeProto, a: Attributes) -> None:
    """Puts the number of the event before each index, as there are no batch axes."""
    data, indices, updates = (context.everywhere(name) for name in node.input)
    shape = context.shape(node.input[1])[:-1]
    count = context.op("Squeeze", context.count(), context.constant([0]))
    events = context.op("Range", context.constant(0), count, context.constant(1))
    column = context.op("Reshape", events, context.constant([-1, *[1] * len(shape), 1]))
    numbers = context.op("Expand", column, context.constant([1, *shape, 1]))
    whole = context.op("Concat", numbers, indices, axis=-1)
    context.keep(node, [data, whole, updates])


RULES: dict[str, Rule] = {
    "Gather": gather,
    "GatherElements": by_elements,
    "GatherND": gather_nd,
    "ScatterElements": by_elements,
    "ScatterND": scatter_nd,
}
