"""Operators that add up elements along axes: there, their tangents must have the same owners.

Where a plain sum is all that happens along an axis of slots, each slot becomes a tangent of its
own and nothing is added, see ``unfold``. The same holds for matrix products: the slot of a tangent
meets one row or column of the other factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from onnxtaylor.compiler.packed.owners import Owners, aligned
from onnxtaylor.compiler.packed.tangents import Packed, add, merge, tidied, unfold
from onnxtaylor.rules.bundle import Bundle, align, reshape_target
from onnxtaylor.rules.products import Gemm
from onnxtaylor.rules.reductions import reduced_axes
from onnxtaylor.rules.rule import Context, Node, Rule
from onnxtaylor.rules.structure import axis_of

__all__ = ["MIXING", "softmax_tangents"]

Tangents = Sequence[Packed | None]


def _through(c: Context, node: Node, rule: Rule, place: int, packed: Packed) -> Bundle | None:
    """The rule's tangents of the first output from those of one input."""
    inputs: list[Bundle | None] = [None] * len(node.inputs)
    inputs[place] = packed.bundle
    return rule.jvp(c, node, inputs)[0]


def _with_owners(bundle: Bundle | None, owners: Owners) -> Packed | None:
    return None if bundle is None else Packed(bundle, owners)


# --- sums and means ------------------------------------------------------------------------------


def _reduce(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None] | None:
    t = tangents[0]
    assert t is not None
    axes = reduced_axes(c, node)
    apart = tidied(c, unfold(c, t, axes))
    owners = apart.owners
    if not node.get("keepdims", 1):
        owners = owners.reshape([s for k, s in enumerate(owners.shape) if k - 1 not in axes])
    found = _through(c, node, rule, 0, apart)
    before, after = (prod(b.shape[k] for k in axes) for b in (t.bundle, apart.bundle))
    if found is not None and node.kind == "ReduceMean" and before != after:
        # the rule divides by the places that are left, not by those that became tangents
        share = c.e.constant(np.float64(after / before))
        found = found.with_tensor(c.e.op("Mul", found.name, share))
    return [_with_owners(found, owners)]


def _pool(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None] | None:
    """GlobalAveragePool: a mean over all axes behind the channels."""
    t = tangents[0]
    assert t is not None
    shape = t.bundle.shape
    apart, count = tidied(c, unfold(c, t, range(2, len(shape)))), prod(shape[2:])
    axes = c.e.constant(list(range(3, len(shape) + 1)))
    total = c.e.op("ReduceSum", apart.bundle.name, axes, keepdims=1)
    name = c.e.op("Mul", total, c.e.number(1.0 / count))
    return [
        Packed(apart.bundle.with_tensor(name, (*shape[:2], *[1] * (len(shape) - 2))), apart.owners)
    ]


# --- softmax -------------------------------------------------------------------------------------


def softmax_tangents(c: Context, node: Node, t: Packed, features: int) -> Packed:
    """Tangents whose owners do not change along the axis of a softmax."""
    return merge(c, t, [axis_of(node, c, -1)], features)


def _softmax(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None] | None:
    t = tangents[0]
    assert t is not None
    even = softmax_tangents(c, node, t, features)
    return [_with_owners(_through(c, node, rule, 0, even), even.owners)]


# --- products ------------------------------------------------------------------------------------


def _matmul(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None] | None:
    total: Packed | None = None
    rank = len(c.shape(node.outputs[0]))
    for place, t in enumerate(tangents[:2]):
        if t is None:
            continue
        axis = len(t.bundle.shape) - (1 if place == 0 else 2)
        if axis not in t.axes():
            found = _with_owners(_through(c, node, rule, place, t), aligned(t.owners, rank))
        elif place == 1:
            found = _outer(c, node, t, rank)
        else:
            found = _grouped(c, t, node.inputs[1])
            if found is None:
                even = merge(c, t, [axis], features)
                owners = aligned(even.owners, rank)
                found = _with_owners(_through(c, node, rule, place, even), owners)
        total = add(c, total, found, features)
    return [total]


