"""A Loop that runs a known number of times becomes that many copies of its body.

Its trip count is a constant, and its condition the truth: what the body hands on is the condition
that it got, or a constant.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.graph.normalize.branch import renamed
from onnxtaylor.graph.normalize.writer import Writer, axes, replace_nodes

__all__ = ["unroll_loops"]

LONGEST = 256  # turns
NODES = 2**14  # that the copies may have together
NESTED = 8  # loops inside loops
AXES_ARE_INPUTS = 13


def unroll_loops(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: at the graph's top level no Loop with a known and small number of turns, in which
    nothing but the trip count ends it.
    """
    version = max((e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")), default=0)

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        return node.op_type == "Loop" and not node.domain and _unrolled(w, node, version)

    for _ in range(NESTED):
        found = replace_nodes(proto, rewrite)
        if found is proto:
            break
        proto = found
    return proto


def _unrolled(w: Writer, node: onnx.NodeProto, version: int) -> bool:
    body = node.attribute[0].g
    count = w.value(node.input[0]) if node.input[0] else None
    states = [str(name) for name in node.input[2:]]
    scans = len(body.output) - 1 - len(states)
    if count is None or not _always(w, node, body):
        return False
    turns = int(count.reshape(-1)[0])
    if not 0 < turns <= LONGEST or turns * len(body.node) > NODES:
        return False
    if body.sparse_initializer or (scans and version < AXES_ARE_INPUTS):
        return False
    yes = w.constant(np.array(True))
    fixed = {t.name: w.constant(numpy_helper.to_array(t)) for t in body.initializer}
    inner = [i.name for i in body.input]
    collected: list[list[str]] = [[] for _ in range(scans)]
    for turn in range(turns):
        names = fixed | dict(zip(inner, [w.constant(np.int64(turn)), yes, *states], strict=True))
        results = [names.get(name, name) for name in _copied(w, node, body, names, turn)]
        states = results[1 : 1 + len(states)]
        for parts, name in zip(collected, results[1 + len(states) :], strict=True):
            parts.append(w.op("Unsqueeze", name, axes(w, 0)))
    for output, name in zip(node.output, states, strict=False):
        if output:
            w.write("Identity", [name], output)
    for output, parts in zip(node.output[len(states) :], collected, strict=False):
        if output:
            w.write("Concat", parts, output, axis=0)
    return True


def _always(w: Writer, node: onnx.NodeProto, body: onnx.GraphProto) -> bool:
    """Whether nothing but the trip count ends the loop."""
    begins = w.value(node.input[1]) if len(node.input) > 1 and node.input[1] else np.array(True)
    if begins is None or not begins.all():
        return False
    made = {name: inner for inner in body.node for name in inner.output}
    known = {t.name: numpy_helper.to_array(t) for t in body.initializer}
    name = body.output[0].name
    while name in made and made[name].op_type == "Identity":
        name = made[name].input[0]
    if name == body.input[1].name:
        return True
    if name in made and made[name].op_type == "Constant":
        value = helper.get_attribute_value(made[name].attribute[0])
        return isinstance(value, onnx.TensorProto) and bool(numpy_helper.to_array(value).all())
    value = known.get(name, w.value(name) if name not in made else None)
    return value is not None and bool(value.all())


def _copied(
    w: Writer, node: onnx.NodeProto, body: onnx.GraphProto, names: dict[str, str], turn: int
) -> list[str]:
    """Writes a copy of the body, whose tensors get names of their own; its outputs' old names.

    ``names`` has what the body's inputs and constants are called outside, and gets the others.
    """
    stem = next(name for name in node.output if name)
    own = {name for inner in body.node for name in inner.output if name}
    names |= {name: w.unused(f"{stem}/{turn}/{name}") for name in own}
    for inner in body.node:
        w.nodes.append(renamed(inner, names))
    return [o.name for o in body.output]
