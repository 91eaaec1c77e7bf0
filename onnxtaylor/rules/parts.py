"""Split and Slice: parts of a tensor, which the other direction puts back among zeros."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from onnxtaylor.errors import ModelError
from onnxtaylor.rules.bundle import Bundle, add, pad
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import axis_of, first_of, list_input, reshape, transpose
from onnxtaylor.rules.verbs import linear

__all__ = ["event_selection_error", "gather_along", "scatter_along"]

LARGE = 2**18  # numbers of a matrix of 0 and 1


def gather_along(c: Context, bundle: Bundle, places: np.ndarray, axis: int) -> Bundle:
    """Gathers the elements at ``places`` (any shape) along an axis that holds no events."""
    shape = bundle.shape[:axis] + places.shape + bundle.shape[axis + 1 :]
    if _is_range(places):  # Slice copies whole rows, where Gather copies element by element
        ends = (places[0], places[-1] + 1, axis + 1)
        cut = [c.e.constant(np.array([k])) for k in ends]
        return bundle.with_tensor(c.e.op("Slice", bundle.name, *cut), shape)
    name = c.e.op("Gather", bundle.name, c.e.constant(places), axis=axis + 1)
    return bundle.with_tensor(name, shape)


def _is_range(places: np.ndarray) -> bool:
    """Whether places follow one another."""
    return places.ndim == 1 and len(places) > 0 and bool((np.diff(places) == 1).all())


def scatter_along(c: Context, bundle: Bundle, places: np.ndarray, axis: int, size: int) -> Bundle:
    """Adds element k at ``places[k]`` along an axis of ``size``: the transpose of ``gather_along``.

    Where places repeat, it is a product with a matrix of 0 and 1, unless that is large; else a
    Gather, which is faster.
    """
    if _is_range(places):
        return pad(c.e, bundle, axis, int(places[0]), size - 1 - int(places[-1]))
    flat = places.reshape(-1)
    front = bundle.shape[:axis]
    merged = (*front, len(flat), *bundle.shape[axis + places.ndim :])
    bundle = reshape(c, bundle, merged) if places.ndim != 1 else bundle
    if len(set(flat.tolist())) == len(flat):
        # a place that receives nothing gathers the element behind the end, a zero
        back = np.full(size, len(flat))
        back[flat] = np.arange(len(flat))
        padded = pad(c.e, bundle, axis, 0, 1) if len(flat) < size else bundle
        name = c.e.op("Gather", padded.name, c.e.constant(back), axis=axis + 1)
        return bundle.with_tensor(name, (*front, size, *merged[axis + 1 :]))
    if len(flat) * size > LARGE:
        return _add_along(c, bundle, flat, axis, size)
    matrix = np.zeros((len(flat), size))
    matrix[np.arange(len(flat)), flat] = 1.0
    last = [k for k in range(len(merged)) if k != axis] + [axis]
    turned = transpose(c, bundle, last)
    name = c.e.op("MatMul", turned.name, c.e.constant(matrix))
    turned = turned.with_tensor(name, (*turned.shape[:-1], size))
    return transpose(c, turned, [int(k) for k in np.argsort(last)])


def _add_along(c: Context, bundle: Bundle, flat: np.ndarray, axis: int, size: int) -> Bundle:
    """Adds like ``scatter_along``: a sum over a table of the elements that go to each place."""
    counts = np.bincount(flat, minlength=size)
    order = np.argsort(flat, kind="stable")
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    # an element behind the end, a zero, fills up the table
    table = np.full((size, int(counts.max())), len(flat))
    for k in range(table.shape[1]):
        some = np.flatnonzero(counts > k)
        table[some, k] = order[first[some] + k]
    rank = len(bundle.shape) + 1
    pads = [0] * (2 * rank)
    pads[rank + axis + 1] = 1
    padded = c.e.op("Pad", bundle.name, c.e.constant(pads))
    name = c.e.op("Gather", padded, c.e.constant(table), axis=axis + 1)
    name = c.e.op("ReduceSum", name, c.e.constant([axis + 2]), keepdims=0)
    return bundle.with_tensor(name, (*bundle.shape[:axis], size, *bundle.shape[axis + 1 :]))


def event_selection_error(node: Node) -> ModelError:
    """The error for a node that selects some of the batch's events."""
    return refusal(
        node, "it picks events out of the batch: an event's response would depend on its place"
    )


