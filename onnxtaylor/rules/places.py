"""Operators that move the elements of an event: Pad, Tile, DepthToSpace, Trilu, Col2Im, ….

An element may appear once, several times or not at all. Its new places are found by trying: the
operator is applied to the numbers 1, 2, … of an event's elements, and 0 marks what it fills in.
With S the matrix of 0 and 1 that this yields, ẏ = S ẋ and x̄ = Sᵀ ȳ, both written as Gather along
one axis.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from onnxtaylor.errors import ModelError
from onnxtaylor.rules.bundle import Bundle, Shape, batch_axis
from onnxtaylor.rules.emit import evaluate
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import first_of
from onnxtaylor.rules.verbs import linear

__all__ = ["flatten_events", "put_elements", "take_elements", "unflatten_events"]


def _split(shape: Shape) -> tuple[int, list[int], int, list[int]]:
    """The axis m·N of events, the sizes before it, m, and the sizes behind it."""
    axis = batch_axis(shape)
    if axis is None:
        raise ModelError("a tensor varies with the features but has no axis of events, or several")
    return axis, list(shape[:axis]), -shape[axis], list(shape[axis + 1 :])


def flatten_events(c: Context, bundle: Bundle) -> Bundle:
    """Reshapes a bundle to (L, N, D): the D elements of each event in one row."""
    _, before, many, behind = _split(bundle.shape)
    front, back, events = prod(before), many * prod(behind), -1 if bundle.varies else 1
    rows, e = bundle.with_tensor(bundle.name, (-1, front * back)), c.e
    if bundle.shape == rows.shape:
        return bundle
    name = bundle.name
    if front > 1:
        name = e.op("Reshape", name, e.constant([bundle.lead, front, events, back]))
        name = e.op("Transpose", name, perm=[0, 2, 1, 3])
    return rows.with_tensor(e.op("Reshape", name, e.constant([bundle.lead, events, front * back])))


def unflatten_events(c: Context, bundle: Bundle, shape: Shape) -> Bundle:
    """Reshapes a bundle (L, N, D) to (L, *shape): the inverse of ``flatten_events``."""
    _, before, many, behind = _split(shape)
    front, back, events = prod(before), many * prod(behind), -1 if bundle.varies else 1
    whole, e, name = bundle.with_tensor("", shape), c.e, bundle.name
    if bundle.shape == shape:
        return bundle
    if front > 1:
        name = e.op("Reshape", name, e.constant([bundle.lead, events, front, back]))
        name = e.op("Transpose", name, perm=[0, 2, 1, 3])
    return whole.with_tensor(e.op("Reshape", name, e.constant(whole.reshape_target)))


def _rows(values: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Reshapes the values of two events to one row per event."""
    axis, before, many, behind = _split(shape)
    parts = values.reshape(*before, 2, many, *behind)
    return np.moveaxis(parts, axis, 0).reshape(2, -1)


