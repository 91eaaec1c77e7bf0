"""Names of a model: text, and each tensor computed once and not from itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.limits.place import node_phrase
from onnxtaylor.graph.prune import read_names, subgraphs

__all__ = ["require_names"]

DEEPEST = 64  # graphs inside graphs


def require_names(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError for names that are no text, and for tensors without one clear origin.

    A tensor that two nodes compute, or that is computed from itself, is refused.
    """
    _require_texts(_texts(proto), where)
    _require_origins(proto.graph.node, where, 0)
    for function in proto.functions:
        _require_origins(function.node, where, 0)


def _require_texts(names: Iterable[Any], where: str) -> None:
    """Raises ModelError for a name that protobuf gives as bytes, since it is no text."""
    for name in names:
        if isinstance(name, bytes):
            shown = printable(name.decode("utf-8", "backslashreplace"), 60)
            raise ModelError(
                f"{where}: the name '{shown}' is no text in UTF-8, as ONNX demands: export the"
                " model again"
            )


def _texts(proto: onnx.ModelProto) -> Iterator[Any]:
    """Yields every name outside of nodes."""
    yield from (proto.producer_name, proto.producer_version, proto.domain)
    for entry in proto.metadata_props:
        yield from (entry.key, entry.value)
    yield from (entry.domain for entry in proto.opset_import)
    yield from _texts_of(proto.graph)
    for function in proto.functions:
        yield from (function.name, function.domain)
        yield from (*function.input, *function.output, *function.attribute)
        yield from (entry.domain for entry in function.opset_import)


def _texts_of(graph: onnx.GraphProto) -> Iterator[Any]:
    yield graph.name
    yield from (tensor.name for tensor in graph.initializer)
    for port in (*graph.input, *graph.output, *graph.value_info):
        yield port.name
        if port.type.HasField("tensor_type"):
            yield from (d.dim_param for d in port.type.tensor_type.shape.dim)


def _require_origins(nodes: Sequence[onnx.NodeProto], where: str, depth: int) -> None:
    """Looks at the nodes of a graph, and of the graphs inside them."""
    if depth > DEEPEST:
        raise ModelError(f"{where}: graphs are nested more than {DEEPEST} deep in one another")
    maker: dict[str, int] = {}
    late: set[str] = set()  # read before a node computes them
    for k, node in enumerate(nodes):
        _require_texts((node.op_type, node.name, node.domain, node.overload), where)
        _require_texts((*node.input, *node.output), where)
        if not node.op_type:
            raise ModelError(
                f"{node_phrase(node, where)} names no operator: export the model again"
            )
        if not any(node.output):
            raise ModelError(f"{node_phrase(node, where)} has no output: export the model again")
        late.update(name for name in node.input if name not in maker)
        for name in node.output:
            if name and name in maker:
                raise ModelError(
                    f"{node_phrase(node, where)} computes '{printable(name)}', which another node"
                    " computes, too: export the model again"
                )
            if name:
                maker[name] = k
        for attribute in node.attribute:
            _require_texts((attribute.name, attribute.ref_attr_name), where)
        for inner in subgraphs(node):
            _require_texts(_texts_of(inner), where)
            _require_origins(inner.node, where, depth + 1)
            late.update(read_names(node))
    if not late.isdisjoint(maker):
        _require_no_cycle(nodes, maker, where)


def _require_no_cycle(nodes: Sequence[onnx.NodeProto], maker: dict[str, int], where: str) -> None:
    """Raises ModelError for a node that needs its own output; a loop, since chains may be long."""
    done: set[int] = set()
    for begin in range(len(nodes)):
        stack, under_way = [begin], set[int]()
        while stack:
            place = stack[-1]
            if place in done or place in under_way:
                under_way.discard(place)
                done.add(stack.pop())
                continue
            under_way.add(place)
            before = {maker[name] for name in read_names(nodes[place]) if name in maker}
            if circular := before & under_way:
                raise ModelError(
                    f"{node_phrase(nodes[min(circular)], where)} is computed from its own output:"
                    " export the model again"
                )
            stack += sorted(before - done)
