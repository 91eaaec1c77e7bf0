"""The Hessian of one node from packed tangents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from onnxtaylor.compiler.fitted import FittedRule
from onnxtaylor.compiler.packed.blocks import Blocks, group_axes, grouped, grouped_owners
from onnxtaylor.compiler.packed.forward import are_plain, is_pointwise
from onnxtaylor.compiler.packed.mixing import softmax_tangents
from onnxtaylor.compiler.packed.owners import Owners, aligned, same, united
from onnxtaylor.compiler.packed.products import add_matmul, add_weighted
from onnxtaylor.compiler.packed.tangents import Packed, dense, merge, recolour
from onnxtaylor.rules.bundle import Bundle, Shape, expand
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, Rule
from onnxtaylor.rules.verbs import Flat

__all__ = ["add_curvature"]

PAIR_LIMIT = 2**21  # numbers in a constant matrix of products of rows


def add_curvature(
    c: Context,
    node: Node,
    rule: Rule,
    tangents: Sequence[Packed | None],
    adjoints: Bundles,
    h: Curvature,
    blocks: Blocks,
    features: int,
) -> None:
    """H += ẋᵀ (ȳ · D²φ) ẋ of one node.

    Parameters
    ----------
    c, node, rule
        The graph around the node, the node and its rule.
    tangents, adjoints
        Those of its inputs and of its outputs, None for zero.
    h
        Takes the parts that every pair of features has.
    blocks
        Takes the other parts.
    features
        Number of features that tangents are for.
    """
    inner = rule.rule if isinstance(rule, FittedRule) else rule
    known = [t for t in tangents if t is not None]
    if isinstance(inner, Flat) or node.kind == "Gemm" or all(a is None for a in adjoints):
        return
    if not all(t.is_dense(features) for t in known) and are_plain(c, node, known):
        if node.kind == "MatMul" and add_matmul(c, tangents, adjoints, h, blocks, features):
            return
        ready = _prepared(c, node, rule, tangents, features)
        shape = c.shape(node.outputs[0])
        if ready is not None and _fit(blocks, ready, shape):
            bundles = [None if t is None else t.bundle for t in ready]
            packed = _PackedCurvature(c, blocks, [t for t in ready if t is not None])
            rule.curvature(c, node, bundles, adjoints, packed)
            return
    whole = [None if t is None else dense(c, t, features) for t in tangents]
    rule.curvature(c, node, whole, adjoints, h)


def _prepared(
    c: Context, node: Node, rule: Rule, tangents: Sequence[Packed | None], features: int
) -> list[Packed | None] | None:
    """Tangents with owners for which the rule's formula holds; None if they must be dense."""
    if node.kind in ("Softmax", "LogSoftmax"):
        return [None if t is None else softmax_tangents(c, node, t, features) for t in tangents]
    if not is_pointwise(node, rule):
        return None
    x, y = (*tangents, None)[:2]
    if x is None or y is None or len(tangents) > 2:
        return list(tangents)
    # Binary sums over the axes along which one of the inputs was repeated
    out = c.shape(node.outputs[0])
    x, y = (_even_where_repeated(c, t, (x, y), out, features) for t in (x, y))
    if x.bundle.name == y.bundle.name and not same(x.owners, y.owners):
        # the rule would take equal tangents of different features for one and the same
        both = united(*(aligned(t.owners, len(out)) for t in (x, y)))
        x, y = (recolour(c, t, aligned(both, len(t.bundle.shape))) for t in (x, y))
    return [x, y]


def _even_where_repeated(
    c: Context, t: Packed, both: Sequence[Packed], out: Shape, features: int
) -> Packed:
    """Tangents with the same owners along all axes along which one of both inputs is repeated."""
    repeated = set()
    for other in both:
        wide = (1,) * (len(out) - len(other.bundle.shape)) + other.bundle.shape
        repeated |= {
            k for k, (have, want) in enumerate(zip(wide, out, strict=True)) if have != want
        }
    ahead = len(out) - len(t.bundle.shape)
    return merge(c, t, [k - ahead for k in repeated if k >= ahead], features)


