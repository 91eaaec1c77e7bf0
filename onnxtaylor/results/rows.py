"""Reads tidy rows of coefficients as arrays; they must be complete and in order.

A document has one row for each place on its axes, such as output and group, and each coefficient of
the list that all of them share, in this order of nesting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import RELATIONS, MultiIndices, label

__all__ = ["CoefficientRows", "check_ranks", "coefficient_columns", "symmetric_matrix"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class CoefficientRows:
    """The rows of a document that fits its schema, and which coefficients they hold.

    Parameters
    ----------
    rows
        ``coefficients`` of the document.
    axes
        Values of the columns that say where a coefficient belongs, outermost axis first.
    features
        Names of the features, or of what else the coefficients are by.
    constants
        Values of columns that are equal in all rows.

    Raises
    ------
    ValueError
        Where rows are missing, repeated or out of order, or name something that the rest of the
        document does not have.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        axes: Mapping[str, Sequence[object]],
        features: Sequence[str],
        constants: Mapping[str, object] | None = None,
    ) -> None:
        blocks = prod(len(values) for values in axes.values())
        count, rest = divmod(len(rows), blocks)
        if rest or not count:
            raise ValueError(
                f"coefficients must have equally many rows for each {' and '.join(axes)}, got"
                f" {len(rows)} rows for {blocks}"
            )
        self._rows = rows
        self.indices = _indices(rows[:count], features)
        if len(self.indices) != count:
            raise ValueError("coefficients has the same coefficient twice")
        self._shape = (*(len(values) for values in axes.values()), count)
        self._check_order(axes, features, constants or {})

    def column(self, name: str, dtype: type) -> npt.NDArray[Any]:
        """Returns one column with shape (axes…, K); null becomes NaN.

        Raises ValueError for a whole number beyond 64 bits.
        """
        try:
            values: npt.NDArray[Any] = np.array([row[name] for row in self._rows], dtype=dtype)
        except OverflowError:
            raise ValueError(f"coefficients has a {name} that is too large") from None
        return values.reshape(self._shape)

    def has(self, name: str) -> bool:
        """Whether a column has any number."""
        return any(row[name] is not None for row in self._rows)

    def all_or_none(self, name: str, dtype: type) -> npt.NDArray[Any] | None:
        """Returns a column that has a number in every row; None if it has none.

        Raises ValueError where some rows have one.
        """
        if not self.has(name):
            return None
        for k, row in enumerate(self._rows):
            if row[name] is None:
                raise ValueError(f"coefficients[{k}].{name} must be a number as in other rows")
        return self.column(name, dtype)

    def _check_order(
        self,
        axes: Mapping[str, Sequence[object]],
        features: Sequence[str],
        constants: Mapping[str, object],
    ) -> None:
        coefficients = [
            {**constants, **coefficient_columns(self.indices, k, features)}
            for k in range(len(self.indices))
        ]
        rows = iter(enumerate(self._rows))
        for values in product(*axes.values()):
            place = dict(zip(axes, values, strict=True))
            for coefficient, (k, row) in zip(coefficients, rows, strict=False):
                for name, expected in (*place.items(), *coefficient.items()):
                    if row.get(name) != expected:
                        raise ValueError(
                            f"coefficients[{k}].{name} must be {expected!r}, got {row.get(name)!r}"
                        )


def check_ranks(score: Floats, rank: Integers, low: Integers | None, high: Integers | None) -> None:
    """Raises ValueError where ranks do not follow the scores, largest first, or exceed K.

    All arrays have shape (…, K); ``low`` and ``high`` are the ends of the ranks' intervals.
    """
    count = score.shape[-1]
    for name, values in (("rank", rank), ("rank_low", low), ("rank_high", high)):
        if values is not None:
            _refuse(values > count, name, values, f"must be at most {count}, the last rank")
    order = np.argsort(rank, axis=-1, kind="stable")
    rising = np.zeros(score.shape, np.bool_)
    ordered = np.take_along_axis(score, order, axis=-1)
    np.put_along_axis(rising, order[..., 1:], np.diff(ordered, axis=-1) > 0, axis=-1)
    _refuse(rising, "rank", rank, "must follow the scores, largest first")
    if low is not None and high is not None:
        _refuse(low > high, "rank_low", low, "must be at most rank_high")


def _refuse(wrong: npt.NDArray[np.bool_], name: str, values: Integers, demand: str) -> None:
    """Raises ValueError for the first row that is wrong."""
    places = np.flatnonzero(wrong)
    if len(places):
        k = int(places[0])
        raise ValueError(f"coefficients[{k}].{name} {demand}, got {values.flat[k]}")


def _indices(block: Sequence[Mapping[str, Any]], features: Sequence[str]) -> MultiIndices:
    """The coefficients of the first rows, in the order of the convention."""
    places = {name: i for i, name in enumerate(features)}
    alphas, relations = [], []
    for k, row in enumerate(block):
        for name in row["features"]:
            if name not in places:
                raise ValueError(
                    f"coefficients[{k}].features must be among the features of the"
                    f" data, got {name!r}"
                )
        alphas.append([places[name] for name in row["features"]])
        relations.append(RELATIONS.index(row.get("relation") or ""))
    return MultiIndices.of(len(features), alphas, relations if any(relations) else None)


def symmetric_matrix(indices: MultiIndices, scores: Floats, relation: str | None = None) -> Floats:
    """Second-order scores as a matrix: (K,) → (n, n), NaN where there is no coefficient.

    ``relation`` is one of ``RELATIONS``, where pairs are told apart. Raises OptionError where there
    is no second order, and for a wrong or missing choice.
    """
    second = np.flatnonzero(indices.orders == 2)
    if not len(second):
        raise OptionError("the result has no second-order coefficients: analyze with order=2")
    if indices.relation is not None:
        if relation not in RELATIONS[1:]:
            raise OptionError(
                "tells which pairs are shown: choose relation="
                + " or ".join(f'"{words}"' for words in RELATIONS[1:]),
                option="relation",
            )
        second = second[indices.relation[second] == RELATIONS.index(relation)]
    i, j = indices.table[second, 0], indices.table[second, 1]
    values = np.full((indices.n_features,) * 2, np.nan)
    values[i, j] = values[j, i] = scores[second]
    return values


def coefficient_columns(indices: MultiIndices, k: int, features: Sequence[str]) -> dict[str, Any]:
    """Columns of a tidy row that say which coefficient it holds: that of place k.

    ``relation`` is there where pairs of the same and of different objects are told apart.
    """
    names = [features[i] for i in indices.table[k] if i >= 0]
    columns: dict[str, Any] = {
        "order": len(names),
        "label": label(names, indices.suffixes[k]),
        "features": names,
    }
    if indices.relation is not None:
        columns["relation"] = indices.relation_of(k) or None
    return columns
