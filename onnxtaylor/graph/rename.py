"""Renames the model's tensors and nodes whose names are reserved for added ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx

from onnxtaylor.graph.prune import all_names, subgraphs, tensor_names

__all__ = ["rename_reserved", "rename_tensors", "separate_node_names", "unused_stem"]

OWN = "model"  # prefix of a name that is replaced


def unused_stem(graph: onnx.GraphProto, stem: str) -> str:
    """Returns the stem, with a number where a name of the graph begins with ``stem/`` already."""
    names, free, count = all_names(graph), stem, 1
    while any(name.startswith(f"{free}/") for name in names):
        count += 1
        free = f"{stem}{count}"
    return free


def rename_reserved(proto: onnx.ModelProto, reserved: Callable[[str], bool]) -> onnx.ModelProto:
    """Replaces all names that are reserved, in subgraphs, too.

    Parameters
    ----------
    proto
        The model; it is not changed.
    reserved
        Tests whether a name is reserved.

    Returns
    -------
    onnx.ModelProto
        A copy in which ``value`` is called ``model/value``, or another name that is free; the proto
        itself where no name is reserved.
    """
    taken = all_names(proto.graph)
    changed: dict[str, str] = {}
    for name in sorted(filter(reserved, taken)):
        free, count = f"{OWN}/{name}", 1
        while free in taken or reserved(free):
            count += 1
            free = f"{OWN}{count}/{name}"
        taken.add(free)
        changed[name] = free
    if not changed:
        return proto
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    rename_tensors(copy.graph, changed)
    return copy


def separate_node_names(proto: onnx.ModelProto) -> None:
    """Renames, in place, nodes that have the name of a tensor which another node computes.

    Nodes that are added to a graph get the name of their output, and onnxruntime refuses two nodes
    of one name.
    """
    _separate(proto.graph, all_names(proto.graph))


def _separate(graph: onnx.GraphProto, taken: set[str]) -> None:
    tensors = tensor_names(graph) | {info.name for info in graph.input}
    for node in graph.node:
        if node.name in tensors and node.name not in node.output:
            name, count = f"{OWN}/{node.name}", 1
            while name in taken:
                count += 1
                name = f"{OWN}{count}/{node.name}"
            node.name = name
            taken.add(name)
        for inner in subgraphs(node):
            _separate(inner, taken)


def rename_tensors(graph: onnx.GraphProto, changed: Mapping[str, str]) -> None:
    """Renames tensors, and nodes of the same names, in place; in subgraphs, too."""
    for part in (graph.input, graph.output, graph.value_info, graph.initializer):
        for item in part:
            item.name = changed.get(item.name, item.name)
    for sparse in graph.sparse_initializer:
        sparse.values.name = changed.get(sparse.values.name, sparse.values.name)
    for note in graph.quantization_annotation:
        note.tensor_name = changed.get(note.tensor_name, note.tensor_name)
        for entry in note.quant_parameter_tensor_names:
            entry.value = changed.get(entry.value, entry.value)
    for node in graph.node:
        node.name = changed.get(node.name, node.name)
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = changed.get(name, name)
        for inner in subgraphs(node):
            rename_tensors(inner, changed)
