"""The Hessian of Z = X Y where both factors vary and their tangents are packed, as in attention.

With Z̄ the adjoint, H_ij = Σ Z̄_c[q, k] Ẋ_i[q, d] Ẏ_j[d, k], and the same with i and j exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from onnxtaylor.compiler.packed.blocks import Blocks, group_axes, grouped, grouped_owners
from onnxtaylor.compiler.packed.owners import Owners, all_of, same
from onnxtaylor.compiler.packed.tangents import Packed, merge
from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.products import with_adjoint
from onnxtaylor.rules.rule import Bundles, Context, Curvature

__all__ = ["add_matmul", "add_weighted"]


def add_weighted(
    c: Context, blocks: Blocks, left: Packed, right: Bundle, right_owners: Owners
) -> None:
    """H_c,ij += Σ_d (l_id u_cjd + l_jd u_cid), where ``right`` has C·m tangents u."""
    shape = left.bundle.shape
    axes = group_axes(shape, left.owners, right_owners)
    first = grouped_owners(right_owners, shape, axes)
    second = grouped_owners(left.owners, shape, axes)
    turned = c.e.op("Transpose", grouped(c, left.bundle, axes), perm=[0, 1, 3, 2])
    part = c.e.op("MatMul", grouped(c, right, axes), turned)
    varies = left.bundle.varies or right.varies
    blocks.add(part, first, second, symmetric=False, varies=varies)


def add_matmul(
    c: Context,
    tangents: Sequence[Packed | None],
    adjoints: Bundles,
    h: Curvature,
    blocks: Blocks,
    features: int,
) -> bool:
    """Adds the Hessian of a product; False where the tangents must be dense for that."""
    x, y, a = tangents[0], tangents[1], adjoints[0]
    if x is None or y is None or a is None:
        return True
    shapes = x.bundle.shape, y.bundle.shape, a.shape
    rank = len(a.shape)
    if any(s[:-2] != a.shape[:-2] for s in shapes) or batch_axis(a.shape) in (rank - 1, rank - 2):
        return False
    stack = range(rank - 2)
    x, y = (merge(c, t, stack, features) for t in (x, y))
    rows, columns = rank - 2, rank - 1
    if rows in x.axes() and columns in y.axes():
        x, y = merge(c, x, [columns], features), merge(c, y, [rows], features)
        if rows in x.axes() and columns in y.axes():
            return _cell_by_cell(c, x, y, a, blocks)
    by_y = columns not in y.axes()
    if by_y and rows not in x.axes():
        by_y = y.bundle.lead < x.bundle.lead
    one, other = (x, y) if by_y else (y, x)
    product = with_adjoint(c, a, other.bundle, one.bundle.shape, place=1 if by_y else 0)
    # the axis that is summed in the product, d, is the last of X and the last but one of Y
    owners = other.owners.swapaxes(-1, -2)
    whole = all_of(features, rank)
    if same(one.owners, whole) and same(owners, whole):
        h.add_weighted(one.bundle, product)
        return True
    axes = group_axes(one.bundle.shape, one.owners, owners)
    tables = [grouped_owners(o, one.bundle.shape, axes) for o in (owners, one.owners)]
    if not blocks.fits(tables[0], tables[1], symmetric=False):
        return False
    add_weighted(c, blocks, one, product, owners)
    return True


def _cell_by_cell(c: Context, x: Packed, y: Packed, a: Bundle, blocks: Blocks) -> bool:
    """Adds a block for every cell (q, k) of Z, where row q of Ẋ and column k of Ẏ belong to slots.

    B_c[q, k] = Σ_s Z̄_c[s, q, k] (Ẋ[s, q] · Ẏ[s, k]), with the sum over the stack of matrices.
    """
    e, shape = c.e, a.shape
    rank, batch = len(shape), batch_axis(shape)
    assert batch is not None
    rows, columns = rank - 2, rank - 1
    first, second = _cells(x.owners, y.owners, shape[rows], shape[columns])
    if not blocks.fits(first, second, symmetric=False):
        return False
    stack = [k + 1 for k in range(rank - 2) if k != batch]
    depth = prod(shape[k - 1] for k in stack)
    m, w, inner = x.bundle.lead, y.bundle.lead, x.bundle.shape[-1]
    q, k = shape[rows], shape[columns]
    ahead = [batch + 1, *stack]

    def shaped(bundle: Bundle, order: list[int], *sizes: int) -> str:
        turned = e.op("Transpose", bundle.name, perm=[*ahead, *order])
        return e.op("Reshape", turned, e.constant([-1 if bundle.varies else 1, depth, *sizes]))

    left = shaped(x.bundle, [rows + 1, 0, columns + 1], q * m, inner)
    right = shaped(y.bundle, [rows + 1, columns + 1, 0], inner, k * w)
    adjoint = shaped(a, [rows + 1, columns + 1, 0], q, k, a.lead)
    product = e.op("Reshape", e.op("MatMul", left, right), e.constant([0, depth, q, m, k, w]))
    cell = e.op("Transpose", product, perm=[0, 2, 4, 1, 3, 5])
    cell = e.op("Reshape", cell, e.constant([0, q * k, depth, m * w]))
    weight = e.op("Transpose", adjoint, perm=[0, 2, 3, 4, 1])
    weight = e.op("Reshape", weight, e.constant([0, q * k, a.lead, depth]))
    part = e.op("MatMul", weight, cell)
    varies = x.bundle.varies or y.bundle.varies or a.varies
    blocks.add(part, first, second, symmetric=False, varies=varies)
    return True


def _cells(x: Owners, y: Owners, rows: int, columns: int) -> tuple[Owners, Owners]:
    """Owners of the tangents of X and of Y in every cell, (rows·columns, m) each."""
    m, w = len(x), len(y)
    left = np.broadcast_to(x.reshape(m, -1)[:, :, None], (m, rows, columns))
    right = np.broadcast_to(y.reshape(w, -1)[:, None, :], (w, rows, columns))
    return left.reshape(m, -1).T, right.reshape(w, -1).T
