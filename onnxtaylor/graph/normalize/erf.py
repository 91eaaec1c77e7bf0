"""Error function in double precision, by rational approximations.

    |x| ≤ 0.46875:  erf x = x P(x²)/Q(x²)
    beyond:         erf x = 1 − e^(−x²) R(|x|)/S(|x|), with the sign of x

Cody gives the second form for |x| ≤ 4. It is valid beyond 4 as well, where 1 − erf x < 2e-8: the
result differs by less than 3e-16 everywhere.

Source of the method and its numbers: W. J. Cody, Rational Chebyshev approximations for the error
function, Math. Comp. 23 (1969) 631.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["write_erf"]

BORDER = 0.46875
SATURATED = 6.5  # 1 − erf(6.5) is 4e-20

# coefficients, from the highest power down
P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
Q = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)
R = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
S = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)


class Arithmetic(Protocol):
    """Writer of nodes on tensors and numbers, whose methods return the names of outputs."""

    def op(self, kind: str, *terms: str | float) -> str:
        """Applies an operator to the terms."""

    def flag(self, kind: str, x: str, limit: float) -> str:
        """Returns 1 where x compares with the limit, else 0."""

    def pick(self, flag: str, yes: str, no: str) -> str:
        """Returns one of two tensors."""

    def size(self, x: str) -> tuple[str, str]:
        """Returns the sign of x, and |x|."""


def write_erf(d: Arithmetic, x: str) -> str:
    """Writes erf of a tensor in double precision; each branch gets arguments that it can take."""
    op = d.op
    sign, size = d.size(x)
    small, saturated = d.flag("LessOrEqual", size, BORDER), d.flag("Greater", size, SATURATED)
    near = op("Mul", small, x)
    square = op("Mul", near, near)
    inner = op("Mul", near, op("Div", _polynomial(op, P, square), _polynomial(op, Q, square)))

    # the argument is 0 outside its range: there the second form is meaningless, but finite
    far = op("Mul", op("Sub", op("Sub", 1.0, small), saturated), size)
    bell = op("Exp", op("Neg", op("Mul", far, far)))
    rest = op("Mul", bell, op("Div", _polynomial(op, R, far), _polynomial(op, S, far)))
    outer = op("Sub", 1.0, op("Mul", op("Sub", 1.0, saturated), rest))
    return d.pick(small, inner, op("Mul", sign, outer))


def _polynomial(op: Callable[..., str], numbers: Sequence[float], x: str) -> str:
    """Polynomial in x, by Horner's rule."""
    first, second, *others = numbers
    total = op("Add", op("Mul", x, first), second) if first != 1 else op("Add", x, second)
    for number in others:
        total = op("Add", op("Mul", total, x), number)
    return total
