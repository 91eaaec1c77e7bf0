"""Batch normalization with the statistics of the training: a factor and an offset per channel."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from onnxtaylor.rules.bundle import Bundle, scaled
from onnxtaylor.rules.places import refused
from onnxtaylor.rules.rule import Context, Node, register
from onnxtaylor.rules.structure import _first
from onnxtaylor.rules.verbs import linear

__all__: list[str] = []


def _normalized(c: Context, node: Node, b: Bundle) -> Bundle:
    """ẏ = s/√(v + ε) ẋ: a diagonal matrix, its own transpose."""
    e, scale, variance = c.e, node.inputs[1], node.inputs[4]
    if node.get("training_mode", 0):
        raise refused(node, "it mixes the events of a batch")
    if scale not in e.constants or variance not in e.constants:
        raise refused(node, "its statistics depend on the data")
    # in double precision, and as operators: the statistics may be fed
    epsilon = e.constant(float(node.get("epsilon", np.float32(1e-5))), np.float64)
    wide, spread = (e.op("Cast", name, to=TensorProto.DOUBLE) for name in (scale, variance))
    factor = e.op("Div", wide, e.op("Sqrt", e.op("Add", spread, epsilon)))
    shape = (*c.shape(scale), *(1,) * (len(b.shape) - 2))
    shaped = e.op("Reshape", factor, e.constant(shape))
    kind = helper.np_dtype_to_tensor_dtype(e.dtype)
    return scaled(e, b, e.op("Cast", shaped, to=kind), shape)


register(
    "BatchNormalization",
    linear(
        lambda c, n, t: [_normalized(c, n, t), *[None] * (len(n.outputs) - 1)],
        lambda c, n, a: _normalized(c, n, _first(a)),
    ),
)
