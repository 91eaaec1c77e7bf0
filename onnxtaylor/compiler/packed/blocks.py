"""Parts of the Hessian that only some pairs of features have, and where they belong.

For groups g of elements, such as slots, a part is B_c[g, a, b]: with i the owner of a in g and j
that of b, it is added to H_c,ij. It comes from rows r (m, D) of a group by

    B = Σ_d w_cd r_ad r_bd                symmetric: every pair (a, b) counts once
    B = Σ_d u_cad l_bd                    one half: B is added to its own transpose
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.packed.owners import NOBODY, Owners, aligned
from onnxtaylor.compiler.pieces import Cover, Piece, runs
from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.rule import Context

__all__ = ["Blocks", "group_axes", "grouped", "grouped_owners"]

Integers = npt.NDArray[np.int64]

MOST_COVERS = 16  # more sums of the same coefficient are better made by the graph


def group_axes(shape: tuple[int, ...], *owners: Owners) -> list[int]:
    """The axes of a tensor along which any of some tables changes."""
    tables = [aligned(o, len(shape)) for o in owners]
    return [k for k in range(len(shape)) if any(o.shape[k + 1] > 1 for o in tables)]


def grouped(c: Context, bundle: Bundle, axes: list[int]) -> str:
    """A bundle (L, *shape) as (N or 1, G, L, D): G places along ``axes``, D along the others."""
    axis = batch_axis(bundle.shape)
    assert axis is not None
    others = [k for k in range(len(bundle.shape)) if k != axis and k not in axes]
    order = [axis + 1, *(k + 1 for k in axes), 0, *(k + 1 for k in others)]
    sizes = [prod(bundle.shape[k] for k in part) for part in (axes, others)]
    target = [-1 if bundle.varies else 1, sizes[0], bundle.lead, sizes[1]]
    e = c.e
    return e.op("Reshape", e.op("Transpose", bundle.name, perm=order), e.constant(target))


def grouped_owners(owners: Owners, shape: tuple[int, ...], axes: list[int]) -> Owners:
    """Owners as (G, m), for the groups of ``grouped``."""
    table = aligned(owners, len(shape))
    sizes = [shape[k] if k in axes else 1 for k in range(len(shape))]
    wide = np.broadcast_to(table, (len(table), *sizes))
    return wide.reshape(len(table), -1).T


@dataclass(frozen=True)
class _Part:
    """A part (N or 1, G, C·a, b) of the Hessian with the owners (G, a) and (G, b)."""

    name: str
    first: Owners
    second: Owners
    symmetric: bool
    varies: bool

    @property
    def is_leading(self) -> bool:
        """Whether it belongs to the first features, in their order, without groups."""
        return all(np.array_equal(o, np.arange(o.size)[None]) for o in self.tables)

    @property
    def tables(self) -> tuple[Owners, Owners]:
        """The owners of both axes."""
        return self.first, self.second

    def by_response(self, c: Context, responses: int) -> str:
        """The part as (N or 1, C, G·a·b)."""
        e, (groups, a), b, name = c.e, self.first.shape, self.second.shape[1], self.name
        if groups > 1:
            split = [-1 if self.varies else 1, groups, responses, a * b]
            name = e.op("Transpose", e.op("Reshape", name, e.constant(split)), perm=[0, 2, 1, 3])
        return e.op("Reshape", name, e.constant([-1, responses, groups * a * b]))


def _nested(c: Context, parts: Sequence[_Part], responses: int) -> list[_Part]:
    """Adds up the parts that are squares of the first features, as the steps of a sequence make.

    The smaller of two gets zeros behind its features.
    """
    others = [p for p in parts if not p.is_leading]
    for symmetric in (True, False):
        leading = [p for p in parts if p.is_leading and p.symmetric == symmetric]
        total: _Part | None = None
        for part in sorted(leading, key=lambda p: p.first.size + p.second.size):
            total = part if total is None else _sum_of_leading(c, total, part, responses)
        others += [] if total is None else [total]
    return others


def _sum_of_leading(c: Context, one: _Part, other: _Part, responses: int) -> _Part:
    """The sum of two parts of the first features."""
    e, owners = c.e, [max(pair, key=np.size) for pair in zip(one.tables, other.tables, strict=True)]
    names = []
    for part in (one, other):
        sizes = [o.size for o in part.tables]
        whole = e.op("Reshape", part.name, e.constant([-1, responses, *sizes]))
        missing = [large.size - size for large, size in zip(owners, sizes, strict=True)]
        pads = e.constant([0] * 6 + missing)
        names.append(e.op("Pad", whole, pads) if any(missing) else whole)
    varies = one.varies or other.varies
    return _Part(e.op("Add", *names), owners[0], owners[1], one.symmetric, varies)


class Blocks:
    """Collects parts of the Hessian, and the places of its coefficients in them.

    Parameters
    ----------
    c
        The graph.
    responses
        Number C of adjoints.
    pairs
        (K, 2) numbers i ≤ j of features.
    slots
        (K,) positions of the pairs among the coefficients.
    """

    def __init__(self, c: Context, responses: int, pairs: Integers, slots: Integers) -> None:
        self._c, self._responses = c, responses
        size = int(pairs.max(initial=0)) + 1
        self._size = size
        order = np.argsort(pairs[:, 0] * size + pairs[:, 1])
        self._keys, self._slots = (pairs[:, 0] * size + pairs[:, 1])[order], slots[order]
        self._parts: dict[bytes, _Part] = {}
        self._fits: dict[bytes, bool] = {}  # the steps of a sequence ask for the same ones

    def fits(self, first: Owners, second: Owners, *, symmetric: bool) -> bool:
        """Whether no coefficient is the sum of too many numbers of such a part."""
        key = _key(first, second, symmetric)
        if key not in self._fits:
            self._fits[key] = len(self._sorted(first, second, symmetric)) <= MOST_COVERS
        return self._fits[key]

    def add(
        self, name: str, first: Owners, second: Owners, *, symmetric: bool, varies: bool
    ) -> None:
        """Adds a part (N or 1, G, C·a, b) with the owners (G, a) and (G, b)."""
        key = _key(first, second, symmetric)
        found, e = self._parts.get(key), self._c.e
        if found is not None:
            name, varies = e.op("Add", found.name, name), varies or found.varies
        self._parts[key] = _Part(name, first, second, symmetric, varies)

    def covers(self) -> list[Cover]:
        """One cover, of some coefficients, for each number that is added to them."""
        found: list[Cover] = []
        for part in _nested(self._c, list(self._parts.values()), self._responses):
            tables = self._sorted(part.first, part.second, part.symmetric)
            if not tables:
                continue
            groups, a = part.first.shape
            size = groups * a * part.second.shape[1]
            flat = part.by_response(self._c, self._responses)
            for slots, places in tables:
                piece = Piece(flat, size, _fewest_runs(slots, places), part.varies)
                found.append((piece,))
        return found

    def _sorted(
        self, first: Owners, second: Owners, symmetric: bool
    ) -> list[tuple[Integers, Integers]]:
        """Slots and places of the numbers to add, so that every slot occurs once in each table."""
        wide = np.broadcast_arrays(first[:, :, None], second[:, None, :])
        i, j = (np.ascontiguousarray(w).reshape(-1) for w in wide)
        places = np.flatnonzero((i != NOBODY) & (j != NOBODY))
        i, j = i[places], j[places]
        if symmetric:
            kept = i <= j
            i, j, places = i[kept], j[kept], places[kept]
        else:
            twice = i == j  # the diagonal of B is that of its transpose, too
            i, j = np.minimum(i, j), np.maximum(i, j)
            i, j, places = (np.concatenate((k, k[twice])) for k in (i, j, places))
        return self._ranked(i, j, places)

    def _ranked(
        self, i: Integers, j: Integers, places: Integers
    ) -> list[tuple[Integers, Integers]]:
        keys = np.where(j < self._size, i * self._size + j, -1)
        found = np.searchsorted(self._keys, keys)
        found = np.minimum(found, len(self._keys) - 1)
        known = self._keys[found] == keys
        slots, places = self._slots[found[known]], places[known]
        order = np.lexsort((places, slots))
        slots, places = slots[order], places[order]
        starts = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]]) if len(slots) else slots
        lengths = np.diff(np.r_[starts, len(slots)]) if len(slots) else slots
        rank = np.arange(len(slots)) - np.repeat(starts, lengths)
        return [(slots[rank == k], places[rank == k]) for k in range(int(rank.max(initial=-1)) + 1)]


def _key(first: Owners, second: Owners, symmetric: bool) -> bytes:
    shapes = str((first.shape, second.shape, symmetric)).encode()
    return b"".join((first.tobytes(), second.tobytes(), shapes))


def _fewest_runs(slots: Integers, places: Integers) -> Integers:
    """The runs of the step that needs the fewest of them."""
    best = runs(slots, places)
    steps = np.diff(places)[np.diff(slots) == 1]
    steps = steps[steps > 1]
    if len(steps):
        values, counts = np.unique(steps, return_counts=True)
        other = runs(slots, places, int(values[counts.argmax()]))
        best = min(best, other, key=len)
    return best
