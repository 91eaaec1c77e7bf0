"""Operators along an axis of time, at positions of each event: ReverseSequence, TensorScatter.

Both are linear in the data; positions vary in steps, so that the derivative with respect to them is
0. The lead of a bundle is brought to the end, (*shape, L), where both operators take it along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.selection import gather_elements, lead_first, lead_last, zeros
from onnxtaylor.rules.structure import axis_of
from onnxtaylor.rules.verbs import Flat

__all__ = ["ReverseSequence", "TensorScatter"]


def _require_own_positions(c: Context, node: Node, positions: str, rows: int, time: int) -> None:
    """Raises ModelError unless time counts no events and positions are those of each event."""
    events = batch_axis(c.shape(node.inputs[0]))
    if events is None or events == time:
        raise refusal(node, "it mixes the events of a batch")
    if events != rows and positions and c.value(positions) is None:
        raise refusal(node, "its positions depend on the data and do not count events")


@dataclass(frozen=True)
class ReverseSequence(Flat):
    """y_t = x_(l−1−t) for t < l, else x_t, with a length l for each row; its own transpose."""

    def _turned(self, c: Context, node: Node, bundle: Bundle | None) -> Bundle | None:
        if bundle is None:
            return None
        rows, time = (int(node.get(k, d)) for k, d in (("batch_axis", 1), ("time_axis", 0)))
        _require_own_positions(c, node, node.inputs[1], rows, time)
        shape, lengths = c.shape(node.inputs[0]), node.inputs[1]
        name = lead_last(c, bundle)
        name = c.e.op("ReverseSequence", name, lengths, batch_axis=rows, time_axis=time)
        return lead_first(c, node, name, bundle.lead, shape)

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ in the order of y."""
        return [self._turned(c, node, tangents[0])]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ in the order of x."""
        return [self._turned(c, node, adjoints[0]), None]


@dataclass(frozen=True)
class TensorScatter(Flat):
    """y = x, with updates u written from a position of each row on."""

    def _written(self, c: Context, node: Node, base: str, values: str) -> str:
        """Writes the operator for tensors whose lead comes last."""
        axis = axis_of(node, c, -2)
        positions = node.input(2)
        _require_own_positions(c, node, positions, 0, axis)
        mode = node.get("mode", b"linear")
        return c.e.op(
            "TensorScatter", base, values, *[positions] * bool(positions), axis=axis, mode=mode
        )

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ, with u̇ written at the positions."""
        t, u = tangents[0], tangents[1]
        x = node.inputs[0]
        known = next(b for b in (t, u) if b is not None)
        base = zeros(c, known, x, last=True) if t is None else lead_last(c, t)
        values = zeros(c, known, node.inputs[1], last=True) if u is None else lead_last(c, u)
        name = self._written(c, node, base, values)
        return [lead_first(c, node, name, known.lead, c.shape(x))]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """ū = ȳ at the positions; x̄ = ȳ, and 0 where x was overwritten."""
        a = adjoints[0]
        results: list[Bundle | None] = [None] * len(node.inputs)
        if a is None:
            return results
        a = c.repeat_events(a)
        if needed[0]:
            blank = zeros(c, a, node.inputs[1], last=True)
            name = self._written(c, node, lead_last(c, a), blank)
            results[0] = lead_first(c, node, name, a.lead, a.shape)
        if needed[1]:
            results[1] = gather_elements(
                c, a, self._places(c, node), axis_of(node, c, -2), c.shape(node.inputs[1])
            )
        return results

    def _places(self, c: Context, node: Node) -> str:
        """Writes the place along the axis of each element of the updates, of their shape."""
        e, u, axis = c.e, c.shape(node.inputs[1]), axis_of(node, c, -2)
        line = [1] * len(u)
        line[axis] = u[axis]
        steps = e.constant(np.arange(u[axis]).reshape(line))
        if node.input(2):
            column = e.constant([-1] + [1] * (len(u) - 1))
            first = e.op("Cast", e.op("Reshape", node.input(2), column), to=TensorProto.INT64)
            steps = e.op("Add", first, steps)
            if node.get("mode", b"linear") == b"circular":
                steps = e.op("Mod", steps, e.constant(c.shape(node.inputs[0])[axis]))
        return e.op("Expand", steps, e.op("Shape", node.inputs[1]))


register("ReverseSequence", ReverseSequence())
register("TensorScatter", TensorScatter())
