"""Operators that move elements about: linear, and applied to a bundle behind its leading axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from onnx import TensorProto

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.rules.bundle import Bundle, added, expanded, summed_to
from onnxtaylor.rules.rule import Bundles, Context, Node, register
from onnxtaylor.rules.verbs import linear

__all__ = ["axis_of", "gather_along", "picks_events", "scatter_along"]

REAL = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def _first(bundles: Bundles) -> Bundle:
    bundle = bundles[0]
    assert bundle is not None
    return bundle


def axis_of(node: Node, c: Context, default: int = 0, place: int = 0) -> int:
    """The node's ``axis``, counted from the front of its input."""
    axis = int(node.get("axis", default))
    return axis + len(c.shape(node.inputs[place])) if axis < 0 else axis


def list_input(c: Context, node: Node, place: int, attribute: str) -> list[int] | None:
    """A list of whole numbers that older opsets had as an attribute; None where there is none."""
    if node.get(attribute) is not None:
        return [int(i) for i in node.get(attribute)]
    if not node.input(place):
        return None
    value = c.value(node.input(place))
    if value is None:
        raise ModelError(f"node '{node.name}' ({node.kind}): its {attribute} depend on the data")
    return [int(i) for i in np.atleast_1d(value)]


# --- the same elements in the same order ---------------------------------------------------------


def _reshaped(c: Context, bundle: Bundle, shape: tuple[int, ...]) -> Bundle:
    """Events keep their place, in front of what each of them holds."""
    if any(d < -1 for d in (*bundle.shape, *shape)):
        bundle = c.repeated(bundle)  # m·N cannot be made of m by broadcasting
    found = Bundle("", bundle.lead, shape, bundle.varies)
    return found.renamed(c.e.op("Reshape", bundle.name, c.e.constant(found.target)))


def _reshape(c: Context, node: Node, t: Bundle) -> Bundles:
    return [_reshaped(c, t, c.shape(node.outputs[0]))]


def _unshape(c: Context, node: Node, a: Bundles) -> Bundle:
    return _reshaped(c, _first(a), c.shape(node.inputs[0]))


register("Reshape Flatten Squeeze Unsqueeze", linear(_reshape, _unshape))


def _identity(c: Context, node: Node, t: Bundle) -> Bundles:
    return [t, *[None] * (len(node.outputs) - 1)]


def _cast(c: Context, node: Node, bundle: Bundle) -> Bundle | None:
    """The bundle in the other format; to whole numbers or truth values a cast is a step."""
    own, to = c.format(node.inputs[0]), c.format(node.outputs[0])
    if to is None:
        if node.get("to") in REAL:
            raise ModelError(f"node '{printable(node.name)}' (Cast): its format is not known")
        return None
    return bundle if own is None else c.cast(bundle, own, to)


def _uncast(c: Context, node: Node, bundle: Bundle) -> Bundle | None:
    """The same on the way back: whole numbers and truth values have no adjoints."""
    own, to = c.format(node.inputs[0]), c.format(node.outputs[0])
    return None if own is None or to is None else c.cast(bundle, to, own)


register("Identity Dropout", linear(_identity, lambda c, n, a: _first(a)))
register(
    "Cast CastLike",
    linear(
        lambda c, n, t: [_cast(c, n, t)],
        lambda c, n, a: _uncast(c, n, _first(a)),
    ),
)


def _transposed(c: Context, bundle: Bundle, order: Sequence[int]) -> Bundle:
    shape = tuple(bundle.shape[k] for k in order)
    name = c.e.op("Transpose", bundle.name, perm=[0, *(k + 1 for k in order)])
    return bundle.renamed(name, shape)


def _order(c: Context, node: Node) -> list[int]:
    rank = len(c.shape(node.inputs[0]))
    return list(node.get("perm") or range(rank)[::-1])


register(
    "Transpose",
    linear(
        lambda c, n, t: [_transposed(c, t, _order(c, n))],
        lambda c, n, a: _transposed(c, _first(a), [int(k) for k in np.argsort(_order(c, n))]),
    ),
)


# --- repeated ------------------------------------------------------------------------------------


def _expand(c: Context, node: Node, t: Bundle) -> Bundles:
    return [expanded(c.e, t, c.shape(node.outputs[0]))]


register("Expand", linear(_expand, lambda c, n, a: summed_to(c.e, _first(a), c.shape(n.inputs[0]))))


# --- parts ---------------------------------------------------------------------------------------


