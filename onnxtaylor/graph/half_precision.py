"""A graph with half precision on its way, as one that computes there in single precision.

The rounding of half precision has no derivative; that of the function which is rounded is meant.
What is rounded once and for all, the weights, stays as it was rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.formats import HALF, formats_of, retyped
from onnxtaylor.graph.prune import prune, read_names

__all__ = ["without_half_precision"]


def without_half_precision(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no tensor is of half precision. Raises ModelError where a weight that is rounded to
    half precision cannot be computed.

    The proto itself is returned where nothing is to do.
    """
    if not HALF & formats_of(proto):
        return proto
    rounded = _rounded(proto)
    found = retyped(proto, HALF, TensorProto.FLOAT)
    graph = found.graph
    kept = [node for node in graph.node if node.output[0] not in rounded]
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in kept]
    del graph.node[:]
    graph.node.extend(copies)
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in rounded.items())
    return found


def _rounded(proto: onnx.ModelProto) -> dict[str, npt.NDArray[np.float32]]:
    """What is brought to half precision and no input reaches: the values in single precision."""
    reached, names = {i.name for i in proto.graph.input}, []
    half = {t.name for t in proto.graph.initializer if t.data_type in HALF}
    for node in proto.graph.node:
        if reached.intersection(read_names(node)):
            reached.update(node.output)
        elif (node.op_type == "Cast" and _target(node) in HALF) or (
            node.op_type == "DequantizeLinear" and node.input[1] in half
        ):
            names.append(node.output[0])
    if not names:
        return {}
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    prune(part.graph, names)
    del part.graph.input[:]
    del part.graph.output[:]
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    try:
        values: Any = ReferenceEvaluator(part).run(None, {})
    except Exception as error:  # whatever the evaluator of an operator raises
        raise ModelError(
            f"what is rounded to half precision, '{printable(names[0])}', cannot be computed:"
            f" {printable(error)}"
        ) from None
    return {k: np.asarray(v).astype(np.float32) for k, v in zip(names, values, strict=True)}


def _target(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "to"), 0)
