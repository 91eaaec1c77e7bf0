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

__all__ = ["Contents", "bin_numbers", "inner_edges", "join_bins", "snake"]

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
        """Returns the sums of events with bin numbers ``codes`` (N,) and ``weights`` (N,)."""
        return cls(*(_sums(codes, weights**power, bins) for power in (1, 2, 3)))

    def grouped(self, groups: Integers) -> Contents:
        """Returns the sums of joined bins: ``groups`` (B,) are the new numbers."""
        size = int(groups.max()) + 1
        return Contents(*(_sums(groups, s, size) for s in (self.sum, self.sum2, self.sum3)))


def inner_edges(values: Floats, weights: Floats, bins: int) -> Floats:
    """Returns the edges between ``bins`` bins of equal Σ abs(w), ascending; empty for a constant.

    Bins hold equal sums of abs(w), since Σw over events of both signs has no quantiles. There are
    fewer edges where values repeat: up to ``bins`` distinct values get a bin each, and a value that
    holds more than one quantile (zeros of a jet that is not there) gets a bin of its own.

    Parameters
    ----------
    values, weights
        Expected events, both (N,), without missing values.
    bins
        Number of bins.
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


def bin_numbers(values: Floats, edges: Floats, missing: float | None) -> Integers:
    """Returns the bin number of each value: 0 if it is missing, else 1 + #{edges ≤ value}."""
    codes = 1 + np.searchsorted(edges, values, side="right")
    codes[is_missing(values, missing)] = 0
    return codes.astype(np.int64)


def join_bins(enough: Sequence[tuple[Floats, Floats, float, float]], order: Integers) -> Integers:
    """Returns the number of the group that each bin is joined to, (B,), ascending along ``order``.

    Bins are gathered along ``order`` until a group meets all conditions ``enough``, each of them
    (Σw, Σw², least Σw, least (Σw)²/Σw²). A rest at the end joins the last group.
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
    """Returns the cells of a grid, ordered so that consecutive cells are neighbours.

    >>> snake(2, 3)
    array([0, 1, 2, 5, 4, 3])
    """
    cells = np.arange(rows * columns).reshape(rows, columns)
    cells[1::2] = cells[1::2, ::-1]
    return cells.reshape(-1)
