"""The forward and the reverse sweep through a graph, and the derivatives that they yield.

1. The forward sweep carries one tangent per feature: the Jacobian of every tensor.
2. The reverse sweep carries one adjoint per response back to every node with curvature.
3. Each node with curvature adds its part of the Hessian, H = Σ_k Jᵀ (ā_k · D²φ_k) J.

First order alone takes the cheaper of the two sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from onnxtaylor.compiler.curvature import HessianBuilder
from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.kinks import count_kinks
from onnxtaylor.compiler.path import nodes_on_path
from onnxtaylor.compiler.pieces import Cover, Piece, runs
from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules.bundle import Bundle, add

__all__ = ["Sweeps"]


class Sweeps:
    """Tangents and adjoints of one graph, for the features that the multi-indices name."""

    def __init__(self, facts: GraphFacts, indices: MultiIndices) -> None:
        self._facts, self._indices = facts, indices
        self._tangents: dict[str, Bundle] = {}
        self._adjoints: dict[str, Bundle] = {}
        self._active = np.unique(indices.table[indices.table >= 0]).astype(np.int64)
        self._seed, self._response = facts.function.seed, facts.function.response
        self.responses = facts.shape(facts.function.response)[1]
        self._path = nodes_on_path(facts)

    @property
    def kinks(self) -> dict[str, int]:
        """Number of nodes of each operator whose slope or value jumps."""
        return count_kinks(self._facts, self._path)

    def first_order(self) -> list[Cover]:
        """∂f_c/∂x_i for the requested features, by the cheaper of the two sweeps."""
        e, indices = self._facts.e, self._indices
        slots = np.flatnonzero(indices.orders == 1)
        chosen = indices.table[slots, 0].astype(np.int64)
        if indices.order == 1 and self.responses < len(self._active):
            self._reverse()
            bundle = self._adjoints.get(self._seed)
            order = [1, 0, 2]  # from (C, N, n)
            width, places = self._facts.function.n_varied, chosen
        else:
            self._forward()
            bundle = self._tangents.get(self._response)
            order = [1, 2, 0]  # from (n, N, C)
            width, places = len(self._active), np.searchsorted(self._active, chosen)
        if not len(slots):
            return []
        if bundle is None:
            raise ModelError("the response does not vary with the features")
        whole = e.op("Transpose", bundle.name, perm=order)
        return [(Piece(whole, width, runs(slots, places), bundle.varies),)]

    def second_order(self) -> list[Cover]:
        """∂²f_c/∂x_i∂x_j for the requested pairs; ``first_order`` must have run before."""
        facts, indices = self._facts, self._indices
        slots = np.flatnonzero(indices.orders == 2)
        if not len(slots):
            return []
        self._reverse()
        pairs = np.searchsorted(self._active, indices.table[slots, :2])
        hessian = HessianBuilder(facts, len(self._active), self.responses, pairs, slots)
        for node, rule in self._path:
            rule.curvature(
                facts,
                node,
                _pick(self._tangents, node.inputs),
                _pick(self._adjoints, node.outputs),
                hessian,
            )
        zeros = np.zeros((1, self.responses, len(slots)))
        table = runs(slots, np.arange(len(slots)))
        flat = Piece(facts.e.constant(zeros), len(slots), table, varies=False)
        return hessian.finish() or [(flat,)]

    def per_event(self, piece: Piece) -> Piece:
        """Repeats a piece that is the same for all events, by adding 0 · response to it."""
        if piece.varies:
            return piece
        e = self._facts.e
        flat = e.op("Reshape", piece.name, e.constant([0, self.responses, piece.size]))
        zeros = e.op("Mul", e.op("Unsqueeze", self._response, e.constant([2])), e.number(0.0))
        return replace(piece, name=e.op("Add", flat, zeros), varies=True)

    def _forward(self) -> None:
        """Tangents of all tensors on the path, beginning with the unit vectors of the features."""
        e, n = self._facts.e, self._facts.function.n_varied
        # only the active rows of the unit matrix: all n² numbers of an image would not fit
        rows = np.zeros((len(self._active), 1, n))
        rows[np.arange(len(self._active)), 0, self._active] = 1.0
        identity = e.constant(rows)
        self._tangents[self._seed] = Bundle(identity, len(self._active), (-1, n), varies=False)
        for node, rule in self._path:
            inputs = _pick(self._tangents, node.inputs)
            if any(t is not None for t in inputs):
                for name, t in zip(node.outputs, rule.jvp(self._facts, node, inputs), strict=True):
                    if t is not None:
                        self._tangents[name] = t

    def _reverse(self) -> None:
        """Adjoints of all tensors on the path, beginning with the unit vectors of the responses."""
        e, responses = self._facts.e, self.responses
        identity = e.constant(np.eye(responses).reshape(responses, 1, responses))
        self._adjoints[self._response] = Bundle(identity, responses, (-1, responses), varies=False)
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


def _pick(bundles: dict[str, Bundle], names: Sequence[str]) -> list[Bundle | None]:
    return [bundles.get(name) for name in names]
