"""Which events lie on a joint: where the pieces of an operator meet, exactly.

Operators that only choose between branches are looked at, too: an Equal in front of a Where is
where the pieces meet.
"""

from __future__ import annotations

from onnx import TensorProto, helper

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.errors import UNKNOWN_FORM, ModelError
from onnxtaylor.rules.base import Node
from onnxtaylor.rules.bundle import batch_axis
from onnxtaylor.rules.joints import JOINTS, Flags, JointTest

__all__ = ["JOINT_EVENTS", "joint_events"]

JOINT_EVENTS = "onnxtaylor/joints"


def joint_events(facts: GraphFacts) -> bool:
    """Writes ``JOINT_EVENTS`` (N, 1), float32 and more than 0 for events on a joint.

    Returns False, and writes nothing, where no operator between features and responses has one.
    """
    e, total = facts.e, ""
    reached = {facts.function.feed}
    for node in facts.nodes:
        if not reached.intersection(node.inputs):
            continue
        reached.update(node.outputs)
        part = _flagged(facts, node, JOINTS[node.kind]) if node.kind in JOINTS else ""
        if part:
            total = e.op("Add", total, part) if total else part
    if total:
        e.nodes.append(helper.make_node("Identity", [total], [JOINT_EVENTS], name=JOINT_EVENTS))
    return bool(total)


def _flagged(facts: GraphFacts, node: Node, test: JointTest) -> str:
    """Which events a test flags, (N, 1); all of them where the node's form is unknown to it, since
    to look at both sides is right at any event. "" for none.
    """
    e = facts.e
    if facts.format(node.inputs[0]) is None:
        return ""  # whole numbers and truth values are pieces already
    try:
        flags = test(facts, node)
    except (ModelError, *UNKNOWN_FORM):
        shape = e.op("Concat", _count(facts), e.constant([1]), axis=0)
        return e.op("Expand", e.constant(1.0, "f4"), shape)
    if flags is None or batch_axis(flags.shape) is None:
        return ""
    return _by_event(facts, flags)


def _count(facts: GraphFacts) -> str:
    """The number of events, (1,)."""
    e = facts.e
    return e.op("Gather", e.op("Shape", facts.function.feed), e.constant([0]), axis=0)


def _by_event(facts: GraphFacts, flags: Flags) -> str:
    """Whether any element of an event has a flag, (N, 1)."""
    e, axis = facts.e, batch_axis(flags.shape)
    assert axis is not None
    name = e.op("Cast", flags.name, to=TensorProto.FLOAT)
    rank = len(flags.shape)
    if axis:
        order = [axis, *(k for k in range(rank) if k != axis)]
        name = e.op("Transpose", name, perm=order)
    # of m·N, the m rows of an event lie together
    flat = e.op("Reshape", name, e.op("Concat", _count(facts), e.constant([-1]), axis=0))
    return e.op("ReduceMax", flat, e.constant([1]), keepdims=1)
