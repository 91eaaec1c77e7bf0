"""Shapes of all tensors of a graph for inputs of given shapes, without running it.

Node by node, ONNX's inference gets the shapes of a node's inputs and, where it computes with
shapes, the values of small whole-number tensors. These are propagated: Shape gives a value, and
nodes whose inputs all have values are computed. ONNX's inference of whole models gives up where a
shape is computed from several others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TypeProto, helper, numpy_helper

from onnxtaylor.graph.node_types import NodeTypes, itemsize
from onnxtaylor.rules.emit import evaluate

__all__ = ["TensorShape", "shapes_of_feeds", "tensor_shapes"]

Values = dict[str, npt.NDArray[Any]]

MOST_NUMBERS = 4096  # of a whole-number tensor whose value may decide a shape
_WHOLE = frozenset({onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL})


@dataclass(frozen=True)
class TensorShape:
    """Shape of a tensor and bytes of one of its numbers.

    ``known`` is False where the inference gave up: the shape is then the largest among the node's
    inputs, an estimate.
    """

    shape: tuple[int, ...]
    itemsize: int
    known: bool = True

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Memory of the elements."""
        return self.size * self.itemsize


def shapes_of_feeds(proto: onnx.ModelProto, events: int) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each input: every axis without a fixed length counts events."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    return {
        port.name: tuple(
            d.dim_value if d.HasField("dim_value") else events
            for d in port.type.tensor_type.shape.dim
        )
        for port in proto.graph.input
        if port.name not in constants
    }


def tensor_shapes(
    proto: onnx.ModelProto, feeds: Mapping[str, tuple[int, ...]]
) -> dict[str, TensorShape]:
    """Infers the shape of every tensor of a graph: name → shape, bytes of a number.

    Parameters
    ----------
    proto
        The model; nodes in an order in which they can be computed.
    feeds
        Shapes of its inputs by name.

    Returns
    -------
    dict
        Inputs, constants and the outputs of all nodes, those inside of If, Loop and Scan left out.
    """
    return _Inference(proto, feeds).run()


class _Inference:
    """One walk through a graph."""

    def __init__(self, proto: onnx.ModelProto, feeds: Mapping[str, tuple[int, ...]]) -> None:
        self._proto = proto
        self._inferred = NodeTypes(proto)
        self._opset = next((o.version for o in proto.opset_import if not o.domain), 1)
        self._types: dict[str, TypeProto] = {}
        self._shapes: dict[str, TensorShape] = {}
        self._values: Values = {}
        for port in proto.graph.input:
            if port.name in feeds:
                kind = port.type.tensor_type.elem_type
                self._put(port.name, helper.make_tensor_type_proto(kind, feeds[port.name]))
        for tensor in proto.graph.initializer:
            self._put(tensor.name, helper.make_tensor_type_proto(tensor.data_type, tensor.dims))
            if prod(tensor.dims) <= MOST_NUMBERS and tensor.data_type in _WHOLE:
                self._values[tensor.name] = numpy_helper.to_array(tensor)

    def run(self) -> dict[str, TensorShape]:
        for node in self._proto.graph.node:
            for name, kind in zip(
                node.output, self._inferred.of(node, self._types, self._values), strict=False
            ):
                if name:
                    self._put(name, kind)
            self._estimate(node)
            self._compute(node)
        return self._shapes

    def _put(self, name: str, kind: TypeProto) -> None:
        tensor = kind.tensor_type
        if not tensor.HasField("shape"):
            return
        if not all(d.HasField("dim_value") for d in tensor.shape.dim):
            return
        self._types[name] = kind
        shape = tuple(d.dim_value for d in tensor.shape.dim)
        self._shapes[name] = TensorShape(shape, itemsize(tensor.elem_type))

    def _estimate(self, node: onnx.NodeProto) -> None:
        """Gives outputs without a shape the largest shape among the node's inputs."""
        missing = [name for name in node.output if name and name not in self._shapes]
        read = [self._shapes[name] for name in node.input if name in self._shapes]
        if missing and read:
            largest = max(read, key=lambda s: s.bytes)
            for name in missing:
                self._shapes[name] = TensorShape(largest.shape, largest.itemsize, known=False)

    def _compute(self, node: onnx.NodeProto) -> None:
        """Computes the value of a small whole-number tensor, where all that it depends on has one.

        Shape and Size depend on the shape of their input alone.
        """
        own = self._types.get(node.output[0]) if len(node.output) == 1 else None
        if own is None or own.tensor_type.elem_type not in _WHOLE or node.domain:
            return
        name = node.output[0]
        if self._shapes[name].size > MOST_NUMBERS:
            return
        if node.op_type in ("Shape", "Size"):
            if node.input[0] not in self._types:
                return
            shape = self._shapes[node.input[0]].shape
            marks = {a.name: a.i for a in node.attribute}
            part = shape[marks.get("start", 0) : marks.get("end", len(shape))]
            value = np.array(part if node.op_type == "Shape" else prod(shape), np.int64)
            self._values[name] = value
            return
        if node.op_type == "Constant":
            given = next((a.t for a in node.attribute if a.name == "value"), None)
            if given is not None:
                self._values[name] = numpy_helper.to_array(given)
            return
        read = [i for i in node.input if i]
        if read and all(i in self._values for i in read):
            try:
                self._values[name] = evaluate(
                    node, {i: self._values[i] for i in read}, self._opset
                )[0]
            except (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError):
                return  # its shape is known all the same
