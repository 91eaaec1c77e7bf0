"""Which events lie on a joint: where the pieces of an operator meet, exactly.

Operators that only choose between branches are looked at, too: an Equal in front of a Where is
where the pieces meet.
"""

from __future__ import annotations

from onnx import TensorProto, helper

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.errors import UNKNOWN_FORM, ModelError
from onnxtaylor.rules.bundle import batch_axis
from onnxtaylor.rules.joints import JOINTS, Flags

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
        if node.kind not in JOINTS:
            continue
        try:
            flags = JOINTS[node.kind](facts, node)
        except (ModelError, *UNKNOWN_FORM):
            continue  # of a form that the table does not know: the cross-check is left
        if flags is not None and batch_axis(flags.shape) is not None:
            part = _by_event(facts, flags)
            total = e.op("Add", total, part) if total else part
    if total:
        e.nodes.append(helper.make_node("Identity", [total], [JOINT_EVENTS], name=JOINT_EVENTS))
    return bool(total)


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
    shape = e.op("Shape", facts.function.feed)
    events = e.op("Gather", shape, e.constant([0]), axis=0)
    flat = e.op("Reshape", name, e.op("Concat", events, e.constant([-1]), axis=0))
    return e.op("ReduceMax", flat, e.constant([1]), keepdims=1)
