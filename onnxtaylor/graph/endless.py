"""Loops that no computer finishes: refused before a model is run."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.prune import subgraphs

__all__ = ["passes_on_condition", "require_finite_loops"]

MOST = 2**31  # turns


def require_finite_loops(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError for a Loop that by its constants runs for ever, or more than 2³¹ times.

    A loop that ends by a condition which it computes is not judged.
    """
    for function in proto.functions:
        _require(function.node, {}, where)
    _require(proto.graph.node, _stored(proto.graph), where)


def _stored(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    return {t.name: t for t in graph.initializer}


def _require(nodes: list[onnx.NodeProto], around: dict[str, onnx.TensorProto], where: str) -> None:
    known = dict(around)
    for node in nodes:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            known[node.output[0]] = node.attribute[0].t
        if node.op_type == "Loop" and node.domain in ("", "ai.onnx") and len(node.attribute) == 1:
            _require_end(node, known, where)
        for graph in subgraphs(node):
            _require(graph.node, known | _stored(graph), where)


def _require_end(node: onnx.NodeProto, known: dict[str, onnx.TensorProto], where: str) -> None:
    begins = known.get(node.input[1]) if len(node.input) > 1 else None
    if begins is not None and not np.all(numpy_helper.to_array(begins)):
        return  # it never begins
    if node.input and node.input[0]:
        tensor = known.get(node.input[0])
        count = 0 if tensor is None else int(np.max(numpy_helper.to_array(tensor), initial=0))
        if count > MOST and passes_on_condition(node.attribute[0].g):
            raise ModelError(f"{_node(node, where)} runs its body {count} times, which never ends")
    elif passes_on_condition(node.attribute[0].g):
        raise ModelError(
            f"{_node(node, where)} has neither a number of turns nor a condition that ends it"
        )


def passes_on_condition(body: onnx.GraphProto) -> bool:
    """Tells whether the condition of a Loop's body is the one that it is given."""
    makers = {name: inner for inner in body.node for name in inner.output}
    name = body.output[0].name if body.output else ""
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    return len(body.input) > 1 and bool(name == body.input[1].name)


def _node(node: onnx.NodeProto, where: str) -> str:
    name = printable(node.name or next((o for o in node.output if o), ""))
    return f"{where}: node '{name}' (Loop)"