def gather_along(c: Context, bundle: Bundle, places: np.ndarray, axis: int) -> Bundle:
    """The elements at ``places`` (any shape) along an axis that holds no events."""
    name = c.e.op("Gather", bundle.name, c.e.constant(places), axis=axis + 1)
    shape = bundle.shape[:axis] + places.shape + bundle.shape[axis + 1 :]
    return bundle.renamed(name, shape)


def scatter_along(c: Context, bundle: Bundle, places: np.ndarray, axis: int, size: int) -> Bundle:
    """The transpose: element k of ``places`` (flat) is added at its place along the axis.

    As a product with a matrix of 0 and 1, so that places may repeat.
    """
    flat = places.reshape(-1)
    front = bundle.shape[:axis]
    merged = (*front, len(flat), *bundle.shape[axis + places.ndim :])
    bundle = _reshaped(c, bundle, merged) if places.ndim != 1 else bundle
    if len(set(flat.tolist())) == len(flat):
        # without repetition: what was not taken gets the element behind the end, a zero
        back = np.full(size, len(flat))
        back[flat] = np.arange(len(flat))
        if len(flat) < size:
            rank = len(merged) + 1
            pads = [0] * (2 * rank)
            pads[rank + axis + 1] = 1
            padded = c.e.op("Pad", bundle.name, c.e.constant(pads))
        else:
            padded = bundle.name
        name = c.e.op("Gather", padded, c.e.constant(back), axis=axis + 1)
        return bundle.renamed(name, (*front, size, *merged[axis + 1 :]))
    matrix = np.zeros((len(flat), size))
    matrix[np.arange(len(flat)), flat] = 1.0
    last = [k for k in range(len(merged)) if k != axis] + [axis]
    turned = _transposed(c, bundle, last)
    name = c.e.op("MatMul", turned.name, c.e.constant(matrix))
    turned = turned.renamed(name, (*turned.shape[:-1], size))
    return _transposed(c, turned, [int(k) for k in np.argsort(last)])


def picks_events(node: Node) -> ModelError:
    """The error of a node that takes some of the batch's events."""
    return ModelError(
        f"node '{printable(node.name)}' ({node.kind}) picks events out of the batch: an event's"
        " response would depend on its place"
    )


def _split_places(c: Context, node: Node) -> tuple[int, list[np.ndarray]]:
    axis = axis_of(node, c)
    if c.shape(node.inputs[0])[axis] < 0:
        raise picks_events(node)
    sizes = [c.shape(name)[axis] if name else 0 for name in node.outputs]
    ends = np.cumsum([0, *sizes])
    return axis, [np.arange(a, b) for a, b in pairwise(ends)]


def _split(c: Context, node: Node, t: Bundle) -> Bundles:
    axis, places = _split_places(c, node)
    return [
        gather_along(c, t, p, axis) if name else None
        for name, p in zip(node.outputs, places, strict=True)
    ]


def _unsplit(c: Context, node: Node, adjoints: Bundles) -> Bundle | None:
    axis, places = _split_places(c, node)
    size = c.shape(node.inputs[0])[axis]
    total: Bundle | None = None
    for adjoint, p in zip(adjoints, places, strict=True):
        if adjoint is not None:
            total = added(c.e, total, scatter_along(c, adjoint, p, axis, size))
    return total


register("Split", linear(_split, _unsplit))


def _slice_places(c: Context, node: Node) -> list[tuple[int, np.ndarray]]:
    """Axis and places for every sliced axis that loses or turns anything."""
    shape = c.shape(node.inputs[0])
    starts = list_input(c, node, 1, "starts") or []
    ends = list_input(c, node, 2, "ends") or []
    axes = list_input(c, node, 3, "axes") or list(range(len(starts)))
    steps = list_input(c, node, 4, "steps") or [1] * len(starts)
    found = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = axis % len(shape)
        if shape[axis] < 0:
            if start == 0 and step == 1 and c.shape(node.outputs[0])[axis] == shape[axis]:
                continue
            raise picks_events(node)
        size = shape[axis]
        # an end far below 0 means "to the front" for a negative step
        stop = None if step < 0 and end < -size else end
        found.append((axis, np.arange(size)[slice(start, stop, step)]))
    return found


def _slice(c: Context, node: Node, t: Bundle) -> Bundles:
    for axis, places in _slice_places(c, node):
        t = gather_along(c, t, places, axis)
    return [t]


def _unslice(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    a = _first(adjoints)
    for axis, places in reversed(_slice_places(c, node)):
        a = scatter_along(c, a, places, axis, c.shape(node.inputs[0])[axis])
    return a


register("Slice", linear(_slice, _unslice))
