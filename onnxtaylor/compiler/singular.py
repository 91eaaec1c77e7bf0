"""Decides whether the slope of an operator may be infinite or NaN between features and responses.

Then products of derivatives need strong zeros (``rules.strong``), which take time. They are not
needed for a layer normalization, x/√(σ² + ε): it has a root, but of a number that is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.graph.moving import MOVING
from onnxtaylor.rules.joints import is_polynomial
from onnxtaylor.rules.rule import Node

__all__ = ["has_singular_slopes"]

BOUNDED = frozenset({"Asin", "Acos", "Acosh", "Atanh"})  # slopes infinite at an end of the domain
UNDERFLOWING = frozenset({"Exp", "Sigmoid", "Softmax", "Softplus"})  # positive, but 0 far away
CHOOSING = frozenset({"Where", "Max", "Min", "Clip"})
# operators that preserve a sign that all elements of their input share
KEEPING = MOVING | {
    *("Expand", "Tile", "Cast", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")
}
DEPTH = 64  # nodes that are followed back to determine a sign


def has_singular_slopes(facts: GraphFacts) -> bool:
    """Whether any node may have an infinite slope, judged by the signs of its inputs."""
    makers = {name: node for node in facts.nodes for name in node.outputs if name}
    choosing = any(node.kind in CHOOSING for node in facts.nodes)
    signs = _Signs(facts, makers, choosing)
    return any(_is_singular(facts, node, signs, choosing) for node in facts.nodes)


def _is_singular(facts: GraphFacts, node: Node, signs: _Signs, choosing: bool) -> bool:
    """Whether the slope of one node may be infinite or NaN."""
    if node.kind in BOUNDED:
        return True
    if node.kind == "Exp":  # it may overflow in a branch that is not chosen
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
    """Signs of tensors, from the operators that compute them.

    A graph that chooses between branches may be fed numbers far from the training data, such as
    −999 for a missing value, where an exponential or a sigmoid is exactly 0. There, these do not
    count as positive.
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
            return False  # cutting to a whole number may give 0
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
