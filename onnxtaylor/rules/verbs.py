"""The verbs with which rules are written: most operators need one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from string import ascii_letters

from onnxtaylor.rules.bundle import Bundle, Shape, added, aligned, expanded, scaled, summed_to
from onnxtaylor.rules.contraction import Factor, contracted
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node

__all__ = [
    "Binary",
    "Constant",
    "Elementwise",
    "Flat",
    "Linear",
    "binary",
    "constant",
    "elementwise",
    "linear",
]

Unary = Callable[[Emitter, Node, str, str], str | None]
Pairwise = Callable[[Emitter, Node, str, str, str], str | None]


@dataclass(frozen=True)
class Flat:
    """What all rules share that curve nothing; jvp and vjp are the rule's own."""

    kind: str = "linear"

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """Nothing is curved."""


@dataclass(frozen=True)
class Constant:
    """y does not vary with x, or only in steps: all derivatives vanish."""

    kind: str = "constant"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """Nothing comes through."""
        return [None] * len(node.outputs)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """Nothing comes back."""
        return [None] * len(node.inputs)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """Nothing is curved."""


@dataclass(frozen=True)
class Elementwise:
    """y = φ(x), element by element; φ′ and φ″ are written in terms of x and y.

    ``second`` is None for a φ whose second derivative vanishes (almost) everywhere.
    """

    first: Unary
    second: Unary | None
    kind: str = "elementwise"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = φ′ ẋ."""
        return [self._scaled(c, node, tangents[0])]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = φ′ ȳ."""
        return [self._scaled(c, node, adjoints[0]), *[None] * (len(node.inputs) - 1)]

    def _scaled(self, c: Context, node: Node, bundle: Bundle | None) -> Bundle | None:
        factor = self.first(c.e, node, node.inputs[0], node.outputs[0])
        if bundle is None or factor is None:
            return None
        return scaled(c.e, bundle, factor, c.shape(node.inputs[0]))

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += ẋᵀ diag(ȳ φ″) ẋ."""
        rows, adjoint = tangents[0], adjoints[0]
        if self.second is None or rows is None or adjoint is None:
            return
        factor = self.second(c.e, node, node.inputs[0], node.outputs[0])
        if factor is not None:
            h.diagonal(rows, scaled(c.e, adjoint, factor, c.shape(node.inputs[0])))


@dataclass(frozen=True)
class Binary:
    """z = φ(x, y), element by element with broadcasting, by its partial derivatives.

    Each partial is written in terms of x, y and z, and None where it vanishes. ``same`` stands for
    a partial of 1, which costs nothing.
    """

    partials: tuple[Pairwise | str | None, Pairwise | str | None]
    seconds: tuple[Pairwise | None, Pairwise | None, Pairwise | None]  # xx, xy, yy
    kind: str = "bilinear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ż = φ_x ẋ + φ_y ẏ."""
        shape = c.shape(node.outputs[0])
        total = None
        for place in range(2):
            part = self._through(c, node, place, tangents[place])
            if part is not None:
                total = added(c.e, total, expanded(c.e, part, shape))
        return [total]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = φ_x z̄, summed over what was broadcast."""
        found: list[Bundle | None] = []
        for place in range(2):
            part = self._through(c, node, place, adjoints[0]) if wanted[place] else None
            shape = c.shape(node.inputs[place])
            found.append(None if part is None else summed_to(c.e, part, shape))
        return found

    def _through(self, c: Context, node: Node, place: int, bundle: Bundle | None) -> Bundle | None:
        partial = self.partials[place]
        if bundle is None or partial is None:
            return None
        if partial == "same":
            return bundle
        factor = self._factor(c, node, partial)
        if factor is None:
            return None
        shape = c.shape(node.outputs[0])
        part = scaled(c.e, bundle, factor, shape)
        if bundle.shape != shape:
            # the factor may be as small as the other input: what is short of z is filled up
            sizes = c.e.constant([1, *(d if d > 0 else 1 for d in shape)])
            part = part.renamed(c.e.op("Expand", part.name, sizes))
        return part

    def _factor(self, c: Context, node: Node, partial: Pairwise | str) -> str | None:
        assert not isinstance(partial, str)
        return partial(c.e, node, node.inputs[0], node.inputs[1], node.outputs[0])

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += z̄ (φ_xx ẋẋᵀ + φ_xy (ẋẏᵀ + ẏẋᵀ) + φ_yy ẏẏᵀ)."""
        adjoint, shape = adjoints[0], c.shape(node.outputs[0])
        if adjoint is None:
            return
        for partial, (a, b) in zip(self.seconds, ((0, 0), (0, 1), (1, 1)), strict=True):
            left, right = tangents[a], tangents[b]
            if partial is None or left is None or right is None:
                continue
            factor = self._factor(c, node, partial)
            if factor is None:
                continue
            weights = scaled(c.e, adjoint, factor, shape)
            small, large = sorted((left, right), key=lambda t: prod(abs(d) for d in t.shape))
            if left == right:  # of one tensor, all that it was broadcast to at once
                if a != b:
                    weights = weights.renamed(c.e.op("Mul", weights.name, c.e.number(2.0)))
                h.diagonal(left, summed_to(c.e, weights, left.shape))
            elif small.shape == shape:
                h.product(left, right, weights)
            else:
                h.halves(small, _with_weights(c, weights, large, small.shape))


