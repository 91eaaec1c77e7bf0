"""Elements picked, or put, at places that tensors of indices name; these may depend on the data.

The derivative with respect to the indices vanishes: they vary in steps. Picking and putting are
each other's transpose, with elements that meet in one place added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import helper

from onnxtaylor.rules.bundle import Bundle, Shape, batch_axis
from onnxtaylor.rules.places import refused
from onnxtaylor.rules.rule import Bundles, Context, Node, register
from onnxtaylor.rules.structure import axis_of
from onnxtaylor.rules.verbs import Flat

__all__ = ["GatherElements", "GatherND", "ScatterElements", "ScatterND", "TopK"]


def zeros(c: Context, lead: int, name: str, *, last: bool = False) -> str:
    """Zeros of a tensor's shape behind (or before) a leading axis."""
    shape, size = c.e.op("Shape", name), c.e.constant([lead])
    whole = c.e.op("Concat", *((shape, size) if last else (size, shape)), axis=0)
    value = helper.make_tensor("", helper.np_dtype_to_tensor_dtype(c.e.dtype), [1], [0.0])
    return c.e.op("ConstantOfShape", whole, value=value)


def repeated_indices(c: Context, name: str, rank: int, lead: int) -> str:
    """The same indices for each of a bundle's tangents."""
    sizes = c.e.constant(np.array([lead] + [1] * rank))
    return c.e.op("Expand", c.e.op("Unsqueeze", name, c.e.constant([0])), sizes)


def picked(c: Context, t: Bundle, indices: str, axis: int, shape: Shape | None = None) -> Bundle:
    """A bundle's elements at indices (of a shape) along an axis, which every event has."""
    t = c.repeated(t)
    where = repeated_indices(c, indices, len(t.shape), t.lead)
    name = c.e.op("GatherElements", t.name, where, axis=axis + 1)
    return t.renamed(name, shape or c.shape(indices))


def put(
    c: Context, a: Bundle, indices: str, axis: int, like: str, shape: Shape | None = None
) -> Bundle:
    """The transpose of ``picked``: elements added at their places in zeros like a tensor."""
    a = c.repeated(a)
    where = repeated_indices(c, indices, len(a.shape), a.lead)
    blank = zeros(c, a.lead, like)
    name = c.e.op("ScatterElements", blank, where, a.name, axis=axis + 1, reduction="add")
    return a.renamed(name, shape or c.shape(like))


def _events_stay(c: Context, node: Node, axis: int) -> None:
    """Indices must be there for every event. Along another axis they go with its elements; along
    that of the events, as in the flattened batch (m·N, F), they name rows of their own event, or
    else the engine sees an event that responds differently among others.
    """
    x, indices = c.shape(node.inputs[0]), c.shape(node.inputs[1])
    events = batch_axis(x)
    if events is None or batch_axis(indices) != events:
        raise refused(node, "it picks events out of the batch")
    if events != axis and indices[events] != x[events]:
        raise refused(node, "it pairs an event's elements with the indices of others")


@dataclass(frozen=True)
class GatherElements(Flat):
    """y = x at indices along an axis."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        axis, t = axis_of(node, c), tangents[0]
        if t is None:
            return [None]
        _events_stay(c, node, axis)
        return [picked(c, t, node.inputs[1], axis)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = ȳ put where it was taken."""
        axis, a = axis_of(node, c), adjoints[0]
        if a is None or not wanted[0]:
            return [None, None]
        _events_stay(c, node, axis)
        return [put(c, a, node.inputs[1], axis, node.inputs[0]), None]


