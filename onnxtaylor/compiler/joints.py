"""Which events lie on a joint: where the pieces of an operator meet, exactly.

Operators that only choose between branches are looked at, too: an Equal in front of a Where is
where the pieces meet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.order import UNKNOWN
from onnxtaylor.errors import UNKNOWN_FORM, ModelError
from onnxtaylor.rules.bundle import batch_axis
from onnxtaylor.rules.joints import JOINTS, Flags, JointTest
from onnxtaylor.rules.rule import Node

__all__ = ["JOINT_EVENTS", "joint_events"]

JOINT_EVENTS = "onnxtaylor/joints"


def joint_events(facts: GraphFacts) -> bool:
    """Writes ``JOINT_EVENTS`` (N, 1), float32 and more than 0 for events on a joint.

    Returns False, and writes nothing, where no operator between features and responses has one.
    """
    e = facts.e
    parts: list[str] = []  # (N, 1), float32
    distances: dict[np.dtype[Any], list[str]] = {}  # (N, 1), by their format
    reached = {facts.function.feed}
    for node in facts.nodes:
        if not reached.intersection(node.inputs):
            continue
        reached.update(node.outputs)
        kind = facts.format(node.inputs[0])
        if node.kind not in JOINTS or kind is None:
            continue  # whole numbers and truth values are pieces already
        found, distance = _flagged(facts, node, JOINTS[node.kind])
        if found:
            (distances.setdefault(kind, []) if distance else parts).append(found)
    for kind, names in distances.items():
        least = e.op("Min", *names) if len(names) > 1 else names[0]
        parts.append(
            e.op("Cast", e.op("Equal", least, e.constant(0.0, kind)), to=TensorProto.FLOAT)
        )
    if parts:
        total = e.op("Sum", *parts) if len(parts) > 1 else parts[0]
        e.nodes.append(helper.make_node("Identity", [total], [JOINT_EVENTS], name=JOINT_EVENTS))
    return bool(parts)


def _flagged(facts: GraphFacts, node: Node, test: JointTest) -> tuple[str, bool]:
    """Which events a test flags, (N, 1), or how far they are from a joint, and which of the two;
    "" for none. All events are flagged where the node's form is unknown to the test: to look at
    both sides is right at any event.
    """
    try:
        flags = test(facts, node)
    except (ModelError, *UNKNOWN_FORM):
        return _all_events(facts), False
    if flags is None or batch_axis(flags.shape) is None:
        return "", False
    found = {
        facts.event_blocks[n] for n in (*node.inputs, *node.outputs) if n in facts.event_blocks
    }
    if len(found) > 1 or UNKNOWN in found:
        return _all_events(facts), False
    return _by_event(facts, flags, found.pop() if found else 1), flags.distance


def _all_events(facts: GraphFacts) -> str:
    """A flag for every event, (N, 1): which ones lie on a joint cannot be told."""
    e = facts.e
    shape = e.op("Concat", _count(facts), e.constant([1]), axis=0)
    return e.op("Expand", e.constant(1.0, "f4"), shape)


def _count(facts: GraphFacts) -> str:
    """The number of events, (1,)."""
    e = facts.e
    return e.op("Gather", e.op("Shape", facts.function.feed), e.constant([0]), axis=0)


def _by_event(facts: GraphFacts, flags: Flags, outside: int) -> str:
    """The largest flag of each event, or the smallest distance, (N, 1).

    Of an axis m·N, the m rows of an event lie together, or ``outside`` parts of them do, each with
    all events (see ``order``).
    """
    e, axis, rank = facts.e, batch_axis(flags.shape), len(flags.shape)
    assert axis is not None
    name = flags.name if flags.distance else e.op("Cast", flags.name, to=TensorProto.FLOAT)
    kind = "ReduceMin" if flags.distance else "ReduceMax"
    if rank == 2 and axis == 0 and flags.shape[0] == -1:  # the usual case, in one node
        return e.op(kind, name, e.constant([1]), keepdims=1)
    if axis:
        order = [axis, *(k for k in range(rank) if k != axis)]
        name = e.op("Transpose", name, perm=order)
    shape = e.op("Concat", e.constant([outside]), _count(facts), e.constant([-1]), axis=0)
    most = e.op(kind, e.op("Reshape", name, shape), e.constant([0, 2]), keepdims=0)
    return e.op("Unsqueeze", most, e.constant([1]))
