"""Einsum: linear in each of its operands.

With one more letter in front, for the tangents, the operator acts on bundles. The adjoint of an
operand is the Einsum with operand and output exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from string import ascii_letters

import numpy as np

from onnxtaylor.rules.bundle import Bundle, Shape, add, sum_to
from onnxtaylor.rules.contraction import Factor, contract
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, refusal, register

__all__ = ["Einsum"]


@dataclass(frozen=True)
class _Subscripts:
    """Letters of operands and output, the size of each letter, and two letters that are unused."""

    operands: tuple[str, ...]
    output: str
    sizes: dict[str, int]
    leads: tuple[str, str]  # unused letters, for the leading axes of bundles

    def shape(self, letters: str) -> Shape:
        """The shape of a tensor with these letters."""
        return tuple(self.sizes[k] for k in letters)


def _subscripts(c: Context, node: Node) -> _Subscripts:
    """Reads the equation; replaces the ellipsis by letters and adds an output where it has none.

    Raises ModelError for a diagonal such as ``ii``, and where the output does not have the events.
    """
    text = node.get("equation", b"")
    text = (text.decode() if isinstance(text, bytes) else str(text)).replace(" ", "")
    left, arrow, output = text.partition("->")
    spare = [k for k in ascii_letters if k not in text]
    ranks = [len(c.shape(name)) for name in node.inputs]
    operands, dots = [], ""
    for term, rank in zip(left.split(","), ranks, strict=True):
        if "..." in term:
            count = rank - (len(term) - 3)
            letters = "".join(spare[2 : 2 + count])[::-1]  # the last axes of all "..." are aligned
            dots = max(dots, letters, key=len)
            term = term.replace("...", letters)
        operands.append(term)
    if not arrow:
        plain = sorted({k for k in left if k.isalpha() and left.count(k) == 1})
        output = ("..." if dots else "") + "".join(plain)
    output = output.replace("...", dots)
    sizes: dict[str, int] = {}
    for name, term in zip(node.inputs, operands, strict=True):
        for letter, size in zip(term, c.shape(name), strict=True):
            if size != 1 or letter not in sizes:
                sizes[letter] = size
    events = [k for k, size in sizes.items() if size < 0]
    if any(len(set(term)) < len(term) for term in operands):
        raise refusal(node, "no derivative of a diagonal is known")
    if len(events) != 1 or events[0] not in output:
        raise refusal(node, "it mixes the events of a batch")
    return _Subscripts(tuple(operands), output, sizes, (spare[0], spare[1]))


@dataclass(frozen=True)
class Einsum:
    """z = Σ x_1 x_2 … over the letters that the output does not have."""

    kind: str = "bilinear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ż = Σ ẋ_1 x_2 … + Σ x_1 ẋ_2 … + …"""
        s, total = _subscripts(c, node), None
        for place, t in enumerate(tangents):
            if t is not None:
                part = self._summed(c, node, s, place, t, s.operands[place], s.output)
                total = add(c.e, total, part)
        return [total]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄_1 = Σ z̄ x_2 …, summed over the axes that were broadcast."""
        s, a = _subscripts(c, node), adjoints[0]
        results: list[Bundle | None] = []
        for place, want in enumerate(needed):
            if a is None or not want:
                results.append(None)
                continue
            part = self._summed(c, node, s, place, a, s.output, s.operands[place])
            results.append(sum_to(c.e, part, c.shape(node.inputs[place])))
        return results

    def _summed(
        self, c: Context, node: Node, s: _Subscripts, place: int, b: Bundle, have: str, want: str
    ) -> Bundle:
        """Σ of a bundle, with the letters ``have``, times all operands but one, to ``want``."""
        others = [k for k in range(len(node.inputs)) if k != place]
        given = [Factor.of(b, s.leads[0], have)]
        name = self._product(c, node, s, given, others, s.leads[0] + want)
        varies = b.varies or any(node.inputs[k] not in c.e.constants for k in others)
        return Bundle(name, b.lead, s.shape(want), varies)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += ẋ_1 u_2ᵀ + u_2 ẋ_1ᵀ with u_2 = Σ z̄ ẋ_2 x_3 …, for every pair of operands.

        x_1 is the smaller operand of the pair.
        """
        s, a = _subscripts(c, node), adjoints[0]
        if a is None:
            return
        for pair in combinations(range(len(tangents)), 2):
            p, q = sorted(pair, key=lambda k: prod(abs(d) for d in c.shape(node.inputs[k])))
            left, right = tangents[p], tangents[q]
            if left is not None and right is not None:
                h.add_weighted(left, self._with_adjoint(c, node, s, a, right, p, q))

    def _with_adjoint(
        self, c: Context, node: Node, s: _Subscripts, a: Bundle, t: Bundle, p: int, q: int
    ) -> Bundle:
        """Σ z̄_c ẋ_qj x_3 … for all c and j, as a bundle of C·n tangents of operand p."""
        others = [k for k in range(len(node.inputs)) if k not in (p, q)]
        first, second = s.leads
        given = [Factor.of(a, first, s.output), Factor.of(t, second, s.operands[q])]
        want = s.operands[p]
        name = self._product(c, node, s, given, others, first + second + want)
        varies = a.varies or t.varies or any(node.inputs[k] not in c.e.constants for k in others)
        split = Bundle("", a.lead * t.lead, s.shape(want), varies)
        whole = split.with_tensor(c.e.op("Reshape", name, c.e.constant(split.reshape_target)))
        return sum_to(c.e, whole, c.shape(node.inputs[p]))

    def _product(
        self,
        c: Context,
        node: Node,
        s: _Subscripts,
        given: Sequence[Factor],
        others: Sequence[int],
        want: str,
    ) -> str:
        """Σ of the bundles ``given`` times the operands ``others``, to the letters ``want``."""
        factors = list(given)
        for k in others:
            factors.append(Factor(node.inputs[k], s.operands[k], c.shape(node.inputs[k])))
        wide = {k for f in factors for k, d in zip(f.letters, f.sizes, strict=True) if d != 1}
        known = {k for f in factors for k in f.letters}
        for letter in want:
            size = s.sizes.get(letter, 1)
            if letter not in known or (size > 1 and letter not in wide):
                # the forward sum ran over this letter alone: all its elements have one adjoint
                factors.append(Factor(c.e.constant(np.ones(size)), letter, (size,)))
        return contract(c.e, factors, want)


register("Einsum", Einsum())
