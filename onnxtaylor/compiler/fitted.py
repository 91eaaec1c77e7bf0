"""Rules for nodes whose number format, or order of events, differs from the graph's.

A tangent or adjoint of a tensor has the tensor's format. So a part of a single-precision graph that
computes in double precision has derivatives in double precision, too. Their contributions to the
Hessian are cast to the graph's format.

Rules act along other axes than the one of events, so the order of events along it does not matter
to them (see ``order``). The Hessian does need it, since it puts an event's elements in one row.
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

__all__ = ["FittedRule", "fit_rule"]

CASTS = frozenset({"Cast", "CastLike"})


def fit_rule(facts: GraphFacts, node: Node, rule: Rule, reached: set[str]) -> Rule:
    """Returns the rule, wrapped as ``FittedRule`` for a node of another format or order of events.

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
    return FittedRule(rule, own, len(formats) > 1 and node.kind not in CASTS, facts)


@dataclass(frozen=True)
class FittedRule:
    """A rule that writes in the format ``own``; a ``mixed`` node computes with several formats."""

    rule: Rule
    own: np.dtype[Any]
    mixed: bool
    facts: GraphFacts

    @property
    def kind(self) -> str:
        """The kind of the rule."""
        return self.rule.kind

    @property
    def plain(self) -> bool:
        """Whether the node computes in the graph's format."""
        return not self.mixed and self.own == self.facts.function.dtype

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = φ′(x) ẋ, by the rule."""
        self._require_one_format(node)
        with c.e.computing_in(self.own):
            return self.rule.jvp(c, node, tangents)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = φ′(x)ᵀ ȳ, by the rule."""
        self._require_one_format(node)
        with c.e.computing_in(self.own):
            return self.rule.vjp(c, node, adjoints, needed)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += ẋᵀ (ȳ · D²φ) ẋ by the rule, in the format and order of the Hessian."""
        fitted = _FittedCurvature(self.facts, node, self.own, h)
        with c.e.computing_in(self.own):
            self.rule.curvature(c, node, tangents, adjoints, fitted)

    def _require_one_format(self, node: Node) -> None:
        if self.mixed:
            raise refusal(node, "it computes with several number formats")


@dataclass(frozen=True)
class _FittedCurvature:
    """Passes bundles on to ``h`` in the graph's format, the elements of an event together."""

    facts: GraphFacts
    node: Node
    own: np.dtype[Any]
    h: Curvature

    def add_diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd r_d r_dᵀ."""
        with self._e.computing_in(self._whole):
            self.h.add_diagonal(self._fitted(rows), self._fitted(weights))

    def add_product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ)."""
        with self._e.computing_in(self._whole):
            self.h.add_product(self._fitted(left), self._fitted(right), self._fitted(weights))

    def add_weighted(self, left: Bundle, right: Bundle) -> None:
        """H_c,ij += Σ_d (l_id r_cjd + l_jd r_cid)."""
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
        """Reshapes (before, m·N, behind) to (before, q, N·m/q, behind), see ``order``."""
        names = [*self.node.inputs, *self.node.outputs]
        found = {self.facts.event_blocks[n] for n in names if n in self.facts.event_blocks}
        axis = batch_axis(b.shape)
        if not found or axis is None or b.shape[axis] == -1:
            return b
        q = found.pop()
        if found or q == UNKNOWN or -b.shape[axis] % q:
            raise refusal(self.node, "the order of the events in its tensors is not known")
        shape = (*b.shape[:axis], q, b.shape[axis] // q, *b.shape[axis + 1 :])
        turned = b.with_tensor("", shape)
        return turned.with_tensor(
            self._e.op("Reshape", b.name, self._e.constant(turned.reshape_target))
        )