def _fit(blocks: Blocks, tangents: Sequence[Packed | None], out: Shape) -> bool:
    """Whether all parts of the Hessian that any two of the inputs may make fit into blocks."""
    known = [t for t in tangents if t is not None]
    for a in known:
        for b in known:
            axes = group_axes(out, a.owners, b.owners)
            first, second = (grouped_owners(t.owners, out, axes) for t in (a, b))
            if not blocks.fits(first, second, symmetric=a is b):
                return False
    return True


@dataclass(frozen=True)
class _PackedCurvature:
    """Adds the parts of packed tangents to the blocks: implements ``rules.rule.Curvature``."""

    c: Context
    blocks: Blocks
    tangents: Sequence[Packed]

    def add_diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd r_d r_dᵀ."""
        owners = self._owners(rows)
        axes = group_axes(rows.shape, owners)
        table = grouped_owners(owners, rows.shape, axes)
        e, name = self.c.e, grouped(self.c, rows, axes)
        weight = grouped(self.c, weights, axes)
        numbers = rows.lead**2 * prod(abs(d) for d in rows.shape)
        if name in e.constants and numbers <= PAIR_LIMIT:
            part, varies = e.op("MatMul", weight, self._pairs(name)), weights.varies
            sizes = e.constant([0, 0, weights.lead * rows.lead, rows.lead])
            part = e.op("Reshape", part, sizes)
        else:
            part = self._product(name, weight, name, rows.lead, weights.lead)
            varies = rows.varies or weights.varies
        self.blocks.add(part, table, table, symmetric=True, varies=varies)

    def add_product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ)."""
        shape, owners = weights.shape, (self._owners(left), self._owners(right))
        axes = group_axes(shape, *owners)
        first, second = (grouped_owners(o, shape, axes) for o in owners)
        # a factor may lack axes of size 1 in front
        factors = (expand(self.c.e, b, shape) for b in (left, weights, right))
        a, w, b = (grouped(self.c, factor, axes) for factor in factors)
        part = self._product(a, w, b, left.lead, weights.lead)
        varies = left.varies or right.varies or weights.varies
        self.blocks.add(part, first, second, symmetric=False, varies=varies)

    def add_weighted(self, left: Bundle, right: Bundle) -> None:
        """H_c,ij += Σ_d (l_id r_cjd + l_jd r_cid), where ``right`` belongs to the other input."""
        other = next((t for t in self.tangents if t.bundle != left), self.tangents[0])
        add_weighted(self.c, self.blocks, Packed(left, self._owners(left)), right, other.owners)

    def _owners(self, bundle: Bundle) -> Owners:
        """The owners of a rule's rows: those of the input that they are, or are made of."""
        found = next((t for t in self.tangents if t.bundle == bundle), self.tangents[0])
        return aligned(found.owners, len(bundle.shape))

    def _pairs(self, rows: str) -> str:
        """Products r_ad r_bd of constant rows (1, G, m, D), as (G or 1, D, m²)."""
        e = self.c.e
        value = e.constants.unfrozen(rows)
        if rows not in e.constants.weights and (value == value[:, :1]).all():
            rows = e.constant(value[:, :1])  # the same in all groups: one plain product for all
        m, width = value.shape[2:]
        a, b = (e.op("Unsqueeze", rows, e.constant([k])) for k in (3, 2))
        products = e.op("Reshape", e.op("Mul", a, b), e.constant([-1, m * m, width]))
        return e.op("Transpose", products, perm=[0, 2, 1])

    def _product(self, left: str, weights: str, right: str, m: int, responses: int) -> str:
        """Σ_d w_cd l_ad r_bd (N, G, C·m, b)."""
        e = self.c.e
        if responses == 1:
            weighted = e.op("Mul", left, weights)
        else:
            both = e.op(
                "Mul",
                e.op("Unsqueeze", left, e.constant([2])),  # (N, G, 1, m, D)
                e.op("Unsqueeze", weights, e.constant([3])),  # (N, G, C, 1, D)
            )
            weighted = e.op("Reshape", both, e.constant([0, 0, responses * m, -1]))
        return e.op("MatMul", weighted, e.op("Transpose", right, perm=[0, 1, 3, 2]))
