"""All graphs and nodes of a model, whatever they are nested in."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from onnxtaylor.graph.prune import subgraphs

__all__ = ["all_graphs", "all_nodes", "nodes_of_model"]


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and its subgraphs."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph, each followed by those of its subgraphs."""
    for node in graph.node:
        yield from _with_inner(node)


def nodes_of_model(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes of the graph and of the model's own functions, those of subgraphs too."""
    yield from all_nodes(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _with_inner(node)


def _with_inner(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    yield node
    for inner in subgraphs(node):
        yield from all_nodes(inner)
