"""Softmax and its logarithm.

With p = softmax(z), tangents ż and the centred rows ĵ_k = ż_k − Σ_l p_l ż_l,

    ṗ_k = p_k ĵ_k        z̄_k = p_k (p̄_k − Σ_l p_l p̄_l) = v_k        H += Σ_k v_k ĵ_k ĵ_kᵀ,

so the curvature is diagonal in the centred rows, with the input's adjoint as its weights. For the
logarithm y = log p,

    ẏ = ĵ        z̄ = ȳ − p Σ ȳ        H −= Σ_k (p_k Σ ȳ) ĵ_k ĵ_kᵀ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxtaylor.rules.bundle import Bundle, scale
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, refusal, register
from onnxtaylor.rules.structure import axis_of

__all__ = ["LogSoftmax", "Softmax", "centred"]


def _axis(c: Context, node: Node) -> int:
    """The axis of the softmax; raises ModelError if it holds events."""
    axis = axis_of(node, c, -1)
    if c.shape(node.outputs[0])[axis] < 0:
        raise refusal(node, "it mixes the events of a batch")
    return axis


def _sum(c: Context, bundle: Bundle, axis: int) -> str:
    """Σ along an axis, which remains with size 1."""
    return c.e.op("ReduceSum", bundle.name, c.e.constant([axis + 1]), keepdims=1)


def centred(c: Context, node: Node, t: Bundle) -> Bundle:
    """ĵ = ż − Σ p ż of a softmax."""
    y = node.outputs[0]
    mean = _sum(c, scale(c.e, t, y, c.shape(y)), _axis(c, node))
    return Bundle(c.e.op("Sub", t.name, mean), t.lead, t.shape, varies=True)


@dataclass(frozen=True)
class Softmax:
    """y = softmax(x) along one axis."""

    kind: str = "general"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = p ĵ."""
        if tangents[0] is None:
            return [None]
        y = node.outputs[0]
        return [scale(c.e, centred(c, node, tangents[0]), y, c.shape(y))]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = p (ȳ − Σ p ȳ), computed by ``jvp``: the Jacobian of softmax is symmetric."""
        return self.jvp(c, node, adjoints)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += Σ_k x̄_k ĵ_k ĵ_kᵀ."""
        t, back = tangents[0], self.jvp(c, node, adjoints)[0]
        if t is not None and back is not None:
            h.add_diagonal(centred(c, node, t), back)


@dataclass(frozen=True)
class LogSoftmax:
    """y = log softmax(x) along one axis."""

    kind: str = "general"

    def _p(self, c: Context, node: Node) -> str:
        """p = exp y."""
        return c.e.op("Exp", node.outputs[0])

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ż − Σ p ż."""
        t = tangents[0]
        if t is None:
            return [None]
        axis = _axis(c, node)
        mean = _sum(c, scale(c.e, t, self._p(c, node), c.shape(node.outputs[0])), axis)
        return [Bundle(c.e.op("Sub", t.name, mean), t.lead, t.shape, varies=True)]

    def _back(self, c: Context, node: Node, a: Bundle) -> Bundle:
        """p Σ ȳ."""
        total = _sum(c, a, _axis(c, node))
        return Bundle(c.e.op("Mul", total, self._p(c, node)), a.lead, a.shape, varies=True)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ − p Σ ȳ."""
        a = adjoints[0]
        if a is None:
            return [None]
        name = c.e.op("Sub", a.name, self._back(c, node, a).name)
        return [Bundle(name, a.lead, a.shape, varies=True)]

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H −= Σ_k (p_k Σ ȳ) ẏ_k ẏ_kᵀ."""
        rows, a = self.jvp(c, node, tangents)[0], adjoints[0]
        if rows is not None and a is not None:
            back = self._back(c, node, a)
            h.add_diagonal(rows, back.with_tensor(c.e.op("Neg", back.name)))


register("Softmax", Softmax())
register("LogSoftmax", LogSoftmax())
