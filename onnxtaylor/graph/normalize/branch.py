"""An If whose condition is the same for all data becomes the branch that is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx
from onnx import helper

__all__ = ["conditions", "renamed", "settle_branches"]

NESTED = 8  # branches inside branches

Known = Callable[[onnx.ModelProto, set[str]], Mapping[str, bool]]


def conditions(proto: onnx.ModelProto) -> set[str]:
    """The tensors that decide between branches at the graph's top level."""
    return {node.input[0] for node in proto.graph.node if node.op_type == "If"}


def settle_branches(proto: onnx.ModelProto, known: Known) -> onnx.ModelProto:
    """Takes branches until nothing more is known, those inside branches too.

    ``known`` is asked for the conditions of a graph that do not vary, among those that it names.
    """
    for _ in range(NESTED):
        waiting = conditions(proto)
        settled = known(proto, waiting) if waiting else {}
        if not settled:
            break
        proto = take_branches(proto, settled)
    return proto


def take_branches(proto: onnx.ModelProto, known: Mapping[str, bool]) -> onnx.ModelProto:
    """Ensures: no If at the top level reads a condition that is known.

    The branch's tensors get names of their own; what it reads from outside keeps its name.
    """
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    graph = found.graph
    nodes: list[onnx.NodeProto] = []
    for place, node in enumerate(proto.graph.node):
        if node.op_type != "If" or node.input[0] not in known:
            nodes.append(node)
            continue
        wanted = "then_branch" if known[node.input[0]] else "else_branch"
        branch = next(a.g for a in node.attribute if a.name == wanted)
        own = {name for inner in branch.node for name in inner.output if name}
        own |= {t.name for t in branch.initializer}
        names = {name: f"{node.output[0]}/{place}/{name}" for name in own}
        for tensor in branch.initializer:
            graph.initializer.append(tensor)
            graph.initializer[-1].name = names[tensor.name]
        for inner in branch.node:
            nodes.append(renamed(inner, names))
        for outside, inside in zip(node.output, branch.output, strict=True):
            if outside:
                read = names.get(inside.name, inside.name)
                nodes.append(helper.make_node("Identity", [read], [outside], name=outside))
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return found


def renamed(node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """A copy whose tensors have other names, in its own subgraphs too."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = names.get(node.output[0], node.name)
    for field in (copy.input, copy.output):
        for place, name in enumerate(field):
            field[place] = names.get(name, name)
    for attribute in copy.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
            inside = [renamed(inner, names) for inner in graph.node]
            del graph.node[:]
            graph.node.extend(inside)
            for output in graph.output:
                output.name = names.get(output.name, output.name)
    return copy
