"""Sums and means along axes that hold no events."""

from __future__ import annotations

from math import prod

import numpy as np

from onnxtaylor.rules.bundle import Bundle, expand
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import first_of, list_input, reshape
from onnxtaylor.rules.verbs import linear

__all__ = ["reduced_axes"]

AXES_ARE_READ = 18  # operator set from which on the axes of ReduceMean are an input


def reduced_axes(c: Context, node: Node) -> list[int]:
    """The axes that a reduction sums over; raises ModelError if one of them holds events."""
    shape = c.shape(node.inputs[0])
    axes = list_input(c, node, 1, "axes")
    if axes is None or not axes:
        axes = [] if node.get("noop_with_empty_axes", 0) else list(range(len(shape)))
    axes = sorted(a % len(shape) for a in axes)
    if any(shape[a] < 0 for a in axes):
        raise refusal(node, "it mixes the events of a batch")
    return axes


def _reduced(c: Context, node: Node, t: Bundle, kind: str) -> Bundle:
    """ẏ = Σ ẋ, or the mean of ẋ."""
    axes = reduced_axes(c, node)
    name = t.name
    if axes:
        places, keep = [a + 1 for a in axes], int(node.get("keepdims", 1))
        if kind == "ReduceMean" and c.e.opset < AXES_ARE_READ:
            name = c.e.op(kind, name, axes=places, keepdims=keep)
        else:
            name = c.e.op(kind, name, c.e.constant(places), keepdims=keep)
    return t.with_tensor(name, c.shape(node.outputs[0]))


def _spread(c: Context, node: Node, a: Bundle, factor: float) -> Bundle:
    """x̄ = factor · ȳ, repeated along the axes that were summed."""
    shape, axes = c.shape(node.inputs[0]), reduced_axes(c, node)
    kept = tuple(1 if k in axes else d for k, d in enumerate(shape))
    whole = expand(c.e, reshape(c, a, kept), shape)
    if factor != 1.0:
        whole = whole.with_tensor(c.e.op("Mul", whole.name, c.e.constant(np.float64(factor))))
    return whole


def _share(c: Context, node: Node) -> float:
    """1/D for a mean of D elements."""
    return 1.0 / prod(c.shape(node.inputs[0])[a] for a in reduced_axes(c, node))


def _mean(c: Context, node: Node, t: Bundle) -> Bundles:
    """ẏ = Σ ẋ / D, in one node: a product with 1/D would be slow where the last axis has size 1."""
    return [_reduced(c, node, t, "ReduceMean")]


register(
    "ReduceSum",
    linear(
        lambda c, n, t: [_reduced(c, n, t, "ReduceSum")],
        lambda c, n, a: _spread(c, n, first_of(a), 1.0),
    ),
)
register("ReduceMean", linear(_mean, lambda c, n, a: _spread(c, n, first_of(a), _share(c, n))))
