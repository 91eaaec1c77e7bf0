"""Whether the slope of an operator may be infinite, or no number, on the way to a response.

Then products of derivatives need strong zeros (``rules.strong``), which cost time: x/√(σ² + ε) of a
layer normalization has a root, but of a number that is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.graph.moving import MOVING
from onnxtaylor.rules.joints import is_polynomial
from onnxtaylor.rules.rule import Node

__all__ = ["has_singular_slopes"]

BOUNDED = frozenset({"Asin", "Acos", "Acosh", "Atanh"})  # their slopes are infinite at an end
UNDERFLOWING = frozenset({"Exp", "Sigmoid", "Softmax", "Softplus"})  # positive, and 0 far away
CHOOSING = frozenset({"Where", "Max", "Min", "Clip"})
KEEPING = MOVING | {
    *("Expand", "Tile", "Cast", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")
}
DEPTH = 64  # nodes that are followed back


def has_singular_slopes(facts: GraphFacts) -> bool:
    """Whether any node has a slope that no look at its inputs shows to be finite."""
    makers = {name: node for node in facts.nodes for name in node.outputs if name}
    choosing = any(node.kind in CHOOSING for node in facts.nodes)
    signs = _Signs(facts, makers, choosing)
    return any(_is_singular(facts, node, signs, choosing) for node in facts.nodes)


def _is_singular(facts: GraphFacts, node: Node, signs: _Signs, choosing: bool) -> bool:
    if node.kind in BOUNDED:
        return True
    if node.kind == "Exp":  # where it overflows another branch may be taken
        return choosing
    if node.kind in ("Sqrt", "Log", "Reciprocal"):
        return not signs.positive(node.inputs[0])
    if node.kind == "Div":
        divisor = facts.e.constants.get(node.inputs[1])
        known = divisor is not None and bool((divisor != 0).all())
        return not known and not signs.positive(node.inputs[1])
    if node.kind == "Pow":
        return not is_polynomial(facts, node) and not signs.positive(node.inputs[0])
    return False


class _Signs:
    """Which tensors are above 0, or not below it, by the operators that make them.

    In a graph that chooses between branches a number may be far from all that training knows, such
    as the sentinel −999, where an exponential or sigmoid is exactly 0.
    """

    def __init__(self, facts: GraphFacts, makers: Mapping[str, Node], choosing: bool) -> None:
        self._facts, self._constants, self._makers = facts, facts.e.constants, makers
        self._above = frozenset({"Cosh"}) if choosing else UNDERFLOWING | {"Cosh"}

    def positive(self, name: str, depth: int = DEPTH) -> bool:
        """Whether all elements are > 0, whatever the features are."""
        value = self._constants.get(name)
        if value is not None:
            return bool((value > 0).all())
        node = self._makers.get(name)
        if node is None or not depth:
            return False
        if node.kind in self._above:
            return True
        if node.kind == "Cast" and self._facts.format(name) is None:
            return False  # cut to a whole number it may be 0
        if node.kind in ("Add", "Max", "Sum"):
            some = any(self.positive(i, depth - 1) for i in node.inputs)
            return some and (node.kind == "Max" or self._all_not_below(node.inputs, depth))
        if node.kind == "Clip":
            return bool(node.input(1)) and self.positive(node.input(1), depth - 1)
        if node.kind in ("Mul", "Div"):
            return all(self.positive(i, depth - 1) for i in node.inputs)
        if node.kind in (*KEEPING, "Sqrt", "Reciprocal", "Pow"):
            return self.positive(node.inputs[0], depth - 1)
        return False

    def not_below(self, name: str, depth: int = DEPTH) -> bool:
        """Whether all elements are ≥ 0, whatever the features are."""
        value = self._constants.get(name)
        if value is not None:
            return bool((value >= 0).all())
        node = self._makers.get(name)
        if node is None or not depth:
            return False
        if node.kind in ("Abs", "Relu") or node.kind in UNDERFLOWING:
            return True
        if node.kind == "Mul" and node.inputs[0] == node.inputs[1]:
            return True
        if node.kind == "Pow":
            power = self._constants.get(node.inputs[1])
            if power is not None and bool((power % 2 == 0).all()):
                return True
        if node.kind in ("Add", "Mul", "Sum"):
            return self._all_not_below(node.inputs, depth)
        if node.kind in KEEPING or node.kind == "Sqrt":
            return self.not_below(node.inputs[0], depth - 1)
        return self.positive(name, depth)

    def _all_not_below(self, names: Sequence[str], depth: int) -> bool:
        return all(self.not_below(i, depth - 1) for i in names)
