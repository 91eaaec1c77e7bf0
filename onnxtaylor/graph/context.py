"""Context: inputs that are fed event by event, but not differentiated.

The columns of context stand behind the features in the fed row, as floating-point numbers; texts
are codes 0 … V − 1 of V known texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.ports import WHOLE, Port

__all__ = ["feed_context", "move_batch", "require_context"]

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


def move_batch(builder: Builder, value: str, port: Port) -> str:
    """Moves the batch of a tensor from the first axis to that of an input; returns its name."""
    if not port.batch_axis:
        return value
    order = list(range(1, len(port.shape or ())))
    order.insert(port.batch_axis, 0)
    return builder.node("Transpose", [value], perm=order)


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
    if len(target) != 2 or port.batch_axis is None:
        value = builder.node("Reshape", [value, builder.constant(np.array(target, np.int64))])
    value = move_batch(builder, value, port)
    if text:
        table = builder.constant(np.array([t for column in known for t in column], dtype=object))
        builder.node("Gather", [table, value], output=port.name, axis=0)
    else:
        builder.node("Cast", [value], output=port.name, to=port.type)
