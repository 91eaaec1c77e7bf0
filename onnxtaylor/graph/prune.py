"""What a response needs: the nodes and inputs from which it is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

__all__ = ["needed_inputs", "prune", "read_names", "tensor_names"]


def read_names(node: onnx.NodeProto) -> Iterator[str]:
    """All tensors that a node reads, also those that its subgraphs take from outside."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        graphs = [attribute.g] if attribute.HasField("g") else []
        for graph in (*graphs, *attribute.graphs):
            own = {i.name for i in graph.input} | {t.name for t in graph.initializer}
            own |= {name for inner in graph.node for name in inner.output}
            for inner in graph.node:
                yield from (name for name in read_names(inner) if name not in own)
            yield from (o.name for o in graph.output if o.name not in own)


def tensor_names(graph: onnx.GraphProto) -> set[str]:
    """The names of all tensors that nodes of the graph compute."""
    return {name for node in graph.node for name in node.output if name}


def needed_nodes(graph: onnx.GraphProto, outputs: Iterable[str]) -> tuple[list[int], set[str]]:
    """The places of the nodes that the outputs depend on, and every name read on the way."""
    wanted = set(outputs)
    kept = []
    for place in range(len(graph.node) - 1, -1, -1):  # ONNX nodes are sorted topologically
        node = graph.node[place]
        if wanted.intersection(node.output):
            kept.append(place)
            wanted.update(read_names(node))
    return kept[::-1], wanted


def needed_inputs(graph: onnx.GraphProto, outputs: Iterable[str]) -> set[str]:
    """The names of the inputs and initializers that the outputs depend on."""
    _, wanted = needed_nodes(graph, outputs)
    return wanted - tensor_names(graph)


def prune(graph: onnx.GraphProto, outputs: Iterable[str]) -> None:
    """Drops, in place, all nodes, initializers, inputs and shapes that the outputs do not need.

    Ensures: the graph's values are those of before; the graph's list of outputs is left as it is.
    """
    kept, wanted = needed_nodes(graph, outputs)
    nodes = [graph.node[place] for place in kept]
    initializers = [t for t in graph.initializer if t.name in wanted]
    inputs = [i for i in graph.input if i.name in wanted]
    infos = [v for v in graph.value_info if v.name in wanted]
    for field, content in (
        (graph.node, nodes),
        (graph.initializer, initializers),
        (graph.input, inputs),
        (graph.value_info, infos),
    ):
        copies = [type(item).FromString(item.SerializeToString()) for item in content]
        del field[:]
        field.extend(copies)
