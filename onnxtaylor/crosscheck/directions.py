"""Random directions, and what the coefficients of an event say along them.

Along the lines and in the planes of directions v, w the response is a function of two numbers,
g(s, t) = f(x + s v + t w), whose coefficients are sums of those of f:

    g_s  = Σ t_i v_i                                                first order along v
    g_ss = Σ_{i≤j} t_ij v_i v_j                                     second order along v
    g_st = Σ_{i≤j} t_ij (v_i w_j + v_j w_i)                         second order in the plane

A wrong t_i or t_ij shows in each of them whose directions have the feature, however many features
there are. Two kinds of directions are drawn. A dense one has all features: it sees what is wrong
with many coefficients. A sparse one has a block of 16 features, blocks after one another have them
all: there a single wrong coefficient is not lost among hundreds of thousands. A pair is of two
dense directions, or of a sparse and a dense one, so that it has every pair of features with one
of the block.

An entry is ± q/4 times the spread of the feature, q drawn from 4 to 7 so that values which are
swapped do not cancel, divided by √m for m features; spreads and √m are rounded to powers of two.
So a displacement by a power of two is exact, as those of the differences engine are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices

__all__ = ["BLOCK", "Directions", "Layout", "entry_units"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BLOCK = 16  # features of a sparse direction, at least
PARTS = 4  # of the unit of an entry
DENSE, SPARSE = 0, 1


@dataclass(frozen=True)
class Layout:
    """Number and kinds of the directions at an event.

    Parameters
    ----------
    pairs
        Number P of pairs v, w; of first order alone each direction stands for itself.
    order
        Highest order that is compared, 1 or 2.
    averaged
        Whether second order is averaged over steps: then it is compared in planes alone.
    """

    pairs: int
    order: int
    averaged: bool = False

    @property
    def count(self) -> int:
        """Number D of directions at an event."""
        return 2 * self.pairs

    @property
    def kinds(self) -> npt.NDArray[np.int64]:
        """``DENSE`` or ``SPARSE`` of each direction, (D,): of the first pair both are dense."""
        kinds = np.full(self.count, DENSE)
        kinds[2::2] = SPARSE
        if self.order == 1:  # there are no planes
            kinds[1:] = SPARSE
        return kinds

    @property
    def table(self) -> list[tuple[int, ...]]:
        """Coefficients that are compared, as multi-indices of directions."""
        table: list[tuple[int, ...]] = [(d,) for d in range(self.count)]
        if self.order > 1:
            table += [(2 * p, 2 * p + 1) for p in range(self.pairs)]
            if not self.averaged:
                table += [(d, d) for d in range(self.count)]
        return table

    @property
    def indices(self) -> MultiIndices:
        """The K' coefficients of D directions and a column of context, the number of the event."""
        return MultiIndices.of(self.count + 1, self.table)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the directions, in place of names of features."""
        words = ("all features", "a block of features")
        return tuple(f"direction {d + 1} ({words[kind]})" for d, kind in enumerate(self.kinds))


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions at E events.

    Parameters
    ----------
    layout
        Their number and kinds.
    vectors
        Directions (E, D, n) in units of the features.
    """

    layout: Layout
    vectors: Floats

    @classmethod
    def draw(cls, layout: Layout, free: Flags, units: Floats, seed: int) -> Directions:
        """Draws the directions at events.

        Parameters
        ----------
        layout
            Number and kinds of directions.
        free
            Entries (E, n) that may be displaced.
        units
            Unit (n,) of each entry: see ``entry_units``.
        seed
            Random seed.
        """
        events, n = free.shape
        random = np.random.default_rng([seed, 3])
        kinds = layout.kinds
        entries = random.integers(PARTS, 2 * PARTS, (events, layout.count, n)) / PARTS
        entries *= random.choice([-1.0, 1.0], entries.shape)
        number = events * int((kinds == SPARSE).sum())
        blocks = _blocks(np.asarray(free.any(axis=0)), number, random)
        vectors = np.zeros(entries.shape)
        taken = iter(blocks)
        for e in range(events):
            for d, kind in enumerate(kinds):
                mine = free[e] if kind == DENSE else free[e] & next(taken)
                length = 2.0 ** np.rint(np.log2(max(1, int(mine.sum()))) / 2)
                vectors[e, d] = np.where(mine, entries[e, d] * units / length, 0.0)
        return cls(layout, vectors)

    def without(self, part: slice, flags: Flags) -> Directions:
        """Returns these directions, without flagged features (B, n) at a part of the events."""
        vectors = self.vectors.copy()
        vectors[part] = np.where(flags[:, None], 0.0, vectors[part])
        return Directions(self.layout, vectors)

    def along(self, part: slice, terms: Floats, indices: MultiIndices) -> Floats:
        """Contracts coefficients (B, C, K) at a part of the events: (B, C, K').

        Parameters
        ----------
        part
            The B events.
        terms
            Coefficients by features.
        indices
            Their multi-indices; third order is left out.
        """
        wanted = self.layout.indices.tuples()
        first = [k for k, alpha in enumerate(wanted) if len(alpha) == 1]
        second = [k for k, alpha in enumerate(wanted) if len(alpha) == 2]
        found = np.zeros((*terms.shape[:2], len(wanted)))
        # orders follow one another
        own, pairs = np.flatnonzero(indices.orders == 1), np.flatnonzero(indices.orders == 2)
        v, w = (np.array([wanted[k][side] for k in second], np.int64) for side in (0, 1))
        once = np.where(v == w, 0.0, 1.0)  # along one direction each pair of features counts once
        n = indices.n_features
        upper = np.zeros(n * n if second else 0)
        places = indices.table[pairs, :2] @ (n, 1) if second else pairs
        for e, vectors in enumerate(self.vectors[part]):
            found[e][:, first] = terms[e][:, own] @ vectors[:, indices.table[own, 0]].T
            if not second:
                continue
            for c in range(terms.shape[1]):
                upper[places] = terms[e, c, pairs[0] : pairs[-1] + 1]
                plane = vectors @ (upper.reshape(n, n) @ vectors.T)
                found[e, c, second] = plane[v, w] + once * plane[w, v]
        return found


def entry_units(spread: Floats) -> Floats:
    """Spreads (n,) rounded to powers of two, 0 where there is none."""
    with np.errstate(divide="ignore"):
        return np.asarray(2.0 ** np.rint(np.log2(spread)), np.float64)


def _blocks(features: Flags, number: int, random: np.random.Generator) -> list[Flags]:
    """Flags of the features of each sparse direction: together, these have all of them."""
    if not number:
        return []
    own = np.flatnonzero(features)
    size = max(BLOCK, -(-len(own) // number))
    blocks: list[Flags] = []
    while len(blocks) < number:
        order = random.permutation(own)
        for first in range(0, max(1, len(own)), size):
            flags = np.zeros(len(features), np.bool_)
            flags[order[first : first + size]] = True
            blocks.append(flags)
    return blocks[:number]
