"""Batch normalization with the statistics of the training: a factor and an offset per channel."""

from __future__ import annotations

import numpy as np

from onnxtaylor.rules.base import Context, Node, register
from onnxtaylor.rules.bundle import Bundle, scaled
from onnxtaylor.rules.places import refused
from onnxtaylor.rules.structure import _first
from onnxtaylor.rules.verbs import linear

__all__: list[str] = []


def _normalized(c: Context, node: Node, b: Bundle) -> Bundle:
    """ẏ = s/√(v + ε) ẋ: a diagonal matrix, its own transpose."""
    scale, variance = c.value(node.inputs[1]), c.value(node.inputs[4])
    if node.get("training_mode", 0):
        raise refused(node, "it mixes the events of a batch")
    if scale is None or variance is None:
        raise refused(node, "its statistics depend on the data")
    epsilon = float(node.get("epsilon", np.float32(1e-5)))
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    shape = (-1,) + (1,) * (len(b.shape) - 2)
    value = factor.reshape(shape)
    return scaled(c.e, b, c.e.constant(value), value.shape)


register(
    "BatchNormalization",
    linear(
        lambda c, n, t: [_normalized(c, n, t), *[None] * (len(n.outputs) - 1)],
        lambda c, n, a: _normalized(c, n, _first(a)),
    ),
)
