"""Data frames in memory: which of their columns are features, label and weight.

A frame of pandas or polars, or a table of pyarrow, is treated as a file: columns are chosen by name
if the features are named, by the names that the model carries, or by counting those that are left.
None of these libraries is imported for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from onnxtaylor.data.arrays import ArraySource, is_frame, plain_array
from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places, choose_columns, locate_columns, quoted
from onnxtaylor.data.inputs import choose_inputs
from onnxtaylor.data.memory import FRAME, ArrowFrame, MappingTable, WithArrays, is_arrow, is_jagged
from onnxtaylor.data.partitions import Partitions, as_partitions
from onnxtaylor.data.records import (
    arrow_table,
    dense_array,
    flat_columns,
    is_awkward,
    is_records,
)
from onnxtaylor.data.request import ColumnRequest, Requested, requested
from onnxtaylor.data.rows import element_names
from onnxtaylor.data.selection import ChosenEvents
from onnxtaylor.data.source import EventSource
from onnxtaylor.data.table import FileSource
from onnxtaylor.errors import DataError, OptionError, join_names

__all__ = ["column_names", "in_memory", "refuse_other_index"]

ONE_EACH = "give a dictionary with one array per input"


def column_names(x: Any) -> tuple[str, ...] | None:
    """Returns the names of a data frame's columns or a dictionary's arrays; None for an array."""
    if isinstance(x, Mapping):
        return tuple(map(str, x))
    if isinstance(x := as_partitions(x), Partitions):
        return None if x.counted else tuple(x.tables[0].names)
    if is_awkward(x):
        return tuple(name for name, _ in flat_columns(x)) if is_records(x) else None
    if is_arrow(x):
        return tuple(map(str, x.column_names))
    return tuple(map(str, x.columns)) if is_frame(x) else None


def in_memory(
    x: Any, request: Requested, *, weights: Any = None, labels: Any = None
) -> EventSource:
    """Makes a source of events of an array, a dictionary of arrays, or a data frame.

    Parameters
    ----------
    x
        An array (N, n); a dictionary with one array (N, …) for each input of the model, which may
        be jagged, and arrays (N,); a data frame of pandas, polars or pyarrow; an array of awkward
        with fields, which are columns; or a collection of Dask of frames, records or arrays (N, n).
        An array may have context behind the features: (N, n + m).
    request
        Choice of the columns, or a function that makes it from their names (none for an array).
        Features that are no columns are new names for the columns that are left.
    weights, labels
        Arrays (N,), if they are no columns. A series of pandas must have the index of the frame.

    Raises
    ------
    DataError
        Columns do not fit the request, or values are no numbers.
    OptionError
        Columns of an array are named, or a series has another index than the frame.
    """
    if isinstance(x, Mapping):
        return _of_mapping(x, request, weights, labels)
    if isinstance(x := as_partitions(x), Partitions):
        return _of_partitions(x, request, weights, labels)
    if is_records(x):
        x = arrow_table(x)
    if column_names(x) is not None:
        refuse_other_index(x, weights=weights, labels=labels)
        return _of_frame(x, request, weights, labels)
    request = requested(request, ())
    _refuse_names(request)
    features = [item for item in request.inputs if not item.held_back]
    if len(request.inputs) == len(features) == 1 and not request.context:
        axes = len(features[0].shape)
        if (
            is_jagged(x)
            or (is_awkward(x) and dense_array(x) is None)
            or (axes > 1 and np.ndim(x) == 1 + axes)
        ):
            return _of_mapping({features[0].name: x}, request, weights, labels)
    arrays = {"weights": weights, "labels": labels, "missing": request.missing}
    names = _context_columns(request)
    if not names:
        return _chosen(ArraySource(x, feature_names=request.features, **arrays), request)
    x = plain_array(x, "x")
    n = _count_features(x, request, names)
    held = {name: x[:, n + k] for k, name in enumerate(names)}
    source = ArraySource(x[:, :n], feature_names=request.features, context=held, **arrays)
    return _chosen(source, request)


def _chosen(source: EventSource, request: ColumnRequest) -> EventSource:
    """Returns the events that a request selects, of a source with all columns in its rows."""
    if request.beside.where is None and request.beside.fold is None:
        return source
    return ChosenEvents(source, request.beside, request.offered)


def _context_columns(request: ColumnRequest) -> list[str]:
    """Names of all columns of context whose number the model tells.

    Raises DataError for texts, which an array of numbers cannot hold.
    """
    names: list[str] = []
    for item in request.inputs:
        if item.held_back:
            if item.text or item.width is None:
                raise DataError(
                    f"x is one array, which cannot hold the input {item.described}: {ONE_EACH}"
                )
            names += element_names(item, [int(size or 0) for size in item.shape])
    if text := next((column.name for column in request.context if column.text), None):
        raise DataError(
            f"x is one array, which cannot hold the texts of {quoted(text)}: {ONE_EACH}"
        )
    return names + [column.name for column in request.context]


def _count_features(x: Any, request: ColumnRequest, names: Sequence[str]) -> int:
    """Number of features of an array (N, n + m) with m columns of context."""
    widths = [item.width for item in request.inputs if not item.held_back]
    known = sum(width or 0 for width in widths) if widths and None not in widths else None
    n = request.n_features if known is None else known
    columns = x.shape[1] if x.ndim == 2 else 0
    if columns != (n or max(1, columns - len(names))) + len(names):
        raise DataError(
            f"x has shape {x.shape}, but must have {'' if n is None else f'{n} '}features and"
            f" {len(names)} columns of context behind them ({join_names(names, 3)}): {ONE_EACH}"
        )
    return columns - len(names)


def _of_mapping(x: Mapping[str, Any], request: Requested, weights: Any, labels: Any) -> EventSource:
    table = MappingTable(x)
    request = requested(request, tuple(dict.fromkeys((*table.names, *table.wholes))))
    for item in request.inputs:
        if item.name in table.faults:
            raise table.faults[item.name]
    source = FileSource([table], request, origins=("array",), rename=True)
    if weights is None and labels is None:
        return source
    return WithArrays(source, table.count(source.places), weights, labels)


def _of_partitions(x: Partitions, request: Requested, weights: Any, labels: Any) -> EventSource:
    for name, values in (("weights", weights), ("labels", labels)):
        if values is not None:
            raise OptionError(
                "is an array, but the events are a collection of Dask: name one of its columns",
                option=name,
            )
    return FileSource(x.tables, request, origins=("array",), rename=True)


def _of_frame(x: Any, request: Requested, weights: Any, labels: Any) -> EventSource:
    names = column_names(x) or ()
    request = requested(request, names)
    features = request.features
    renamed = features is not None and not set(features) & set(names)
    if renamed:
        request = _without_new_names(request, names)
    if request.inputs or request.context or request.beside.names:
        table = ArrowFrame(x)
        columns = choose_inputs(table, request)
        several = columns.wholes or columns.context or columns.beside.names
        if several or any("[" in n for n in columns.features):
            if renamed:
                request = replace(request, features=features)
            source = FileSource([table], request, origins=("array",), rename=renamed)
            if weights is None and labels is None:
                return source
            return WithArrays(source, len(x), weights, labels)
    else:
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


def refuse_other_index(x: Any, **beside: Any) -> None:
    """Raises OptionError for a series of pandas that pandas itself would put in another order."""
    index: Any = getattr(x, "index", None)
    for option, series in beside.items():
        own: Any = getattr(series, "index", None)
        if not (hasattr(index, "equals") and hasattr(own, "equals") and len(series) == len(x)):
            continue  # no pandas, or the wrong length, which is told later
        if not index.equals(own):
            raise OptionError(
                "is a series whose index is not that of the events: give"
                f" {option}=series.loc[frame.index] to match them by index, or"
                f" {option}=series.to_numpy() if their order is that of the events",
                option=option,
            )


def _without_new_names(request: ColumnRequest, names: Sequence[str]) -> ColumnRequest:
    """The request without new names of features, if their number equals the remaining columns'."""
    used = {request.label, request.weight, *request.exclude, *request.beside.factors}
    used |= {column.name for column in request.context}
    used |= {item.name for item in request.inputs if item.held_back}
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


def _of_pandas(x: Any, places: Places) -> tuple[Any, Any, Any]:
    """Features, weight and label of a frame of pandas; if all columns are used, without a copy."""
    whole = places.features == tuple(range(x.shape[1]))
    rows = x if whole else x.iloc[:, list(places.features)]
    weight, label = (None if k is None else x.iloc[:, k] for k in (places.weight, places.label))
    return rows, weight, label


def _of_arrow(x: Any, places: Places) -> tuple[Any, Any, Any]:
    """Features, weight and label of a table of pyarrow, or of a frame of polars."""
    table = x if is_arrow(x) else x.to_arrow()

    def column(place: int) -> Any:
        values = table.column(place)
        return values.combine_chunks() if hasattr(values, "combine_chunks") else values

    piece = arrow_piece(FRAME, table.column_names, places, column, 0)
    return piece.x, piece.weights, piece.labels
