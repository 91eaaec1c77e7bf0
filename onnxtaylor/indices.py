"""The convention: the list of Taylor coefficients, their order, and 1/α!.

For a multi-index α over n features the Taylor coefficient is

    t_α = (1/α!) ∂^|α| f / ∂x^α        so  t_i = ∂f/∂x_i,  t_ii = ½ ∂²f/∂x_i²,  t_ij = ∂²f/∂x_i∂x_j.

A multi-index is written as the sorted tuple of the features by which f is differentiated: ``(i,)``,
``(i, i)``, ``(i, j)`` with i ≤ j. All t_i come first, then the upper triangle row by row, then the
third order in the same way: n(n+3)/2 coefficients up to second order, 495 for n = 30.
Source: Wunsch, Friese, Wolf, Quast, Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError

__all__ = ["RELATIONS", "MultiIndices", "check_order", "count", "label"]

MAX_ORDER = 3
RELATIONS = ("", "same object", "different objects")  # of the two features of a pair


def count(n: int, order: int) -> int:
    """Number of multi-indices of n features with 1 ≤ |α| ≤ order.

    >>> count(30, 1), count(30, 2)
    (30, 495)
    """
    total, level = 0, 1
    for k in range(1, order + 1):
        level = level * (n + k - 1) // k  # binomial(n + k - 1, k)
        total += level
    return total


@dataclass(frozen=True, eq=False)
class MultiIndices:
    """An ordered list of multi-indices.

    Attributes
    ----------
    n_features
        Number n of features.
    table
        (K, order) int32: one row per coefficient, one column per derivative. A row of lower order
        is filled up with -1.
    relation
        Place in ``RELATIONS`` of each coefficient, (K,) int8, where pairs of variables of a set are
        told apart: those of the same object (1) and of different objects (2); 0 for first order.
        None where nothing is told apart. Rows of the same pair follow one another.

    >>> MultiIndices.full(2, order=2).tuples()
    [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    """

    n_features: int
    table: npt.NDArray[np.int32]
    relation: npt.NDArray[np.int8] | None = None

    @classmethod
    def full(cls, n_features: int, order: int = 2) -> MultiIndices:
        """All multi-indices up to an order, in the order of the convention.

        Parameters
        ----------
        n_features
            Number of features.
        order
            Highest order: 1, 2 or 3.

        Raises
        ------
        OptionError
            Another order.
        """
        check_order(order)
        blocks = []
        for k in range(1, order + 1):
            block = np.full((count(n_features, k) - count(n_features, k - 1), order), -1, np.int32)
            if k == 1:
                block[:, 0] = np.arange(n_features)
            elif k == 2:
                block[:, 0], block[:, 1] = np.triu_indices(n_features)
            else:
                block[:, :k] = list(combinations_with_replacement(range(n_features), k))
            blocks.append(block)
        return cls(n_features, np.concatenate(blocks))

    @classmethod
    def of(
        cls,
        n_features: int,
        alphas: Iterable[Sequence[int]],
        relations: Sequence[int] | None = None,
    ) -> MultiIndices:
        """Chosen multi-indices, sorted into the order of the convention, without duplicates.

        Parameters
        ----------
        n_features
            Number n of features.
        alphas
            Multi-indices as feature numbers, in any order.
        relations
            Place of each in ``RELATIONS``; None where nothing is told apart.

        Raises
        ------
        OptionError
            No multi-index, one of order 0 or above 3, or a feature number outside 0…n−1.

        >>> MultiIndices.of(3, [(2, 0), (1,)]).tuples()
        [(1,), (0, 2)]
        """
        rows = [sorted(alpha) for alpha in alphas]
        if not rows:
            raise OptionError("the list of multi-indices is empty: ask for at least one")
        for row in rows:
            check_order(len(row))
            if row[0] < 0 or row[-1] >= n_features:
                raise OptionError(
                    f"multi-index {tuple(row)} has a feature number outside 0…{n_features - 1}"
                )
        order = max(map(len, rows))
        table = np.array([row + [-1] * (order - len(row)) for row in rows], np.int32)
        told = None if relations is None else np.array(relations, np.int8)
        return cls(n_features, table, told).in_order()

    def in_order(self) -> MultiIndices:
        """Multi-indices of this list in the order of the convention, each once."""
        # lexsort's last key counts most
        columns = [self.table[:, k] for k in reversed(range(self.table.shape[1]))]
        kinds = np.zeros(len(self), np.int8) if self.relation is None else self.relation
        keys: list[npt.NDArray[Any]] = [kinds, *columns, self.orders]
        place = np.lexsort(keys)
        new = np.ones(len(self), np.bool_)
        new[1:] = (np.diff(self.table[place], axis=0) != 0).any(axis=1)
        new[1:] |= np.diff(kinds[place]) != 0
        return self.part(place[new])

    def __len__(self) -> int:
        return len(self.table)

    @property
    def order(self) -> int:
        """The highest derivative order in the list."""
        return int(self.orders.max())

    @cached_property
    def orders(self) -> npt.NDArray[np.int64]:
        """Order abs(α) of each coefficient, shape (K,)."""
        return np.asarray(np.count_nonzero(self.table >= 0, axis=1), dtype=np.int64)

    @cached_property
    def inverse_factorials(self) -> npt.NDArray[np.float64]:
        """1/α! of each coefficient, shape (K,): 1 for t_i and t_ij, ½ for t_ii."""
        values = np.ones(len(self.table))
        if self.table.shape[1] >= 2:
            equal = self.table[:, 1:] == self.table[:, :-1]
            equal &= self.table[:, 1:] >= 0
            values[equal.sum(axis=1) == 1] = 1 / factorial(2)
            values[equal.sum(axis=1) == 2] = 1 / factorial(3)
        return values

    def scale(self, sigma: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Π σ_i over the features of each multi-index, (K,): factors of the scale ``sigma``.

        Parameters
        ----------
        sigma
            (n,) standard deviations, in the features' units.
        """
        padded = np.append(sigma, 1.0)  # index -1, which fills up the table, reads the 1
        return np.asarray(padded[self.table].prod(axis=1), dtype=np.float64)

    def having(self, features: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Flags the coefficients that differentiate by a flagged feature: (…, n) to (…, K).

        >>> MultiIndices.full(2, order=2).having(np.array([True, False])).tolist()
        [True, False, True, True, False]
        """
        padded = np.concatenate((features, np.zeros((*features.shape[:-1], 1), np.bool_)), axis=-1)
        return np.asarray(padded[..., self.table].any(axis=-1))  # index -1 reads the False

    def tuples(self) -> list[tuple[int, ...]]:
        """Multi-indices as tuples of feature numbers."""
        rows, orders = self.table.tolist(), self.orders.tolist()
        return [tuple(row[:order]) for row, order in zip(rows, orders, strict=True)]

    def names(self, features: Sequence[str]) -> list[tuple[str, ...]]:
        """Multi-indices as tuples of feature names."""
        return [tuple(features[i] for i in row) for row in self.tuples()]

    def labels(self, features: Sequence[str]) -> list[str]:
        """Names of the coefficients in tables and figures: see ``label``."""
        return list(map(label, self.names(features), self.suffixes))

    def names_at(self, k: int, features: Sequence[str]) -> tuple[str, ...]:
        """Feature names of coefficient k."""
        return tuple(features[i] for i in self.table[k].tolist() if i >= 0)

    def label_at(self, k: int, features: Sequence[str]) -> str:
        """Name of coefficient k in tables and figures: see ``label``."""
        return label(self.names_at(k, features), self.suffixes[k])

    def keys(self, features: Sequence[str]) -> list[tuple[str, ...]]:
        """Keys of the coefficients, equal for equal ones of any list: names, sorted, and relation.

        >>> MultiIndices.of(2, [(0, 1)]).keys(["pt", "eta"])
        [('', 'eta', 'pt')]
        """
        return [
            (self.relation_of(k), *sorted(names)) for k, names in enumerate(self.names(features))
        ]

    def relation_of(self, k: int) -> str:
        """Relation of the features of coefficient k, one of ``RELATIONS``."""
        return RELATIONS[0 if self.relation is None else int(self.relation[k])]

    @cached_property
    def suffixes(self) -> tuple[str, ...]:
        """Relation of each coefficient where another one has the same features; else empty."""
        if self.relation is None:
            return ("",) * len(self)
        return tuple(RELATIONS[kind] for kind in self.told_apart.tolist())

    @cached_property
    def told_apart(self) -> npt.NDArray[np.int8]:
        """Place in ``RELATIONS`` of coefficients whose label says their relation, else 0, (K,)."""
        if self.relation is None:
            return np.zeros(len(self), np.int8)
        twice = np.zeros(len(self), np.bool_)
        equal = (self.table[1:] == self.table[:-1]).all(axis=1)
        twice[1:] |= equal
        twice[:-1] |= equal
        return np.where(twice, self.relation, 0).astype(np.int8)

    def part(self, kept: npt.NDArray[np.int64]) -> MultiIndices:
        """Coefficients at these places, in this order."""
        relation = None if self.relation is None else self.relation[kept]
        return MultiIndices(self.n_features, self.table[kept], relation)


def label(features: Sequence[str], relation: str = "") -> str:
    """The name of a coefficient in tables and figures, from the names of its features.

    ``relation`` tells pairs of the same names apart.

    >>> label(("m_vis",)), label(("m_vis", "pt")), label(("pt", "eta"), "same object")
    ('m_vis', 'm_vis, pt', 'pt, eta (same object)')
    """
    return ", ".join(features) + (f" ({relation})" if relation else "")


def check_order(order: int) -> None:
    """Raises OptionError unless order is 1, 2 or 3."""
    if order not in range(1, MAX_ORDER + 1):
        raise OptionError(f"must be 1, 2 or 3, got {order}", option="order")
