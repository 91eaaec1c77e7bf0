"""The structure of a graph without its weights, which all graphs of one training share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.prune import subgraphs

__all__ = [
    "FLOATS",
    "Structure",
    "float_constants",
    "likely_weights",
    "structure_of",
    "with_stored_constants",
]

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


def float_constants(function: GraphFunction) -> dict[str, npt.NDArray[Any]]:
    """Reads the values of a graph's floating-point initializers, by name."""
    tensors = function.proto.graph.initializer
    return {t.name: numpy_helper.to_array(t) for t in tensors if t.data_type in FLOATS}


def likely_weights(normal: GraphFunction) -> list[str]:
    """Lists the initializers that training is likely to change: all but single numbers."""
    return [t.name for t in normal.proto.graph.initializer if t.data_type in FLOATS and t.dims]


def with_stored_constants(function: GraphFunction) -> GraphFunction:
    """Turns the Constant nodes of a function into initializers.

    Some exporters keep weights in such nodes, as attributes.
    """
    kept = [n for n in function.proto.graph.node if not _holds_tensor(n)]
    if len(kept) == len(function.proto.graph.node):
        return function
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    for node in filter(_holds_tensor, function.proto.graph.node):
        proto.graph.initializer.append(node.attribute[0].t)
        proto.graph.initializer[-1].name = node.output[0]
    return function.with_proto(proto)


def _holds_tensor(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Constant" and node.attribute[0].name == "value")


@dataclass(frozen=True)
class Structure:
    """A graph without the values of its floating-point constants and the names of its tensors.

    Attributes
    ----------
    key
        Equal for two graphs with the same nodes in the same order, connected in the same way, with
        the same attributes; constants of the same shapes and formats, and of the same values where
        they are no floating-point numbers.
    constants
        Names of the floating-point constants in the order in which nodes read them: exporters give
        other names each time, but the order stays.
    """

    key: bytes
    constants: tuple[str, ...]


def structure_of(function: GraphFunction) -> Structure:
    """Determines the structure of a function's graph.

    Where nodes have subgraphs the names of tensors are kept, as a subgraph refers to outer tensors
    by name: then graphs of other names count as different.
    """
    graph = function.proto.graph
    proto = onnx.ModelProto()
    proto.opset_import.extend(function.proto.opset_import)
    proto.functions.extend(function.proto.functions)
    named = any(subgraph for node in graph.node for subgraph in subgraphs(node))
    numbers: dict[str, str] = {"": ""}

    def rename(name: str) -> str:
        return name if named else numbers.setdefault(name, str(len(numbers)))

    rename(function.feed)
    for node in graph.node:
        kept = proto.graph.node.add()
        kept.CopyFrom(node)
        for field in ("name", "doc_string"):
            kept.ClearField(field)
        for names in (kept.input, kept.output):
            names[:] = [rename(name) for name in names]
    tensors = {t.name: t for t in graph.initializer}
    order = [name for name in dict.fromkeys(numbers if not named else tensors) if name in tensors]
    for name in order:
        tensor = tensors[name]
        if tensor.data_type in FLOATS:
            kind = {"data_type": tensor.data_type, "dims": list(tensor.dims)}
            proto.graph.initializer.append(TensorProto(name=rename(name), **kind))
        else:
            value = numpy_helper.to_array(tensor)
            proto.graph.initializer.append(numpy_helper.from_array(value, rename(name)))
    for ports, own in ((proto.graph.input, graph.input), (proto.graph.output, graph.output)):
        for port in own:
            kind = port.type.tensor_type
            ports.append(onnx.ValueInfoProto(name=rename(port.name)))
            ports[-1].type.tensor_type.elem_type = kind.elem_type
    key: bytes = proto.SerializeToString(deterministic=True)
    floats = (name for name in order if tensors[name].data_type in FLOATS)
    return Structure(key, tuple(floats))
