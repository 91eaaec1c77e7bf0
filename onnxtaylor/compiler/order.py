"""The order of the N events along an axis of m·N elements.

An axis merged from (N, m) holds the elements of an event one after another. An axis merged from
(m, N), as in networks with the sequence in front, holds those of event e at e, e + N, e + 2N, ….
In general it is merged from (q, N, m/q): q blocks, each with m/q elements of all events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from onnxtaylor.graph.moving import RESHAPING
from onnxtaylor.rules.bundle import Shape, batch_axis
from onnxtaylor.rules.rule import Node

__all__ = ["UNKNOWN", "event_blocks"]

UNKNOWN = 0  # in place of q


def event_blocks(nodes: Sequence[Node], shapes: Mapping[str, Shape]) -> dict[str, int]:
    """The number of blocks q for tensors with q > 1; ``UNKNOWN`` where it cannot be determined.

    Parameters
    ----------
    nodes
        All nodes of the graph, in their order.
    shapes
        Shapes of the tensors, −m for m·N.
    """
    blocks: dict[str, int] = {}
    for node in nodes:
        reordered = [name for name in node.inputs if name in blocks]
        if node.kind in RESHAPING and node.inputs[0] in shapes:
            _track_reshape(blocks, shapes, node.inputs[0], node.outputs[0])
        elif node.kind == "Gather" and _along_events(node, shapes):
            # the output holds the events in the order of the indices
            if node.inputs[1] in blocks:
                blocks[node.outputs[0]] = blocks[node.inputs[1]]
        elif reordered:
            kinds = {(blocks[name], _multiple(shapes[name])) for name in reordered}
            for name in node.outputs:
                known = name in shapes and len(kinds) == 1
                same = known and _multiple(shapes[name]) == next(iter(kinds))[1]
                blocks[name] = next(iter(kinds))[0] if same else UNKNOWN
    return blocks


def _multiple(shape: Shape) -> int:
    """The m of the axis m·N; 0 without such an axis."""
    axis = batch_axis(shape)
    return 0 if axis is None else -shape[axis]


def _along_events(node: Node, shapes: Mapping[str, Shape]) -> bool:
    """Whether the node's ``axis`` is the axis of the events."""
    shape = shapes.get(node.inputs[0], ())
    axis = int(node.get("axis", 0))
    return batch_axis(shape) == (axis + len(shape) if axis < 0 else axis)


def _track_reshape(
    blocks: dict[str, int], shapes: Mapping[str, Shape], source: str, to: str
) -> None:
    """Enters the blocks of a reshaped tensor, in which all elements keep their order.

    The number of elements in front of the events stays the same: axes in front of the axis of
    events, times its blocks.
    """
    old, new = batch_axis(shapes[source]), batch_axis(shapes.get(to, ()))
    if old is None or new is None:
        return
    outside = prod(shapes[source][:old]) * blocks.get(source, 1)
    before = prod(shapes[to][:new])
    if source in blocks and blocks[source] == UNKNOWN:
        blocks[to] = UNKNOWN
    elif outside != before:
        q = outside // before if before and outside % before == 0 else UNKNOWN
        blocks[to] = q if q and _multiple(shapes[to]) % q == 0 else UNKNOWN
