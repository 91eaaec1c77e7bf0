"""A softmax whose rows may be masked altogether gets rows of zeros for them.

softmax(−∞, …, −∞) is NaN. Models mask such rows away behind it, with a Where; but on the way back
the adjoint of what is masked away, 0, would be multiplied by NaN. So the rows are taken as 0 before
the softmax and become NaN behind it:

    y = Where(max x = −∞, NaN, softmax(Where(max x = −∞, 0, x)))
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from onnxtaylor.graph.normalize.writer import Writer, axes, format_of, replace_nodes

__all__ = ["keep_masked_rows_finite"]


def keep_masked_rows_finite(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no softmax that a Where reads multiplies by NaN where its rows are all −∞.

    Others are left as they are: there NaN is what the model responds.
    """
    choices = [node for node in proto.graph.node if node.op_type == "Where"]
    chosen = {(name, node.input[0]) for node in choices for name in node.input[1:]}
    conditions = {node.output[0]: node.input[0] for node in choices}

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        if node.op_type != "Softmax" or node.domain not in ("", "ai.onnx"):
            return False
        dtype, x = format_of(w, node), node.input[0]
        # where the same condition chose the input, the rows are finite already
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
