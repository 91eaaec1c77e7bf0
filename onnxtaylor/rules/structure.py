"""Operators that rearrange, repeat or select elements at constant places: all are linear.

They act on the axes of a bundle after the leading one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from onnx import TensorProto

from onnxtaylor.errors import ModelError
from onnxtaylor.rules.bundle import Bundle, add, expand, sum_to
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.verbs import linear

__all__ = [
    "axis_of",
    "event_selection_error",
    "first_of",
    "gather_along",
    "list_input",
    "reshape",
    "scatter_along",
    "transpose",
]

REAL = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def first_of(bundles: Bundles) -> Bundle:
    """The first bundle, which must not be zero (None)."""
    bundle = bundles[0]
    assert bundle is not None
    return bundle


def axis_of(node: Node, c: Context, default: int = 0, place: int = 0) -> int:
    """The node's ``axis``, counted from the front of input ``place``."""
    axis = int(node.get("axis", default))
    return axis + len(c.shape(node.inputs[place])) if axis < 0 else axis


def list_input(c: Context, node: Node, place: int, attribute: str) -> list[int] | None:
    """A list of whole numbers, given as an input or, in older opsets, as an attribute.

    None where the node has neither. Raises ModelError where the input depends on the data.
    """
    if node.get(attribute) is not None:
        return [int(i) for i in node.get(attribute)]
    if not node.input(place):
        return None
    value = c.value(node.input(place))
    if value is None:
        raise refusal(node, f"its {attribute} depend on the data")
    return [int(i) for i in np.atleast_1d(value)]


# --- the same elements in the same order ---------------------------------------------------------


def reshape(c: Context, bundle: Bundle, shape: tuple[int, ...]) -> Bundle:
    """Reshapes a bundle to (L, *shape); the events keep their order."""
    if any(d < -1 for d in (*bundle.shape, *shape)):
        # m·N elements of an axis cannot be made of m by broadcasting
        bundle = c.repeat_events(bundle)
    result = Bundle("", bundle.lead, shape, bundle.varies)
    return result.with_tensor(c.e.op("Reshape", bundle.name, c.e.constant(result.reshape_target)))


def _reshape(c: Context, node: Node, t: Bundle) -> Bundles:
    return [reshape(c, t, c.shape(node.outputs[0]))]


def _reshape_adjoint(c: Context, node: Node, a: Bundles) -> Bundle:
    return reshape(c, first_of(a), c.shape(node.inputs[0]))


register("Reshape Flatten Squeeze Unsqueeze", linear(_reshape, _reshape_adjoint))


def _identity(c: Context, node: Node, t: Bundle) -> Bundles:
    return [t, *[None] * (len(node.outputs) - 1)]


def _cast(c: Context, node: Node, bundle: Bundle) -> Bundle | None:
    """Casts a tangent to the output's format; None for whole numbers: such a cast is a step."""
    own, to = c.format(node.inputs[0]), c.format(node.outputs[0])
    if to is None:
        if node.get("to") in REAL:
            raise refusal(node, "its format is not known")
        return None
    return bundle if own is None else c.cast(bundle, own, to)


def _cast_adjoint(c: Context, node: Node, bundle: Bundle) -> Bundle | None:
    """Casts an adjoint to the input's format; None where input or output are whole numbers."""
    own, to = c.format(node.inputs[0]), c.format(node.outputs[0])
    return None if own is None or to is None else c.cast(bundle, to, own)


register("Identity Dropout", linear(_identity, lambda c, n, a: first_of(a)))
register(
    "Cast CastLike",
    linear(
        lambda c, n, t: [_cast(c, n, t)],
        lambda c, n, a: _cast_adjoint(c, n, first_of(a)),
    ),
)


def transpose(c: Context, bundle: Bundle, order: Sequence[int]) -> Bundle:
    """Brings the axes of a bundle, without the lead, into another order."""
    shape = tuple(bundle.shape[k] for k in order)
    name = c.e.op("Transpose", bundle.name, perm=[0, *(k + 1 for k in order)])
    return bundle.with_tensor(name, shape)


def _order(c: Context, node: Node) -> list[int]:
    """The order of axes of a Transpose: reversed if the node gives none."""
    rank = len(c.shape(node.inputs[0]))
    return list(node.get("perm") or range(rank)[::-1])


register(
    "Transpose",
    linear(
        lambda c, n, t: [transpose(c, t, _order(c, n))],
        lambda c, n, a: transpose(c, first_of(a), [int(k) for k in np.argsort(_order(c, n))]),
    ),
)


# --- repeated ------------------------------------------------------------------------------------


def _expand(c: Context, node: Node, t: Bundle) -> Bundles:
    return [expand(c.e, t, c.shape(node.outputs[0]))]


register("Expand", linear(_expand, lambda c, n, a: sum_to(c.e, first_of(a), c.shape(n.inputs[0]))))


# --- parts ---------------------------------------------------------------------------------------


def gather_along(c: Context, bundle: Bundle, places: np.ndarray, axis: int) -> Bundle:
    """Gathers the elements at ``places`` (any shape) along an axis that holds no events."""
    name = c.e.op("Gather", bundle.name, c.e.constant(places), axis=axis + 1)
    shape = bundle.shape[:axis] + places.shape + bundle.shape[axis + 1 :]
    return bundle.with_tensor(name, shape)


def scatter_along(c: Context, bundle: Bundle, places: np.ndarray, axis: int, size: int) -> Bundle:
    """Adds element k at ``places[k]`` along an axis of ``size``: the transpose of ``gather_along``.

    Where places repeat, it is a product with a matrix of 0 and 1; else a Gather, which is faster.
    """
    flat = places.reshape(-1)
    front = bundle.shape[:axis]
    merged = (*front, len(flat), *bundle.shape[axis + places.ndim :])
    bundle = reshape(c, bundle, merged) if places.ndim != 1 else bundle
    if len(set(flat.tolist())) == len(flat):
        # a place that receives nothing gathers the element behind the end, a zero
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
        return bundle.with_tensor(name, (*front, size, *merged[axis + 1 :]))
    matrix = np.zeros((len(flat), size))
    matrix[np.arange(len(flat)), flat] = 1.0
    last = [k for k in range(len(merged)) if k != axis] + [axis]
    turned = transpose(c, bundle, last)
    name = c.e.op("MatMul", turned.name, c.e.constant(matrix))
    turned = turned.with_tensor(name, (*turned.shape[:-1], size))
    return transpose(c, turned, [int(k) for k in np.argsort(last)])


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
    return [
        gather_along(c, t, p, axis) if name else None
        for name, p in zip(node.outputs, places, strict=True)
    ]


def _split_adjoint(c: Context, node: Node, adjoints: Bundles) -> Bundle | None:
    axis, places = _split_places(c, node)
    size = c.shape(node.inputs[0])[axis]
    total: Bundle | None = None
    for adjoint, p in zip(adjoints, places, strict=True):
        if adjoint is not None:
            total = add(c.e, total, scatter_along(c, adjoint, p, axis, size))
    return total


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
