"""Operators that put each element of an event somewhere, some of them more than once or not at all.

Where to is found by trying: the operator is applied to the numbers 1, 2, … of an event's elements,
and 0 stands for what it fills in. With S the matrix of 0 and 1 that this makes, ẏ = S ẋ and
x̄ = Sᵀ ȳ, both as Gather along one axis.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.rules.bundle import Bundle, Shape, batch_axis
from onnxtaylor.rules.emit import evaluate
from onnxtaylor.rules.rule import Bundles, Context, Node, register
from onnxtaylor.rules.structure import _first
from onnxtaylor.rules.verbs import linear

__all__ = ["flat", "refused", "unflat"]


def refused(node: Node, why: str) -> ModelError:
    """The error of a node that has no derivative here."""
    return ModelError(f"node '{printable(node.name)}' ({node.kind}): {why}")


def _split(shape: Shape) -> tuple[int, list[int], int, list[int]]:
    """The axis of events, and what lies before it, in it (m of m·N), and behind."""
    axis = batch_axis(shape)
    if axis is None:
        raise ModelError("a tensor without one axis of events varies with the features")
    return axis, list(shape[:axis]), -shape[axis], list(shape[axis + 1 :])


def flat(c: Context, bundle: Bundle) -> Bundle:
    """(L, N, D): all that an event has in one row, wherever its axis was."""
    _, before, many, behind = _split(bundle.shape)
    front, back, events = prod(before), many * prod(behind), -1 if bundle.varies else 1
    found, e = bundle.renamed(bundle.name, (-1, front * back)), c.e
    if bundle.shape == found.shape:
        return bundle
    name = bundle.name
    if front > 1:
        name = e.op("Reshape", name, e.constant([bundle.lead, front, events, back]))
        name = e.op("Transpose", name, perm=[0, 2, 1, 3])
    return found.renamed(e.op("Reshape", name, e.constant([bundle.lead, events, front * back])))


def unflat(c: Context, bundle: Bundle, shape: Shape) -> Bundle:
    """(L, N, D) as a bundle of a shape: ``flat`` undone."""
    _, before, many, behind = _split(shape)
    front, back, events = prod(before), many * prod(behind), -1 if bundle.varies else 1
    found, e, name = bundle.renamed("", shape), c.e, bundle.name
    if bundle.shape == shape:
        return bundle
    if front > 1:
        name = e.op("Reshape", name, e.constant([bundle.lead, events, front, back]))
        name = e.op("Transpose", name, perm=[0, 2, 1, 3])
    return found.renamed(e.op("Reshape", name, e.constant(found.target)))


def _rows(values: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """A tensor of two events as one row for each."""
    axis, before, many, behind = _split(shape)
    parts = values.reshape(*before, 2, many, *behind)
    return np.moveaxis(parts, axis, 0).reshape(2, -1)


def _unrows(rows: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    axis, before, many, behind = _split(shape)
    parts = np.moveaxis(rows.reshape(2, *before, many, *behind), 0, axis)
    return parts.reshape(*before, 2 * many, *behind)


def _applied(c: Context, node: Node, values: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    proto = helper.make_node(node.kind, node.inputs, node.outputs[:1], **node.attributes)
    return evaluate(proto, values, c.e.opset)[0]


def _cropped(
    c: Context, node: Node, values: dict[str, npt.NDArray[Any]]
) -> npt.NDArray[Any] | None:
    """Pad with negative sizes, which cut off; None where there are none."""
    pads, x = values[node.inputs[1]], values[node.inputs[0]]
    if (pads >= 0).all():
        return None
    if node.get("mode", b"constant") != b"constant":
        raise refused(node, "no derivative of negative pads is known but for mode 'constant'")
    found = _applied(c, node, {**values, node.inputs[1]: np.maximum(pads, 0)})
    axes = values[node.input(3)] if node.input(3) else np.arange(x.ndim)
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        kept = np.arange(max(-begin, 0), found.shape[axis] - max(-end, 0))
        found = found.take(kept, axis)
    return found


def _places(c: Context, node: Node) -> npt.NDArray[np.int64]:
    """For each element that an event has in the output: which of its input, from 1; 0 for none."""
    shape, out = c.shape(node.inputs[0]), c.shape(node.outputs[0])
    size = prod(abs(d) for d in shape)
    numbers = np.arange(1.0, 1 + 2 * size).reshape(2, size)
    values = {node.inputs[0]: _unrows(numbers, shape)}
    for place, name in enumerate(node.inputs[1:], 1):
        if not name:
            continue
        value = c.value(name)
        if value is None:
            raise refused(node, f"its input '{name}' depends on the data")
        filled = node.kind == "Pad" and place == 2
        values[name] = np.zeros(value.shape) if filled else value
    found = _cropped(c, node, values) if node.kind == "Pad" else None
    if found is None:
        found = _applied(c, node, values)
    if batch_axis(out) is None or found.size != 2 * prod(abs(d) for d in out):
        raise refused(node, "it mixes the events of a batch")
    rows: npt.NDArray[np.int64] = _rows(np.rint(found).astype(np.int64), out)
    one, two = rows
    if not np.array_equal(np.where(one > 0, one + size, 0), two) or one.max(initial=0) > size:
        raise refused(node, "it mixes the events of a batch")
    return np.asarray(one, dtype=np.int64)


def _taken(c: Context, bundle: Bundle, places: npt.NDArray[np.int64]) -> str:
    """The elements at places from 1 of (L, N, D), zero at place 0."""
    e = c.e
    if places.min(initial=1) > 0:
        return e.op("Gather", bundle.name, e.constant(places - 1), axis=2)
    padded = e.op("Pad", bundle.name, e.constant([0, 0, 1, 0, 0, 0]))
    return e.op("Gather", padded, e.constant(places), axis=2)


def _moved(c: Context, node: Node, t: Bundle) -> Bundles:
    """ẏ = S ẋ."""
    row, places, shape = flat(c, t), _places(c, node), c.shape(node.outputs[0])
    return [unflat(c, row.renamed(_taken(c, row, places), (-1, len(places))), shape)]


def _unmoved(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    """x̄ = Sᵀ ȳ: for each element, the sum over where it went."""
    row, places, shape = flat(c, _first(adjoints)), _places(c, node), c.shape(node.inputs[0])
    size = prod(abs(d) for d in shape)
    order = np.argsort(places, kind="stable")
    order = order[places[order] > 0]
    ends = np.searchsorted(places[order], np.arange(1, size + 2))
    counts = np.diff(ends)
    table = np.zeros((size, max(counts.max(initial=0), 1)), dtype=np.int64)
    for k in range(table.shape[1]):
        some = np.flatnonzero(counts > k)
        table[some, k] = order[ends[some] + k] + 1
    if table.shape[1] == 1:
        name = _taken(c, row, table[:, 0])
    else:
        name = c.e.op("ReduceSum", _taken(c, row, table), c.e.constant([3]), keepdims=0)
    return unflat(c, row.renamed(name, (-1, size)), shape)


register("Pad Tile DepthToSpace SpaceToDepth Trilu Compress", linear(_moved, _unmoved))
