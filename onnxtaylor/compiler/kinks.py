"""Operators whose slope or value jumps, on the way from the features to the responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.rules.rule import Node, Rule

__all__ = ["count_kinks"]

JUMPS = frozenset({"Sign", "Floor", "Ceil", "Round", "Hardmax"})  # of slope 0: not on the path
CASTS = frozenset({"Cast", "CastLike"})
OWN = "onnxtaylor/"  # nodes of the passes: they choose between pieces that join smoothly
SIZES = frozenset({"Shape", "Size"})  # depend on the number of events alone


def count_kinks(facts: GraphFacts, path: Iterable[tuple[Node, Rule]]) -> dict[str, int]:
    """Counts nodes of each operator whose slope or value jumps.

    They are the piecewise linear ones of the ``path``, Elu with α ≠ 1 there, and, beside it, those
    that make numbers which jump of what depends on the features, such as the Cast in x · (x > 0).
    What only chooses between branches, such as the condition of a Where, is not counted by itself.
    """
    kinds = Counter(node.kind for node, rule in path if _has_kink(node, rule))
    reached = {facts.function.seed}
    for node in facts.nodes:
        if node.kind in SIZES or not reached.intersection(node.inputs):
            continue
        reached.update(node.outputs)
        if facts.format(node.outputs[0]) is None:
            continue
        # a truth value or whole number that depends on features is made by what jumps
        cast = node.kind in CASTS and facts.format(node.inputs[0]) is None
        cast = cast and not node.name.startswith(OWN)
        kinds[node.kind] += cast or node.kind in JUMPS
    return dict(sorted((+kinds).items()))


def _has_kink(node: Node, rule: Rule) -> bool:
    bent = node.kind == "Elu" and float(node.get("alpha", 1.0)) != 1
    return rule.kind == "piecewise_linear" or bent
