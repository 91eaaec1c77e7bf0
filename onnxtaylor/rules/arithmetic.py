"""Operators of two inputs, element by element: z = φ(x, y), by their partial derivatives.

A docstring gives the partial derivative that its function writes.
"""

from __future__ import annotations

from onnx import helper

from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Node, register
from onnxtaylor.rules.verbs import binary

__all__: list[str] = []


_n = Emitter.number


register("Add", binary(("one", "one"), kind="linear"))
register("Sub", binary(("one", "minus one"), kind="linear"))
register(
    "Mul",
    binary(
        (lambda e, n, x, y, z: y, lambda e, n, x, y, z: x),
        (None, lambda e, n, x, y, z: _n(e, 1.0), None),
    ),
)


def _inverse(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """1/y."""
    return e.op("Reciprocal", y)


def _div_y(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """−z/y."""
    return e.op("Neg", e.op("Div", z, y))


def _div_xy(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """−1/y²."""
    inverse = e.op("Reciprocal", y)
    return e.op("Neg", e.op("Mul", inverse, inverse))


def _div_yy(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """2z/y²."""
    return e.op("Mul", _n(e, 2.0), e.op("Div", z, e.op("Mul", y, y)))


register("Div", binary((_inverse, _div_y), (None, _div_xy, _div_yy), kind="general"))


def _exponent(e: Emitter, y: str) -> str:
    """Casts the exponent y to the graph's format: ONNX allows whole numbers as exponents."""
    value = e.constants.get(y)
    if value is None:
        return e.op("Cast", y, to=helper.np_dtype_to_tensor_dtype(e.dtype))
    return y if value.dtype == e.dtype else e.constant(value.astype(e.dtype))


def _term(e: Emitter, factor: str, x: str, exponent: str) -> str:
    """factor · x^exponent, and 0 where the factor is 0.

    For y = 1, y (y−1) x^(y−2) is 0 · x⁻¹: it must be 0 at x = 0, too, not NaN.
    """
    safe = e.op("Where", e.op("Equal", factor, _n(e, 0.0)), _n(e, 1.0), exponent)
    return e.op("Mul", factor, e.op("Pow", x, safe))


def _zero_with(e: Emitter, factor: str, product: str) -> str:
    """The product, and 0 where its factor is 0, though the logarithm beside it may be infinite."""
    return e.op("Where", e.op("Equal", factor, _n(e, 0.0)), _n(e, 0.0), product)


def _pow_x(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """y x^(y−1)."""
    y = _exponent(e, y)
    return _term(e, y, x, e.op("Sub", y, _n(e, 1.0)))


def _pow_y(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """z log x."""
    return _zero_with(e, z, e.op("Mul", z, e.op("Log", x)))


def _pow_xx(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """y (y−1) x^(y−2)."""
    y = _exponent(e, y)
    factor = e.op("Mul", y, e.op("Sub", y, _n(e, 1.0)))
    return _term(e, factor, x, e.op("Sub", y, _n(e, 2.0)))


def _pow_xy(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """x^(y−1) (1 + y log x)."""
    y = _exponent(e, y)
    inner = e.op("Add", _n(e, 1.0), e.op("Mul", y, e.op("Log", x)))
    power = e.op("Pow", x, e.op("Sub", y, _n(e, 1.0)))
    return _zero_with(e, power, e.op("Mul", power, inner))


def _pow_yy(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """z (log x)²."""
    log = e.op("Log", x)
    return _zero_with(e, z, e.op("Mul", z, e.op("Mul", log, log)))


register("Pow", binary((_pow_x, _pow_y), (_pow_xx, _pow_xy, _pow_yy), kind="general"))


def _equal(e: Emitter, first: str, second: str) -> str:
    """1 where both are equal, else 0."""
    return e.indicator(e.op("Equal", first, second))


def _chosen_x(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """1 where x is the result, else 0."""
    return _equal(e, z, x)


def _chosen_y(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """1 where x is not the result, else 0: in a tie, x alone has the slope 1."""
    return e.op("Sub", _n(e, 1.0), _equal(e, z, x))


register("Max Min", binary((_chosen_x, _chosen_y), kind="piecewise_linear"))


def _slope(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """1 for x ≥ 0, the slope y for x < 0."""
    return e.op("Where", e.op("Less", x, _n(e, 0.0)), y, _n(e, 1.0))


def _below(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """x for x < 0, else 0."""
    return e.op("Min", x, _n(e, 0.0))


def _is_below(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """1 for x < 0, else 0."""
    return e.indicator(e.op("Less", x, _n(e, 0.0)))


register("PRelu", binary((_slope, _below), (None, _is_below, None), kind="piecewise_linear"))


def _minus_quotient(e: Emitter, n: Node, x: str, y: str, z: str) -> str:
    """(z − x)/y = −q, with q the whole quotient of x by y."""
    return e.op("Div", e.op("Sub", z, x), y)


register("Mod", binary(("one", _minus_quotient), kind="piecewise_linear"))
