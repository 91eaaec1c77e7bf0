"""The forward sweep through one node, with packed tangents.

A rule sees a bundle of some tangents and need not know whose they are, since every tangent goes
through an operator by itself. The owners of the result follow from what the operator does:

    element by element    the owners stay, and are broadcast as the elements are
    moved elements        the owners move along                                 (``moves``)
    sums over axes        the owners must not change along them                 (``mixing``)
    anything else         one tangent for each feature
"""

from __future__ import annotations

from collections.abc import Sequence

from onnxtaylor.compiler.fitted import FittedRule
from onnxtaylor.compiler.packed.mixing import MIXING
from onnxtaylor.compiler.packed.moves import move
from onnxtaylor.compiler.packed.owners import aligned, same
from onnxtaylor.compiler.packed.tangents import Packed, add, dense, is_plain
from onnxtaylor.errors import ModelError
from onnxtaylor.rules.elementwise import Log
from onnxtaylor.rules.joins import Sum, Where
from onnxtaylor.rules.rule import Context, Node, Rule
from onnxtaylor.rules.verbs import Binary, Elementwise

__all__ = ["are_plain", "is_pointwise", "push_forward"]

POINTWISE = frozenset({"BatchNormalization", "Cast", "CastLike", "Dropout", "Expand", "Identity"})

Tangents = Sequence[Packed | None]


def push_forward(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None]:
    """ẏ = φ′(x) ẋ.

    Parameters
    ----------
    c, node, rule
        The graph around the node, the node and its rule.
    tangents
        Those of the inputs, None for zero.
    features
        Number of features that tangents are for.

    Returns
    -------
    Those of the outputs.
    """
    known = [t for t in tangents if t is not None]
    if not all(t.is_dense(features) for t in known) and are_plain(c, node, known):
        if is_pointwise(node, rule):
            return _one_by_one(c, node, rule, tangents, features)
        found = move(c, node, rule, tangents)
        if found is None and node.kind in MIXING:
            found = MIXING[node.kind](c, node, rule, tangents, features)
        if found is not None:
            return found
    bundles = [None if t is None else dense(c, t, features) for t in tangents]
    return [None if b is None else Packed.of(b) for b in rule.jvp(c, node, bundles)]


def is_pointwise(node: Node, rule: Rule) -> bool:
    """Whether an operator acts element by element, apart from broadcasting."""
    inner = rule.rule if isinstance(rule, FittedRule) else rule
    return isinstance(inner, Binary | Elementwise | Log | Sum | Where) or node.kind in POINTWISE


def are_plain(c: Context, node: Node, known: Sequence[Packed]) -> bool:
    """Whether all tensors of the node have one axis of events that may be left out."""
    try:
        shapes = [c.shape(name) for name in node.outputs if name]
    except ModelError:
        return False
    return all(map(is_plain, [*shapes, *(t.bundle.shape for t in known)]))


def _one_by_one(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None]:
    """Sends the inputs that have owners in common through the rule together, others one by one."""
    rank = len(c.shape(node.outputs[0]))
    waiting = {place: t for place, t in enumerate(tangents) if t is not None}
    total: Packed | None = None
    while waiting:
        owners = aligned(next(iter(waiting.values())).owners, rank)
        alike = [place for place, t in waiting.items() if same(aligned(t.owners, rank), owners)]
        together = {place: waiting.pop(place).bundle for place in alike}
        found = rule.jvp(c, node, [together.get(place) for place in range(len(tangents))])[0]
        total = add(c, total, None if found is None else Packed(found, owners), features)
    return [total, *[None] * (len(node.outputs) - 1)]
