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

__all__ = [
    "CoefficientRows",
    "coefficient_columns",
    "coefficient_lists",
    "symmetric_matrix",
]

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
        missing = [k for k, row in enumerate(self._rows) if row[name] is None]
        if len(missing) == len(self._rows):
            return None
        if missing:
            raise ValueError(f"coefficients[{missing[0]}].{name} must be a number as in other rows")
        return self.column(name, dtype)

    def _check_order(
        self,
        axes: Mapping[str, Sequence[object]],
        features: Sequence[str],
        constants: Mapping[str, object],
    ) -> None:
        whose = coefficient_lists(self.indices, features)
        count, places = len(self.indices), list(product(*axes.values()))
        wrong: list[tuple[int, str, object]] = []
        for number, values in enumerate(places):
            start = number * count
            part = self._rows[start : start + count]
            for name, value in (*constants.items(), *zip(axes, values, strict=True)):
                wrong += _first_other([row.get(name) for row in part], [value] * count, name, start)
            for name, column in whose.items():
                wrong += _first_other([row.get(name) for row in part], column, name, start)
            if wrong:
                k, name, expected = min(wrong, key=lambda one: one[0])
                raise ValueError(
                    f"coefficients[{k}].{name} must be {expected!r}, got"
                    f" {self._rows[k].get(name)!r}"
                )


def _first_other(
    found: list[Any], expected: list[Any], name: str, start: int
) -> list[tuple[int, str, object]]:
    """Row, name and expected value of the first of a column's values that differs, if any."""
    if found == expected:
        return []
    k = next(k for k, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
    return [(start + k, name, expected[k])]


def _indices(block: Sequence[Mapping[str, Any]], features: Sequence[str]) -> MultiIndices:
    """The coefficients of the first rows, in the order of the convention."""
    places = {name: i for i, name in enumerate(features)}
    try:
        alphas = [[places[name] for name in row["features"]] for row in block]
    except KeyError:
        k, unknown = next(
            (k, name)
            for k, row in enumerate(block)
            for name in row["features"]
            if name not in places
        )
        raise ValueError(
            f"coefficients[{k}].features must be among the features of the data, got {unknown!r}"
        ) from None
    relations = [RELATIONS.index(row.get("relation") or "") for row in block]
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
    names = indices.names_at(k, features)
    columns: dict[str, Any] = {
        "order": len(names),
        "label": indices.label_at(k, features),
        "features": list(names),
    }
    if indices.relation is not None:
        columns["relation"] = indices.relation_of(k) or None
    return columns


def coefficient_lists(
    indices: MultiIndices, features: Sequence[str], places: Integers | None = None
) -> dict[str, list[Any]]:
    """Values of the columns of ``coefficient_columns`` for all coefficients, or for these places.

    Whether a label says its relation depends on all coefficients, whatever the places.
    """
    part = indices if places is None else indices.part(places)
    told = indices.told_apart if places is None else indices.told_apart[places]
    names = part.names(features)
    columns: dict[str, list[Any]] = {
        "order": part.orders.tolist(),
        "label": [
            label(own, RELATIONS[kind]) for own, kind in zip(names, told.tolist(), strict=True)
        ],
        "features": list(map(list, names)),
    }
    if part.relation is not None:
        words = [None, *RELATIONS[1:]]
        columns["relation"] = [words[kind] for kind in part.relation.tolist()]
    return columns
