"""Kinds of rules: with one of these, most operators need a single line.

``constant``     y does not vary, or only in steps
``elementwise``  y = φ(x) element by element, from φ′ and φ″
``binary``       z = φ(x, y) element by element with broadcasting, from the partial derivatives
``linear``       y = A x, from the operator and its transpose
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from string import ascii_letters

from onnxtaylor.rules.bundle import Bundle, Shape, align, expand, factor_between, scale, sum_to
from onnxtaylor.rules.contraction import Factor, contract
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
    """Base class of rules without curvature; jvp and vjp are defined by the rule itself."""

    kind: str = field(default="linear", kw_only=True)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """D²φ = 0: adds nothing."""


@dataclass(frozen=True)
class Constant(Flat):
    """y does not vary with x, or only in steps: all derivatives vanish."""

    kind: str = "constant"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = 0."""
        return [None] * len(node.outputs)

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = 0."""
        return [None] * len(node.inputs)


@dataclass(frozen=True)
class Elementwise:
    """y = φ(x), element by element.

    ``first`` and ``second`` write φ′ and φ″ in terms of x and y, see ``elementwise``.
    """

    first: Unary
    second: Unary | None
    kind: str = "elementwise"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = φ′ ẋ."""
        return [self._scaled(c, node, tangents[0])]

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = φ′ ȳ."""
        return [self._scaled(c, node, adjoints[0]), *[None] * (len(node.inputs) - 1)]

    def _scaled(self, c: Context, node: Node, bundle: Bundle | None) -> Bundle | None:
        factor = self.first(c.e, node, node.inputs[0], node.outputs[0])
        if bundle is None or factor is None:
            return None
        return scale(c.e, bundle, factor, c.shape(node.inputs[0]))

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        """H += ẋᵀ diag(ȳ φ″) ẋ."""
        rows, adjoint = tangents[0], adjoints[0]
        if self.second is None or rows is None or adjoint is None:
            return
        factor = self.second(c.e, node, node.inputs[0], node.outputs[0])
        if factor is not None:
            h.add_diagonal(rows, scale(c.e, adjoint, factor, c.shape(node.inputs[0])))


@dataclass(frozen=True)
class Binary:
    """z = φ(x, y), element by element with broadcasting.

    ``partials`` and ``seconds`` write the partial derivatives in terms of x, y and z, see
    ``binary``.
    """

    partials: tuple[Pairwise | str | None, Pairwise | str | None]
    seconds: tuple[Pairwise | None, Pairwise | None, Pairwise | None]  # xx, xy, yy
    kind: str = "bilinear"

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ż = φ_x ẋ + φ_y ẏ."""
        shape = c.shape(node.outputs[0])
        parts = [self._through(c, node, place, tangents[place]) for place in range(2)]
        present = [part for part in parts if part is not None]
        if len(present) == 2:
            left, right = (align(c.e, part, len(shape)) for part in present)
            name = c.e.op("Sub" if self._subtracts else "Add", left, right)
            varies = any(part.varies for part in present)
            return [Bundle(name, present[0].lead, shape, varies)]
        if self._subtracts and parts[1] is not None:
            present = [parts[1].with_tensor(c.e.op("Neg", parts[1].name))]
        return [expand(c.e, present[0], shape)] if present else [None]

    @property
    def _subtracts(self) -> bool:
        """Whether φ_y = −1."""
        return self.partials[1] == "minus one"

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = φ_x z̄ and ȳ = φ_y z̄, summed over the axes that were broadcast."""
        results: list[Bundle | None] = []
        for place in range(2):
            part = self._through(c, node, place, adjoints[0]) if needed[place] else None
            if part is not None:
                part = sum_to(c.e, part, c.shape(node.inputs[place]))
                if place == 1 and self._subtracts:
                    part = part.with_tensor(c.e.op("Neg", part.name))
            results.append(part)
        return results

    def _through(self, c: Context, node: Node, place: int, bundle: Bundle | None) -> Bundle | None:
        partial = self.partials[place]
        if bundle is None or partial is None:
            return None
        if partial in ("one", "minus one"):
            return bundle
        factor = self._factor(c, node, partial)
        if factor is None:
            return None
        shape = c.shape(node.outputs[0])
        # the partial may have the shape of one input alone, as y in ∂(x·y)/∂x does
        known = (*node.inputs, node.outputs[0])
        part = scale(c.e, bundle, factor, c.shape(factor) if factor in known else shape)
        if part.shape != shape or (factor not in known and bundle.shape != shape):
            sizes = c.e.constant([1, *(d if d > 0 else 1 for d in shape)])
            part = part.with_tensor(c.e.op("Expand", part.name, sizes))
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
            weights = scale(c.e, adjoint, factor, shape)
            small, large = sorted((left, right), key=lambda t: prod(abs(d) for d in t.shape))
            if left == right:  # x and y are one tensor, as in x·x: a diagonal term, not a product
                if a != b:
                    weights = weights.with_tensor(c.e.op("Mul", weights.name, c.e.number(2.0)))
                h.add_diagonal(left, sum_to(c.e, weights, left.shape))
            elif small.shape == shape:
                _add_product(c, h, left, right, weights)
            else:
                h.add_weighted(small, _with_weights(c, weights, large, small.shape))


def _add_product(c: Context, h: Curvature, left: Bundle, right: Bundle, weights: Bundle) -> None:
    """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ), which is 2 Σ_d w_cd f_d l_d l_dᵀ where r = f l.

    So it is for x · σ(x), whose two factors have proportional tangents.
    """
    for one, other in ((left, right), (right, left)):
        factor = factor_between(c.e, one, other)
        if factor is not None:
            twice = c.e.op("Mul", factor, c.e.number(2.0))
            h.add_diagonal(one, scale(c.e, weights, twice, one.shape))
            return
    h.add_product(left, right, weights)


def _with_weights(c: Context, weights: Bundle, t: Bundle, shape: Shape) -> Bundle:
    """Σ w_c ṫ_j for all responses c and features j, as a bundle of C·n tangents of ``shape``.

    ``shape`` is that of the smaller factor; the sum runs over the axes along which it was
    broadcast.
    """
    rank = len(weights.shape)
    letters = ascii_letters[2 : 2 + rank]
    turned = t.with_tensor(align(c.e, t, rank), (1,) * (rank - len(t.shape)) + t.shape)
    wide = (1,) * (rank - len(shape)) + shape
    kept = "".join(k for k, d in zip(letters, wide, strict=True) if d != 1)
    factors = Factor.of(weights, "a", letters), Factor.of(turned, "b", letters)
    name = contract(c.e, factors, f"ab{kept}")
    product = Bundle("", weights.lead * t.lead, shape, weights.varies or t.varies)
    return product.with_tensor(c.e.op("Reshape", name, c.e.constant(product.reshape_target)))


@dataclass(frozen=True)
class Linear(Flat):
    """y = A x, linear in the first input; no other input varies.

    ``forward`` applies A to a bundle of the input, ``backward`` Aᵀ to one of the output.
    """

    forward: Callable[[Context, Node, Bundle], Bundles]
    backward: Callable[[Context, Node, Bundles], Bundle | None]

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        """ẏ = A ẋ."""
        if tangents[0] is None:
            return [None] * len(node.outputs)
        return self.forward(c, node, tangents[0])

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        """x̄ = Aᵀ ȳ."""
        return [self.backward(c, node, adjoints), *[None] * (len(node.inputs) - 1)]


constant = Constant()


def elementwise(first: Unary, second: Unary | None, kind: str = "elementwise") -> Elementwise:
    """The rule of y = φ(x), element by element.

    Parameters
    ----------
    first, second
        Write φ′ and φ″: functions of the emitter, the node and the names of x and y, which return
        the name of the tensor. None for a φ″ that vanishes (almost) everywhere.
    kind
        The name of the kind in the table of rules.
    """
    return Elementwise(first, second, kind)


def binary(
    partials: tuple[Pairwise | str | None, Pairwise | str | None],
    seconds: tuple[Pairwise | None, Pairwise | None, Pairwise | None] = (None, None, None),
    kind: str = "bilinear",
) -> Binary:
    """The rule of z = φ(x, y), element by element with broadcasting.

    Parameters
    ----------
    partials
        Write φ_x and φ_y: functions of the emitter, the node and the names of x, y and z, which
        return the name of the tensor. None for a partial that vanishes; ``"one"`` for a partial of
        1, for which nothing is written, and ``"minus one"`` for a φ_y of −1.
    seconds
        Write φ_xx, φ_xy and φ_yy in the same way.
    kind
        The name of the kind in the table of rules.
    """
    return Binary(partials, seconds, kind)


def linear(
    forward: Callable[[Context, Node, Bundle], Bundles],
    backward: Callable[[Context, Node, Bundles], Bundle | None],
    kind: str = "linear",
) -> Linear:
    """The rule of y = A x.

    Parameters
    ----------
    forward
        Writes ẏ = A ẋ: a function of the context, the node and the tangents of the first input,
        which returns one bundle per output.
    backward
        Writes x̄ = Aᵀ ȳ: a function of the context, the node and one bundle per output, which
        returns the adjoints of the first input.
    kind
        The name of the kind in the table of rules.
    """
    return Linear(forward, backward, kind=kind)
