"""Sums and means along axes that hold no events."""

from __future__ import annotations

from math import prod

import numpy as np

from onnxtaylor.errors import ModelError
from onnxtaylor.rules.bundle import Bundle, expanded
from onnxtaylor.rules.rule import Bundles, Context, Node, register
from onnxtaylor.rules.structure import _first, _reshaped, list_input
from onnxtaylor.rules.verbs import linear

__all__: list[str] = []


def reduced_axes(c: Context, node: Node) -> list[int]:
    """The axes that a reduction sums over. Raises ModelError where one of them holds events."""
    shape = c.shape(node.inputs[0])
    axes = list_input(c, node, 1, "axes")
    if axes is None or not axes:
        axes = [] if node.get("noop_with_empty_axes", 0) else list(range(len(shape)))
    axes = sorted(a % len(shape) for a in axes)
    if any(shape[a] < 0 for a in axes):
        raise ModelError(f"node '{node.name}' ({node.kind}) mixes the events of a batch")
    return axes


def _sum(c: Context, node: Node, t: Bundle, factor: float) -> Bundle:
    axes = reduced_axes(c, node)
    name = t.name
    if axes:
        places = c.e.constant([a + 1 for a in axes])
        name = c.e.op("ReduceSum", name, places, keepdims=int(node.get("keepdims", 1)))
    if factor != 1.0:
        name = c.e.op("Mul", name, c.e.constant(np.float64(factor)))
    return t.renamed(name, c.shape(node.outputs[0]))


def _unsum(c: Context, node: Node, a: Bundle, factor: float) -> Bundle:
    shape, axes = c.shape(node.inputs[0]), reduced_axes(c, node)
    kept = tuple(1 if k in axes else d for k, d in enumerate(shape))
    whole = expanded(c.e, _reshaped(c, a, kept), shape)
    if factor != 1.0:
        whole = whole.renamed(c.e.op("Mul", whole.name, c.e.constant(np.float64(factor))))
    return whole


def _share(c: Context, node: Node) -> float:
    """1/number of elements that are averaged."""
    return 1.0 / prod(c.shape(node.inputs[0])[a] for a in reduced_axes(c, node))


def _mean(c: Context, node: Node, t: Bundle) -> Bundles:
    return [_sum(c, node, t, _share(c, node))]


register(
    "ReduceSum",
    linear(lambda c, n, t: [_sum(c, n, t, 1.0)], lambda c, n, a: _unsum(c, n, _first(a), 1.0)),
)
register("ReduceMean", linear(_mean, lambda c, n, a: _unsum(c, n, _first(a), _share(c, n))))
