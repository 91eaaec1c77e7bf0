"""Gather: y = x at indices along an axis; the indices are constant or computed for each event.

Linear in x: ẏ = ẋ at the indices, x̄ = ȳ added at the indices. The derivative with respect to the
indices is 0: they vary in steps.

Indices that depend on the data count along the axis of events, as in the flattened batch (m·N, F)
of a graph network, in which event e has the rows e·m … e·m + m − 1. The graph does not show
whether they point to rows of their own event. If they do not, an event responds differently among
other events; the engine compares that, and refuses such a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from onnxtaylor.rules.bundle import Bundle, batch_axis, lead_size
from onnxtaylor.rules.parts import event_selection_error, gather_along, scatter_along
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import axis_of
from onnxtaylor.rules.verbs import Flat

__all__ = ["Gather"]


@dataclass(frozen=True)
class Gather(Flat):
    """y = x at indices along an axis."""

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        axis, t = axis_of(node, c), tangents[0]
        if t is None:
            return [None]
        places = _fixed_places(c, node, axis)
        if places is not None:
            return [gather_along(c, t, places, axis)]
        _require_events(c, node, axis)
        name = c.e.op("Gather", c.repeat_events(t).name, node.inputs[1], axis=axis + 1)
        return [Bundle(name, t.lead, c.shape(node.outputs[0]), varies=True)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ added at the indices, else 0."""
        axis, a = axis_of(node, c), adjoints[0]
        if a is None or not needed[0]:
            return [None, None]
        places = _fixed_places(c, node, axis)
        if places is not None:
            size = c.shape(node.inputs[0])[axis]
            return [scatter_along(c, a, places, axis, size), None]
        _require_events(c, node, axis)
        return [_add_back(c, node, c.repeat_events(a), axis), None]


def _fixed_places(c: Context, node: Node, axis: int) -> npt.NDArray[np.int64] | None:
    """The indices, counted from the front, if they are the same for all data; else None."""
    places = c.value(node.inputs[1])
    if places is None:
        return None
    size = c.shape(node.inputs[0])[axis]
    if size < 0:
        raise event_selection_error(node)
    return np.where(places < 0, places + size, places).astype(np.int64)


def _require_events(c: Context, node: Node, axis: int) -> None:
    """Raises ModelError unless the indices count along the axis of events, and each event has some.

    Along another axis, Gather would apply the indices of all events to every event.
    """
    x, indices = c.shape(node.inputs[0]), c.shape(node.inputs[1])
    if batch_axis(x) != axis or batch_axis(indices) is None:
        raise refusal(
            node, "its indices depend on the data and do not count along the events of its input"
        )


def _add_back(c: Context, node: Node, a: Bundle, axis: int) -> Bundle:
    """Adds ȳ (L, before, *indices, behind) at the indices to zeros like x (before, m·N, behind).

    ScatterND adds along the first axis, so the axes of the indices are brought to the front.
    """
    e, x = c.e, c.shape(node.inputs[0])
    many = len(c.shape(node.inputs[1]))
    named = [1 + axis + k for k in range(many)]
    rest = [k for k in range(len(a.shape) + 1) if k not in named]
    rows = e.op("Transpose", a.name, perm=[*named, *rest])
    count = e.op("Gather", e.op("Shape", node.inputs[0]), e.constant([axis]), axis=0)
    others = e.constant(np.array([*x[:axis], *x[axis + 1 :]], np.int64))
    zero = helper.make_tensor("", helper.np_dtype_to_tensor_dtype(e.dtype), [1], [0.0])
    sizes = e.op("Concat", count, lead_size(e, a), others, axis=0)
    blank = e.op("ConstantOfShape", sizes, value=zero)
    places = e.op("Cast", node.inputs[1], to=TensorProto.INT64)
    places = e.op("Unsqueeze", places, e.constant([many]))
    total = e.op("ScatterND", blank, places, rows, reduction="add")  # (m·N, L, before, behind)
    order = [*range(1, 2 + axis), 0, *range(2 + axis, len(x) + 1)]
    return a.with_tensor(e.op("Transpose", total, perm=order), x)


register("Gather", Gather())
