"""Graphs that compute in half precision, as graphs that compute in single precision instead.

Rounding to half precision is a step function, which has no useful derivative: the derivative of the
unrounded function is computed instead. Weights are rounded once and for all, so they keep their
rounded values.
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
    """Returns a graph without any tensor of half precision; the proto itself if it has none.

    Raises ModelError where a weight that is rounded to half precision cannot be computed.
    """
    if not HALF & formats_of(proto):
        return proto
    rounded = _rounded(proto)
    single = retyped(proto, HALF, TensorProto.FLOAT)
    graph = single.graph
    kept = [node for node in graph.node if node.output[0] not in rounded]
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in rounded.items())
    return single


def _rounded(proto: onnx.ModelProto) -> dict[str, npt.NDArray[np.float32]]:
    """Values, in single precision, of tensors that are rounded to half and depend on no input."""
    varying, names = {i.name for i in proto.graph.input}, []
    half = {t.name for t in proto.graph.initializer if t.data_type in HALF}
    for node in proto.graph.node:
        if varying.intersection(read_names(node)):
            varying.update(node.output)
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
            f"constant '{printable(names[0])}', which is rounded to half precision, cannot be"
            f" computed: {printable(error)}"
        ) from None
    return {k: np.asarray(v).astype(np.float32) for k, v in zip(names, values, strict=True)}


def _target(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "to"), 0)
