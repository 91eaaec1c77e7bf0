"""Nodes, inputs and names of a graph: which of them a response is computed from.

Graphs are changed as protobuf messages, without an intermediate representation: onnx-ir cannot read
models with a ZipMap, and converting a model to it and back takes longer than any change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx

__all__ = ["all_names", "needed_inputs", "prune", "read_names", "subgraphs", "tensor_names"]


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yields the graphs inside a node: branches of an If, the body of a Loop or Scan."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def read_names(node: onnx.NodeProto) -> Iterator[str]:
    """Yields all tensors that a node reads, also those that its subgraphs take from outside."""
    yield from (name for name in node.input if name)
    for graph in subgraphs(node):
        own = {i.name for i in graph.input} | _stored(graph) | tensor_names(graph)
        for inner in graph.node:
            yield from (name for name in read_names(inner) if name not in own)
        yield from (o.name for o in graph.output if o.name not in own)


def tensor_names(graph: onnx.GraphProto) -> set[str]:
    """Returns the names of all tensors that nodes of the graph compute."""
    return {name for node in graph.node for name in node.output if name}


def all_names(graph: onnx.GraphProto) -> set[str]:
    """Returns every name of a tensor or node in the graph and its subgraphs."""
    names = _stored(graph) | tensor_names(graph) | {node.name for node in graph.node}
    names |= {info.name for info in (*graph.input, *graph.output, *graph.value_info)}
    names |= {name for node in graph.node for name in node.input}
    return names.union(*(all_names(g) for node in graph.node for g in subgraphs(node)))


def needed_nodes(graph: onnx.GraphProto, outputs: Iterable[str]) -> tuple[list[int], set[str]]:
    """Finds the nodes that outputs depend on.

    Returns the places of the nodes, sorted so that each comes after those that it reads from, and
    all names that are read on the way. A loop instead of recursion: networks may be thousands of
    nodes deep.
    """
    producer = {name: k for k, node in enumerate(graph.node) for name in node.output if name}
    needed = set(outputs)
    ordered: dict[int, None] = {}
    opened: set[int] = set()
    stack = [producer[name] for name in sorted(needed) if name in producer]
    while stack:
        place = stack[-1]
        if place in opened:
            ordered[stack.pop()] = None
            continue
        opened.add(place)
        read = list(read_names(graph.node[place]))
        needed.update(read)
        stack += [k for n in read if (k := producer.get(n, place)) not in opened]
    return list(ordered), needed


def needed_inputs(graph: onnx.GraphProto, outputs: Iterable[str]) -> set[str]:
    """Returns the names of the inputs and initializers that outputs depend on."""
    _, needed = needed_nodes(graph, outputs)
    return needed - tensor_names(graph)


def prune(graph: onnx.GraphProto, outputs: Iterable[str]) -> None:
    """Drops, in place, all nodes, initializers, inputs and shapes that outputs do not need.

    Ensures: values stay the same; nodes are sorted; the graph's own list of outputs is unchanged.
    """
    order, needed = needed_nodes(graph, outputs)
    nodes = [graph.node[place] for place in order]
    del graph.node[:]
    graph.node.extend(nodes)
    for field in (graph.initializer, graph.input, graph.value_info):
        _drop(field, [item.name in needed for item in field])
    sparse = graph.sparse_initializer
    _drop(sparse, [item.values.name in needed for item in sparse])


def _drop(field: Any, kept: Sequence[bool]) -> None:
    """Deletes, in place, the items that are not kept: weights are large, so none is copied."""
    for place in reversed(range(len(kept))):
        if not kept[place]:
            del field[place]


def _stored(graph: onnx.GraphProto) -> set[str]:
    return {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
