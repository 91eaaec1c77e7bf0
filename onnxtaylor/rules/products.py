"""Matrix products: linear in each factor, with curvature where both factors vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from onnxtaylor.rules.bundle import (
    Bundle,
    Shape,
    add,
    align,
    batch_axis,
    broadcast_shape,
    expand,
    sum_to,
)
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, refusal, register

__all__ = ["Gemm", "MatMul", "with_adjoint"]


def _times(c: Context, left: str, right: str) -> str:
    return c.e.op("MatMul", left, right)


def _transpose(c: Context, name: str, rank: int) -> str:
    """Exchanges the last two axes of a tensor of the graph."""
    return c.e.op("Transpose", name, perm=[*range(rank - 2), rank - 1, rank - 2])


@dataclass(frozen=True)
class MatMul:
    """Z = X Y, for matrices or for stacks of matrices that broadcast."""

    kind: str = "bilinear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """Ż = Ẋ Y + X Ẏ."""
        x, y = node.inputs[:2]
        self._check(c, node)
        shape, total = c.shape(node.outputs[0]), None
        for place, t in enumerate(tangents[:2]):
            if t is None:
                continue
            bundle = align(c.e, t, len(shape))
            if place == 0:
                name, other = _times(c, bundle, y), y
            else:
                name, other = _times(c, x, bundle), x
            part = Bundle(name, t.lead, shape, t.varies or other not in c.e.constants)
            total = add(c.e, total, part)
        return [total]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """X̄ = Z̄ Yᵀ, Ȳ = Xᵀ Z̄, summed over the axes that were broadcast."""
        self._check(c, node)
        a = adjoints[0]
        results: list[Bundle | None] = []
        for place in range(2):
            if a is None or not needed[place]:
                results.append(None)
                continue
            other = node.inputs[1 - place]
            turned = _transpose(c, other, len(c.shape(other)))
            name = _times(c, a.name, turned) if place == 0 else _times(c, turned, a.name)
            shape = _matmul_shape(c.shape(node.inputs[place]), a.shape, c.shape(other))
            part = Bundle(name, a.lead, shape, a.varies or other not in c.e.constants)
            results.append(sum_to(c.e, part, c.shape(node.inputs[place])))
        return results

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H_ij += Σ (Ẋ_i · U_j + Ẋ_j · U_i) with U_j = Z̄ Ẏ_jᵀ.

        Where Y is smaller than X, the roles are exchanged: Ẏ_i with U_j = Ẋ_jᵀ Z̄.
        """
        x, y, a = tangents[0], tangents[1], adjoints[0]
        if x is None or y is None or a is None:
            return
        if _size(x) <= _size(y):
            h.add_weighted(x, with_adjoint(c, a, y, x.shape, place=1))
        else:
            h.add_weighted(y, with_adjoint(c, a, x, y.shape, place=0))

    def _check(self, c: Context, node: Node) -> None:
        """Raises ModelError for a product with a vector, or one that sums over events."""
        x, y = (c.shape(name) for name in node.inputs[:2])
        if min(len(x), len(y)) < 2:
            raise refusal(node, "it multiplies a vector: no derivative of that is known")
        if x[-1] < 0 or y[-2] < 0 or batch_axis(c.shape(node.outputs[0])) is None:
            raise refusal(node, "it mixes the events of a batch")


def _size(bundle: Bundle) -> int:
    return prod(abs(d) for d in bundle.shape)


def with_adjoint(c: Context, a: Bundle, t: Bundle, shape: Shape, place: int) -> Bundle:
    """Z̄_c Ẏ_jᵀ (``place`` 1) or Ẋ_jᵀ Z̄_c (``place`` 0) for all c and j, as C·n tangents.

    They are summed to ``shape``, that of the other factor.
    """
    rank = len(a.shape)
    turned = c.e.op("Transpose", align(c.e, t, rank), perm=[*range(rank - 1), rank, rank - 1])
    adjoint = c.e.op("Unsqueeze", a.name, c.e.constant([1])) if a.lead > 1 else a.name
    summed = a.shape[-1] if place == 1 else a.shape[-2]
    kind = "Mul" if summed == 1 else "MatMul"  # column times row: an outer product
    left, right = (adjoint, turned) if place == 1 else (turned, adjoint)
    name = c.e.op(kind, left, right)
    product = Bundle("", a.lead * t.lead, (*a.shape[:-2], *shape[-2:]), a.varies or t.varies)
    if a.lead > 1:
        name = c.e.op("Reshape", name, c.e.constant(product.reshape_target))
    return sum_to(c.e, product.with_tensor(name), shape)


def _matmul_shape(factor: Shape, adjoint: Shape, other: Shape) -> Shape:
    """The shape of a factor's adjoint before it is summed over the axes that were broadcast."""
    stack = broadcast_shape(adjoint[:-2], other[:-2])
    return (*stack, *factor[-2:])


@dataclass(frozen=True)
class Gemm:
    """Z = α X Y + β B with constant Y, where Y may be transposed; X and B may vary."""

    kind: str = "linear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """Ż = α Ẋ Y + β Ḃ."""
        self._check(node, varies=tangents[1] is not None)
        shape, total = c.shape(node.outputs[0]), None
        t = tangents[0]
        if t is not None:
            name = c.e.op("MatMul", t.name, self.weight(c, node))
            total = Bundle(name, t.lead, shape, t.varies or node.inputs[1] not in c.e.constants)
        bias = tangents[2] if len(tangents) > 2 else None
        if bias is not None:
            part = expand(c.e, _by(c, bias, float(node.get("beta", 1.0))), shape)
            total = add(c.e, total, part)
        return [total]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """X̄ = α Z̄ Yᵀ, B̄ = β Z̄."""
        self._check(node, varies=needed[1])
        a = adjoints[0]
        result: list[Bundle | None] = [None] * len(node.inputs)
        if a is None:
            return result
        if needed[0]:
            turned = c.e.op("Transpose", self.weight(c, node), perm=[1, 0])
            name = c.e.op("MatMul", a.name, turned)
            varies = a.varies or node.inputs[1] not in c.e.constants
            result[0] = Bundle(name, a.lead, c.shape(node.inputs[0]), varies)
        if len(needed) > 2 and needed[2]:
            bias = _by(c, a, float(node.get("beta", 1.0)))
            result[2] = sum_to(c.e, bias, c.shape(node.inputs[2]))
        return result

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """D²φ = 0, since Y is constant: adds nothing."""

    def _check(self, node: Node, *, varies: bool) -> None:
        """Raises ModelError where Y varies with the features."""
        if varies:
            raise refusal(node, "its second factor depends on the data")

    def weight(self, c: Context, node: Node) -> str:
        """α Y."""
        if node.get("transA", 0):
            raise refusal(node, "it transposes the batch")
        weight = node.inputs[1]
        if node.get("transB", 0):
            weight = c.e.op("Transpose", weight, perm=[1, 0])
        alpha = float(node.get("alpha", 1.0))
        return weight if alpha == 1.0 else c.e.op("Mul", weight, c.e.constant(np.float64(alpha)))


def _by(c: Context, bundle: Bundle, factor: float) -> Bundle:
    """factor · bundle."""
    if factor == 1.0:
        return bundle
    return bundle.with_tensor(c.e.op("Mul", bundle.name, c.e.constant(np.float64(factor))))


register("MatMul", MatMul())
register("Gemm", Gemm())
