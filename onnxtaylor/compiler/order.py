"""In which order an axis of m·N elements holds those of the N events.

Merging (N, m) puts an event's elements behind one another. Merging (m, N), as networks with the
sequence in front do, puts those of event e at e, e + N, e + 2N, …. In general the axis is
(q, N, m/q).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from onnxtaylor.rules.bundle import Shape, batch_axis
from onnxtaylor.rules.rule import Node

__all__ = ["UNKNOWN", "event_blocks"]

SAME_ORDER = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})
UNKNOWN = 0


def event_blocks(nodes: Sequence[Node], shapes: Mapping[str, Shape]) -> dict[str, int]:
    """For tensors whose axis m·N is (q, N, m/q) with q > 1: this q, or 0 where it is not known."""
    found: dict[str, int] = {}
    for node in nodes:
        flagged = [name for name in node.inputs if name in found]
        if node.kind in SAME_ORDER and node.inputs[0] in shapes:
            _reshaped(found, shapes, node.inputs[0], node.outputs[0])
        elif node.kind == "Gather" and _along_events(node, shapes):
            # as its indices lie
            if node.inputs[1] in found:
                found[node.outputs[0]] = found[node.inputs[1]]
        elif flagged:
            kinds = {(found[name], _events_in(shapes[name])) for name in flagged}
            for name in node.outputs:
                known = name in shapes and len(kinds) == 1
                same = known and _events_in(shapes[name]) == next(iter(kinds))[1]
                found[name] = next(iter(kinds))[0] if same else UNKNOWN
    return found


def _events_in(shape: Shape) -> int:
    axis = batch_axis(shape)
    return 0 if axis is None else -shape[axis]


def _along_events(node: Node, shapes: Mapping[str, Shape]) -> bool:
    shape = shapes.get(node.inputs[0], ())
    axis = int(node.get("axis", 0))
    return batch_axis(shape) == (axis + len(shape) if axis < 0 else axis)


def _reshaped(found: dict[str, int], shapes: Mapping[str, Shape], source: str, to: str) -> None:
    """Elements keep their order: what lies outside the events remains outside."""
    old, new = batch_axis(shapes[source]), batch_axis(shapes.get(to, ()))
    if old is None or new is None:
        return
    outside = prod(shapes[source][:old]) * found.get(source, 1)
    before = prod(shapes[to][:new])
    if source in found and found[source] == UNKNOWN:
        found[to] = UNKNOWN
    elif outside != before:
        q = outside // before if before and outside % before == 0 else UNKNOWN
        found[to] = q if q and _events_in(shapes[to]) % q == 0 else UNKNOWN
