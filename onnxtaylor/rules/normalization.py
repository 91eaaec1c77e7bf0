"""Batch normalization, y = s (x − µ)/√(v + ε) + b per channel, with µ and v of the training."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from onnxtaylor.rules.bundle import Bundle, scale
from onnxtaylor.rules.rule import Context, Node, refusal, register
from onnxtaylor.rules.structure import first_of
from onnxtaylor.rules.verbs import linear

__all__: list[str] = []


def _normalize(c: Context, node: Node, b: Bundle) -> Bundle:
    """ẏ = s/√(v + ε) ẋ, and likewise x̄ from ȳ: a diagonal matrix is its own transpose."""
    e, gain, variance = c.e, node.inputs[1], node.inputs[4]
    if node.get("training_mode", 0):
        raise refusal(node, "it mixes the events of a batch")
    if gain not in e.constants or variance not in e.constants:
        raise refusal(node, "its statistics depend on the data")
    # in double precision, and as operators, since the statistics may be weights that are fed
    epsilon = e.constant(float(node.get("epsilon", np.float32(1e-5))), np.float64)
    wide, spread = (e.op("Cast", name, to=TensorProto.DOUBLE) for name in (gain, variance))
    factor = e.op("Div", wide, e.op("Sqrt", e.op("Add", spread, epsilon)))
    shape = (*c.shape(gain), *(1,) * (len(b.shape) - 2))
    shaped = e.op("Reshape", factor, e.constant(shape))
    kind = helper.np_dtype_to_tensor_dtype(e.dtype)
    return scale(e, b, e.op("Cast", shaped, to=kind), shape)


register(
    "BatchNormalization",
    linear(
        lambda c, n, t: [_normalize(c, n, t), *[None] * (len(n.outputs) - 1)],
        lambda c, n, a: _normalize(c, n, first_of(a)),
    ),
)
