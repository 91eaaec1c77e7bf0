"""Replaces a Loop that runs a known number of times by that many copies of its body.

Its trip count is a constant and its condition always true: the body passes on the condition that it
gets, or a constant.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.graph.normalize.branch import rename_in_node
from onnxtaylor.graph.normalize.writer import Writer, axes, replace_nodes

__all__ = ["unroll_loops"]

LONGEST = 256  # iterations
NODES = 2**14  # of all copies together
NESTED = 8  # loops inside loops
AXES_ARE_INPUTS = 13  # the opset from which on Unsqueeze takes its axes as an input


def unroll_loops(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: at the top level no Loop is left that ends only by a known, small trip count."""
    version = max((e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")), default=0)

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        return node.op_type == "Loop" and not node.domain and _unrolled(w, node, version)

    for _ in range(NESTED):
        after = replace_nodes(proto, rewrite)
        if after is proto:
            break
        proto = after
    return proto


def _unrolled(w: Writer, node: onnx.NodeProto, version: int) -> bool:
    """Writes the copies of a loop's body; False if the loop stays."""
    body = node.attribute[0].g
    count = w.value(node.input[0]) if node.input[0] else None
    states = [str(name) for name in node.input[2:]]
    scans = len(body.output) - 1 - len(states)
    if count is None or not _condition_is_true(w, node, body):
        return False
    iterations = int(count.reshape(-1)[0])
    if not 0 < iterations <= LONGEST or iterations * len(body.node) > NODES:
        return False
    if body.sparse_initializer or (scans and version < AXES_ARE_INPUTS):
        return False
    yes = w.constant(np.array(True))
    fixed = {t.name: w.constant(numpy_helper.to_array(t)) for t in body.initializer}
    inner = [i.name for i in body.input]
    collected: list[list[str]] = [[] for _ in range(scans)]
    for number in range(iterations):
        names = fixed | dict(zip(inner, [w.constant(np.int64(number)), yes, *states], strict=True))
        results = [names.get(name, name) for name in _write_copy(w, node, body, names, number)]
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


def _condition_is_true(w: Writer, node: onnx.NodeProto, body: onnx.GraphProto) -> bool:
    """Whether nothing but the trip count ends the loop."""
    begins = w.value(node.input[1]) if len(node.input) > 1 and node.input[1] else np.array(True)
    if begins is None or not begins.all():
        return False
    producers = {name: inner for inner in body.node for name in inner.output}
    known = {t.name: numpy_helper.to_array(t) for t in body.initializer}
    name = body.output[0].name
    while name in producers and producers[name].op_type == "Identity":
        name = producers[name].input[0]
    if name == body.input[1].name:
        return True
    if name in producers and producers[name].op_type == "Constant":
        value = helper.get_attribute_value(producers[name].attribute[0])
        return isinstance(value, onnx.TensorProto) and bool(numpy_helper.to_array(value).all())
    value = known.get(name, w.value(name) if name not in producers else None)
    return value is not None and bool(value.all())


def _write_copy(
    w: Writer, node: onnx.NodeProto, body: onnx.GraphProto, names: dict[str, str], number: int
) -> list[str]:
    """Writes a copy of the body, whose tensors get new names, and returns its outputs' old names.

    ``names`` has the new names of the body's inputs and constants; those of its tensors are added.
    """
    stem = next(name for name in node.output if name)
    own = {name for inner in body.node for name in inner.output if name}
    names |= {name: w.unused(f"{stem}/{number}/{name}") for name in own}
    for inner in body.node:
        w.nodes.append(rename_in_node(inner, names))
    return [o.name for o in body.output]
