"""Operators with many inputs that are linear in all of them: Concat, Sum, Mean and Where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import helper

from onnxtaylor.rules.bundle import ANY, Bundle, Shape, add, expand, lead_size, sum_to
from onnxtaylor.rules.parts import gather_along
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import axis_of
from onnxtaylor.rules.verbs import Flat

__all__ = ["Concat", "Sum", "Where"]


def _axis(c: Context, node: Node) -> int:
    """The axis along which a Concat joins; raises ModelError if it holds events."""
    axis = axis_of(node, c)
    if c.shape(node.outputs[0])[axis] < 0:
        raise refusal(node, "it joins tensors along the axis of events")
    return axis


def _zeros(c: Context, like: Bundle, shape: Shape) -> Bundle:
    """Zeros of a shape, the same for all events, with the lead of a bundle."""
    sizes = [abs(d) for d in shape]  # m·N stands for m, and 0 for 0
    if like.lead != ANY:
        name = c.e.constant(np.zeros([like.lead, *sizes]))
    else:
        whole = c.e.op("Concat", lead_size(c.e, like), c.e.constant(sizes), axis=0)
        zero = helper.make_tensor("", helper.np_dtype_to_tensor_dtype(c.e.dtype), [1], [0.0])
        name = c.e.op("ConstantOfShape", whole, value=zero)
    return Bundle(name, like.lead, shape, varies=False)


@dataclass(frozen=True)
class Concat(Flat):
    """y = (x_1, x_2, …) along an axis that holds no events."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = (ẋ_1, ẋ_2, …), with zeros for an input that does not vary."""
        axis = _axis(c, node)
        known = [t for t in tangents if t is not None]
        varies = any(t.varies for t in known)
        parts = []
        for name, t in zip(node.inputs, tangents, strict=True):
            shape = c.shape(name)
            if t is None:
                t = _zeros(c, known[0], shape)
            parts.append(c.repeat_events(t) if varies else t)
        joined = c.e.op("Concat", *(p.name for p in parts), axis=axis + 1)
        return [Bundle(joined, known[0].lead, c.shape(node.outputs[0]), varies)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄_k = the part of ȳ that came from x_k."""
        axis, start, a = _axis(c, node), 0, adjoints[0]
        sizes = [c.shape(name)[axis] for name in node.inputs]
        if a is not None and all(needed) and all(sizes):
            widths = c.e.constant(sizes)
            names = c.e.ops("Split", len(sizes), a.name, widths, axis=axis + 1)
            front, back = a.shape[:axis], a.shape[axis + 1 :]
            return [
                a.with_tensor(name, (*front, size, *back))
                for name, size in zip(names, sizes, strict=True)
            ]
        results: list[Bundle | None] = []
        for size, want in zip(sizes, needed, strict=True):
            places = np.arange(start, start + size)
            start += size
            results.append(gather_along(c, a, places, axis) if want and a is not None else None)
        return results


@dataclass(frozen=True)
class Sum(Flat):
    """y = factor · Σ x_k with broadcasting; the factor is 1, or 1/(number of inputs) for Mean."""

    mean: bool = False

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = factor · Σ ẋ_k."""
        total = None
        for t in tangents:
            if t is not None:
                total = add(c.e, total, expand(c.e, t, c.shape(node.outputs[0])))
        return [self._scaled(c, node, total)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄_k = factor · ȳ, summed over the axes that were broadcast."""
        adjoint = self._scaled(c, node, adjoints[0])
        return [
            sum_to(c.e, adjoint, c.shape(name)) if want and adjoint else None
            for name, want in zip(node.inputs, needed, strict=True)
        ]

    def _scaled(self, c: Context, node: Node, bundle: Bundle | None) -> Bundle | None:
        """factor · bundle."""
        if bundle is None or not self.mean:
            return bundle
        factor = c.e.constant(np.float64(1 / len(node.inputs)))
        return bundle.with_tensor(c.e.op("Mul", bundle.name, factor))


@dataclass(frozen=True)
class Where(Flat):
    """y = x_1 where the condition holds, else x_2."""

    kind: str = "piecewise_linear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ_1 where the condition holds, else ẋ_2."""
        total = None
        for place in (1, 2):
            t = tangents[place]
            if t is not None:
                whole = expand(c.e, t, c.shape(node.outputs[0]))
                total = add(c.e, total, self._masked(c, node, place, whole))
        return [total]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄_1 = ȳ where the condition holds, else 0; x̄_2 the other way round."""
        results: list[Bundle | None] = [None]
        for place in (1, 2):
            adjoint = adjoints[0]
            if adjoint is None or not needed[place]:
                results.append(None)
            else:
                masked = self._masked(c, node, place, adjoint)
                results.append(sum_to(c.e, masked, c.shape(node.inputs[place])))
        return results

    def _masked(self, c: Context, node: Node, place: int, bundle: Bundle) -> Bundle:
        """The bundle where input ``place`` (1 or 2) was chosen, else 0."""
        zero = c.e.constant(np.float64(0))
        pair = (bundle.name, zero) if place == 1 else (zero, bundle.name)
        name = c.e.op("Where", node.inputs[0], *pair)
        varies = bundle.varies or node.inputs[0] not in c.e.constants
        return Bundle(name, bundle.lead, bundle.shape, varies)


register("Concat", Concat())
register("Sum", Sum())
register("Mean", Sum(mean=True))
register("Where", Where())
