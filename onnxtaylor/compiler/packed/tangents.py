"""Packed tangents, and what is done with them whatever the operator is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.packed.owners import (
    NOBODY,
    Owners,
    aligned,
    all_of,
    appended,
    merged,
    same,
    smallest,
    united,
)
from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.rule import Context

__all__ = ["Packed", "add", "dense", "is_plain", "merge", "recolour", "tidied", "unfold"]


@dataclass(frozen=True, eq=False)
class Packed:
    """Tangents of a tensor, and their owners, of as many axes; see ``owners``."""

    bundle: Bundle
    owners: Owners

    @classmethod
    def of(cls, bundle: Bundle) -> Packed:
        """A bundle with one tangent for each feature."""
        return cls(bundle, all_of(bundle.lead, len(bundle.shape)))

    def is_dense(self, features: int) -> bool:
        """Whether there is one tangent for each feature, in their order."""
        return same(self.owners, all_of(features, len(self.bundle.shape)))

    def axes(self) -> list[int]:
        """The axes of the tensor along which the owners change."""
        return [k for k, size in enumerate(self.owners.shape[1:]) if size > 1]


def is_plain(shape: tuple[int, ...]) -> bool:
    """Whether a tensor has one axis of N events, none of m·N: only such have packed tangents."""
    axis = batch_axis(shape)
    return axis is not None and shape[axis] == -1


def dense(c: Context, packed: Packed, features: int) -> Bundle:
    """One tangent for each feature, in their order."""
    return recolour(c, packed, all_of(features, len(packed.bundle.shape))).bundle


def merge(c: Context, packed: Packed, axes: Iterable[int], features: int) -> Packed:
    """Tangents whose owners do not change along ``axes``."""
    wanted = merged(packed.owners, axes)
    if wanted.shape[0] >= features and wanted.size > features:
        wanted = all_of(features, len(packed.bundle.shape))
    return recolour(c, packed, wanted)


def recolour(c: Context, packed: Packed, owners: Owners) -> Packed:
    """Tangents of other owners, among which all owners of ``packed`` must be.

    No owner may be there twice at a place: each takes the sum of all tangents of its feature.
    """
    if same(packed.owners, owners):
        return packed
    if all(table.size == len(table) for table in (packed.owners, owners)):
        matrix = packed.owners.reshape(1, -1) == owners.reshape(-1, 1)
        matrix &= owners.reshape(-1, 1) != NOBODY
        if (matrix.sum(axis=1) > 1).any():
            return Packed(_combined(c, packed.bundle, matrix), owners)
    total = ""
    for lead, chosen in _passes(packed.owners, owners):
        name = _selected(c, packed.bundle, lead, chosen)
        total = c.e.op("Add", total, name) if total else name
    bundle = packed.bundle
    return Packed(Bundle(total, len(owners), bundle.shape, bundle.varies), owners)


Flags = npt.NDArray[np.bool_]


def _passes(have: Owners, want: Owners) -> list[tuple[npt.NDArray[np.int64], Flags]]:
    """Finds the tangent of ``have`` that each of ``want`` reads, and where; pass after pass.

    Returns pairs of numbers (m,), and flags (m, *shape) of the places that are read.
    """
    found: list[list[tuple[int, Flags]]] = [[] for _ in want]
    known = want != NOBODY
    for number, own in enumerate(have):
        matches = (own == want) & known
        for target in np.flatnonzero(matches.reshape(len(want), -1).any(axis=1)):
            found[target].append((number, matches[target]))
    shape = np.broadcast_shapes(have.shape[1:], want.shape[1:])
    passes: list[tuple[npt.NDArray[np.int64], Flags]] = []
    for k in range(max(1, *map(len, found))):
        lead = np.array([own[k][0] if len(own) > k else -1 for own in found], np.int64)
        chosen = np.stack(
            [np.broadcast_to(own[k][1] if len(own) > k else False, shape) for own in found]
        )
        passes.append((lead, chosen))
    return passes


def _selected(c: Context, bundle: Bundle, lead: npt.NDArray[np.int64], chosen: Flags) -> str:
    """Tangent ``lead[k]`` of a bundle as tangent k where it is ``chosen``, else 0."""
    e, used = c.e, lead >= 0
    flags = smallest(chosen.astype(np.int64)).astype(np.bool_)
    whole = flags.size == len(flags) and bool(flags[used].all())  # all of some tangents
    count = int(used.sum())
    first = np.arange(count)
    if whole and count == bundle.lead and np.array_equal(lead[:count], first):
        if count == len(lead):
            return bundle.name
        pads = [0] * (2 * (len(bundle.shape) + 1))
        pads[len(bundle.shape) + 1] = len(lead) - count
        return e.op("Pad", bundle.name, e.constant(pads))
    name = bundle.name
    if bundle.lead > 1 and not np.array_equal(lead, np.arange(bundle.lead)):
        name = e.op("Gather", name, e.constant(np.maximum(lead, 0)), axis=0)
    if whole and used.all() and bundle.lead > 1:
        return name
    return e.op("Where", e.constant(flags, np.bool_), name, e.number(0.0))


def _combined(c: Context, bundle: Bundle, matrix: Flags) -> Bundle:
    """Sums of tangents, by a matrix (new, old) of 0 and 1."""
    e, whole = c.e, bundle.with_tensor(bundle.name)
    flat = e.op("Reshape", bundle.name, e.constant([bundle.lead, -1]))
    name = e.op("MatMul", e.constant(matrix.astype(np.float64)), flat)
    whole = Bundle(name, len(matrix), bundle.shape, bundle.varies)
    return whole.with_tensor(e.op("Reshape", name, e.constant(whole.reshape_target)))


def add(c: Context, a: Packed | None, b: Packed | None, features: int) -> Packed | None:
    """Adds tangents of one tensor; None stands for zero."""
    if a is None or b is None:
        return a or b
    for one, other in ((a, b), (b, a)):
        if (one.owners == NOBODY).all():
            return other
    if not same(a.owners, b.owners):
        if a.owners.flat[0] > b.owners.flat[0]:
            a, b = b, a  # earlier features first, so that sums of many steps keep their order
        wanted = _common(a.owners, b.owners, features)
        if wanted is None:
            parts = [c.repeat_events(p.bundle) if _differ(a, b) else p.bundle for p in (a, b)]
            name = c.e.op("Concat", *(p.name for p in parts), axis=0)
            both = Bundle(name, a.bundle.lead + b.bundle.lead, a.bundle.shape, parts[0].varies)
            return Packed(both, smallest(appended(a.owners, b.owners)))
        a, b = recolour(c, a, wanted), recolour(c, b, wanted)
    name = c.e.op("Add", a.bundle.name, b.bundle.name)
    varies = a.bundle.varies or b.bundle.varies
    return Packed(Bundle(name, a.bundle.lead, a.bundle.shape, varies), a.owners)


def _differ(a: Packed, b: Packed) -> bool:
    return a.bundle.varies != b.bundle.varies


def _common(a: Owners, b: Owners, features: int) -> Owners | None:
    """The owners of a sum; None where the tangents are better put one behind the other."""
    whole, together = all_of(features, a.ndim - 1), len(a) + len(b)
    if same(a, whole) or same(b, whole):
        return whole
    both = united(a, b)
    if len(both) >= together and (together < features or same(smallest(appended(a, b)), whole)):
        return None
    return whole if len(both) >= features and both.size > features else both


def unfold(c: Context, packed: Packed, axes: Iterable[int]) -> Packed:
    """Tangents of the sum over ``axes``, each place along them a tangent of its own: no addition.

    The axes remain, with size 1. Tangents come place by place; ``tidied`` brings them into order.
    """
    e, bundle = c.e, packed.bundle
    split = [k for k in axes if packed.owners.shape[k + 1] > 1]
    if not split:
        return packed
    rank = len(bundle.shape)
    order = [*(k + 1 for k in split), 0, *(k + 1 for k in range(rank) if k not in split)]
    turned = e.op("Transpose", bundle.name, perm=order)
    shape = tuple(1 if k in split else d for k, d in enumerate(bundle.shape))
    lead = bundle.lead * prod(bundle.shape[k] for k in split)
    whole = Bundle("", lead, shape, bundle.varies)
    name = e.op("Reshape", turned, e.constant(whole.reshape_target))
    sizes = [1 if k in split else packed.owners.shape[k + 1] for k in range(rank)]
    return Packed(whole.with_tensor(name), packed.owners.transpose(order).reshape(lead, *sizes))


def tidied(c: Context, packed: Packed) -> Packed:
    """Brings tangents that nobody owns or that have one owner at all places into order."""
    owners = smallest(packed.owners)
    packed = Packed(packed.bundle, owners)
    if owners.size > len(owners):
        kept = (owners != NOBODY).reshape(len(owners), -1).any(axis=1)
        return packed if kept.all() else _chosen(c, packed, np.flatnonzero(kept))
    present = np.unique(owners[owners != NOBODY]) if (owners != NOBODY).any() else owners[:1]
    return recolour(c, packed, aligned(present.reshape(-1, 1), owners.ndim - 1))


def _chosen(c: Context, packed: Packed, numbers: npt.NDArray[np.int64]) -> Packed:
    """Some of the tangents with their owners; a feature may own several of them at a place."""
    bundle = packed.bundle
    name = c.e.op("Gather", bundle.name, c.e.constant(numbers), axis=0)
    chosen = Bundle(name, len(numbers), bundle.shape, bundle.varies)
    return Packed(chosen, packed.owners[numbers])
