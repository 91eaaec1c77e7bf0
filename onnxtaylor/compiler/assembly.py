"""Puts a derivative graph together: original nodes, nodes of the derivative, constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.prune import prune, read_names

__all__ = ["assemble"]


def assemble(
    facts: GraphFacts, outputs: Mapping[str, int | None], keep: Sequence[str], *, flagged: bool
) -> onnx.ModelProto:
    """The model of a derivative graph, without nodes and constants that its outputs do not need.

    Parameters
    ----------
    facts
        The original graph, and the emitter that holds the nodes of the derivative.
    outputs
        Outputs that follow the response: name and size of each, for the shape (N, C, size); the
        size is None for another shape.
    keep
        Further tensors to compute although nothing reads them.
    flagged
        Whether ``JOINT_EVENTS`` (N, 1) is the last output.
    """
    original, e = facts.function.proto, facts.e
    response = facts.function.response
    proto = onnx.ModelProto()
    proto.CopyFrom(original)
    graph = proto.graph
    for part in (graph.node, graph.initializer, graph.value_info, graph.output):
        del part[:]
    graph.node.extend(_sort_nodes([*facts.protos, *e.nodes], facts))
    read = {name for node in graph.node for name in read_names(node)}
    graph.initializer.extend(e.used_constants(read))
    for tensor in original.graph.initializer:
        if tensor.name in e.constants.weights and tensor.name in read:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    kind = helper.np_dtype_to_tensor_dtype(e.dtype)
    responses = facts.shape(response)[1]
    graph.output.append(helper.make_tensor_value_info(response, kind, ["N", responses]))
    for name, size in outputs.items():
        shape: list[str | int | None] | None = None if size is None else ["N", responses, size]
        graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    flags = [JOINT_EVENTS] * flagged
    graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 1]) for name in flags
    )
    prune(graph, [response, *outputs, *flags, *keep])
    return proto


def _sort_nodes(nodes: Sequence[onnx.NodeProto], facts: GraphFacts) -> list[onnx.NodeProto]:
    """Sorts nodes so that each comes after the nodes that compute its inputs.

    Nodes that are in order already stay there: nodes of the original come first.
    """
    computed = {name for node in nodes for name in node.output}
    fed = {facts.function.feed, DIRECTIONS, ADJOINTS}
    available = {*fed, "", *facts.e.constants} - (computed - {""})
    waiting, ordered = list(nodes), []
    while waiting:
        later = []
        for node in waiting:
            if available.issuperset(read_names(node)):
                ordered.append(node)
                available.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ModelError(
                f"node '{printable(later[0].name)}' reads a tensor that no node computes"
            )
        waiting = later
    return ordered
