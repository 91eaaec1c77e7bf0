"""Replaces sparse constants by dense ones, as onnxruntime does when it loads a model.

A sparse tensor has k values and their indices: [k] counts elements in C order, [k, rank] has one
index for each axis. All other elements are 0.
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
    """Makes every sparse constant of a model dense, in place; in functions and subgraphs, too.

    Parameters
    ----------
    proto
        The model, which is changed.
    where
        Name of its file, for messages.

    Raises
    ------
    ModelError
        An index lies outside its tensor, or all constants together would be larger than a model
        can be; the latter is found before anything is allocated.
    """
    sparse = list(_sparse(proto))
    if not sparse:
        return
    size = proto.ByteSize()
    for tensor in sparse:
        size += _byte_count(tensor, where)
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
        dense = np.zeros(prod(dims), dtype=values.dtype)
        if len(places) and places.min() < 0:
            raise ValueError("an index is below 0")
        if places.shape != values.shape:
            raise ValueError(f"{len(values)} values have {len(places)} indices")
        dense[places] = values
    except (ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"{at} is damaged: {printable(error)}; copy or export the model again"
        ) from None
    return numpy_helper.from_array(dense.reshape(dims), tensor.values.name)


def _byte_count(tensor: onnx.SparseTensorProto, where: str) -> int:
    """Bytes of the dense tensor; raises ModelError for a format or shape that cannot be."""
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
