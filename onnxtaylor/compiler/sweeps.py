"""The forward and the reverse sweep through a graph, and the derivatives that they yield.

1. The forward sweep carries one tangent per feature: the Jacobian of every tensor.
2. The reverse sweep carries one adjoint per response back to every node with curvature.
3. Each node with curvature adds its part of the Hessian, H = Σ_k Jᵀ (ā_k · D²φ_k) J.

First order alone takes the cheaper of the two sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.curvature import HessianBuilder
from onnxtaylor.compiler.directions import Directions
from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.fitted import FittedRule
from onnxtaylor.compiler.gaps import (
    SoftmaxGaps,
    add_softmax,
    find_softmax,
    gaps_pay,
    gaps_seed,
)
from onnxtaylor.compiler.kinks import count_kinks
from onnxtaylor.compiler.packed import NOBODY, Blocks, Packed, add_curvature, dense, push_forward
from onnxtaylor.compiler.path import nodes_on_path
from onnxtaylor.compiler.pieces import Cover, Piece, RowProducts, runs
from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules.bundle import Bundle, add
from onnxtaylor.rules.strong import StrongZeros

__all__ = ["Sweeps"]

Integers = npt.NDArray[np.int64]


class Sweeps:
    """Tangents and adjoints of one graph, for the features that the multi-indices name.

    With ``directions`` the multi-indices name these, not features.
    """

    def __init__(
        self, facts: GraphFacts, indices: MultiIndices, directions: Directions | None = None
    ) -> None:
        self._facts, self._indices, self._directions = facts, indices, directions
        self._tangents: dict[str, Packed] = {}
        self._adjoints: dict[str, Bundle] = {}
        self._active = np.unique(indices.table[indices.table >= 0]).astype(np.int64)
        self._seed, self._response = facts.function.seed, facts.function.response
        self.responses = facts.shape(facts.function.response)[1]
        self._path = nodes_on_path(facts)
        self.products: tuple[RowProducts, ...] = ()
        self.gaps: SoftmaxGaps | None = None

    @property
    def kinks(self) -> dict[str, int]:
        """Number of nodes of each operator whose slope or value jumps."""
        return count_kinks(self._facts, self._path)

    def first_order(self) -> list[Cover]:
        """∂f_c/∂x_i for the requested features, by the cheaper of the two sweeps."""
        e, indices = self._facts.e, self._indices
        slots = np.flatnonzero(indices.orders == 1)
        chosen = indices.table[slots, 0].astype(np.int64)
        backward = self.responses < len(self._active) and self._directions is None
        if indices.order == 1 and backward:
            self._reverse()
            bundle = self._adjoints.get(self._seed)
            order = [1, 0, 2]  # from (C, N, n)
            width, places = self._facts.function.n_varied, chosen
        else:
            self._forward()
            tangents = self._tangents.get(self._response)
            bundle = dense(self._facts, tangents, len(self._active)) if tangents else None
            order = [1, 2, 0]  # from (n, N, C)
            width, places = len(self._active), np.searchsorted(self._active, chosen)
        if not len(slots):
            return []
        if bundle is None:
            raise ModelError("the response does not vary with the features")
        whole = e.op("Transpose", bundle.name, perm=order)
        return [(Piece(whole, width, runs(slots, places), bundle.varies),)]

    def second_order(self, *, kernel: bool = False) -> list[Cover]:
        """∂²f_c/∂x_i∂x_j for the requested pairs; ``first_order`` must have run before.

        ``kernel`` leaves products of rows to a kernel: then ``products`` has the other summands.
        Where ``gaps`` is set then, both are of the gaps between the scores of a softmax.
        """
        slots = np.flatnonzero(self._indices.orders == 2)
        if not len(slots):
            return []
        built = self._hessian_of_gaps(slots) if kernel else None
        if built is None:
            self._reverse()
            built = self._hessian(slots, self.responses, kernel=kernel)
        hessian, blocks = built
        covers, some = hessian.finish(), blocks.covers()
        self.products = tuple(hessian.products)
        count = self.responses - (self.gaps is not None)
        if not covers and (some or not self.products):
            zeros = self._facts.e.constant(np.zeros((1, count, len(slots))))
            table = runs(slots, np.arange(len(slots)))
            covers = [(Piece(zeros, len(slots), table, varies=False),)]
        # covers of all coefficients come before those of some
        covers = [*covers, *some]
        if self.gaps:
            covers = [tuple(self.per_event(p, count) for p in cover) for cover in covers]
        return covers

    def _hessian(
        self, slots: Integers, responses: int, *, kernel: bool
    ) -> tuple[HessianBuilder, Blocks]:
        """Second derivatives for the adjoints that the reverse sweep has left."""
        facts, count = self._facts, len(self._active)
        pairs = np.searchsorted(self._active, self._indices.table[slots, :2])
        hessian = HessianBuilder(facts, count, responses, pairs, slots, kernel=kernel)
        blocks = Blocks(facts, responses, pairs, slots)
        for node, rule in self._path:
            tangents = _pick(self._tangents, node.inputs)
            adjoints = _pick(self._adjoints, node.outputs)
            add_curvature(facts, node, rule, tangents, adjoints, hessian, blocks, count)
        return hessian, blocks

    def _hessian_of_gaps(self, slots: Integers) -> tuple[HessianBuilder, Blocks] | None:
        """Second derivatives of the gaps between the scores of a softmax, and sets ``gaps``.

        None where the responses are no softmax, or it would not pay.
        """
        facts, last = self._facts, len(self._indices) - len(slots)
        node = find_softmax(facts, self._path)
        tangents = node and self._tangents.get(node.inputs[0])
        # a score that is left out may not be finite: its share of 0 would be a strong zero
        if not node or not tangents or slots[0] != last or isinstance(facts.e, StrongZeros):
            return None
        seed = gaps_seed(facts, self.responses)
        self.pull(seed, node.inputs[0])
        hessian, blocks = self._hessian(slots, self.responses - 1, kernel=True)
        if not gaps_pay(hessian.width, self.responses):
            self._adjoints.clear()
            return None
        whole = dense(facts, tangents, len(self._active))
        add_softmax(facts, node, whole, seed, hessian)
        self.gaps = SoftmaxGaps(self._response, last)
        return hessian, blocks

    def per_event(self, piece: Piece, responses: int = 0) -> Piece:
        """Repeats a piece that is the same for all events, by adding 0 · response to it.

        ``responses`` is how many the piece has, the first ones; by default all.
        """
        if piece.varies:
            return piece
        e, count = self._facts.e, responses or self.responses
        flat = e.op("Reshape", piece.name, e.constant([0, count, piece.size]))
        values = self._response
        if count < self.responses:
            values = e.op("Slice", values, e.constant([0]), e.constant([count]), e.constant([1]))
        zeros = e.op("Mul", e.op("Unsqueeze", values, e.constant([2])), e.number(0.0))
        return replace(piece, name=e.op("Add", flat, zeros), varies=True)

    def _forward(self) -> None:
        """Tangents of all tensors on the path, beginning with unit vectors, or with directions."""
        facts, n, count = self._facts, self._facts.function.n_varied, len(self._active)
        if self._directions is not None:
            self.push(self._directions.seed(facts.e, n))
        elif any(isinstance(rule, FittedRule) and not rule.plain for _, rule in self._path):
            self.push(dense(facts, self._ones(n), count))
        else:
            self._push_packed(self._ones(n), count)

    def push(self, seed: Bundle) -> Bundle | None:
        """Carries tangents of the features forward; returns those of the response."""
        self._push_packed(Packed.of(seed), seed.lead)
        found = self._tangents.get(self._response)
        return dense(self._facts, found, seed.lead) if found else None

    def _push_packed(self, seed: Packed, count: int) -> None:
        """Carries tangents for a number of features forward."""
        facts = self._facts
        self._tangents[self._seed] = seed
        for node, rule in self._path:
            inputs = _pick(self._tangents, node.inputs)
            if any(t is not None for t in inputs):
                found = push_forward(facts, node, rule, inputs, count)
                for name, t in zip(node.outputs, found, strict=True):
                    if t is not None:
                        self._tangents[name] = t

    def _ones(self, n: int) -> Packed:
        """One tangent for all features: the derivative of feature i by itself is 1."""
        owners = np.full((1, 1, n), NOBODY)
        owners[0, 0, self._active] = np.arange(len(self._active))
        name = self._facts.e.constant(np.where(owners == NOBODY, 0.0, 1.0))
        return Packed(Bundle(name, 1, (-1, n), varies=False), owners)

    def _reverse(self) -> None:
        """Adjoints of all tensors on the path, beginning with the unit vectors of the responses."""
        e, responses = self._facts.e, self.responses
        identity = e.constant(np.eye(responses).reshape(responses, 1, responses))
        self.pull(Bundle(identity, responses, (-1, responses), varies=False))

    def pull(self, seed: Bundle, start: str = "") -> Bundle | None:
        """Carries adjoints of the response, or of ``start``, back; returns the features'."""
        e = self._facts.e
        self._adjoints[start or self._response] = seed
        reached = {self._seed, *(name for node, _ in self._path for name in node.outputs)}
        for node, rule in reversed(self._path):
            outputs = _pick(self._adjoints, node.outputs)
            if all(a is None for a in outputs):
                continue
            needed = [name in reached for name in node.inputs]
            parts = rule.vjp(self._facts, node, outputs, needed)
            for name, need, a in zip(node.inputs, needed, parts, strict=True):
                if need and a is not None:
                    # a tensor that several nodes read gets the sum of their adjoints
                    total = add(e, self._adjoints.get(name), a)
                    assert total is not None
                    self._adjoints[name] = total
        return self._adjoints.get(self._seed)


T = TypeVar("T")


def _pick(bundles: dict[str, T], names: Sequence[str]) -> list[T | None]:
    return [bundles.get(name) for name in names]
