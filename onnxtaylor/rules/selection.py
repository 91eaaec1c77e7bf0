"""Operators that gather or scatter elements at indices, which may depend on the data.

The derivative with respect to the indices is 0: they vary in steps. Gathering and scattering are
each other's transpose, where elements that are scattered to one place are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import helper

from onnxtaylor.rules.bundle import Bundle, Shape, batch_axis, lead_size
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import axis_of
from onnxtaylor.rules.verbs import Flat

__all__ = ["GatherElements", "GatherND", "ScatterElements", "ScatterND", "TopK"]


def zeros(c: Context, like: Bundle, name: str, *, last: bool = False) -> str:
    """Writes zeros of shape (L, *shape) for a tensor's shape and the lead of a bundle.

    With ``last`` the lead is at the end, (*shape, L).
    """
    shape, size = c.e.op("Shape", name), lead_size(c.e, like)
    whole = c.e.op("Concat", *((shape, size) if last else (size, shape)), axis=0)
    value = helper.make_tensor("", helper.np_dtype_to_tensor_dtype(c.e.dtype), [1], [0.0])
    return c.e.op("ConstantOfShape", whole, value=value)


def repeat_indices(c: Context, name: str, rank: int, like: Bundle) -> str:
    """Repeats indices for each of the tangents of a bundle."""
    sizes = c.e.op("Concat", lead_size(c.e, like), c.e.constant([1] * rank), axis=0)
    return c.e.op("Expand", c.e.op("Unsqueeze", name, c.e.constant([0])), sizes)


def gather_elements(
    c: Context, t: Bundle, indices: str, axis: int, shape: Shape | None = None
) -> Bundle:
    """Gathers a bundle's elements at indices along an axis; every event has its own indices.

    ``shape`` is that of the indices, if they are no tensor of the graph.
    """
    t = c.repeat_events(t)
    where = repeat_indices(c, indices, len(t.shape), t)
    name = c.e.op("GatherElements", t.name, where, axis=axis + 1)
    return t.with_tensor(name, shape or c.shape(indices))


def scatter_elements(
    c: Context, a: Bundle, indices: str, axis: int, like: str, shape: Shape | None = None
) -> Bundle:
    """Adds a bundle's elements at indices to zeros like a tensor: transpose of ``gather_elements``.

    ``shape`` is that of the tensor, if it is not one of the graph.
    """
    a = c.repeat_events(a)
    where = repeat_indices(c, indices, len(a.shape), a)
    blank = zeros(c, a, like)
    name = c.e.op("ScatterElements", blank, where, a.name, axis=axis + 1, reduction="add")
    return a.with_tensor(name, shape or c.shape(like))


def _require_own_indices(c: Context, node: Node, axis: int) -> None:
    """Raises ModelError unless every event has its own indices.

    Along the axis of events, as in the flattened batch (m·N, F), the graph does not show whether
    indices point to rows of their own event. The engine notices those that do not: the event then
    responds differently among other events.
    """
    x, indices = c.shape(node.inputs[0]), c.shape(node.inputs[1])
    events = batch_axis(x)
    if events is None or batch_axis(indices) != events:
        raise refusal(node, "it picks events out of the batch")
    if events != axis and indices[events] != x[events]:
        raise refusal(node, "it pairs an event's elements with the indices of others")


@dataclass(frozen=True)
class GatherElements(Flat):
    """y = x at indices along an axis."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        axis, t = axis_of(node, c), tangents[0]
        if t is None:
            return [None]
        _require_own_indices(c, node, axis)
        return [gather_elements(c, t, node.inputs[1], axis)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ added at the indices, else 0."""
        axis, a = axis_of(node, c), adjoints[0]
        if a is None or not needed[0]:
            return [None, None]
        _require_own_indices(c, node, axis)
        return [scatter_elements(c, a, node.inputs[1], axis, node.inputs[0]), None]


@dataclass(frozen=True)
class TopK(Flat):
    """y = the k largest (or smallest) elements along an axis; the second output has the indices."""

    kind: str = "piecewise_linear"

    def _indices(self, c: Context, node: Node) -> tuple[str, int]:
        """The name of the indices, and the axis."""
        axis = axis_of(node, c, -1)
        if c.shape(node.inputs[0])[axis] < 0:
            raise refusal(node, "it mixes the events of a batch")
        if len(node.outputs) > 1 and node.outputs[1]:
            return node.outputs[1], axis
        raise refusal(node, "its indices are not among its outputs")

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        indices, axis = self._indices(c, node)
        t = tangents[0]
        return [None if t is None else gather_elements(c, t, indices, axis), None]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ added at the indices, else 0."""
        indices, axis = self._indices(c, node)
        a = adjoints[0]
        return [None if a is None else scatter_elements(c, a, indices, axis, node.inputs[0]), None]


def _reduction(node: Node) -> str:
    """The node's ``reduction``: ``none`` or ``add``; raises ModelError for others."""
    reduction = node.get("reduction", b"none")
    reduction = reduction.decode() if isinstance(reduction, bytes) else str(reduction)
    if reduction not in ("none", "add"):
        raise refusal(node, f"no derivative of reduction '{reduction}' is known")
    return reduction


@dataclass(frozen=True)
class ScatterElements(Flat):
    """y = x, with updates u written or added at indices along an axis."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ, with u̇ written or added at the indices."""
        x, t, u = node.inputs[0], tangents[0], tangents[2]
        axis, how = axis_of(node, c), _reduction(node)
        _require_own_indices(c, node, axis)
        known = next(b for b in (t, u) if b is not None)
        base = zeros(c, known, x) if t is None else c.repeat_events(t).name
        values = zeros(c, known, node.inputs[2]) if u is None else c.repeat_events(u).name
        where = repeat_indices(c, node.inputs[1], len(c.shape(x)), known)
        name = c.e.op("ScatterElements", base, where, values, axis=axis + 1, reduction=how)
        return [Bundle(name, known.lead, c.shape(x), varies=True)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """ū = ȳ at the indices; x̄ = ȳ, and 0 where x was overwritten."""
        a, axis, how = adjoints[0], axis_of(node, c), _reduction(node)
        _require_own_indices(c, node, axis)
        if a is None:
            return [None, None, None]
        results: list[Bundle | None] = [a, None, None]
        if how == "none" and needed[0]:
            a = c.repeat_events(a)
            where = repeat_indices(c, node.inputs[1], len(a.shape), a)
            none = zeros(c, a, node.inputs[2])
            name = c.e.op("ScatterElements", a.name, where, none, axis=axis + 1)
            results[0] = a.with_tensor(name)
        if needed[2]:
            results[2] = gather_elements(c, a, node.inputs[1], axis)
        return results


def lead_last(c: Context, bundle: Bundle) -> str:
    """Brings the lead of a bundle to the end, (*shape, L), and repeats its events."""
    rank = len(bundle.shape)
    return c.e.op("Transpose", c.repeat_events(bundle).name, perm=[*range(1, rank + 1), 0])


def lead_first(c: Context, node: Node, name: str, lead: int, shape: tuple[int, ...]) -> Bundle:
    """Brings the lead from the end, (*shape, L), to the front: the inverse of ``lead_last``."""
    if batch_axis(shape) is None:
        raise refusal(node, "it picks events out of the batch")
    rank = len(shape)
    name = c.e.op("Transpose", name, perm=[rank, *range(rank)])
    return Bundle(name, lead, shape, varies=True)


def _scatter_nd(c: Context, base: str, indices: str, values: str, reduction: str) -> str:
    return c.e.op("ScatterND", base, indices, values, reduction=reduction)


@dataclass(frozen=True)
class GatherND(Flat):
    """y = x at rows of indices.

    The lead of a bundle is brought to the end: GatherND then takes it along with each element.
    """

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        t, batch = tangents[0], int(node.get("batch_dims", 0))
        if t is None:
            return [None]
        name = c.e.op("GatherND", lead_last(c, t), node.inputs[1], batch_dims=batch)
        return [lead_first(c, node, name, t.lead, c.shape(node.outputs[0]))]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ added at the indices, else 0."""
        a, x = adjoints[0], node.inputs[0]
        if a is None or not needed[0]:
            return [None, None]
        blank, indices = zeros(c, a, x, last=True), self._whole_indices(c, node)
        name = _scatter_nd(c, blank, indices, lead_last(c, a), "add")
        return [lead_first(c, node, name, a.lead, c.shape(x)), None]

    def _whole_indices(self, c: Context, node: Node) -> str:
        """Puts the positions along the axes of ``batch_dims``, which ScatterND lacks, in front."""
        e, indices, batch = c.e, node.inputs[1], int(node.get("batch_dims", 0))
        if not batch:
            return indices
        rank = len(c.shape(indices))
        shape = e.op("Shape", indices)
        front = e.op("Slice", shape, e.constant([0]), e.constant([rank - 1]))
        single = e.op("Concat", front, e.constant([1]), axis=0)
        parts = []
        for axis in range(batch):
            count = e.op("Gather", shape, e.constant(np.int64(axis)), axis=0)
            steps = e.op("Range", e.constant(np.int64(0)), count, e.constant(np.int64(1)))
            sides = [1] * rank
            sides[axis] = -1
            column = e.op("Reshape", steps, e.constant(sides))
            parts.append(e.op("Expand", column, single))
        return e.op("Concat", *parts, indices, axis=rank - 1)


@dataclass(frozen=True)
class ScatterND(Flat):
    """y = x, with updates u written or added at rows of indices."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ, with u̇ written or added at the indices."""
        x, t, u = node.inputs[0], tangents[0], tangents[2]
        known = next(b for b in (t, u) if b is not None)
        base = zeros(c, known, x, last=True) if t is None else lead_last(c, t)
        values = zeros(c, known, node.inputs[2], last=True) if u is None else lead_last(c, u)
        name = _scatter_nd(c, base, node.inputs[1], values, _reduction(node))
        return [lead_first(c, node, name, known.lead, c.shape(x))]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """ū = ȳ at the indices; x̄ = ȳ, and 0 where x was overwritten."""
        a, indices, how = adjoints[0], node.inputs[1], _reduction(node)
        results: list[Bundle | None] = [a, None, None]
        if a is None:
            return results
        if how == "none" and needed[0]:
            none = zeros(c, a, node.inputs[2], last=True)
            name = _scatter_nd(c, lead_last(c, a), indices, none, how)
            results[0] = lead_first(c, node, name, a.lead, a.shape)
        if needed[2]:
            name = c.e.op("GatherND", lead_last(c, a), indices)
            results[2] = lead_first(c, node, name, a.lead, c.shape(node.inputs[2]))
        return results


register("GatherElements", GatherElements())
register("TopK", TopK())
register("ScatterElements", ScatterElements())
register("GatherND", GatherND())
register("ScatterND", ScatterND())
