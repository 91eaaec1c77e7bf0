"""Iteration over all graphs and nodes of a model, nested ones included."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from onnxtaylor.graph.prune import subgraphs

__all__ = ["all_graphs", "all_nodes", "nodes_of_model"]


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yields a graph and all graphs inside it."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yields the nodes of a graph, each followed by the nodes of its subgraphs."""
    for node in graph.node:
        yield from _with_inner(node)


def nodes_of_model(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yields the nodes of a model's graph and functions, those of subgraphs included."""
    yield from all_nodes(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _with_inner(node)


def _with_inner(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    yield node
    for inner in subgraphs(node):
        yield from all_nodes(inner)
