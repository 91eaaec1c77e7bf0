"""Strong zeros: products in which 0 · ∞ = 0 and 0 · NaN = 0.

Take y = √x for x > 0 and y = x elsewhere, written with Where. At x < 0 the slope of √x is NaN and
its adjoint is 0, since the other branch was chosen. Their product must be 0, not NaN. Such products
take longer to compute, so they are used only for events at which a coefficient is not finite.

The result is right where a factor that is exactly 0 is also 0 around the event. On a joint a factor
may be 0 at this one point alone, as in (√s)² at s = 0. There ``engine.exact.joints`` evaluates
both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxtaylor.rules.emit import Emitter

__all__ = ["StrongZeros"]


class StrongZeros(Emitter):
    """An ``Emitter`` that writes products and quotients with strong zeros."""

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Writes a node with several outputs; returns their names."""
        if all(name in self.constants for name in inputs):
            return super().ops(kind, outputs, *inputs, **attributes)
        if kind == "Mul":
            return [self._where_zero(inputs, super().ops(kind, 1, *inputs)[0])]
        if kind == "Div":
            return [self._where_zero(inputs[:1], super().ops(kind, 1, *inputs)[0])]
        if kind in ("MatMul", "Einsum") and len(inputs) == 2:
            return [self._contracted(kind, inputs, attributes)]
        return super().ops(kind, outputs, *inputs, **attributes)

    def _where_zero(self, factors: tuple[str, ...], product: str) -> str:
        """The product, replaced by 0 where a factor is 0."""
        zeros = [super(StrongZeros, self).op("Equal", f, self._zero(f)) for f in factors]
        zero = zeros[0] if len(zeros) == 1 else super().op("Or", *zeros)
        return super().op("Where", zero, self._zero(product), product)

    def _contracted(self, kind: str, inputs: tuple[str, ...], attributes: dict[str, Any]) -> str:
        """Σ_k a_k b_k; NaN if some a_k is not finite where b_k is not 0, or the other way round.

        The finite parts give the sum. Products of indicators (0 or 1) count how often a factor that
        is not finite meets one that is not 0.
        """
        write = super().ops
        clean, strange, present = [], [], []
        for name in inputs:
            # x − x is 0 for every finite x, and NaN for ±∞ and NaN
            finite = write("Equal", 1, write("Sub", 1, name, name)[0], self._zero(name))[0]
            clean.append(write("Where", 1, finite, name, self._zero(name))[0])
            strange.append(self._indicator(write("Not", 1, finite)[0]))
            is_zero = write("Equal", 1, name, self._zero(name))[0]
            present.append(self._indicator(write("Not", 1, is_zero)[0]))
        total = write(kind, 1, *clean, **attributes)[0]
        left = write(kind, 1, strange[0], present[1], **attributes)[0]
        right = write(kind, 1, present[0], strange[1], **attributes)[0]
        met = write("Greater", 1, write("Add", 1, left, right)[0], self.number(0.5))[0]
        return write("Where", 1, met, self.number(np.nan), total)[0]

    def _indicator(self, condition: str) -> str:
        """Writes 1 where a condition holds, else 0."""
        return super().ops("Where", 1, condition, self.number(1.0), self.number(0.0))[0]

    def _zero(self, like: str) -> str:
        """Writes 0 in the format of a tensor."""
        # only the format is read, so the value of a weight is not frozen
        value = self.constants.unfrozen(like) if like in self.constants else None
        if value is not None and value.dtype.kind in "iu":
            return self.constant(np.zeros((), value.dtype), value.dtype)
        return self.number(0.0)
