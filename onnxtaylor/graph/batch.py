"""Changes graphs with a fixed batch dimension so that they take any number of events.

Exporters that trace one event write its batch into the graph: into the inputs, into recorded
shapes, into the targets of Reshape and Expand, and into constants that are joined to every event,
such as a class token or the initial state of a recurrent layer. All are rewritten here. No proof
shows that the result is still the same function: the caller compares it with the original, event
by event, and keeps the fixed batch where they differ.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper, shape_inference

from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.function import GraphFunction

__all__ = ["free_batch"]

LARGEST = 2**20  # elements of a constant that may be a shape, a token or a state
Array = npt.NDArray[Any]


def free_batch(function: GraphFunction) -> GraphFunction:
    """Returns a function with a free batch, which must be compared with the original before use.

    Parameters
    ----------
    function
        A function with ``fixed_batch`` > 0.

    Returns
    -------
    GraphFunction
        A function for any number of events, whose input and output have no size for the batch.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    graph, batch = proto.graph, function.fixed_batch
    constants, sizes = _constants(graph), _sizes(proto)
    del graph.value_info[:]
    for info in (*graph.input, *graph.output):
        dims = info.type.tensor_type.shape.dim
        dims[0].ClearField("dim_value")
        dims[0].dim_param = "N"
    builder = Builder(proto)
    events = _Events(builder, function.feed)
    for node in list(graph.node):
        kind, read = node.op_type, node.input
        if kind == "Reshape" and len(read) > 1 and read[1] in constants:
            shape = constants[read[1]]
            freed = _freed_shape(shape, batch, sizes.get(node.output[0]))
            if read[0] == function.feed and shape.shape == (1,):
                freed = np.array([-1, *shape])  # one event without a batch axis gets one
            if freed is not None:
                # other nodes may share the constant: this one gets its own
                read[1] = builder.constant(freed.astype(np.int64))
        elif kind in ("Expand", "ConstantOfShape") and read[-1] in constants:
            target = constants[read[-1]]
            if target.ndim == 1 and target.size and target[0] == batch:
                read[-1] = events.shape([], target[1:])
        elif kind == "Concat" and not all(name in constants for name in read):
            for place, name in enumerate(read):
                if _repeats(constants.get(name), 0, batch) and _axis(node) != 0:
                    read[place] = events.repeat(name, constants[name], 0)
        elif kind in ("LSTM", "GRU", "RNN"):
            for place, name in list(enumerate(read))[5:7]:
                if _repeats(constants.get(name), 1, batch):
                    read[place] = events.repeat(name, constants[name], 1)
    builder.close()
    return replace(function, proto=proto, fixed_batch=0)


class _Events:
    """Writer of shapes and constants that grow with the number of events."""

    def __init__(self, builder: Builder, feed: str) -> None:
        self._builder, self._feed = builder, feed

    def shape(self, before: npt.ArrayLike, behind: npt.ArrayLike) -> str:
        """Returns the name of the shape [before…, number of events, behind…]."""
        builder = self._builder
        shape = builder.node("Shape", [self._feed])
        count = builder.node("Gather", [shape, builder.constant(np.array([0]))], axis=0)
        known = [np.array(part, dtype=np.int64) for part in (before, behind)]
        left, right = ([builder.constant(part)] if part.size else [] for part in known)
        return builder.node("Concat", [*left, count, *right], axis=0)

    def repeat(self, name: str, value: Array, axis: int) -> str:
        """Repeats a constant's first row along an axis for every event, and returns its name."""
        row = self._builder.constant(np.ascontiguousarray(value.take([0], axis)))
        target = self.shape(value.shape[:axis], value.shape[axis + 1 :])
        return self._builder.node("Expand", [row, target])


def _freed_shape(shape: Array, batch: int, sizes: list[int] | None) -> Array | None:
    """Target shape of a Reshape with its first axis made free, or None where it can stay.

    The first axis holds the batch, alone or merged with others as in (batch·tokens, width), so it
    becomes -1, "whatever is left", and another axis that was -1 becomes the size that it has. Where
    that size is unknown, a first axis that is the batch becomes 0, "as in the input". A Reshape of
    a constant gives the same tensor as before, since -1 stands for its own size.
    """
    if shape.ndim != 1 or len(shape) < 2 or shape[0] < 1:
        return None
    known = shape if (shape[1:] > 0).all() else np.array(sizes or [])
    if len(known) == len(shape) and (known[1:] > 0).all():
        return np.array([-1, *known[1:]])
    if shape[0] == batch and (shape[1:] == -1).any():
        return np.array([0, *shape[1:]])
    return None


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    """Values of constants that are small enough to be a shape, a token or a state."""
    values = {}
    tensors = {t.name: t for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    tensors[node.output[0]] = attribute.t
                elif attribute.name == "value_ints":
                    values[node.output[0]] = np.array(attribute.ints, dtype=np.int64)
    for name, tensor in tensors.items():
        # a damaged tensor that onnxruntime loaded all the same is read by no node
        with suppress(Exception):
            if prod(tensor.dims) <= LARGEST:
                values[name] = numpy_helper.to_array(tensor)
    return values


def _sizes(proto: onnx.ModelProto) -> dict[str, list[int]]:
    """Shapes of all tensors at the fixed batch, as far as they can be inferred; 0: unknown."""
    try:
        graph = shape_inference.infer_shapes(proto, data_prop=True).graph
    except Exception:  # an operator that onnx does not know: fewer shapes are freed
        return {}
    infos = (*graph.value_info, *graph.output)
    return {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in infos}


def _repeats(value: Array | None, axis: int, batch: int) -> bool:
    """Whether the rows of a constant along an axis are equal, one for every event of the batch."""
    if value is None or value.ndim < 2 or value.shape[axis] != batch:
        return False
    return bool((value == value.take([0], axis)).all())


def _axis(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "axis"), 0)
