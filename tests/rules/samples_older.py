"""Samples of older versions for which none of today's can be said in their words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.rules.sample import SIDES, Graph, Sample, c, sample, v, x

__all__ = ["OLDER"]


def _logic() -> Iterator[Sample]:
    """Both sides of one shape, as before broadcasting."""
    for kind in ("And", "Or", "Xor"):

        def body(g: Graph, a: str, b: str, kind: str = kind) -> str:
            zero = g.constant(0.0)
            return g.op(kind, g.op("Less", a, zero), g.op("Less", b, zero))

        yield sample(kind, x(4, **SIDES), x(4, **SIDES), body=body)


def _whole_numbers() -> Iterator[Sample]:
    """Equal did not take real numbers."""
    left = x(3, low=[0.3, 1.3, 2.3], high=[0.6, 1.6, 2.6])
    yield sample("Equal", left, x(3, low=[0.3, 3.3, 2.3], high=[0.6, 3.6, 2.6]))
    yield sample("Equal", left, v([1.5, 1.5, 1.5]))


def _steps() -> Iterator[Sample]:
    """Away from the steps by more than the differences move."""

    def quantized(g: Graph, a: str) -> str:
        return g.op("QuantizeLinear", a, g.constant(1.0), g.constant(np.array(100, np.uint8)))

    apart = x(3, low=[-0.2, 0.9, -1.1], high=[0.2, 1.1, -0.9])
    yield sample("QuantizeLinear", apart, single=True, body=quantized)


def _along_an_axis() -> Iterator[Sample]:
    """What begins at an axis of the other operand, before operator set 7."""
    for kind in ("Add", "Sub", "Mul", "Div", "Pow"):
        for shape in ((2,), (1,), (2, 3)):
            operand = c(*shape, low=0.5, high=1.5)
            yield sample(kind, x(2, 3, low=0.5, high=1.5), operand, axis=1, broadcast=1)
    yield sample("PRelu", x(2, 4, **SIDES), c(2))


def _places() -> Iterator[Sample]:
    places: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric"}
    for mode in ("nearest", "linear"):
        for scales in ([1.0, 1.0, 2.0, 1.5], [1.0, 1.0, 0.7, 0.5]):
            yield sample("Resize", x(1, 3, 4), None, v(scales), mode=mode, **places, single=True)


OLDER: dict[str, list[Sample]] = {}
for _found in (_logic(), _whole_numbers(), _steps(), _along_an_axis(), _places()):
    for _s in _found:
        OLDER.setdefault(_s.kind, []).append(_s)
