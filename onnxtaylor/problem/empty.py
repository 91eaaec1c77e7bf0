"""Sets without objects: tensors without elements are cut off from the features.

A sum over no tracks is 0, whatever the features are. Tensors without elements say nothing of them,
but derivatives along them would need shapes that operators do not take.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.prune import prune
from onnxtaylor.runtime.tensors import run_all

__all__ = ["without_empty_tensors"]


def without_empty_tensors(function: GraphFunction, x: npt.NDArray[np.float64]) -> GraphFunction:
    """Returns a function of the same values, in which tensors without elements are constants.

    Parameters
    ----------
    function
        A function with a free batch.
    x
        Events (B, n) at which shapes are observed.

    Raises
    ------
    ModelError
        onnxruntime cannot run one of the nodes.
    """
    rows = [np.resize(x, (events, x.shape[1])).astype(function.dtype) for events in (2, 3)]
    two, three = run_all(function.proto, [{function.feed: row} for row in rows])
    empty = {
        name: (a, three[name].shape)
        for name, a in two.items()
        if a.size == three[name].size == 0 and a.dtype.kind == "f"
    }
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    graph, builder = proto.graph, Builder(proto)
    kept = []
    for node in graph.node:
        names = [name for name in node.output if name]
        if not all(name in empty for name in names):
            kept.append(node)
            continue
        for name in names:
            _write_empty(builder, function.feed, name, *empty[name])
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(nodes)
    builder.close()
    inputs = list(graph.input)
    prune(graph, [function.response])
    del graph.input[:]
    graph.input.extend(inputs)
    return function.with_proto(proto)


def _write_empty(
    builder: Builder, feed: str, name: str, two: npt.NDArray[Any], three: tuple[int, ...]
) -> None:
    """Writes a tensor without elements, which is ``two`` with two events.

    ``three`` is its shape with three: each size is a + b·N.
    """
    many = np.array(three, np.int64) - two.shape
    known = np.array(two.shape, np.int64) - 2 * many
    events = builder.node("Shape", [feed])
    events = builder.node("Gather", [events, builder.constant(np.array([0]))], axis=0)
    sizes = builder.node("Mul", [events, builder.constant(many)])
    sizes = builder.node("Add", [sizes, builder.constant(known)])
    nothing = helper.make_tensor("nothing", helper.np_dtype_to_tensor_dtype(two.dtype), [1], [0.0])
    builder.node("ConstantOfShape", [sizes], output=name, value=nothing)
