"""Sparse constants become dense ones, as onnxruntime makes them when it loads a model.

A sparse tensor has its values [k] and their places: [k] numbers of elements in C order, or
[k, rank] with one number for each axis. All other elements are 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.external import MAX_PROTOBUF
from onnxtaylor.graph.walk import all_graphs, nodes_of_model

__all__ = ["make_dense"]


def make_dense(proto: onnx.ModelProto, where: str) -> None:
    """Rewrites, in place, every sparse constant of a model, those of functions and subgraphs too.

    Raises ModelError for places outside the tensor, and before anything is allocated where all
    constants together would have more bytes than a model can.
    """
    sparse = list(_sparse(proto))
    if not sparse:
        return
    size = proto.ByteSize()
    for tensor in sparse:
        size += _bytes(tensor, where)
        if size > MAX_PROTOBUF:
            raise ModelError(
                f"{_at(tensor, where)} would make the model larger than 2 GiB, the most that can be"
                " handed to onnxruntime"
            )
    for graph in all_graphs(proto.graph):
        graph.initializer.extend(_dense(t, where) for t in graph.sparse_initializer)
        del graph.sparse_initializer[:]
    for node in nodes_of_model(proto):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
                value = helper.make_attribute("value", _dense(attribute.sparse_tensor, where))
                attribute.CopyFrom(value)


def _dense(tensor: onnx.SparseTensorProto, where: str) -> TensorProto:
    dims, at = tuple(tensor.dims), _at(tensor, where)
    try:
        values = numpy_helper.to_array(tensor.values).reshape(-1)
        places = numpy_helper.to_array(tensor.indices).astype(np.int64)
        if places.ndim == 2 and places.shape[1] == len(dims):
            places = np.ravel_multi_index(tuple(places.T), dims)
        found = np.zeros(prod(dims), dtype=values.dtype)
        if len(places) and places.min() < 0:
            raise ValueError("a place is below 0")
        if places.shape != values.shape:
            raise ValueError(f"{len(values)} values at {len(places)} places")
        found[places] = values
    except (ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"{at} is damaged: {printable(error)}; copy or export the model again"
        ) from None
    return numpy_helper.from_array(found.reshape(dims), tensor.values.name)


def _bytes(tensor: onnx.SparseTensorProto, where: str) -> int:
    kind = tensor.values.data_type
    try:
        item = helper.tensor_dtype_to_np_dtype(kind).itemsize
    except (KeyError, ValueError):
        item = 0
    if not item or kind == TensorProto.STRING or any(d < 0 for d in tensor.dims):
        raise ModelError(f"{_at(tensor, where)} is damaged: copy or export the model again")
    return int(prod(tensor.dims)) * item


def _at(tensor: onnx.SparseTensorProto, where: str) -> str:
    shape = printable(list(tensor.dims))
    return f"{where}: sparse tensor '{printable(tensor.values.name)}' {shape}"


def _sparse(proto: onnx.ModelProto) -> Iterator[onnx.SparseTensorProto]:
    for graph in all_graphs(proto.graph):
        yield from graph.sparse_initializer
    for node in nodes_of_model(proto):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
                yield attribute.sparse_tensor
