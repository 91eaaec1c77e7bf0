"""Data frames in memory: which of their columns are features, label and weight.

A frame of pandas or polars, or a table of pyarrow, is treated as a file: columns are chosen by name
if the features are named, by the names that the model carries, or by counting those that are left.
None of these libraries is imported for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onnxtaylor.data.arrays import ArraySource, is_frame
from onnxtaylor.data.columns import (
    ColumnRequest,
    Places,
    choose_columns,
    locate_columns,
    quoted,
)
from onnxtaylor.errors import OptionError

__all__ = ["column_names", "in_memory"]

FRAME = "the data frame"


def column_names(x: Any) -> tuple[str, ...] | None:
    """Returns the names of a data frame's columns, as text; None for an array."""
    if _is_arrow(x):
        return tuple(map(str, x.column_names))
    return tuple(map(str, x.columns)) if is_frame(x) else None


def in_memory(
    x: Any, request: ColumnRequest, *, weights: Any = None, labels: Any = None
) -> ArraySource:
    """Makes a source of events of an array or a data frame.

    Parameters
    ----------
    x
        Features: an array (N, n), or a data frame of pandas, polars or pyarrow.
    request
        Choice of the data frame's columns. Features that are no columns are new names for the
        columns that are left.
    weights, labels
        Arrays (N,), if they are no columns.

    Raises
    ------
    DataError
        Columns do not fit the request, or values are no numbers.
    OptionError
        Columns of an array are named.
    """
    names = column_names(x)
    if names is None:
        _refuse_names(request)
        return ArraySource(
            x,
            weights=weights,
            labels=labels,
            feature_names=request.features,
            missing=request.missing,
        )
    features = request.features
    renamed = features is not None and not set(features) & set(names)
    if renamed:
        request = _without_new_names(request, names)
    columns = choose_columns(FRAME, names, names, request)
    places = locate_columns(FRAME, names, columns)
    split = _of_pandas if hasattr(x, "iloc") else _of_arrow
    rows, own_weights, own_labels = split(x, places)
    return ArraySource(
        rows,
        weights=weights if own_weights is None else own_weights,
        labels=labels if own_labels is None else own_labels,
        feature_names=features if renamed else columns.features,
        missing=request.missing,
    )


def _without_new_names(request: ColumnRequest, names: Sequence[str]) -> ColumnRequest:
    """The request without new names of features, if their number equals the remaining columns'."""
    used = {request.label, request.weight, *request.exclude}
    left = [name for name in names if name not in used]
    if request.features is not None and len(request.features) == len(left):
        return replace(request, features=None, offered=None)
    return request


def _refuse_names(request: ColumnRequest) -> None:
    """Raises OptionError for columns that are named although x is an array."""
    named = {"labels": request.label, "weights": request.weight}
    named |= {"exclude": next(iter(request.exclude), None)}
    for option, name in named.items():
        if name is not None:
            raise OptionError(
                f"names the column {quoted(name)}, but x is an array, which has no column names:"
                " pass a data frame or a file",
                option=option,
            )


def _is_arrow(x: Any) -> bool:
    """Whether x is a table of pyarrow, without importing pyarrow."""
    return hasattr(x, "column_names") and hasattr(x, "schema")


def _of_pandas(x: Any, places: Places) -> tuple[Any, Any, Any]:
    """Features, weight and label of a frame of pandas; if all columns are used, without a copy."""
    whole = places.features == tuple(range(x.shape[1]))
    rows = x if whole else x.iloc[:, list(places.features)]
    weight, label = (None if k is None else x.iloc[:, k] for k in (places.weight, places.label))
    return rows, weight, label


def _of_arrow(x: Any, places: Places) -> tuple[Any, Any, Any]:
    """Features, weight and label of a table of pyarrow, or of a frame of polars."""
    from onnxtaylor.data.arrow import arrow_piece  # pyarrow is slow to import

    table = x if _is_arrow(x) else x.to_arrow()

    def column(place: int) -> Any:
        values = table.column(place)
        return values.combine_chunks() if hasattr(values, "combine_chunks") else values

    piece = arrow_piece(FRAME, table.column_names, places, column, 0)
    return piece.x, piece.weights, piece.labels
