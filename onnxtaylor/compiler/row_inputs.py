"""Gives a derivative graph the inputs of the original model in place of one fed row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.graph.ports import Port
from onnxtaylor.graph.prune import prune, read_names
from onnxtaylor.graph.rename import unused_stem

__all__ = ["RowInputs", "restore_inputs"]


@dataclass(frozen=True)
class RowInputs:
    """The inputs that the row of a function was cut into.

    Parameters
    ----------
    features, context
        Inputs, in the order of the row.
    seed
        Tensor (N, n) of all features.
    """

    features: tuple[Port, ...]
    context: tuple[Port, ...]
    seed: str


def restore_inputs(proto: onnx.ModelProto, own: RowInputs) -> onnx.ModelProto:
    """Returns a graph whose inputs are those of the model, named and shaped as in its file.

    The features are flattened and joined to the tensor that the derivatives are by; context is
    read as it is. Inputs of the graph behind its row remain the last ones.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = copy.graph
    fed = graph.input[0]
    row, kind = fed.name, fed.type.tensor_type.elem_type
    replaced = {own.seed, *(port.name for port in own.context)}
    kept = [node for node in graph.node if not replaced.intersection(node.output)]
    for node in kept:  # what else reads the row counts its events
        node.input[:] = [own.seed if name == row else name for name in node.input]
    others = [onnx.ValueInfoProto.FromString(i.SerializeToString()) for i in graph.input[1:]]
    needed = {name for node in kept for name in read_names(node)}
    outer: list[onnx.NodeProto] = []
    taken = {name for node in kept for name in node.output}
    stem = unused_stem(graph, "inputs")
    features = []
    for port in own.features:
        # a tensor of the graph that has the input's name is what the row was cut into
        inner = f"{stem}/{port.name}"
        for node in kept:
            node.input[:] = [inner if name == port.name else name for name in node.input]
            node.output[:] = [inner if name == port.name else name for name in node.output]
        features.append(_flattened(graph, port, kind, stem, outer))
    if len(features) > 1:
        outer.append(helper.make_node("Concat", features, [own.seed], axis=1))
    else:
        outer.append(helper.make_node("Identity", features, [own.seed]))
    del graph.node[:], graph.input[:]
    graph.node.extend([*outer, *kept])
    for port in (*own.features, *own.context):
        if port in own.features or port.name in needed or port.name not in taken:
            info = helper.make_tensor_value_info(port.name, port.type, list(port.shape or ()))
            graph.input.append(info)
    graph.input.extend(others)
    inputs = [onnx.ValueInfoProto.FromString(i.SerializeToString()) for i in graph.input]
    prune(graph, [info.name for info in graph.output])
    del graph.input[:]
    graph.input.extend(inputs)
    return copy


def _flattened(
    graph: onnx.GraphProto, port: Port, kind: int, stem: str, nodes: list[onnx.NodeProto]
) -> str:
    """Writes an input as a matrix (N, size) in the format of the features; returns its name."""
    name = port.name
    if port.batch_axis:
        axes = range(len(port.shape or ()))
        order = [port.batch_axis, *(k for k in axes if k != port.batch_axis)]
        nodes.append(helper.make_node("Transpose", [name], [f"{stem}/{name}/turned"], perm=order))
        name = f"{stem}/{port.name}/turned"
    alone = port.batch_axis is None  # one event, without an axis of events
    if len(port.shape or ()) != 2 or alone:
        shape, target = f"{stem}/{port.name}/shape", np.array([1 if alone else 0, -1], np.int64)
        graph.initializer.append(numpy_helper.from_array(target, shape))
        flat = f"{stem}/{port.name}/flat"
        nodes.append(helper.make_node("Reshape", [name, shape], [flat]))
        name = flat
    if port.type != kind:
        cast = f"{stem}/{port.name}/cast"
        to = TensorProto.DataType.Name(kind)
        nodes.append(helper.make_node("Cast", [name], [cast], to=TensorProto.DataType.Value(to)))
        name = cast
    return name
