"""Collects H = Σ_k Jᵀ (ā_k · D²φ_k) J and writes it as a few matrix products per event.

Every node with curvature adds rows r (one per feature) and weights w (one per response) over the D
elements that an event has there:

    H_c,ij += Σ_d w_cd r_id r_jd                       add_diagonal
    H_c,ij += Σ_d w_cd (l_id r_jd + r_id l_jd)         add_product
    H_c,ij += Σ_d (l_id u_cjd + l_jd u_cid)            add_weighted, with u = w · r

Before the first nonlinearity the rows are the same for all events. Then the products r_id r_jd are
constants, and the sum over d is a single matrix product with the weights of all events. (The
products are written as nodes nevertheless, since the model's weights may be inputs.)

Elsewhere the kernel ``add_curvature`` may take rows and weights as they are, so that nothing of the
size of C·n·D is written. In a graph alone it is a product of (C·b, D) by (D, m) for every event and
every block of b features, with the m features from there on, so that little below the diagonal is
computed. Rows of small nodes are stacked along d and share a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from onnx import helper

from onnxtaylor.compiler.pieces import Cover, Piece, RowProducts, runs
from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.rule import Context

__all__ = ["HessianBuilder", "blocks"]

Integers = npt.NDArray[np.int64]

PAIR_LIMIT = 2**21  # numbers in a constant matrix of products of rows: it should fit a cache
LANES = 16  # numbers of a vector register in float32: a product's columns come in such groups
BLOCKS = 8  # more blocks would save little
KERNEL_FEATURES = 128  # beyond, products of large blocks are faster than the kernel


def blocks(features: int) -> list[tuple[int, int]]:
    """Cuts features into blocks (start, stop) of whole groups of ``LANES``, beginning at the end.

    >>> blocks(30), blocks(40), blocks(8)
    ([(0, 14), (14, 30)], [(0, 8), (8, 24), (24, 40)], [(0, 8)])
    """
    step = LANES * -(-features // (LANES * BLOCKS))
    starts = [0, *range(features % step or step, features, step)]
    if len(starts) > 1 and starts[1] < LANES // 2:
        del starts[1]
    return list(zip(starts, [*starts[1:], features], strict=True))


@dataclass(frozen=True)
class _Stack:
    """Names of rows (N, n, D) and weights (N, C, D) of one or several nodes.

    For the kernel they are (n, N, D) and (C, N, D).
    """

    rows: str
    weights: str
    width: int  # D


class HessianBuilder:
    """Adds up the second derivatives ∂²f_c/∂x_i∂x_j of chosen pairs (i, j), i ≤ j.

    Parameters
    ----------
    c
        The graph.
    features, responses
        Numbers n of tangents and C of adjoints.
    pairs
        (K, 2) numbers i, j of tangents.
    slots
        (K,) positions of the pairs among the coefficients.
    kernel
        Whether a kernel sums products of rows that vary from event to event: see ``products``.

    Attributes
    ----------
    products
        What is left to the kernel, once ``finish`` has been called.
    width
        Number of elements of the rows that were added.
    """

    def __init__(
        self,
        c: Context,
        features: int,
        responses: int,
        pairs: Integers,
        slots: Integers,
        *,
        kernel: bool = False,
    ) -> None:
        self._c, self._kernel = c, kernel and features <= KERNEL_FEATURES
        self.products: list[RowProducts] = []
        self.width = 0
        self._n, self._responses, self._pairs, self._slots = features, responses, pairs, slots
        self._dense: list[str] = []  # (N or 1, C, K)
        self._stacks: list[_Stack] = []
        self._halves: list[str] = []  # (N or 1, C·n, n), to be added to their transposes
        self._dense_varies = self._halves_vary = False  # whether they differ from event to event

    def add_diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd r_d r_dᵀ."""
        e, width = self._c.e, prod(abs(d) for d in rows.shape)
        self.width += width
        matrix = "" if rows.varies else self._by_event(rows)
        if matrix in e.constants and width * len(self._pairs) <= PAIR_LIMIT:
            whole = e.op("Squeeze", matrix, e.constant([0]))  # (n, D)
            left, right = (e.op("Gather", whole, e.constant(p), axis=0) for p in self._pairs.T)
            products = e.op("Transpose", e.op("Mul", left, right), perm=[1, 0])  # (D, K)
            part = e.op("MatMul", self._by_event(weights), products)
            self._dense.append(part)
            self._dense_varies |= weights.varies
            return
        if self._kernel:
            row, weight = self._by_row(rows), self._by_row(weights)
        else:
            row, weight = (self._by_event(self._c.repeat_events(b)) for b in (rows, weights))
        for k, other in enumerate(self._stacks):
            if other.rows == row:  # the weights of equal rows add up, which saves a product
                self._stacks[k] = _Stack(row, e.op("Add", other.weights, weight), width)
                return
        self._stacks.append(_Stack(row, weight, width))

    def add_product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ)."""
        e = self._c.e
        self.width += prod(abs(d) for d in left.shape)
        weighted = self._weighted(self._by_event(left), self._by_event(weights), self._n)
        turned = e.op("Transpose", self._by_event(right), perm=[0, 2, 1])
        self._halves.append(e.op("MatMul", weighted, turned))
        self._halves_vary |= left.varies or right.varies or weights.varies

    def add_weighted(self, left: Bundle, right: Bundle) -> None:
        """H_c,ij += Σ_d (l_id u_cjd + l_jd u_cid) with u = ``right``, C·n rows, response major."""
        e = self._c.e
        self.width += prod(abs(d) for d in left.shape)
        turned = e.op("Transpose", self._by_event(left), perm=[0, 2, 1])
        self._halves.append(e.op("MatMul", self._by_event(right), turned))
        self._halves_vary |= left.varies or right.varies

    def finish(self) -> list[Cover]:
        """Writes the second derivatives; returns covers of the pairs, none if all are 0."""
        covers: list[Cover] = []
        slots = self._slots
        if self._dense:
            table = runs(slots, np.arange(len(slots)))
            covers.append((Piece(self._sum(self._dense), len(slots), table, self._dense_varies),))
        if self._kernel:
            table = np.full((self._n, self._n), -1)
            table[tuple(self._pairs.T)] = slots
            each = 2 * self._responses * len(self._pairs)
            self.products = [
                RowProducts(self._output(s.rows), self._output(s.weights), table, each * s.width)
                for s in self._stacks
            ]
        elif self._stacks:
            covers.append(self._symmetric(self._stacked()))
        if self._halves:
            name, size = self._sum(self._halves), self._n * self._n
            for a, b in ((0, 1), (1, 0)):
                places = self._pairs[:, a] * self._n + self._pairs[:, b]
                table = runs(slots, places, 1 if a == 0 else self._n)
                covers.append((Piece(name, size, table, self._halves_vary),))
        return covers

    def _stacked(self) -> list[_Stack]:
        """Joins small stacks into one: that copies their rows, but many products become one."""
        joined: list[_Stack] = []
        others: list[_Stack] = []
        for s in sorted(self._stacks, key=lambda s: s.width):
            width = s.width + sum(j.width for j in joined)
            (joined if width <= 4 * self._responses * self._n else others).append(s)
        if len(joined) > 1:
            e = self._c.e
            rows = e.op("Concat", *(s.rows for s in joined), axis=2)
            weights = e.op("Concat", *(s.weights for s in joined), axis=2)
            joined = [_Stack(rows, weights, sum(s.width for s in joined))]
        return joined + others

    def _symmetric(self, stacks: list[_Stack]) -> Cover:
        """Σ_d w_cd r_id r_jd of all stacks, one piece (N, C, b·m) for each block of features."""
        cover = []
        for start, stop in blocks(self._n):
            first, second = self._pairs[:, 0], self._pairs[:, 1]
            chosen = np.flatnonzero((first >= start) & (first < stop))
            if not len(chosen):
                continue
            low, high = int(second[chosen].min()), int(second[chosen].max()) + 1
            names = [self._block(s, (start, stop), (low, high)) for s in stacks]
            size = (stop - start) * (high - low)
            places = (first[chosen] - start) * (high - low) + second[chosen] - low
            cover.append(Piece(self._sum(names), size, runs(self._slots[chosen], places)))
        return tuple(cover)

    def _block(self, s: _Stack, rows: tuple[int, int], columns: tuple[int, int]) -> str:
        """Σ_d w_cd r_id r_jd, (N, C·b, m), for a block of b features i and m features j."""
        left = self._features(s.rows, rows)
        weighted = self._weighted(left, s.weights, rows[1] - rows[0])
        right = self._features(s.rows, columns)
        return self._c.e.op("MatMul", weighted, self._c.e.op("Transpose", right, perm=[0, 2, 1]))

    def _features(self, rows: str, part: tuple[int, int]) -> str:
        """Rows (N, b, D) of some of the features, cut out of (N, n, D)."""
        if part == (0, self._n):
            return rows
        e = self._c.e
        return e.op("Slice", rows, e.constant([part[0]]), e.constant([part[1]]), e.constant([1]))

    def _weighted(self, rows: str, weights: str, count: int) -> str:
        """w_cd r_id, (N, C·b, D), from r (N or 1, b, D) and w (N or 1, C, D)."""
        e = self._c.e
        if self._responses == 1:
            return e.op("Mul", rows, weights)
        both = e.op(
            "Mul",
            e.op("Unsqueeze", rows, e.constant([1])),  # (N, 1, b, D)
            e.op("Unsqueeze", weights, e.constant([2])),  # (N, C, 1, D)
        )
        return e.op("Reshape", both, e.constant([0, self._responses * count, -1]))

    def _sum(self, names: Sequence[str]) -> str:
        total = names[0]
        for name in names[1:]:
            total = self._c.e.op("Add", total, name)
        return total

    def _by_row(self, bundle: Bundle) -> str:
        """Reshapes a bundle (L, *shape) to (L, N, D), or to (L, 1, D) if it does not vary."""
        e, axis = self._c.e, batch_axis(bundle.shape)
        assert axis is not None
        front = prod(abs(d) for d in bundle.shape[:axis])
        back = prod(abs(d) for d in bundle.shape[axis:])
        events, name = -1 if bundle.varies else 1, bundle.name
        if bundle.shape == (-1, back):
            return name
        if front > 1:
            split = e.op("Reshape", name, e.constant([bundle.lead, front, events, back]))
            name = e.op("Transpose", split, perm=[0, 2, 1, 3])
        return e.op("Reshape", name, e.constant([bundle.lead, events, front * back]))

    def _output(self, name: str) -> str:
        """A tensor as an output; one that may be a constant, or an output already, gets a name."""
        e = self._c.e
        if name not in e.constants and any(name in node.output for node in e.nodes):
            return name
        node = helper.make_node("Identity", [name], [f"{name}/output"], name=f"{name}/output")
        self._c.e.nodes.append(node)
        return f"{name}/output"

    def _by_event(self, bundle: Bundle) -> str:
        """Reshapes a bundle (L, *shape) to (N, L, D), or to (1, L, D) if it does not vary."""
        e, axis = self._c.e, batch_axis(bundle.shape)
        assert axis is not None
        front = prod(abs(d) for d in bundle.shape[:axis])
        back = prod(abs(d) for d in bundle.shape[axis:])
        events = -1 if bundle.varies else 1
        if front == 1:
            split = e.op("Reshape", bundle.name, e.constant([bundle.lead, events, back]))
            return e.op("Transpose", split, perm=[1, 0, 2])
        split = e.op("Reshape", bundle.name, e.constant([bundle.lead, front, events, back]))
        turned = e.op("Transpose", split, perm=[2, 0, 1, 3])
        return e.op("Reshape", turned, e.constant([events, bundle.lead, front * back]))
