"""Keeps a softmax finite where a whole row is masked.

softmax(−∞, …, −∞) is NaN. Models replace such rows after the softmax, with a Where; but in the
reverse sweep the adjoint of the replaced row, 0, would be multiplied by NaN. So these rows are set
to 0 before the softmax and become NaN after it:

    y = Where(max x = −∞, NaN, softmax(Where(max x = −∞, 0, x)))
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, axes, format_of, replace_nodes

__all__ = ["keep_masked_rows_finite"]


def keep_masked_rows_finite(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no softmax that a Where reads has an adjoint of NaN where a row is all −∞.

    Others stay as they are: where no Where replaces the row, NaN is the model's response.
    """
    choices = [node for node in proto.graph.node if node.op_type == "Where"]
    chosen = {(name, node.input[0]) for node in choices for name in node.input[1:]}
    conditions = {node.output[0]: node.input[0] for node in choices}

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        if node.op_type != "Softmax" or node.domain not in ("", "ai.onnx"):
            return False
        dtype, x = format_of(w, node), node.input[0]
        # where the same condition chose the input, too, rows are finite already
        masks = {c for name, c in chosen if name == node.output[0]} - {conditions.get(x)}
        if dtype is None or not masks:
            return False
        axis = next((helper.get_attribute_value(a) for a in node.attribute), -1)
        zero, never, nan = (w.constant(np.array(v, dtype)) for v in (0, -np.inf, np.nan))
        empty = w.op("Equal", w.op("ReduceMax", x, axes(w, int(axis)), keepdims=1), never)
        safe = w.op("Softmax", w.op("Where", empty, zero, x), axis=int(axis))
        w.write("Where", [empty, nan, safe], node.output[0])
        return True

    return replace_nodes(proto, rewrite)