def _with_weights(c: Context, weights: Bundle, t: Bundle, shape: Shape) -> Bundle:
    """Σ w_c ṫ_j over what a smaller shape was broadcast to, for all c and j: C·n tangents of it."""
    rank = len(weights.shape)
    letters = ascii_letters[2 : 2 + rank]
    turned = t.renamed(aligned(c.e, t, rank), (1,) * (rank - len(t.shape)) + t.shape)
    wide = (1,) * (rank - len(shape)) + shape
    kept = "".join(k for k, d in zip(letters, wide, strict=True) if d != 1)
    factors = Factor.of(weights, "a", letters), Factor.of(turned, "b", letters)
    name = contracted(c.e, factors, f"ab{kept}")
    found = Bundle("", weights.lead * t.lead, shape, weights.varies or t.varies)
    return found.renamed(c.e.op("Reshape", name, c.e.constant(found.target)))


@dataclass(frozen=True)
class Linear:
    """y is linear in its first input (and has no other that varies).

    ``forward`` applies the operator to a bundle of the input, ``backward`` its transpose to a
    bundle of the output.
    """

    forward: Callable[[Context, Node, Bundle], Bundles]
    backward: Callable[[Context, Node, Bundles], Bundle | None]
    kind: str = "linear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = A ẋ."""
        if tangents[0] is None:
            return [None] * len(node.outputs)
        return self.forward(c, node, tangents[0])

    def vjp(self, c: Context, node: Node, adjoints: Bundles, wanted: Sequence[bool]) -> Bundles:
        """x̄ = Aᵀ ȳ."""
        return [self.backward(c, node, adjoints), *[None] * (len(node.inputs) - 1)]

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """Nothing is curved."""


constant = Constant()


def elementwise(first: Unary, second: Unary | None, kind: str = "elementwise") -> Elementwise:
    """φ by φ′ and φ″."""
    return Elementwise(first, second, kind)


def binary(
    partials: tuple[Pairwise | str | None, Pairwise | str | None],
    seconds: tuple[Pairwise | None, Pairwise | None, Pairwise | None] = (None, None, None),
    kind: str = "bilinear",
) -> Binary:
    """φ(x, y) by its partial derivatives."""
    return Binary(partials, seconds, kind)


def linear(
    forward: Callable[[Context, Node, Bundle], Bundles],
    backward: Callable[[Context, Node, Bundles], Bundle | None],
    kind: str = "linear",
) -> Linear:
    """A linear operator by itself and its transpose."""
    return Linear(forward, backward, kind)
