"""Operators that act on every element alone: y = φ(x), by φ′ and φ″ in terms of x and y.

A docstring gives what its function writes: φ′, φ″, or a part of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onnxtaylor.rules.bundle import Bundle
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, register
from onnxtaylor.rules.verbs import elementwise

__all__: list[str] = []


_n = Emitter.number


def square(e: Emitter, x: str) -> str:
    """x²."""
    return e.op("Mul", x, x)


def one_minus(e: Emitter, x: str) -> str:
    """1 − x."""
    return e.op("Sub", _n(e, 1.0), x)


def _one_plus_square(e: Emitter, x: str) -> str:
    """1 + x²."""
    return e.op("Add", _n(e, 1.0), square(e, x))


def minus_twice(e: Emitter, x: str) -> str:
    """−2 x."""
    return e.op("Mul", _n(e, -2.0), x)


def _tanh_1(e: Emitter, n: Node, x: str, y: str) -> str:
    """1 − y²."""
    return one_minus(e, square(e, y))


def _tanh_2(e: Emitter, n: Node, x: str, y: str) -> str:
    """−2 y (1 − y²)."""
    return e.op("Mul", minus_twice(e, y), _tanh_1(e, n, x, y))


def sigmoid_slope(e: Emitter, n: Node, x: str, y: str) -> str:
    """y (1 − y) = σ′(x), from y = σ(x)."""
    return e.op("Mul", y, one_minus(e, y))


def _sigmoid_2(e: Emitter, n: Node, x: str, y: str) -> str:
    """y (1 − y) (1 − 2y)."""
    return e.op("Mul", sigmoid_slope(e, n, x, y), e.op("Add", _n(e, 1.0), minus_twice(e, y)))


def power(e: Emitter, x: str, p: float) -> str:
    """xᵖ."""
    return e.op("Pow", x, _n(e, p))


def times(e: Emitter, factor: float, x: str) -> str:
    """factor · x."""
    return e.op("Mul", _n(e, factor), x)


def _inverse_root(sign: float, shift: float) -> Callable[[Emitter, Node, str, str], str]:
    """1/√(shift + sign·x²)."""

    def first(e: Emitter, n: Node, x: str, y: str) -> str:
        inside = e.op("Add", _n(e, shift), times(e, sign, square(e, x)))
        return e.op("Reciprocal", e.op("Sqrt", inside))

    return first


def _inverse_root_2(sign: float, shift: float) -> Callable[[Emitter, Node, str, str], str]:
    """−sign·x (shift + sign·x²)^(−3/2)."""
    first = _inverse_root(sign, shift)

    def second(e: Emitter, n: Node, x: str, y: str) -> str:
        root = first(e, n, x, y)
        cube = e.op("Mul", root, square(e, root))
        return e.op("Mul", times(e, -sign, x), cube)

    return second


def _negative(function: Callable[[Emitter, Node, str, str], str]) -> Callable[..., str]:
    """−φ′, or −φ″, of an operator with the opposite sign."""
    return lambda e, n, x, y: e.op("Neg", function(e, n, x, y))


register("Neg", elementwise(lambda e, n, x, y: _n(e, -1.0), None, kind="linear"))
register("Tanh", elementwise(_tanh_1, _tanh_2))
register("Sigmoid", elementwise(sigmoid_slope, _sigmoid_2))
register("Exp", elementwise(lambda e, n, x, y: y, lambda e, n, x, y: y))


@dataclass(frozen=True)
class Log:
    """y = log x.

    φ″ = −1/x² would overflow single precision for y below −44, and vanish above 44. The curvature
    is therefore written in ẏ = ẋ/x: ẋᵀ φ″ ẋ = −ẏᵀ ẏ.
    """

    kind: str = "elementwise"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ / x."""
        return [self._by_x(c, node, tangents[0])]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ / x."""
        return [self._by_x(c, node, adjoints[0])]

    def _by_x(self, c: Context, node: Node, bundle: Bundle | None) -> Bundle | None:
        if bundle is None:
            return None
        return replace(bundle, name=c.e.op("Div", bundle.name, node.inputs[0]), varies=True)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H −= ẏᵀ diag(ȳ) ẏ."""
        rows, adjoint = self._by_x(c, node, tangents[0]), adjoints[0]
        if rows is not None and adjoint is not None:
            h.add_diagonal(rows, adjoint.with_tensor(c.e.op("Neg", adjoint.name)))


register("Log", Log())
register(
    "Sqrt",  # 1/(2y), −1/(4y³)
    elementwise(
        # y + y: onnxruntime multiplies by a number slowly where the last axis has size 1
        lambda e, n, x, y: e.op("Reciprocal", e.op("Add", y, y)),
        lambda e, n, x, y: times(e, -0.25, e.op("Reciprocal", e.op("Mul", x, y))),
    ),
)
register(
    "Reciprocal",  # −y², 2y³
    elementwise(
        lambda e, n, x, y: e.op("Neg", square(e, y)),
        lambda e, n, x, y: times(e, 2.0, e.op("Mul", y, square(e, y))),
    ),
)
register(
    "Sin",
    elementwise(lambda e, n, x, y: e.op("Cos", x), lambda e, n, x, y: e.op("Neg", y)),
)
register(
    "Cos",
    elementwise(lambda e, n, x, y: e.op("Neg", e.op("Sin", x)), lambda e, n, x, y: e.op("Neg", y)),
)
register(
    "Tan",  # 1 + y², 2y(1 + y²)
    elementwise(
        lambda e, n, x, y: _one_plus_square(e, y),
        lambda e, n, x, y: e.op("Mul", times(e, 2.0, y), _one_plus_square(e, y)),
    ),
)
register("Asin", elementwise(_inverse_root(-1.0, 1.0), _inverse_root_2(-1.0, 1.0)))
register(
    "Acos",
    elementwise(_negative(_inverse_root(-1.0, 1.0)), _negative(_inverse_root_2(-1.0, 1.0))),
)
register("Asinh", elementwise(_inverse_root(1.0, 1.0), _inverse_root_2(1.0, 1.0)))
register("Acosh", elementwise(_inverse_root(1.0, -1.0), _inverse_root_2(1.0, -1.0)))
register(
    "Atan",  # 1/(1 + x²), −2x/(1 + x²)²
    elementwise(
        lambda e, n, x, y: e.op("Reciprocal", _one_plus_square(e, x)),
        lambda e, n, x, y: e.op(
            "Mul", minus_twice(e, x), square(e, e.op("Reciprocal", _one_plus_square(e, x)))
        ),
    ),
)
register(
    "Atanh",  # 1/(1 − x²), 2x/(1 − x²)²
    elementwise(
        lambda e, n, x, y: e.op("Reciprocal", one_minus(e, square(e, x))),
        lambda e, n, x, y: e.op(
            "Mul",
            times(e, 2.0, x),
            square(e, e.op("Reciprocal", one_minus(e, square(e, x)))),
        ),
    ),
)
register("Sinh", elementwise(lambda e, n, x, y: e.op("Cosh", x), lambda e, n, x, y: y))
register("Cosh", elementwise(lambda e, n, x, y: e.op("Sinh", x), lambda e, n, x, y: y))
register(
    "Erf",  # 2/√π exp(−x²), −2x times that
    elementwise(
        lambda e, n, x, y: times(e, 2 / math.sqrt(math.pi), e.op("Exp", e.op("Neg", square(e, x)))),
        lambda e, n, x, y: e.op(
            "Mul",
            times(e, -4 / math.sqrt(math.pi), x),
            e.op("Exp", e.op("Neg", square(e, x))),
        ),
    ),
)
