"""Constants of a model: as many values as their shape says, of a type that exists, in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

import onnx
from onnx import AttributeProto, TensorProto, helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.prune import subgraphs

__all__ = ["constants_of", "require_constants"]

MOST_AXES = 64

# types of which several values share a byte
_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


def require_constants(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError for the first constant whose values do not fill its shape.

    Initializers and attributes are looked at, in subgraphs and functions, too.
    """
    for tensor in constants_of(proto):
        if fault := _fault(tensor):
            raise ModelError(
                f"{where}: constant '{printable(tensor.name)}' {printable(list(tensor.dims))}"
                f" {fault}: the file is damaged; copy or export it again"
            )


def constants_of(proto: onnx.ModelProto) -> Iterator[TensorProto]:
    """Yields all tensors that a model stores: initializers and attributes, at any depth."""
    yield from _of_graph(proto.graph)
    for function in proto.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type == AttributeProto.TENSORS:
                yield from attribute.tensors
        for inner in subgraphs(node):
            yield from _of_graph(inner)


def _fault(tensor: TensorProto) -> str:
    """Returns what is wrong with a tensor; empty where nothing is."""
    if tensor.HasField("segment"):
        return "is one of several pieces, which no runtime puts together"
    if len(tensor.dims) > MOST_AXES:
        return f"has more than {MOST_AXES} axes"
    if any(d < 0 for d in tensor.dims):
        return "has a negative size"
    try:
        name = TensorProto.DataType.Name(tensor.data_type)
        field = helper.tensor_dtype_to_field(tensor.data_type)
        item = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError):
        return f"has values of type {tensor.data_type}, which does not exist"
    needed = prod(tensor.dims)
    if name == "STRING":
        stored = len(tensor.string_data)
        return "" if stored == needed else f"has {stored} texts, where its shape needs {needed}"
    bits = _BITS.get(name, 8 * item)
    if tensor.HasField("raw_data"):
        stored, unit = len(tensor.raw_data), "bytes"
        needed = (needed * bits + 7) // 8
    else:
        stored, unit = len(getattr(tensor, field)), "values"
        if bits < 8:
            needed = -(-needed * bits // 8)
        elif name.startswith("COMPLEX"):
            needed *= 2
    return "" if stored == needed else f"has {stored} {unit}, where its shape needs {needed}"
