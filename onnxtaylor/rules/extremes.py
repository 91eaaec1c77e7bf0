"""Maximum, minimum, product, max-pooling and running sum along axes that hold no events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from onnxtaylor.rules.bundle import Bundle, Shape, scale
from onnxtaylor.rules.convolution import images
from onnxtaylor.rules.reductions import reduced_axes
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, refusal, register
from onnxtaylor.rules.selection import gather_elements, scatter_elements
from onnxtaylor.rules.structure import first_of, reshape, transpose
from onnxtaylor.rules.verbs import Flat, linear

__all__ = ["Extreme", "MaxPool", "Product"]


@dataclass(frozen=True)
class _Reduction:
    """Base class of rules for y = φ(x_1 … x_D) along some axes.

    The axes are brought to the end and merged: a row holds the D elements that one y is made of.
    """

    kind: str = "piecewise_linear"

    def _axes(self, c: Context, node: Node) -> list[int]:
        """The axes that the operator reduces."""
        if node.kind.startswith("Global"):
            return [2 + k for k in range(len(images(c, node, node.inputs[0])))]
        return reduced_axes(c, node)

    def _order(self, c: Context, node: Node) -> tuple[list[int], Shape]:
        """All axes, first those that remain, then those that are reduced; and (kept…, D)."""
        shape, axes = c.shape(node.inputs[0]), self._axes(c, node)
        kept = [k for k in range(len(shape)) if k not in axes]
        return kept + axes, (*(shape[k] for k in kept), prod(shape[k] for k in axes))

    def _x(self, c: Context, node: Node) -> str:
        """The input as (kept…, D)."""
        order, shape = self._order(c, node)
        turned = c.e.op("Transpose", node.inputs[0], perm=order)
        target = [d if d > 0 else -1 for d in shape]
        return c.e.op("Reshape", turned, c.e.constant(target))

    def _rows(self, c: Context, node: Node, t: Bundle) -> Bundle:
        """Tangents as (L, kept…, D)."""
        order, shape = self._order(c, node)
        return reshape(c, transpose(c, t, order), shape)

    def _row_sum(self, c: Context, node: Node, rows: Bundle) -> Bundle:
        """Σ over D, in the output's shape."""
        name = c.e.op("ReduceSum", rows.name, c.e.constant([len(rows.shape)]), keepdims=0)
        return reshape(c, rows.with_tensor(name, rows.shape[:-1]), c.shape(node.outputs[0]))

    def _column(self, c: Context, node: Node, a: Bundle) -> Bundle:
        """Adjoints as (L, kept…, 1)."""
        return reshape(c, a, (*self._order(c, node)[1][:-1], 1))

    def _unrows(self, c: Context, node: Node, rows: Bundle) -> Bundle:
        """Rows (L, kept…, D) in the input's shape: the inverse of ``_rows``."""
        order, _ = self._order(c, node)
        shape = c.shape(node.inputs[0])
        turned = reshape(c, rows, tuple(shape[k] for k in order))
        return transpose(c, turned, [int(k) for k in np.argsort(order)])

    def _slopes(self, c: Context, node: Node) -> str:
        """∂y/∂x, (kept…, D)."""
        raise NotImplementedError

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = Σ_d ∂y/∂x_d ẋ_d."""
        t = tangents[0]
        if t is None:
            return [None]
        rows = scale(c.e, self._rows(c, node, t), self._slopes(c, node), self._order(c, node)[1])
        return [self._row_sum(c, node, rows)]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄_d = ∂y/∂x_d ȳ."""
        a, rest = adjoints[0], [None] * (len(node.inputs) - 1)
        if a is None:
            return [None, *rest]
        column, shape = self._column(c, node, a), self._order(c, node)[1]
        return [self._unrows(c, node, scale(c.e, column, self._slopes(c, node), shape)), *rest]

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """D²φ = 0: adds nothing."""


@dataclass(frozen=True)
class Extreme(_Reduction):
    """y = max x_d, or min x_d: ∂y/∂x_d = 1 for the first element that equals y, else 0."""

    least: bool = False

    def _slopes(self, c: Context, node: Node) -> str:
        e, x = c.e, self._x(c, node)
        shape = self._order(c, node)[1]
        where = e.op("ArgMin" if self.least else "ArgMax", x, axis=len(shape) - 1, keepdims=1)
        chosen = e.op("Equal", where, e.constant(np.arange(shape[-1])))
        return e.indicator(chosen)


