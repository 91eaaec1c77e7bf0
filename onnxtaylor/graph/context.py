"""Context: inputs that are fed event by event, but not differentiated.

The columns of context stand behind the features in the fed row, as floating-point numbers; texts
are codes 0 … V − 1 of V known texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.ports import WHOLE, Port

__all__ = ["feed_context", "into_shape", "require_context"]

UNKNOWN_TEXT = ""  # in place of texts, where there are no data


def require_context(port: Port) -> None:
    """Raises ModelError for an input that cannot be fed event by event beside the features."""
    problem = ""
    if not (port.is_float or port.type in {*WHOLE, TensorProto.BOOL, TensorProto.STRING}):
        problem = f"holds {port.type_name}, which cannot be fed"
    elif port.shape == ():
        problem = (
            "is a single number without a batch axis, so that it cannot differ from event to event:"
            f' hold it with fix={{"{printable(port.name, 400)}": VALUE}}'
        )
    if problem:
        raise ModelError(f"input '{printable(port.name)}' {problem}")


def into_shape(builder: Builder, row: str, target: Sequence[int], port: Port, kind: int) -> str:
    """Gives the columns of an input, a tensor (N, ·), the input's shape; returns its name.

    ``target`` is the shape with the batch first, −1 where it is free. A set may have no object: a
    size may be 0. An empty tensor is made of the element type ``kind``.
    """
    shape = np.array(target, np.int64)
    if 0 in target:  # which Reshape takes for a size that stays
        sizes = builder.constant(shape)
        if target[0] == -1:
            events = builder.node("Shape", [row])
            events = builder.node("Gather", [events, builder.constant(np.array([0]))], axis=0)
            sizes = builder.node("Concat", [events, builder.constant(shape[1:])], axis=0)
        nothing = helper.make_tensor("nothing", kind, [1], [0])
        row = builder.node("ConstantOfShape", [sizes], value=nothing)
    elif len(target) != 2 or port.batch_axis is None:
        row = builder.node("Reshape", [row, builder.constant(shape)])
    if not port.batch_axis:
        return row
    order = list(range(1, len(port.shape or ())))
    order.insert(port.batch_axis, 0)
    return builder.node("Transpose", [row], perm=order)


def feed_context(
    builder: Builder,
    port: Port,
    columns: npt.NDArray[np.int64],
    target: Sequence[int],
    *,
    row: str,
    texts: Sequence[Sequence[str]],
) -> None:
    """Cuts an input of context out of the fed row, and gives it its shape and format.

    Parameters
    ----------
    builder
        Builder of the graph, which is changed in place.
    port
        The input.
    columns
        Its columns in the row.
    target
        Its shape; the batch is −1 where it is free.
    row
        Name of the fed row.
    texts
        For inputs of text, the texts of each column by their code.
    """
    text = port.type == TensorProto.STRING
    value = builder.node("Gather", [row, builder.constant(columns)], axis=1)
    known = [list(column) or [UNKNOWN_TEXT] for column in (texts or [()] * len(columns))]
    if text:  # the texts of all columns stand one after another
        starts = np.cumsum([0, *map(len, known[:-1])])
        codes = builder.node("Cast", [value], to=TensorProto.INT64)
        value = builder.node("Add", [codes, builder.constant(starts)])
    kind = TensorProto.INT64 if text else TensorProto.FLOAT
    value = into_shape(builder, value, target, port, kind)
    if text:
        table = builder.constant(np.array([t for column in known for t in column], dtype=object))
        builder.node("Gather", [table, value], output=port.name, axis=0)
    else:
        builder.node("Cast", [value], output=port.name, to=port.type)