def _outer(c: Context, node: Node, t: Packed, rank: int) -> Packed:
    """X Ẏ where row k of Ẏ belongs to slot k: column k of X times row k of Ẏ, for every slot."""
    e, x, shape = c.e, node.inputs[0], c.shape(node.inputs[0])
    apart = unfold(c, t, [len(t.bundle.shape) - 2])
    m, slots, last = t.bundle.lead, t.bundle.shape[-2], len(shape) - 1
    # (slots, 1, …, rows, 1)
    columns = e.op("Transpose", x, perm=[last, *range(last)])
    ahead = list(range(1, 2 + rank - len(shape)))
    columns = e.op("Unsqueeze", columns, e.constant([*ahead, rank + 1]))
    # (slots, m, …, 1, columns)
    rows = apart.bundle.with_tensor(align(e, apart.bundle, rank))
    wide = (*[1] * (rank - len(rows.shape)), *rows.shape)
    target = [slots, m, *reshape_target(wide, varies=rows.varies)]
    product = e.op("Mul", columns, e.op("Reshape", rows.name, e.constant(target)))
    whole = Bundle("", slots * m, c.shape(node.outputs[0]), rows.varies or x not in e.constants)
    whole = whole.with_tensor(e.op("Reshape", product, e.constant(whole.reshape_target)))
    return tidied(c, Packed(whole, aligned(apart.owners, rank)))


def _grouped(c: Context, t: Packed, weight: str) -> Packed | None:
    """Ẋ Y where equally long parts of Ẋ belong to different slots: each part by its rows of Y.

    None where the product is none of one row per event and a constant matrix.
    """
    e, bundle = c.e, t.bundle
    if not bundle.varies or len(bundle.shape) != 2 or weight not in e.constants:
        return None
    matrix = e.constants.unfrozen(weight).shape
    table, m = t.owners.reshape(bundle.lead, -1), bundle.lead
    starts = [0, *(np.flatnonzero((table[:, 1:] != table[:, :-1]).any(axis=0)) + 1)]
    length, rest = divmod(table.shape[1], len(starts))
    even = not rest and np.array_equal(starts, length * np.arange(len(starts)))
    if not even or len(matrix) != 2:
        return None
    groups, width = len(starts), matrix[1]
    parts = e.op("Reshape", bundle.name, e.constant([m, -1, groups, length]))
    parts = e.op("Transpose", parts, perm=[2, 0, 1, 3])
    parts = e.op("Reshape", parts, e.constant([groups, -1, length]))
    matrices = e.op("Reshape", weight, e.constant([groups, length, width]))
    whole = Bundle("", groups * m, (-1, width), varies=True)
    name = e.op("Reshape", e.op("MatMul", parts, matrices), e.constant(whole.reshape_target))
    owners = table[:, starts].T.reshape(-1, 1, 1)
    return tidied(c, Packed(whole.with_tensor(name), owners))


def _gemm(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None] | None:
    t = tangents[0]
    if t is None or any(other is not None for other in tangents[1:]):
        return None
    found = None
    if 1 in t.axes() and isinstance(rule, Gemm):
        weight = rule.weight(c, node)
        found = _grouped(c, t, weight) if weight in c.e.constants else None
    if found is None:
        even = merge(c, t, [1], features)
        found = _with_owners(_through(c, node, rule, 0, even), even.owners)
    return [found]


def _convolve(
    c: Context, node: Node, rule: Rule, tangents: Tangents, features: int
) -> list[Packed | None] | None:
    """A window of one element: a product along the channels."""
    t, window = tangents[0], c.shape(node.inputs[1])[2:]
    if t is None or any(other is not None for other in tangents[1:]) or set(window) != {1}:
        return None
    steps = set(node.get("strides") or [1])
    if steps != {1} or c.shape(node.outputs[0])[2:] != t.bundle.shape[2:]:
        return None
    even = merge(c, t, [1], features)
    return [_with_owners(_through(c, node, rule, 0, even), even.owners)]


Mixing = Callable[
    [Context, Node, Rule, Tangents, int],
    list[Packed | None] | None,
]

MIXING: dict[str, Mixing] = {
    "Conv": _convolve,
    "Gemm": _gemm,
    "GlobalAveragePool": _pool,
    "LogSoftmax": _softmax,
    "MatMul": _matmul,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "Softmax": _softmax,
}
