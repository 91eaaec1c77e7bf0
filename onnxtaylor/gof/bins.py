"""Bins of a feature, from quantiles of the expectation.

A value belongs to bin 1 + #{inner edges ≤ value}; a missing value to bin 0. Bins that hold too
little are joined with the next one, so that every bin that is tested holds enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import is_missing

__all__ = ["Contents", "binned", "inner_edges", "joined", "snake"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contents:
    """Sums of a sample in bins: ``sum`` Σw, ``sum2`` Σw² and ``sum3`` Σw³, each of shape (B,)."""

    sum: Floats
    sum2: Floats
    sum3: Floats

    @classmethod
    def of(cls, codes: Integers, weights: Floats, bins: int) -> Contents:
        """The sums of events with bin numbers ``codes`` (N,) and ``weights`` (N,)."""
        return cls(*(_sums(codes, weights**power, bins) for power in (1, 2, 3)))

    def grouped(self, groups: Integers) -> Contents:
        """The sums of bins that were joined: ``groups`` (B,) are the new numbers."""
        size = int(groups.max()) + 1
        return Contents(*(_sums(groups, s, size) for s in (self.sum, self.sum2, self.sum3)))


def inner_edges(values: Floats, weights: Floats, bins: int) -> Floats:
    """Edges between ``bins`` bins of equal Σ abs(w), ascending; fewer where values repeat.

    ``values`` (N,) and ``weights`` (N,) are those of the expectation, without missing values;
    abs(w), since Σw over events of both signs has no quantiles. At most ``bins`` distinct values
    get a bin each. A value that holds more than one quantile (zeros of a jet that is not there)
    gets a bin of its own. Empty for a constant.
    """
    order = np.argsort(values, kind="stable")
    ordered, size = values[order], np.abs(weights[order])
    distinct = np.unique(ordered)
    if len(distinct) <= bins:
        return distinct[1:]
    heaped = np.cumsum(size)
    places = np.searchsorted(heaped, heaped[-1] * np.arange(1, bins) / bins)
    edges, times = np.unique(ordered[places.clip(max=len(ordered) - 1)], return_counts=True)
    behind = np.searchsorted(distinct, edges[times > 1], side="right")
    edges = np.union1d(edges, distinct[behind[behind < len(distinct)]])
    return np.asarray(edges[edges > distinct[0]])


def binned(values: Floats, edges: Floats, missing: float | None) -> Integers:
    """The bin number of each value: 0 for a missing one, 1 + #{edges ≤ value} for the others."""
    codes = 1 + np.searchsorted(edges, values, side="right")
    codes[is_missing(values, missing)] = 0
    return codes.astype(np.int64)


def joined(enough: Sequence[tuple[Floats, Floats, float, float]], order: Integers) -> Integers:
    """Numbers of the groups that bins are joined to, shape (B,), ascending along ``order``.

    ``enough`` are conditions (Σw, Σw², least Σw, least (Σw)²/Σw²), all of which each group must
    meet. Bins are gathered along ``order`` until they do; a rest at the end joins the last group.
    """
    groups = np.zeros(len(order), np.int64)
    group, sums = 0, [(0.0, 0.0)] * len(enough)
    members: list[int] = []
    for place in order:
        members.append(int(place))
        pairs = zip(sums, enough, strict=True)
        sums = [(a + s[place], b + s2[place]) for (a, b), (s, s2, *_) in pairs]
        if all(_met(*held, *least[2:]) for held, least in zip(sums, enough, strict=True)):
            groups[members] = group
            group, sums, members = group + 1, [(0.0, 0.0)] * len(enough), []
    groups[members] = max(group - 1, 0)
    return groups


def _sums(codes: Integers, values: Floats, bins: int) -> Floats:
    return np.bincount(codes, values, bins).astype(np.float64)


def _met(total: Any, total2: Any, least: float, effective: float) -> bool:
    return bool(total > 0 and total >= least and total**2 >= effective * total2)


def snake(rows: int, columns: int) -> Integers:
    """The cells of a grid in an order in which each is a neighbour of the one before.

    >>> snake(2, 3)
    array([0, 1, 2, 5, 4, 3])
    """
    cells = np.arange(rows * columns).reshape(rows, columns)
    cells[1::2] = cells[1::2, ::-1]
    return cells.reshape(-1)