def _split_places(c: Context, node: Node) -> tuple[int, list[np.ndarray]]:
    """The axis of a Split, and the places along it that each output takes."""
    axis = axis_of(node, c)
    if c.shape(node.inputs[0])[axis] < 0:
        raise event_selection_error(node)
    sizes = [c.shape(name)[axis] if name else 0 for name in node.outputs]
    ends = np.cumsum([0, *sizes])
    return axis, [np.arange(a, b) for a, b in pairwise(ends)]


def _split(c: Context, node: Node, t: Bundle) -> Bundles:
    axis, places = _split_places(c, node)
    if not all(len(p) and name for p, name in zip(places, node.outputs, strict=True)):
        return [
            gather_along(c, t, p, axis) if name else None
            for name, p in zip(node.outputs, places, strict=True)
        ]
    sizes = c.e.constant([len(p) for p in places])
    names = c.e.ops("Split", len(places), t.name, sizes, axis=axis + 1)
    rows = zip(names, node.outputs, strict=True)
    return [t.with_tensor(name, c.shape(output)) for name, output in rows]


def _split_adjoint(c: Context, node: Node, adjoints: Bundles) -> Bundle | None:
    """Joins the adjoints of the parts; zeros are added where a part has none."""
    axis, places = _split_places(c, node)
    size = c.shape(node.inputs[0])[axis]
    runs: list[list[tuple[Bundle, np.ndarray]]] = []
    for adjoint, p in zip(adjoints, places, strict=True):
        if adjoint is None or not len(p):
            continue
        if runs and runs[-1][-1][1][-1] + 1 == p[0]:
            runs[-1].append((adjoint, p))
        else:
            runs.append([(adjoint, p)])
    total: Bundle | None = None
    for run in runs:
        joined = _joined(c, [a for a, _ in run], axis)
        whole = scatter_along(c, joined, np.concatenate([p for _, p in run]), axis, size)
        total = add(c.e, total, whole)
    return total


def _joined(c: Context, bundles: Sequence[Bundle], axis: int) -> Bundle:
    """Joins bundles along an axis that holds no events."""
    first = bundles[0]
    if len(bundles) == 1:
        return first
    varies = any(b.varies for b in bundles)
    parts = [c.repeat_events(b) if varies else b for b in bundles]
    size = sum(b.shape[axis] for b in bundles)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    name = c.e.op("Concat", *(p.name for p in parts), axis=axis + 1)
    return Bundle(name, first.lead, shape, varies)


register("Split", linear(_split, _split_adjoint))


def _slice_places(c: Context, node: Node) -> list[tuple[int, np.ndarray]]:
    """The sliced axes, each with the places along it that the Slice keeps."""
    shape = c.shape(node.inputs[0])
    starts = list_input(c, node, 1, "starts") or []
    ends = list_input(c, node, 2, "ends") or []
    axes = list_input(c, node, 3, "axes") or list(range(len(starts)))
    steps = list_input(c, node, 4, "steps") or [1] * len(starts)
    sliced = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = axis % len(shape)
        if shape[axis] < 0:
            if start == 0 and step == 1 and c.shape(node.outputs[0])[axis] == shape[axis]:
                continue
            raise event_selection_error(node)
        size = shape[axis]
        # an end far below 0 means "to the front" for a negative step
        stop = None if step < 0 and end < -size else end
        sliced.append((axis, np.arange(size)[slice(start, stop, step)]))
    return sliced


def _slice(c: Context, node: Node, t: Bundle) -> Bundles:
    for axis, places in _slice_places(c, node):
        t = gather_along(c, t, places, axis)
    return [t]


def _slice_adjoint(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    a = first_of(adjoints)
    for axis, places in reversed(_slice_places(c, node)):
        a = scatter_along(c, a, places, axis, c.shape(node.inputs[0])[axis])
    return a


register("Slice", linear(_slice, _slice_adjoint))
