"""The inputs and outputs of a graph, and the names that a model file carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto

__all__ = [
    "FLOATS",
    "WHOLE",
    "Port",
    "input_ports",
    "output_ports",
    "stored_names",
    "zipmap_labels",
    "zipmap_tensors",
]

FLOATS: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
}
WHOLE = frozenset(
    {
        *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
        *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
    }
)


@dataclass(frozen=True)
class Port:
    """One input or output: a dimension is its size, its symbol, or None where nothing is known.

    ``shape`` is None for a tensor of unknown rank, ``type`` 0 for what is no tensor.
    """

    name: str
    type: int
    shape: tuple[int | str | None, ...] | None

    @property
    def is_float(self) -> bool:
        """Whether it is a tensor of floating-point numbers."""
        return self.type in FLOATS

    @property
    def is_whole(self) -> bool:
        """Whether it is a tensor of whole numbers."""
        return self.type in WHOLE

    @property
    def type_name(self) -> str:
        """``float32``, ``int64``, …, or ``no tensor``."""
        if self.type in FLOATS:
            return FLOATS[self.type]
        try:
            return str(TensorProto.DataType.Name(self.type)).lower() if self.type else "no tensor"
        except ValueError:
            return f"type {self.type}"

    @property
    def shape_text(self) -> str:
        """``[batch, 30]``, with ``?`` for what is unknown."""
        if self.shape is None:
            return "[?]"
        return "[" + ", ".join("?" if d is None else str(d) for d in self.shape) + "]"


def port(info: onnx.ValueInfoProto) -> Port:
    """The port that a ValueInfoProto describes."""
    if not info.type.HasField("tensor_type"):
        return Port(info.name, 0, None)
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        return Port(info.name, tensor.elem_type, None)
    dims: list[int | str | None] = []
    for dim in tensor.shape.dim:
        if dim.HasField("dim_value") and dim.dim_value > 0:
            dims.append(dim.dim_value)
        else:
            dims.append(dim.dim_param or None)
    return Port(info.name, tensor.elem_type, tuple(dims))


def input_ports(graph: onnx.GraphProto) -> list[Port]:
    """The inputs that a caller feeds: before IR version 4, initializers were listed as well."""
    stored = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    return [port(info) for info in graph.input if info.name not in stored]


def zipmap_tensors(graph: onnx.GraphProto) -> dict[str, str]:
    """Each ZipMap's output, a sequence of maps, and the tensor (events, classes) that it reads."""
    return {n.output[0]: n.input[0] for n in graph.node if _is_zipmap(n)}


def output_ports(graph: onnx.GraphProto) -> list[Port]:
    """The outputs, each ZipMap's sequence of maps replaced by the tensor that it reads."""
    behind = zipmap_tensors(graph)
    return [
        Port(behind[p.name], TensorProto.FLOAT, None) if p.name in behind else p
        for p in map(port, graph.output)
    ]


def zipmap_labels(graph: onnx.GraphProto, tensor: str) -> list[str] | None:
    """The class labels of the ZipMap that reads a tensor, if there is one."""
    for node in graph.node:
        if _is_zipmap(node) and node.input[0] == tensor:
            for attribute in node.attribute:
                if attribute.name == "classlabels_strings" and attribute.strings:
                    return [s.decode("utf-8", "replace") for s in attribute.strings]
                if attribute.name == "classlabels_int64s" and attribute.ints:
                    return [str(i) for i in attribute.ints]
    return None


def stored_names(proto: onnx.ModelProto, keys: Sequence[str]) -> list[str] | None:
    """A list of names from the model's metadata: a JSON list, or separated by commas.

    ``keys`` are tried in turn, e.g. ``feature_names``, ``features``.
    """
    metadata = {entry.key.lower(): entry.value for entry in proto.metadata_props}
    for key in keys:
        names = _listed(metadata.get(key, "").strip())
        if names and all(names):
            return names
    return None


def _listed(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        # also what Python's str() makes of a list
        inside = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
        return [name.strip().strip("'\"") for name in inside.split(",")]
    if isinstance(names, list) and all(isinstance(n, str | int | float) for n in names):
        return [str(n) for n in names]
    return []


def _is_zipmap(node: onnx.NodeProto) -> bool:
    return node.op_type == "ZipMap" and bool(node.input) and bool(node.output)
