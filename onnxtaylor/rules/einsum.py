"""Einsum: linear in each of its operands.

With a further letter in front for the tangents, the operator serves bundles; the adjoint of an
operand is the sum in which output and operand have changed places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_letters

import numpy as np

from onnxtaylor.rules.base import Bundles, Context, Curvature, Node, register
from onnxtaylor.rules.bundle import Bundle, Shape, added, expanded, scaled, summed_to
from onnxtaylor.rules.places import refused

__all__ = ["Einsum"]


@dataclass(frozen=True)
class _Subscripts:
    """The letters of operands and output, and the size of each."""

    operands: tuple[str, ...]
    output: str
    sizes: dict[str, int]
    lead: str

    def shape(self, letters: str) -> Shape:
        """The shape of a tensor with these letters."""
        return tuple(self.sizes[k] for k in letters)


def _subscripts(c: Context, node: Node) -> _Subscripts:
    """The equation with its ellipsis written in letters, and its output written out."""
    text = node.get("equation", b"")
    text = (text.decode() if isinstance(text, bytes) else str(text)).replace(" ", "")
    left, arrow, output = text.partition("->")
    spare = [k for k in ascii_letters if k not in text]
    ranks = [len(c.shape(name)) for name in node.inputs]
    operands, dots = [], ""
    for term, rank in zip(left.split(","), ranks, strict=True):
        if "..." in term:
            count = rank - (len(term) - 3)
            letters = "".join(spare[1 : 1 + count])[::-1]  # aligned at the last one
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
        raise refused(node, "no derivative of a diagonal is known")
    if len(events) != 1 or events[0] not in output:
        raise refused(node, "it mixes the events of a batch")
    return _Subscripts(tuple(operands), output, sizes, spare[0])


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
                total = added(c.e, total, part)
        return [total]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄_1 = Σ z̄ x_2 …, summed over what was broadcast."""
        s, a = _subscripts(c, node), adjoints[0]
        found: list[Bundle | None] = []
        for place, want in enumerate(wanted):
            if a is None or not want:
                found.append(None)
                continue
            part = self._summed(c, node, s, place, a, s.output, s.operands[place])
            found.append(summed_to(c.e, part, c.shape(node.inputs[place])))
        return found

    def _summed(
        self, c: Context, node: Node, s: _Subscripts, place: int, b: Bundle, have: str, want: str
    ) -> Bundle:
        """Σ of a bundle with the letters ``have`` and all operands but one, to letters ``want``."""
        others = [k for k in range(len(node.inputs)) if k != place]
        names = [b.name, *(node.inputs[k] for k in others)]
        terms = [s.lead + have, *(s.operands[k] for k in others)]
        for letter in want:
            if all(letter not in term for term in terms):  # it was summed over: the same for all
                names.append(c.e.constant(np.ones(s.sizes[letter])))
                terms.append(letter)
        name = c.e.op("Einsum", *names, equation=f"{','.join(terms)}->{s.lead}{want}")
        varies = b.varies or any(node.inputs[k] not in c.e.constants for k in others)
        return Bundle(name, b.lead, s.shape(want), varies)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += Σ z̄ x_3 … (ẋ_1 ẋ_2ᵀ + ẋ_2 ẋ_1ᵀ) for each pair, over all letters."""
        s, a = _subscripts(c, node), adjoints[0]
        if a is None:
            return
        letters = "".join(s.sizes)
        whole = s.shape(letters)
        for p, q in combinations(range(len(tangents)), 2):
            left, right = tangents[p], tangents[q]
            if left is None or right is None:
                continue
            weights = self._over(c, a, s.output, letters)
            for k, name in enumerate(node.inputs):
                if k not in (p, q):
                    factor, shape = self._spread(c, name, s.operands[k], letters)
                    weights = scaled(c.e, weights, factor, shape)
            sides = [
                expanded(c.e, self._over(c, t, s.operands[k], letters), whole)
                for k, t in ((p, left), (q, right))
            ]
            h.product(sides[0], sides[1], expanded(c.e, weights, whole))

    def _spread(self, c: Context, name: str, have: str, letters: str) -> tuple[str, Shape]:
        """A primal tensor with its letters in the order of all letters, 1 for the missing."""
        shape = dict(zip(have, c.shape(name), strict=True))
        order = [have.index(k) for k in letters if k in have]
        turned = c.e.op("Transpose", name, perm=order)
        missing = [k for k, letter in enumerate(letters) if letter not in have]
        if missing:
            turned = c.e.op("Unsqueeze", turned, c.e.constant(missing))
        return turned, tuple(shape.get(k, 1) for k in letters)

    def _over(self, c: Context, b: Bundle, have: str, letters: str) -> Bundle:
        """``_spread`` of a bundle."""
        shape = dict(zip(have, b.shape, strict=True))
        order = [0, *(1 + have.index(k) for k in letters if k in have)]
        name = c.e.op("Transpose", b.name, perm=order)
        missing = [1 + k for k, letter in enumerate(letters) if letter not in have]
        if missing:
            name = c.e.op("Unsqueeze", name, c.e.constant(missing))
        return b.renamed(name, tuple(shape.get(k, 1) for k in letters))


register("Einsum", Einsum())
