"""Piecewise linear operators y = φ(x): φ′ is a step function, φ″ is 0 except at the kinks.

A docstring gives φ′.
"""

from __future__ import annotations

import numpy as np

from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Node, register
from onnxtaylor.rules.verbs import elementwise

__all__: list[str] = []


_n = Emitter.number


def _where(e: Emitter, condition: str, yes: float, no: float) -> str:
    """One number where a condition holds, another elsewhere."""
    return e.op("Where", condition, _n(e, yes), _n(e, no))


def _relu(e: Emitter, n: Node, x: str, y: str) -> str:
    """1 for x > 0, else 0."""
    return e.indicator(e.op("Greater", x, _n(e, 0.0)))


def _leaky_relu(e: Emitter, n: Node, x: str, y: str) -> str:
    """1 for x ≥ 0, α for x < 0."""
    return _where(e, e.op("Less", x, _n(e, 0.0)), float(n.get("alpha", np.float32(0.01))), 1.0)


def _thresholded_relu(e: Emitter, n: Node, x: str, y: str) -> str:
    """1 for x > α, else 0."""
    return e.indicator(e.op("Greater", x, _n(e, float(n.get("alpha", 1.0)))))


def _hard_sigmoid(e: Emitter, n: Node, x: str, y: str) -> str:
    """α where 0 < y < 1, else 0."""
    alpha = float(n.get("alpha", np.float32(0.2)))
    inside = e.op("And", e.op("Greater", y, _n(e, 0.0)), e.op("Less", y, _n(e, 1.0)))
    return _where(e, inside, alpha, 0.0)


def _clip(e: Emitter, n: Node, x: str, y: str) -> str:
    """1 where y = x, else 0."""
    return e.indicator(e.op("Equal", x, y))


register("Abs", elementwise(lambda e, n, x, y: e.op("Sign", x), None, kind="piecewise_linear"))
register("Relu", elementwise(_relu, None, kind="piecewise_linear"))
register("LeakyRelu", elementwise(_leaky_relu, None, kind="piecewise_linear"))
register("ThresholdedRelu", elementwise(_thresholded_relu, None, kind="piecewise_linear"))
register("HardSigmoid", elementwise(_hard_sigmoid, None, kind="piecewise_linear"))
register("Clip", elementwise(_clip, None, kind="piecewise_linear"))
