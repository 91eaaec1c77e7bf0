"""Pieces: tensors of a derivative graph, and the places of the coefficients in them.

Matrix products yield coefficients in another order than ``MultiIndices`` has, and second
derivatives in several summands. A piece is one such tensor with the runs by which it is read: a run
(slot, place, step, length) adds the numbers at place, place + step, … to the coefficients slot,
slot + 1, …. Pieces that together have a coefficient at most once form a cover; covers are added.
The first one has all of them.

Rows and weights whose products have not been summed yet are ``RowProducts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.rules.emit import Emitter

__all__ = ["Cover", "Piece", "RowProducts", "gather_pieces", "runs"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Piece:
    """A tensor with ``size`` numbers per response, and the ``runs`` (R, 4) by which it is read.

    Its shape is (N, C, size), or (N, C·b, m) with b·m = size. N is 1 unless it ``varies`` from
    event to event.
    """

    name: str
    size: int
    runs: Integers
    varies: bool = True

    @property
    def slots(self) -> Integers:
        """The coefficients to which the piece contributes, run by run."""
        first, lengths = self.runs[:, 0], self.runs[:, 3]
        ends = np.cumsum(lengths)
        return np.arange(int(lengths.sum())) + np.repeat(first - ends + lengths, lengths)


Cover = tuple[Piece, ...]


@dataclass(frozen=True, eq=False)
class RowProducts:
    """Second derivatives Σ_d w_cd r_id r_jd, left to the kernel ``add_curvature``.

    Attributes
    ----------
    rows
        Name of the tensor r, (n, N, D), or (n, 1, D) where it is the same for all events.
    weights
        Name of the tensor w, (C, N, D) or (C, 1, D).
    slots
        The coefficient of each pair i ≤ j, (n, n); −1 where it is none.
    flops
        Operations of an event: 2·C·D for each pair.
    """

    rows: str
    weights: str
    slots: Integers
    flops: int


def runs(slots: Integers, places: Integers, step: int = 1) -> Integers:
    """The fewest runs (R, 4) with a given step that read ``places`` (K,) into ``slots`` (K,).

    >>> runs(np.array([4, 5, 6]), np.array([0, 1, 5])).tolist()
    [[4, 0, 1, 2], [6, 5, 1, 1]]
    """
    if not len(slots):
        return np.empty((0, 4), np.int64)
    follows = (np.diff(slots) == 1) & (np.diff(places) == step)
    starts = np.concatenate(([0], np.flatnonzero(~follows) + 1))
    lengths = np.diff(np.concatenate((starts, [len(slots)])))
    table = (slots[starts], places[starts], np.full(len(starts), step), lengths)
    return np.stack(table, axis=1).astype(np.int64)


def gather_pieces(e: Emitter, covers: Sequence[Cover], slots: Integers, responses: int) -> str:
    """Adds covers; returns the name of a tensor (N or 1, C, K) with the coefficients ``slots``."""
    total = ""
    for cover in covers:
        whole = _gather_cover(e, cover, slots, responses)
        total = e.op("Add", total, whole) if total else whole
    return total


def _gather_cover(e: Emitter, cover: Cover, slots: Integers, responses: int) -> str:
    """Joins the pieces of a cover and gathers the coefficients in their order."""
    place_of = dict.fromkeys(slots.tolist(), -1)
    names, start = [], 0
    for piece in cover:
        for slot, place, step, length in piece.runs.tolist():
            numbers = range(start + place, start + place + step * length, step)
            place_of.update(zip(range(slot, slot + length), numbers, strict=True))
        names.append(e.op("Reshape", piece.name, e.constant([0, responses, piece.size])))
        start += piece.size
    name = e.op("Concat", *names, axis=2) if len(names) > 1 else names[0]
    places = list(place_of.values())
    if places == list(range(start)):
        return name
    if -1 in places:  # a zero behind the last number, for coefficients that the cover has not
        name = e.op("Pad", name, e.constant([0, 0, 0, 0, 0, 1]))
        places = [start if place < 0 else place for place in places]
    return e.op("Gather", name, e.constant(places), axis=2)
