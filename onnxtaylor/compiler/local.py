"""A node among others of another number format, or whose elements lie in another order.

A tangent or adjoint of a tensor has the tensor's format: so double precision inside a graph of
single precision is double precision on the way of the derivatives, too. What a node curves is
collected in the graph's own format.

Rules need not know in which order an axis m·N holds the events (see ``order``), as they act along
other axes. The collector of what is curved puts an event's elements in one row: it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.order import UNKNOWN
from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, Rule, refusal

__all__ = ["Local", "local"]

CASTS = frozenset({"Cast", "CastLike"})


def local(facts: GraphFacts, node: Node, rule: Rule, reached: set[str]) -> Rule:
    """The rule as it is, or for a node that needs it in its format and order.

    ``reached`` are the tensors that vary with the features.
    """
    names = [*(n for n in node.inputs if n in reached), *filter(None, node.outputs)]
    formats = {facts.format(name) for name in names} - {None}
    others = [
        facts.event_blocks[n] for n in (*node.inputs, *node.outputs) if n in facts.event_blocks
    ]
    if formats <= {facts.e.dtype} and not others:
        return rule
    own = facts.format(node.outputs[0]) or facts.e.dtype
    return Local(rule, own, len(formats) > 1 and node.kind not in CASTS, facts)


@dataclass(frozen=True)
class Local:
    """A rule that writes in the format ``own``; ``mixed`` nodes have several."""

    rule: Rule
    own: np.dtype[Any]
    mixed: bool
    facts: GraphFacts

    @property
    def kind(self) -> str:
        """The verb."""
        return self.rule.kind

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """Those of the rule."""
        self._require_one_format(node)
        with c.e.computing_in(self.own):
            return self.rule.jvp(c, node, tangents)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """Those of the rule."""
        self._require_one_format(node)
        with c.e.computing_in(self.own):
            return self.rule.vjp(c, node, adjoints, needed)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """That of the rule, in the format and order of what is collected."""
        with c.e.computing_in(self.own):
            self.rule.curvature(c, node, tangents, adjoints, _Fitted(self.facts, node, self.own, h))

    def _require_one_format(self, node: Node) -> None:
        if self.mixed:
            raise refusal(node, "it computes with several number formats")


@dataclass(frozen=True)
class _Fitted:
    """Hands on bundles in the graph's format, events in front of their elements."""

    facts: GraphFacts
    node: Node
    own: np.dtype[Any]
    h: Curvature

    def add_diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """As the collector has it."""
        with self._e.computing_in(self._whole):
            self.h.add_diagonal(self._fitted(rows), self._fitted(weights))

    def add_product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """As the collector has it."""
        with self._e.computing_in(self._whole):
            self.h.add_product(self._fitted(left), self._fitted(right), self._fitted(weights))

    def add_weighted(self, left: Bundle, right: Bundle) -> None:
        """As the collector has it."""
        with self._e.computing_in(self._whole):
            self.h.add_weighted(self._fitted(left), self._fitted(right))

    @property
    def _e(self) -> Emitter:
        return self.facts.e

    @property
    def _whole(self) -> np.dtype[np.floating]:
        return self.facts.function.dtype

    def _fitted(self, b: Bundle) -> Bundle:
        return self._ordered(self.facts.cast(b, self.own, self._whole))

    def _ordered(self, b: Bundle) -> Bundle:
        """(before, m·N, behind) as (before, q, N·m/q, behind)."""
        names = [*self.node.inputs, *self.node.outputs]
        found = {self.facts.event_blocks[n] for n in names if n in self.facts.event_blocks}
        axis = batch_axis(b.shape)
        if not found or axis is None or b.shape[axis] == -1:
            return b
        q = found.pop()
        if found or q == UNKNOWN or -b.shape[axis] % q:
            raise refusal(self.node, "the order in which it holds events is not known")
        shape = (*b.shape[:axis], q, b.shape[axis] // q, *b.shape[axis + 1 :])
        turned = b.with_tensor("", shape)
        return turned.with_tensor(
            self._e.op("Reshape", b.name, self._e.constant(turned.reshape_target))
        )