@dataclass(frozen=True)
class TopK(Flat):
    """y = the k largest (or smallest) elements along an axis; second output: their indices."""

    kind: str = "piecewise_linear"

    def _indices(self, c: Context, node: Node) -> tuple[str, int]:
        axis = axis_of(node, c, -1)
        if c.shape(node.inputs[0])[axis] < 0:
            raise refused(node, "it mixes the events of a batch")
        if len(node.outputs) > 1 and node.outputs[1]:
            return node.outputs[1], axis
        raise refused(node, "its indices are not among its outputs")

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        indices, axis = self._indices(c, node)
        t = tangents[0]
        return [None if t is None else picked(c, t, indices, axis), None]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = ȳ put where it was taken."""
        indices, axis = self._indices(c, node)
        a = adjoints[0]
        return [None if a is None else put(c, a, indices, axis, node.inputs[0]), None]


def _reduction(node: Node) -> str:
    how = node.get("reduction", b"none")
    how = how.decode() if isinstance(how, bytes) else str(how)
    if how not in ("none", "add"):
        raise refused(node, f"no derivative of reduction '{how}' is known")
    return how


@dataclass(frozen=True)
class ScatterElements(Flat):
    """y = x with updates u put (or added) at indices along an axis."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ with u̇ put (or added) at the indices."""
        x, t, u = node.inputs[0], tangents[0], tangents[2]
        axis, how = axis_of(node, c), _reduction(node)
        _events_stay(c, node, axis)
        lead = next(b.lead for b in (t, u) if b is not None)
        base = zeros(c, lead, x) if t is None else c.repeated(t).name
        values = zeros(c, lead, node.inputs[2]) if u is None else c.repeated(u).name
        where = repeated_indices(c, node.inputs[1], len(c.shape(x)), lead)
        name = c.e.op("ScatterElements", base, where, values, axis=axis + 1, reduction=how)
        return [Bundle(name, lead, c.shape(x), varies=True)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """ū = ȳ at the indices, x̄ = ȳ, without what was overwritten."""
        a, axis, how = adjoints[0], axis_of(node, c), _reduction(node)
        _events_stay(c, node, axis)
        if a is None:
            return [None, None, None]
        found: list[Bundle | None] = [a, None, None]
        if how == "none" and wanted[0]:
            a = c.repeated(a)
            where = repeated_indices(c, node.inputs[1], len(a.shape), a.lead)
            none = zeros(c, a.lead, node.inputs[2])
            name = c.e.op("ScatterElements", a.name, where, none, axis=axis + 1)
            found[0] = a.renamed(name)
        if wanted[2]:
            found[2] = picked(c, a, node.inputs[1], axis)
        return found


def _turned(c: Context, bundle: Bundle) -> str:
    """A bundle that varies with its lead behind everything else, as (*shape, L)."""
    rank = len(bundle.shape)
    return c.e.op("Transpose", c.repeated(bundle).name, perm=[*range(1, rank + 1), 0])


def _returned(c: Context, name: str, lead: int, shape: tuple[int, ...]) -> Bundle:
    """``_turned`` undone."""
    if batch_axis(shape) is None:
        raise refused(Node("GatherND", name, (), ()), "it picks events out of the batch")
    rank = len(shape)
    name = c.e.op("Transpose", name, perm=[rank, *range(rank)])
    return Bundle(name, lead, shape, varies=True)


def _put_nd(c: Context, base: str, indices: str, values: str, how: str) -> str:
    return c.e.op("ScatterND", base, indices, values, reduction=how)


@dataclass(frozen=True)
class GatherND(Flat):
    """y = x at rows of indices; with a lead behind everything, the operator serves bundles too."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        t, batch = tangents[0], int(node.get("batch_dims", 0))
        if t is None:
            return [None]
        name = c.e.op("GatherND", _turned(c, t), node.inputs[1], batch_dims=batch)
        return [_returned(c, name, t.lead, c.shape(node.outputs[0]))]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = ȳ put where it was taken."""
        a, x = adjoints[0], node.inputs[0]
        if a is None or not wanted[0]:
            return [None, None]
        blank, indices = zeros(c, a.lead, x, last=True), self._whole_indices(c, node)
        name = _put_nd(c, blank, indices, _turned(c, a), "add")
        return [_returned(c, name, a.lead, c.shape(x)), None]

    def _whole_indices(self, c: Context, node: Node) -> str:
        """Indices that name the place along the axes of ``batch_dims``, too."""
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
    """y = x with updates u put (or added) at rows of indices."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ with u̇ put (or added) at the indices."""
        x, t, u = node.inputs[0], tangents[0], tangents[2]
        lead = next(b.lead for b in (t, u) if b is not None)
        base = zeros(c, lead, x, last=True) if t is None else _turned(c, t)
        values = zeros(c, lead, node.inputs[2], last=True) if u is None else _turned(c, u)
        name = _put_nd(c, base, node.inputs[1], values, _reduction(node))
        return [_returned(c, name, lead, c.shape(x))]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """ū = ȳ at the indices, x̄ = ȳ, without what was overwritten."""
        a, indices, how = adjoints[0], node.inputs[1], _reduction(node)
        found: list[Bundle | None] = [a, None, None]
        if a is None:
            return found
        if how == "none" and wanted[0]:
            none = zeros(c, a.lead, node.inputs[2], last=True)
            name = _put_nd(c, _turned(c, a), indices, none, how)
            found[0] = _returned(c, name, a.lead, a.shape)
        if wanted[2]:
            name = c.e.op("GatherND", _turned(c, a), indices)
            found[2] = _returned(c, name, a.lead, c.shape(node.inputs[2]))
        return found


register("GatherElements", GatherElements())
register("TopK", TopK())
register("ScatterElements", ScatterElements())
register("GatherND", GatherND())
register("ScatterND", ScatterND())
