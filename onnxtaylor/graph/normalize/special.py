"""Replaces functions that onnxruntime has in single precision only by operators it has in double.

    elu(x)      α (eˣ − 1) below 0, with eˣ − 1 = tanh(x/2) (eˣ + 1), which does not cancel
    softplus    log(1 + eˣ), and x + e⁻ˣ from where 1 + eˣ = eˣ
    gelu(x)     x/2 (1 + erf(x/√2)), the error function as in ``erf``
    atan(x)     2 atan(x/(1 + √(1 + x²))), three times, then Σ (−1)ᵏ u²ᵏ⁺¹/(2k+1), |u| < 0.2
    asin(x)     2 atan(x/(1 + √(1 − x²)))

Abs, Max and Where would count as kinks, which these functions do not have. So a branch that depends
on a sign is chosen by a factor of 0 or 1 instead.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnxtaylor.graph.normalize.erf import write_erf
from onnxtaylor.graph.normalize.writer import Attributes, Writer, replace_nodes

__all__ = ["SPECIAL", "expand_special"]

LARGE = 40.0  # e⁻⁴⁰ = 4e-18: then 1 + eˣ = eˣ in double precision
TERMS = 11  # of the series: the next one is below 0.2²³/23 = 4e-18


def expand_special(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Ensures: no operator of ``SPECIAL`` is left at the top level, except Gelu with tanh.

    Gelu with tanh is replaced by ``unrounded``. Requires: inputs in double precision, opset 18 or
    later. Attributes keep their values, which ONNX stores in single precision.
    """

    def rewrite(w: Writer, node: onnx.NodeProto) -> bool:
        write = SPECIAL.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if write is None or attributes.get("approximate") == b"tanh":
            return False
        w.write("Identity", [write(_Double(w), node, attributes)], node.output[0])
        return True

    return replace_nodes(proto, rewrite)


class _Double:
    """Writer of arithmetic on tensors, given by name, and numbers; see ``erf.Arithmetic``."""

    def __init__(self, w: Writer) -> None:
        self._w = w

    def op(self, kind: str, *terms: str | float, **attributes: int) -> str:
        names = [t if isinstance(t, str) else self._w.constant(np.float64(t)) for t in terms]
        return self._w.op(kind, *names, **attributes)

    def sum(self, first: str, *terms: str | float) -> str:
        for t in terms:
            first = self.op("Add", first, t)
        return first

    def product(self, first: str, *terms: str | float) -> str:
        for t in terms:
            first = self.op("Mul", first, t)
        return first

    def flag(self, kind: str, x: str, limit: float) -> str:
        """Returns 1 where x compares with the limit, else 0."""
        return self.op("Cast", self.op(kind, x, limit), to=TensorProto.DOUBLE)

    def pick(self, flag: str, yes: str, no: str) -> str:
        """Returns one of two tensors, both of which must be finite."""
        return self.sum(self.product(flag, yes), self.product(self.op("Sub", 1.0, flag), no))

    def size(self, x: str) -> tuple[str, str]:
        """Returns the sign of x, 1 for x = 0, and |x|."""
        sign = self.op("Sub", 1.0, self.product(self.flag("Less", x, 0.0), 2.0))
        return sign, self.product(sign, x)


def _single(a: Attributes, name: str, default: float) -> float:
    """Value of an attribute, or its default, rounded to single precision as ONNX stores it."""
    return float(a.get(name, np.float32(default)))


# --- activations ---------------------------------------------------------------------------------


def _elu_of(d: _Double, x: str, alpha: float) -> str:
    low = d.product(x, d.flag("Less", x, 0.0))
    rise = d.product(d.op("Tanh", d.product(low, 0.5)), d.sum(d.op("Exp", low), 1.0))
    return d.op("Where", d.op("Less", x, 0.0), d.product(rise, alpha), x)


