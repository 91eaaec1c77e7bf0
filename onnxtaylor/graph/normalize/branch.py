"""Replaces an If whose condition is the same for all data by the branch that is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx
from onnx import helper

__all__ = ["conditions", "rename_in_node", "settle_branches"]

NESTED = 8  # branches inside branches

Known = Callable[[onnx.ModelProto, set[str]], Mapping[str, bool]]


def conditions(proto: onnx.ModelProto) -> set[str]:
    """Returns the tensors that decide between branches at the graph's top level."""
    return {node.input[0] for node in proto.graph.node if node.op_type == "If"}


def settle_branches(proto: onnx.ModelProto, known: Known) -> onnx.ModelProto:
    """Takes branches as long as any condition is known, branches inside branches included.

    Parameters
    ----------
    proto
        The model.
    known
        Gives the values of those conditions of a graph, among the names it is passed, that are the
        same for all data.

    Returns
    -------
    onnx.ModelProto
        The model with the branches that are taken in place of their If.
    """
    for _ in range(NESTED):
        names = conditions(proto)
        values = known(proto, names) if names else {}
        if not values:
            break
        proto = take_branches(proto, values)
    return proto


def take_branches(proto: onnx.ModelProto, known: Mapping[str, bool]) -> onnx.ModelProto:
    """Ensures: no If at the top level reads a condition that is known.

    The branch's tensors get names of their own; what it reads from outside keeps its name.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = copy.graph
    nodes: list[onnx.NodeProto] = []
    for place, node in enumerate(proto.graph.node):
        if node.op_type != "If" or node.input[0] not in known:
            nodes.append(node)
            continue
        taken = "then_branch" if known[node.input[0]] else "else_branch"
        branch = next(a.g for a in node.attribute if a.name == taken)
        own = {name for inner in branch.node for name in inner.output if name}
        own |= {t.name for t in branch.initializer}
        names = {name: f"{node.output[0]}/{place}/{name}" for name in own}
        for tensor in branch.initializer:
            graph.initializer.append(tensor)
            graph.initializer[-1].name = names[tensor.name]
        for inner in branch.node:
            nodes.append(rename_in_node(inner, names))
        for outside, inside in zip(node.output, branch.output, strict=True):
            if outside:
                read = names.get(inside.name, inside.name)
                nodes.append(helper.make_node("Identity", [read], [outside], name=outside))
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def rename_in_node(node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """Returns a copy of a node with other names for tensors, in its subgraphs, too."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = names.get(node.output[0], node.name)
    for field in (copy.input, copy.output):
        for place, name in enumerate(field):
            field[place] = names.get(name, name)
    for attribute in copy.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
            inside = [rename_in_node(inner, names) for inner in graph.node]
            del graph.node[:]
            graph.node.extend(inside)
            for output in graph.output:
                output.name = names.get(output.name, output.name)
    return copy
