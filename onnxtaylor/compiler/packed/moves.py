"""Owners behind operators that move elements: they move as the tangents do, by the same rule."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from onnxtaylor.compiler.packed.owners import NOBODY, Owners, smallest
from onnxtaylor.compiler.packed.tangents import Packed
from onnxtaylor.graph.moving import RESHAPING
from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.rule import Context, Node, Rule

__all__ = ["move"]

MOVED = RESHAPING | {"Concat", "Gather", "Slice", "Split", "Transpose"}
LIMIT = 2**22  # numbers of a table that is moved: more would take longer than it saves


def move(
    c: Context, node: Node, rule: Rule, tangents: Sequence[Packed | None]
) -> list[Packed | None] | None:
    """Tangents behind a node that moves elements; None where it does something else."""
    if node.kind not in MOVED or (node.kind == "Gather" and c.value(node.inputs[1]) is None):
        return None
    lead = max(len(t.owners) for t in tangents if t is not None)
    size = max(prod(map(abs, c.shape(name))) for name in (*node.inputs, *node.outputs) if name)
    if lead * size > LIMIT:
        return None
    wide = [None if t is None else _lengthened(c, t, lead) for t in tangents]
    tables = [None if t is None else _table(c, t) for t in wide]
    if node.kind in RESHAPING:
        assert tables[0] is not None
        moved: list[Bundle | None] = [None]
        shape = c.shape(node.outputs[0])
        values: list[Owners | None] = [_value(c, tables[0]).reshape(lead, *map(abs, shape))]
    else:
        moved = list(rule.jvp(c, node, tables))
        values = [None if m is None else _value(c, m) for m in moved]
    found = rule.jvp(c, node, [None if t is None else t.bundle for t in wide])
    return [
        None if b is None or v is None else Packed(b, smallest(v))
        for b, v in zip(found, values, strict=True)
    ]


def _lengthened(c: Context, packed: Packed, lead: int) -> Packed:
    """Tangents with as many more that nobody owns as are missing from ``lead``."""
    bundle, missing = packed.bundle, lead - len(packed.owners)
    if not missing:
        return packed
    rank = len(bundle.shape)
    pads = [0] * (2 * (rank + 1))
    pads[rank + 1] = missing
    if bundle.name in c.e.constants:
        zeros = np.zeros((missing, *_sizes(bundle.shape)))
        name = c.e.op("Concat", bundle.name, c.e.constant(zeros), axis=0)
    else:
        name = c.e.op("Pad", bundle.name, c.e.constant(pads))
    nobody = np.full((missing, *packed.owners.shape[1:]), NOBODY)
    owners = np.concatenate([packed.owners, nobody])
    return Packed(Bundle(name, lead, bundle.shape, bundle.varies), owners)


def _table(c: Context, packed: Packed) -> Bundle:
    """The owners as a constant bundle of their own, 0 for nobody: what is filled in is 0."""
    shape = packed.bundle.shape
    whole = np.broadcast_to(packed.owners, (len(packed.owners), *_sizes(shape)))
    name = c.e.constant((whole - NOBODY).astype(np.float64))
    return Bundle(name, len(packed.owners), shape, varies=False)


def _value(c: Context, table: Bundle) -> Owners:
    """The owners that a table holds."""
    value = c.e.constants[table.name]
    return np.rint(value).astype(np.int64) + NOBODY


def _sizes(shape: Shape) -> list[int]:
    """The sizes of a tensor of one event."""
    return [abs(d) for d in shape]
