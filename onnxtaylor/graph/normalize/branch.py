"""Replaces an If by the branch that is taken, or by both where the data decide.

The branch that is taken takes the place of an If whose condition is the same for all data. Of
another one both branches are computed, and Where chooses between their results. Derivatives are
those of the chosen branch; the other may be anything, even not finite, see ``rules.strong``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import onnx
from onnx import helper

from onnxtaylor.errors import ModelError

__all__ = ["blend_branches", "conditions", "rename_in_node", "settle_branches"]

NESTED = 8  # branches inside branches

Known = Callable[[onnx.ModelProto, set[str]], Mapping[str, bool]]
Shapes = Callable[[onnx.ModelProto], Mapping[str, Sequence[int]]]


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
        results = _write_branch(graph, nodes, node, taken, f"{node.output[0]}/{place}")
        for outside, read in zip(node.output, results, strict=True):
            if outside:
                nodes.append(helper.make_node("Identity", [read], [outside], name=outside))
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def blend_branches(proto: onnx.ModelProto, shapes: Shapes) -> onnx.ModelProto:
    """Ensures: no If is left at the top level; each became Where of the results of its branches.

    Parameters
    ----------
    proto
        The model.
    shapes
        Computes a graph, and gives the shapes of its tensors; raises ModelError where that fails.
        Called only if the graph has an If.

    Returns
    -------
    onnx.ModelProto
        The model with both branches of each If; the proto itself where it has none, or where a
        branch cannot be computed for all data, or the results of two branches differ in shape.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    nodes: list[onnx.NodeProto] = []
    pairs: list[tuple[str, str]] = []
    for place, node in enumerate(proto.graph.node):
        if node.op_type != "If":
            nodes.append(node)
            continue
        stem = f"{node.output[0]}/{place}"
        left, right = (
            _write_branch(copy.graph, nodes, node, taken, f"{stem}/{taken}")
            for taken in ("then_branch", "else_branch")
        )
        for outside, a, b in zip(node.output, left, right, strict=True):
            if outside:
                inputs = [node.input[0], a, b]
                nodes.append(helper.make_node("Where", inputs, [outside], name=outside))
                pairs.append((a, b))
    if not pairs:
        return proto
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    try:
        found = shapes(copy)
    except ModelError:
        return proto
    alike = all(a in found and found[a] == found.get(b) for a, b in pairs)
    return copy if alike else proto


def _write_branch(
    graph: onnx.GraphProto,
    nodes: list[onnx.NodeProto],
    node: onnx.NodeProto,
    taken: str,
    stem: str,
) -> list[str]:
    """Appends the nodes of a branch, whose tensors get new names; returns those of its outputs."""
    branch = next(a.g for a in node.attribute if a.name == taken)
    own = {name for inner in branch.node for name in inner.output if name}
    own |= {t.name for t in branch.initializer}
    names = {name: f"{stem}/{name}" for name in own}
    for tensor in branch.initializer:
        graph.initializer.append(tensor)
        graph.initializer[-1].name = names[tensor.name]
    nodes += [rename_in_node(inner, names) for inner in branch.node]
    return [names.get(inside.name, inside.name) for inside in branch.output]


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
