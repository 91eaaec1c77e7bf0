"""Activation functions y = φ(x), by φ′ and φ″ in terms of x and y; see ``elementwise``."""

from __future__ import annotations

import math

from onnxtaylor.rules.elementwise import (
    minus_twice,
    one_minus,
    power,
    sigmoid_slope,
    square,
    times,
)
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Node, register
from onnxtaylor.rules.verbs import elementwise

__all__: list[str] = []

SATURATED = 40.0  # beyond ±40 the slopes of Gelu and Mish are 0 or 1 in any format

_n = Emitter.number

register(
    "Softplus",  # σ(x), σ(1 − σ)
    elementwise(
        lambda e, n, x, y: e.op("Sigmoid", x),
        lambda e, n, x, y: sigmoid_slope(e, n, x, e.op("Sigmoid", x)),
    ),
)


def _softsign_1(e: Emitter, n: Node, x: str, y: str) -> str:
    """1/(1 + |x|)²."""
    return square(e, e.op("Reciprocal", e.op("Add", _n(e, 1.0), e.op("Abs", x))))


register(
    "Softsign",  # −2 sign(x)/(1 + |x|)³
    elementwise(
        _softsign_1,
        lambda e, n, x, y: e.op(
            "Mul",
            minus_twice(e, e.op("Sign", x)),
            power(e, e.op("Add", _n(e, 1.0), e.op("Abs", x)), -3.0),
        ),
    ),
)


def _elu_slope(e: Emitter, n: Node, x: str, y: str, second: bool) -> str:
    """α exp(x) for x < 0, where φ = α (exp(x) − 1); else 1 for φ′ and 0 for φ″, as φ = x."""
    alpha = float(n.get("alpha", 1.0))
    # Where evaluates both branches: exp must not overflow where x is large
    below = times(e, alpha, e.op("Exp", e.op("Min", x, _n(e, 0.0))))
    return e.op("Where", e.op("Less", x, _n(e, 0.0)), below, _n(e, 0.0 if second else 1.0))


register(
    "Elu",
    elementwise(
        lambda e, n, x, y: _elu_slope(e, n, x, y, second=False),
        lambda e, n, x, y: _elu_slope(e, n, x, y, second=True),
    ),
)


def _swish_1(e: Emitter, n: Node, x: str, y: str) -> str:
    """σ(αx) + α y (1 − σ(αx)), from y = x σ(αx)."""
    alpha = float(n.get("alpha", 1.0))
    s = e.op("Sigmoid", times(e, alpha, x))
    return e.op("Add", s, times(e, alpha, e.op("Mul", y, one_minus(e, s))))


def _swish_2(e: Emitter, n: Node, x: str, y: str) -> str:
    """α σ (1 − σ) (2 + αx (1 − 2σ))."""
    alpha = float(n.get("alpha", 1.0))
    s = e.op("Sigmoid", times(e, alpha, x))
    slope = times(e, alpha, sigmoid_slope(e, n, x, s))
    inner = e.op("Mul", times(e, alpha, x), e.op("Add", _n(e, 1.0), minus_twice(e, s)))
    return e.op("Mul", slope, e.op("Add", _n(e, 2.0), inner))


register("Swish", elementwise(_swish_1, _swish_2))


def _gelu_erf(e: Emitter, x: str) -> tuple[str, str]:
    """Φ(x) and Φ′(x) = exp(−x²/2)/√(2π), for y = x Φ(x)."""
    erf = e.op("Erf", times(e, 1 / math.sqrt(2), x))
    bell = e.op("Exp", times(e, -0.5, square(e, x)))
    total = times(e, 0.5, e.op("Add", _n(e, 1.0), erf))
    return total, times(e, 1 / math.sqrt(2 * math.pi), bell)


