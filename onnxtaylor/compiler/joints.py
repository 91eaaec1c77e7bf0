"""Marks the events that lie on a joint: exactly where two pieces of an operator meet.

Operators that only choose between branches count, too: the pieces of a Where meet where its
condition, an Equal or Less, changes.
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


def joint_events(facts: GraphFacts, *, counted: bool = False) -> bool:
    """Writes ``JOINT_EVENTS`` (N, 1), float32, greater than 0 for events on a joint.

    ``counted``: it is the number of elements on a joint, NaN where a node's form is unknown.
    Returns False, and writes nothing, if no operator that depends on the features has a joint.
    """
    e = facts.e
    parts: list[str] = []  # (N, 1), float32
    distances: dict[np.dtype[Any], list[str]] = {}  # (N, 1), by their format
    reached = {facts.function.seed}
    for node in facts.nodes:
        if not reached.intersection(node.inputs):
            continue
        reached.update(node.outputs)
        kind = facts.format(node.inputs[0])
        if node.kind not in JOINTS or kind is None:
            continue  # whole numbers and truth values never lie on the border of a piece
        name, distance = _flag_events(facts, node, JOINTS[node.kind], counted)
        if name:
            (distances.setdefault(kind, []) if distance else parts).append(name)
    for kind, names in distances.items():
        least = e.op("Min", *names) if len(names) > 1 else names[0]
        parts.append(
            e.op("Cast", e.op("Equal", least, e.constant(0.0, kind)), to=TensorProto.FLOAT)
        )
    if parts:
        total = e.op("Sum", *parts) if len(parts) > 1 else parts[0]
        e.nodes.append(helper.make_node("Identity", [total], [JOINT_EVENTS], name=JOINT_EVENTS))
    return bool(parts)


def _flag_events(facts: GraphFacts, node: Node, test: JointTest, counted: bool) -> tuple[str, bool]:
    """Writes a node's test for each event; returns its name, and whether it is a distance.

    The tensor (N, 1) holds flags, or distances from a joint; the name is "" if the node has no
    joint. Where the test does not know the form of the node, all events are flagged: to evaluate
    both sides is right at any event, it only takes longer.
    """
    try:
        flags = test(facts, node)
    except (ModelError, *UNKNOWN_FORM):
        return _all_events(facts, counted), False
    if flags is None or batch_axis(flags.shape) is None:
        return "", False
    names = (*node.inputs, *node.outputs)
    blocks = {facts.event_blocks[n] for n in names if n in facts.event_blocks}
    if len(blocks) > 1 or UNKNOWN in blocks:
        return _all_events(facts, counted), False
    if counted and flags.distance:
        zero = facts.e.constant(0.0, facts.format(node.inputs[0]))
        flags = Flags(facts.e.op("Equal", flags.name, zero), flags.shape)
    name = _by_event(facts, flags, blocks.pop() if blocks else 1, counted)
    return name, flags.distance


def _all_events(facts: GraphFacts, counted: bool) -> str:
    """Flags all events, (N, 1); no number of joints is known of them."""
    e = facts.e
    shape = e.op("Concat", _count(facts), e.constant([1]), axis=0)
    return e.op("Expand", e.constant(np.nan if counted else 1.0, "f4"), shape)


def _count(facts: GraphFacts) -> str:
    """The number of events, (1,)."""
    e = facts.e
    return e.op("Gather", e.op("Shape", facts.function.feed), e.constant([0]), axis=0)


def _by_event(facts: GraphFacts, flags: Flags, blocks: int, counted: bool) -> str:
    """The largest flag of each event, the number of its flags, or its smallest distance, (N, 1).

    An axis m·N consists of ``blocks`` blocks, each with all events (see ``order``).
    """
    e, axis, rank = facts.e, batch_axis(flags.shape), len(flags.shape)
    assert axis is not None
    name = flags.name if flags.distance else e.op("Cast", flags.name, to=TensorProto.FLOAT)
    kind = "ReduceMin" if flags.distance else "ReduceSum" if counted else "ReduceMax"
    if rank == 2 and axis == 0 and flags.shape[0] == -1:  # the usual case, in one node
        return e.op(kind, name, e.constant([1]), keepdims=1)
    if axis:
        order = [axis, *(k for k in range(rank) if k != axis)]
        name = e.op("Transpose", name, perm=order)
    shape = e.op("Concat", e.constant([blocks]), _count(facts), e.constant([-1]), axis=0)
    most = e.op(kind, e.op("Reshape", name, shape), e.constant([0, 2]), keepdims=0)
    return e.op("Unsqueeze", most, e.constant([1]))
