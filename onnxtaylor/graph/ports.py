"""Inputs and outputs of a graph, and names that a model file carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx
from onnx import TensorProto

__all__ = [
    "FLOATS",
    "WHOLE",
    "Port",
    "input_ports",
    "output_ports",
    "stored_names",
    "without_batch",
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
    """Input or output of a graph.

    ``type`` is its element type in ONNX's numbers, 0 for what is not a tensor. ``shape`` has for
    each axis its size, its symbol, or None where nothing is known; it is None for unknown rank.
    ``batch_axis`` is the axis that counts events, None where there is none: the first one, or
    another whose symbol says so.
    """

    name: str
    type: int
    shape: tuple[int | str | None, ...] | None
    batch_axis: int | None = 0

    @property
    def sizes(self) -> tuple[int | str | None, ...]:
        """Sizes and symbols of all axes but that of the batch."""
        dims = self.shape or ()
        return tuple(d for k, d in enumerate(dims) if k != self.batch_axis)

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
        """Shape as text, such as ``[batch, 30]``, with ``?`` for unknown sizes."""
        if self.shape is None:
            return "[?]"
        return "[" + ", ".join("?" if d is None else str(d) for d in self.shape) + "]"


def port(info: onnx.ValueInfoProto) -> Port:
    """Reads the port that a ValueInfoProto describes."""
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
    return Port(info.name, tensor.elem_type, tuple(dims), _batch_axis(dims))


def _batch_axis(dims: Sequence[int | str | None]) -> int:
    """Returns the axis that counts events: the first, or the only one whose symbol says so.

    >>> _batch_axis([4, "N"]), _batch_axis(["n_tracks", "batch", 8]), _batch_axis(["rows", "N"])
    (1, 1, 0)
    """
    short = ("N", "B") if dims and isinstance(dims[0], int) else ()
    named = [
        k
        for k, d in enumerate(dims)
        if isinstance(d, str) and (d.lower().startswith(("batch", "n_events")) or d in short)
    ]
    return named[0] if len(named) == 1 else 0


def without_batch(port: Port) -> Port:
    """Returns an input that holds one event: no axis counts events, unless the first is 1 long.

    >>> without_batch(Port("tracks", TensorProto.FLOAT, ("n_tracks", 8))).batch_axis
    """
    single = port.shape is not None and port.shape[:1] == (1,)
    return replace(port, batch_axis=0 if single else None)


def input_ports(graph: onnx.GraphProto) -> list[Port]:
    """Returns the inputs that a caller feeds: old files list initializers as inputs, too."""
    stored = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    return [port(info) for info in graph.input if info.name not in stored]


def zipmap_tensors(graph: onnx.GraphProto) -> dict[str, str]:
    """Maps each ZipMap's output, a sequence of maps, to the tensor (N, C) that it reads."""
    return {n.output[0]: n.input[0] for n in graph.node if _is_zipmap(n)}


def output_ports(graph: onnx.GraphProto) -> list[Port]:
    """Returns the outputs; the tensor that a ZipMap reads stands for its sequence of maps."""
    read = zipmap_tensors(graph)
    return [
        Port(read[p.name], TensorProto.FLOAT, None) if p.name in read else p
        for p in map(port, graph.output)
    ]


def zipmap_labels(graph: onnx.GraphProto, tensor: str) -> list[str] | None:
    """Returns the class labels of the ZipMap that reads a tensor; None if none does."""
    for node in graph.node:
        if _is_zipmap(node) and node.input[0] == tensor:
            for attribute in node.attribute:
                if attribute.name == "classlabels_strings" and attribute.strings:
                    return [s.decode("utf-8", "replace") for s in attribute.strings]
                if attribute.name == "classlabels_int64s" and attribute.ints:
                    return [str(i) for i in attribute.ints]
    return None


def stored_names(proto: onnx.ModelProto, keys: Sequence[str]) -> list[str] | None:
    """Reads a list of names from the model's metadata: a JSON list, or names separated by commas.

    Parameters
    ----------
    proto
        The model.
    keys
        Entries of the metadata, in lower case, which are tried in turn: ``feature_names``, …

    Returns
    -------
    list of str or None
        The names of the first entry that has any. Names of which two are equal name nothing: they
        are left out.
    """
    metadata = {entry.key.lower(): entry.value for entry in proto.metadata_props}
    for key in keys:
        names = _listed(metadata.get(key, "").strip())
        if names and all(names) and len(set(names)) == len(names):
            return names
    return None


def _listed(text: str) -> list[str]:
    """Names in an entry of the metadata, none where it is anything but a list of names."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        # separated by commas, also in brackets as str() of a Python list has them
        inside = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
        return [name.strip().strip("'\"") for name in inside.split(",")]
    if isinstance(names, list) and all(isinstance(n, str | int | float) for n in names):
        return [str(n) for n in names]
    return []


def _is_zipmap(node: onnx.NodeProto) -> bool:
    return node.op_type == "ZipMap" and bool(node.input) and bool(node.output)