@dataclass(frozen=True)
class Product(_Reduction):
    """y = Π x_d: ∂y/∂x_d = Π_{l≠d} x_l, ∂²y/∂x_d∂x_k = Π_{l≠d,k} x_l.

    The products are computed as such, not as y/x_d, so they are right where an x_d is 0.
    """

    kind: str = "general"

    def _without(self, c: Context, node: Node, left_out: np.ndarray) -> str:
        """Products of each row without some elements: (kept…, K) for ``left_out`` (K, D)."""
        e, rank = c.e, len(self._order(c, node)[1])
        x = e.op("Unsqueeze", self._x(c, node), e.constant([rank - 1]))
        some = e.op("Where", e.constant(left_out), e.number(1.0), x)
        return e.op("ReduceProd", some, e.constant([rank]), keepdims=0)

    def _slopes(self, c: Context, node: Node) -> str:
        size = self._order(c, node)[1][-1]
        return self._without(c, node, np.eye(size, dtype=bool))

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += Σ_{d<k} ȳ Π_{l≠d,k} x_l (ẋ_d ẋ_kᵀ + ẋ_k ẋ_dᵀ)."""
        t, a = tangents[0], adjoints[0]
        shape = self._order(c, node)[1]
        size, axis = shape[-1], len(shape) - 1
        if t is None or a is None or size < 2:
            return
        i, j = np.triu_indices(size, 1)
        left_out = np.zeros((len(i), size), dtype=bool)
        left_out[np.arange(len(i)), i] = left_out[np.arange(len(i)), j] = True
        pairs, rows = (*shape[:-1], len(i)), self._rows(c, node, t)
        sides = [
            rows.with_tensor(c.e.op("Gather", rows.name, c.e.constant(k), axis=axis + 1), pairs)
            for k in (i, j)
        ]
        factor = self._without(c, node, left_out)
        h.add_product(sides[0], sides[1], scale(c.e, self._column(c, node, a), factor, pairs))


@dataclass(frozen=True)
class MaxPool(Flat):
    """y = the largest element in each window: x at the index that MaxPool's second output has."""

    kind: str = "piecewise_linear"

    def _indices(self, c: Context, node: Node) -> tuple[str, str, Shape]:
        """Indices of the largest elements within their channel's image, (N, channels, steps).

        Also returns the input as (N, channels, elements), and the shape of the indices.
        """
        e, image = c.e, images(c, node, node.inputs[0])
        channels, size = c.shape(node.inputs[0])[1], prod(image)
        attributes = {k: v for k, v in node.attributes.items() if k != "storage_order"}
        _, whole = e.ops("MaxPool", 2, node.inputs[0], **attributes)
        steps = prod(images(c, node, node.outputs[0]))
        local = e.op("Mod", whole, e.constant(np.int64(size)))
        local = e.op("Reshape", local, e.constant([-1, channels, steps]))
        rows = e.op("Reshape", node.inputs[0], e.constant([-1, channels, size]))
        return local, rows, (c.shape(node.inputs[0])[0], channels, steps)

    def _flat(self, c: Context, b: Bundle) -> Bundle:
        """(L, N, channels, …) as (L, N, channels, elements)."""
        return reshape(c, b, (*b.shape[:2], prod(b.shape[2:])))

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = ẋ at the indices."""
        t = tangents[0]
        rest = [None] * (len(node.outputs) - 1)
        if t is None:
            return [None, *rest]
        indices, _, shape = self._indices(c, node)
        largest = gather_elements(c, self._flat(c, t), indices, 2, shape)
        return [reshape(c, largest, c.shape(node.outputs[0])), *rest]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = ȳ added at the indices, else 0."""
        a = adjoints[0]
        if a is None:
            return [None]
        indices, rows, _ = self._indices(c, node)
        wide = c.shape(node.inputs[0])
        flat = (*wide[:2], prod(wide[2:]))
        return [reshape(c, scatter_elements(c, self._flat(c, a), indices, 2, rows, flat), wide)]


def _running_sum(c: Context, node: Node, b: Bundle, turned: bool) -> Bundle:
    """y_k = Σ_{l≤k} x_l; ``turned``, the transpose, sums from the other end."""
    axis = c.value(node.inputs[1])
    if axis is None:
        raise refusal(node, "its axis depends on the data")
    place = int(axis.reshape(-1)[0]) % len(b.shape)
    if b.shape[place] < 0:
        raise refusal(node, "it mixes the events of a batch")
    name = c.e.op(
        "CumSum",
        b.name,
        c.e.constant(np.int64(place + 1)),
        exclusive=int(node.get("exclusive", 0)),
        reverse=int(bool(node.get("reverse", 0)) != turned),
    )
    return b.with_tensor(name)


register("ReduceMax GlobalMaxPool", Extreme())
register("ReduceMin", Extreme(least=True))
register("ReduceProd", Product())
register("MaxPool", MaxPool())
register(
    "CumSum",
    linear(
        lambda c, n, t: [_running_sum(c, n, t, turned=False)],
        lambda c, n, a: _running_sum(c, n, first_of(a), turned=True),
    ),
)