def _gelu_tanh(e: Emitter, x: str) -> tuple[str, str, str, str]:
    """x, t, 1 − t² and u′ for y = ½ x (1 + t), t = tanh u, u = √(2/π) (x + 0.044715 x³).

    x is limited to ±40, where t is ±1 in every format: else u′ may overflow, and 0 · u′ be NaN.
    """
    root = math.sqrt(2 / math.pi)
    near = e.op("Max", e.op("Min", x, _n(e, SATURATED)), _n(e, -SATURATED))
    x2 = square(e, near)
    inner = e.op("Add", _n(e, root), times(e, root * 0.044715, x2))
    t = e.op("Tanh", e.op("Mul", near, inner))
    slope = e.op("Add", _n(e, root), times(e, 3 * root * 0.044715, x2))
    return near, t, one_minus(e, square(e, t)), slope


def _by_tanh(n: Node) -> bool:
    """Whether Gelu is approximated by tanh."""
    return bool(n.get("approximate", b"none") == b"tanh")


def _gelu_1(e: Emitter, n: Node, x: str, y: str) -> str:
    """Φ + x Φ′; with tanh, ½ (1 + t) + ½ x (1 − t²) u′."""
    if not _by_tanh(n):
        total, bell = _gelu_erf(e, x)
        return e.op("Add", total, e.op("Mul", x, bell))
    x, t, rest, slope = _gelu_tanh(e, x)
    steep = e.op("Mul", e.op("Mul", x, rest), slope)
    return times(e, 0.5, e.op("Add", e.op("Add", _n(e, 1.0), t), steep))


def _gelu_2(e: Emitter, n: Node, x: str, y: str) -> str:
    """(2 − x²) Φ′; with tanh, (1 − t²) (u′ + ½ x u″ − x t u′²), u″ = 6 · 0.044715 √(2/π) x."""
    if not _by_tanh(n):
        _, bell = _gelu_erf(e, x)
        return e.op("Mul", e.op("Sub", _n(e, 2.0), square(e, x)), bell)
    x, t, rest, slope = _gelu_tanh(e, x)
    bent = times(e, 3 * math.sqrt(2 / math.pi) * 0.044715, square(e, x))
    turned = e.op("Mul", e.op("Mul", x, t), square(e, slope))
    return e.op("Mul", rest, e.op("Sub", e.op("Add", slope, bent), turned))


register("Gelu", elementwise(_gelu_1, _gelu_2))


def _mish(e: Emitter, x: str) -> tuple[str, str, str]:
    """t, 1 − t² and σ(x) for y = x t, t = tanh(log(1 + exp x)).

    With w = exp x (exp x + 2), t = w/(w + 2) and 1 − t² = 4 (w + 1)/(w + 2)², without cancellation.
    x is limited to 40 in exp, which must not overflow: t is 1 from there on.
    """
    power = e.op("Exp", e.op("Min", x, _n(e, SATURATED)))
    w = e.op("Mul", power, e.op("Add", power, _n(e, 2.0)))
    below = e.op("Reciprocal", e.op("Add", w, _n(e, 2.0)))
    rest = times(e, 4.0, e.op("Mul", e.op("Add", w, _n(e, 1.0)), square(e, below)))
    return e.op("Mul", w, below), rest, e.op("Sigmoid", x)


def _mish_1(e: Emitter, n: Node, x: str, y: str) -> str:
    """t + x (1 − t²) σ."""
    t, rest, s = _mish(e, x)
    return e.op("Add", t, e.op("Mul", x, e.op("Mul", rest, s)))


def _mish_2(e: Emitter, n: Node, x: str, y: str) -> str:
    """(1 − t²) σ (2 + x (1 − σ − 2 t σ))."""
    t, rest, s = _mish(e, x)
    inner = e.op("Sub", one_minus(e, s), times(e, 2.0, e.op("Mul", t, s)))
    bent = e.op("Add", _n(e, 2.0), e.op("Mul", x, inner))
    return e.op("Mul", e.op("Mul", rest, s), bent)


register("Mish", elementwise(_mish_1, _mish_2))