def _elu(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return _elu_of(d, node.input[0], _single(a, "alpha", 1.0))


def _selu(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    alpha = _single(a, "alpha", 1.67326319217681884765625)
    gamma = _single(a, "gamma", 1.05070102214813232421875)
    return d.product(_elu_of(d, node.input[0], alpha), gamma)


def _celu(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    """α elu(x/α)."""
    alpha = _single(a, "alpha", 1.0)
    return d.product(_elu_of(d, d.op("Div", node.input[0], alpha), 1.0), alpha)


def _softplus_of(d: _Double, x: str) -> str:
    large = d.flag("Greater", x, LARGE)
    high = d.product(large, x)
    beyond = d.sum(high, d.op("Exp", d.op("Neg", high)))
    low = d.op("Log", d.sum(d.op("Exp", d.op("Sub", x, high)), 1.0))
    return d.pick(large, beyond, low)


def _softplus(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return _softplus_of(d, node.input[0])


def _mish(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return d.product(node.input[0], d.op("Tanh", _softplus_of(d, node.input[0])))


def _erf(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return write_erf(d, node.input[0])


def _gelu(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    x = node.input[0]
    return d.product(x, 0.5, d.sum(write_erf(d, d.product(x, sqrt(0.5))), 1.0))


def _hard_sigmoid(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    alpha, beta = _single(a, "alpha", 0.2), _single(a, "beta", 0.5)
    return d.op("Clip", d.sum(d.product(node.input[0], alpha), beta), 0.0, 1.0)


def _hard_swish(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    """x clip(x/6 + ½, 0, 1)."""
    x = node.input[0]
    return d.product(x, d.op("Clip", d.sum(d.product(x, 1 / 6), 0.5), 0.0, 1.0))


def _softsign(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    x = node.input[0]
    return d.op("Div", x, d.sum(d.size(x)[1], 1.0))


def _thresholded_relu(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    above = d.op("Greater", node.input[0], _single(a, "alpha", 1.0))
    return d.op("Where", above, node.input[0], 0.0)


def _mean(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return d.op("Div", d.sum(*node.input), float(len(node.input)))


# --- circular and hyperbolic functions -----------------------------------------------------------


def _tan_of(d: _Double, x: str) -> str:
    return d.op("Div", d.op("Sin", x), d.op("Cos", x))


def _tan(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return _tan_of(d, node.input[0])


def _halved(d: _Double, x: str) -> str:
    """tan(½ atan x)."""
    root = d.op("Sqrt", d.sum(d.product(x, x), 1.0))
    return d.op("Div", x, d.sum(root, 1.0))


def _small_atan(d: _Double, u: str) -> str:
    """Series of atan u for |u| < 0.2."""
    square = d.product(u, u)
    total = d.product(square, (-1) ** TERMS / (2 * TERMS + 1))
    for k in range(TERMS - 1, 0, -1):
        total = d.product(square, d.sum(total, (-1) ** k / (2 * k + 1)))
    return d.product(u, d.sum(total, 1.0))


def _atan(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return d.product(_small_atan(d, _halved(d, _halved(d, _halved(d, node.input[0])))), 8.0)


def _asin_of(d: _Double, x: str) -> str:
    root = d.op("Sqrt", d.product(d.op("Sub", 1.0, x), d.sum(x, 1.0)))
    half = d.op("Div", x, d.sum(root, 1.0))
    return d.product(_small_atan(d, _halved(d, _halved(d, half))), 8.0)


def _asin(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return _asin_of(d, node.input[0])


def _acos(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return d.op("Sub", pi / 2, _asin_of(d, node.input[0]))


def _exponentials(d: _Double, x: str) -> tuple[str, str]:
    return d.op("Exp", x), d.op("Exp", d.op("Neg", x))


def _sinh(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return d.product(d.op("Sub", *_exponentials(d, node.input[0])), 0.5)


def _cosh(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    return d.product(d.op("Add", *_exponentials(d, node.input[0])), 0.5)


def _asinh(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    """log(|x| + √(x² + 1)), with the sign of x."""
    x = node.input[0]
    sign, size = d.size(x)
    root = d.op("Sqrt", d.sum(d.product(x, x), 1.0))
    return d.product(sign, d.op("Log", d.sum(size, root)))


def _acosh(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    """log(x + √((x − 1)(x + 1)))."""
    x = node.input[0]
    root = d.op("Sqrt", d.product(d.op("Sub", x, 1.0), d.sum(x, 1.0)))
    return d.op("Log", d.sum(x, root))


def _atanh(d: _Double, node: onnx.NodeProto, a: Attributes) -> str:
    """½ log((1 + x)/(1 − x))."""
    x = node.input[0]
    return d.product(d.op("Log", d.op("Div", d.sum(x, 1.0), d.op("Sub", 1.0, x))), 0.5)


SPECIAL: dict[str, Callable[[_Double, onnx.NodeProto, Attributes], str]] = {
    "Acos": _acos,
    "Acosh": _acosh,
    "Asin": _asin,
    "Asinh": _asinh,
    "Atan": _atan,
    "Atanh": _atanh,
    "Celu": _celu,
    "Cosh": _cosh,
    "Elu": _elu,
    "Erf": _erf,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Mean": _mean,
    "Mish": _mish,
    "Selu": _selu,
    "Sinh": _sinh,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Tan": _tan,
    "ThresholdedRelu": _thresholded_relu,
}
