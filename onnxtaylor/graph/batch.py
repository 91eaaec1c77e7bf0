"""A fixed batch dimension made free.

Exporters that trace one event write its batch into the graph: into the inputs, into the recorded
shapes, and into the targets of Reshape. All three are rewritten here. Whether the result is still
the same function is not argued but tried: the engine compares it with the original, event by
event, and keeps the fixed batch where they differ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from onnxtaylor.graph.function import GraphFunction

__all__ = ["free_batch"]


def free_batch(function: GraphFunction) -> GraphFunction:
    """The function with a free batch, to be verified against ``function`` before it is used.

    Requires: ``fixed_batch`` > 0. Ensures: no shape in the graph's interface names the batch.
    """
    batch = function.fixed_batch
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    graph = proto.graph
    del graph.value_info[:]
    for info in (*graph.input, *graph.output):
        dims = info.type.tensor_type.shape.dim
        dims[0].ClearField("dim_value")
        dims[0].dim_param = "N"
    constants = {t.name: t for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants.update((node.output[0], a.t) for a in node.attribute if a.name == "value")
    for node in graph.node:
        if node.op_type == "Reshape" and len(node.input) > 1 and node.input[1] in constants:
            shape = numpy_helper.to_array(constants[node.input[1]])
            freed = _freed_shape(shape, batch)
            if freed is not None:
                # other nodes may share the constant: this one gets its own
                name = f"{node.output[0]}/shape with free batch"
                graph.initializer.append(numpy_helper.from_array(freed, name))
                node.input[1] = name
    return replace(function, proto=proto, fixed_batch=0)


def _freed_shape(shape: npt.NDArray[np.int64], batch: int) -> npt.NDArray[np.int64] | None:
    """The target of a Reshape with its leading axis made free, or None where nothing is to do.

    The leading axis holds the batch, alone or merged with others as in (batch·tokens, width), so
    it becomes -1, "whatever is left". Where another axis is -1 already, a leading batch becomes 0,
    "as in the input". The target of a constant's Reshape is filled by -1 as it was before.
    """
    if shape.ndim != 1 or len(shape) < 2 or shape[0] < 1:
        return None
    freed = shape.copy()
    if (shape[1:] > 0).all():
        freed[0] = -1
    elif shape[0] == batch and (shape[1:] == -1).any():
        freed[0] = 0
    else:
        return None
    return freed