def _unrows(rows: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Reshapes one row per event to a tensor of two events: the inverse of ``_rows``."""
    axis, before, many, behind = _split(shape)
    parts = np.moveaxis(rows.reshape(2, *before, many, *behind), 0, axis)
    return parts.reshape(*before, 2 * many, *behind)


def _apply(c: Context, node: Node, values: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Computes the node's first output by ONNX's reference implementation."""
    proto = helper.make_node(node.kind, node.inputs, node.outputs[:1], **node.attributes)
    return evaluate(proto, values, c.e.opset)[0]


def _crop(c: Context, node: Node, values: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any] | None:
    """Computes a Pad with negative sizes, which cut elements off; None if no size is negative.

    ONNX's reference implementation does not know these.
    """
    pads, x = values[node.inputs[1]], values[node.inputs[0]]
    if (pads >= 0).all():
        return None
    if node.get("mode", b"constant") != b"constant":
        raise refusal(node, "no derivative of negative pads is known but for mode 'constant'")
    found = _apply(c, node, {**values, node.inputs[1]: np.maximum(pads, 0)})
    axes = values[node.input(3)] if node.input(3) else np.arange(x.ndim)
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        kept = np.arange(max(-begin, 0), found.shape[axis] - max(-end, 0))
        found = found.take(kept, axis)
    return found


def _places(c: Context, node: Node) -> npt.NDArray[np.int64]:
    """For each element of an event's output, the number of its input element, from 1; 0 for none.

    Two events are tried, the second with higher numbers: raises ModelError where they mix.
    """
    shape, out = c.shape(node.inputs[0]), c.shape(node.outputs[0])
    size = prod(abs(d) for d in shape)
    numbers = np.arange(1.0, 1 + 2 * size).reshape(2, size)
    values = {node.inputs[0]: _unrows(numbers, shape)}
    for place, name in enumerate(node.inputs[1:], 1):
        if not name:
            continue
        value = c.value(name)
        if value is None:
            raise refusal(node, f"its input '{name}' depends on the data")
        filled = node.kind == "Pad" and place == 2
        values[name] = np.zeros(value.shape) if filled else value
    found = _crop(c, node, values) if node.kind == "Pad" else None
    if found is None:
        found = _apply(c, node, values)
    if batch_axis(out) is None or found.size != 2 * prod(abs(d) for d in out):
        raise refusal(node, "it mixes the events of a batch")
    rows: npt.NDArray[np.int64] = _rows(np.rint(found).astype(np.int64), out)
    one, two = rows
    if not np.array_equal(np.where(one > 0, one + size, 0), two) or one.max(initial=0) > size:
        raise refusal(node, "it mixes the events of a batch")
    return np.asarray(one, dtype=np.int64)


def take_elements(c: Context, row: Bundle, places: npt.NDArray[np.int64]) -> Bundle:
    """Gathers the elements at ``places``, counted from 1, of a bundle (L, N, D); 0 at place 0."""
    return row.with_tensor(_gather(c, row, places), (-1, len(places)))


def put_elements(c: Context, row: Bundle, places: npt.NDArray[np.int64], size: int) -> Bundle:
    """Adds element k of a bundle (L, N, D) at ``places[k]`` of ``size`` zeros, counted from 1.

    The transpose of ``take_elements``: elements with place 0 are dropped.
    """
    order = np.argsort(places, kind="stable")
    order = order[places[order] > 0]
    ends = np.searchsorted(places[order], np.arange(1, size + 2))
    counts = np.diff(ends)
    # row i of the table lists the elements that go to place i, 0 where there are fewer
    table = np.zeros((size, max(counts.max(initial=0), 1)), dtype=np.int64)
    for k in range(table.shape[1]):
        some = np.flatnonzero(counts > k)
        table[some, k] = order[ends[some] + k] + 1
    if table.shape[1] == 1:
        name = _gather(c, row, table[:, 0])
    else:
        name = c.e.op("ReduceSum", _gather(c, row, table), c.e.constant([3]), keepdims=0)
    return row.with_tensor(name, (-1, size))


def _gather(c: Context, bundle: Bundle, places: npt.NDArray[np.int64]) -> str:
    """Gathers elements as ``take_elements`` does, for places of any shape."""
    e = c.e
    if places.min(initial=1) > 0:
        return e.op("Gather", bundle.name, e.constant(places - 1), axis=2)
    padded = e.op("Pad", bundle.name, e.constant([0, 0, 1, 0, 0, 0]))
    return e.op("Gather", padded, e.constant(places), axis=2)


def _forward(c: Context, node: Node, t: Bundle) -> Bundles:
    """ẏ = S ẋ."""
    row = take_elements(c, flatten_events(c, t), _places(c, node))
    return [unflatten_events(c, row, c.shape(node.outputs[0]))]


def _backward(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    """x̄ = Sᵀ ȳ: for each element, the sum over the places to which it was moved."""
    shape = c.shape(node.inputs[0])
    size = prod(abs(d) for d in shape)
    row = put_elements(c, flatten_events(c, first_of(adjoints)), _places(c, node), size)
    return unflatten_events(c, row, shape)


def _image_places(c: Context, node: Node) -> npt.NDArray[np.int64]:
    """For each element of an event's blocks [C·P, L], its place in the images, from 1; 0: outside.

    Block b holds, at offset o, the element b·stride + o·dilation − pad of the image along each
    axis.
    """
    values = [c.value(name) for name in node.inputs[1:3]]
    if values[0] is None or values[1] is None:
        raise refusal(node, "the shape of its image or its blocks depends on the data")
    image, block = ([int(k) for k in v] for v in values if v is not None)
    rank, x = len(image), c.shape(node.inputs[0])
    if len(x) != 3 or x[0] != -1:
        raise refusal(node, "the first axis of its input does not count events")
    strides, dilations = (node.get(k) or [1] * rank for k in ("strides", "dilations"))
    pads = node.get("pads") or [0] * 2 * rank
    inside = np.ones((1, 1), np.bool_)
    places = np.zeros((1, 1), np.int64)  # (offset, block), row by row
    for d in range(rank):
        spread = dilations[d] * (block[d] - 1) + 1
        count = (image[d] + pads[d] + pads[rank + d] - spread) // strides[d] + 1
        at = np.arange(block[d])[:, None] * dilations[d] + np.arange(count) * strides[d] - pads[d]
        shape = (len(places) * block[d], places.shape[1] * count)
        places = (places[:, None, :, None] * image[d] + at[None, :, None, :]).reshape(shape)
        within = (at >= 0) & (at < image[d])
        inside = (inside[:, None, :, None] & within[None, :, None, :]).reshape(shape)
    if places.shape[1] != x[2] or x[1] % len(places):
        raise refusal(node, "its blocks do not fit its image")
    channels = np.arange(x[1] // len(places))[:, None, None] * prod(image)
    return np.where(inside, channels + places + 1, 0).reshape(-1)


def _images(c: Context, node: Node, t: Bundle) -> Bundles:
    """Col2Im: blocks are added where they lie in the image."""
    shape = c.shape(node.outputs[0])
    size = prod(abs(d) for d in shape)
    row = put_elements(c, flatten_events(c, t), _image_places(c, node), size)
    return [unflatten_events(c, row, shape)]


def _blocks(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    """The transpose of Col2Im: blocks are cut out of the image."""
    row = take_elements(c, flatten_events(c, first_of(adjoints)), _image_places(c, node))
    return unflatten_events(c, row, c.shape(node.inputs[0]))


register("Col2Im", linear(_images, _blocks))
register("Pad Tile DepthToSpace SpaceToDepth Trilu Compress", linear(_forward, _backward))
