"""Dictionaries of arrays and data frames in memory, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onnxtaylor.data.arrays import class_column, plain_array, weight_column
from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.formats import Piece, rows_per_piece
from onnxtaylor.data.keyed import KeyedTable
from onnxtaylor.data.lists import Elements
from onnxtaylor.data.records import arrow_column, arrow_table, dense_array, is_awkward, is_records
from onnxtaylor.data.source import Batch, DerivedSource, EventSource
from onnxtaylor.data.values import check_weights
from onnxtaylor.errors import DataError, printable

__all__ = ["FRAME", "ArrowFrame", "MappingTable", "WithArrays", "is_arrow", "is_jagged"]

DATA = "the data"
FRAME = "the data frame"
Array = Any  # pyarrow.Array of any type: the stubs have one class for each


class MappingTable(KeyedTable):
    """A dictionary of arrays, one entry per event each: a ``Table``.

    Arrays may be jagged: lists of lists, arrays of Python objects that are lists or arrays, or
    arrays of awkward. What is no array is ignored unless it is used: ``faults`` has the reasons.
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays: dict[str, Any] = {}
        self.faults: dict[str, DataError] = {}
        for key, values in arrays.items():
            try:
                self._arrays[str(key)] = _as_array(str(key), values)
            except DataError as error:
                self.faults[str(key)] = error
        shapes = {
            key: array.shape if isinstance(array, np.ndarray) else None
            for key, array in self._arrays.items()
        }
        super().__init__(DATA, shapes)

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """Gives these arrays as they are."""
        return {key: self._arrays[key] for key in keys}

    def count(self, places: Places) -> int:
        """Number of the events, which all used arrays must have."""
        return self.events(self.load([*map(self.key, places.used), *places.wholes]))


class ArrowFrame:
    """A data frame of pandas, polars or pyarrow, or records of awkward: a ``Table``.

    Its columns become Arrow arrays when they are used; columns of lists can be read as a whole.
    """

    positional = False
    block: str | None = None

    def __init__(self, frame: Any, file: str = FRAME) -> None:
        self.file = file
        if is_records(frame):
            frame = arrow_table(frame)
        if not is_arrow(frame) and not hasattr(frame, "iloc"):
            frame = frame.to_arrow()  # of polars
        self._frame = frame
        self.rows: int | None = len(frame)
        self._known: dict[int, Array] = {}
        if is_arrow(frame):
            schema = frame.schema
        else:
            schema = pa.schema(
                [(str(name), self._type(place)) for place, name in enumerate(frame.columns)]
            )
        self._elements = Elements(schema, self._first)
        self.names = self.candidates = self._elements.names
        self.hint, self.wholes = self._elements.hint, self._elements.wholes

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns. Raises DataError, naming the column and the row."""
        rows = rows_per_piece(places.width)
        for start in range(0, len(self._frame), rows):

            def column(origin: int, start: int = start) -> Array:
                return self._column(origin).slice(start, rows)

            values = self._elements.reader(self.file, column, start)
            wholes = self._elements.read_wholes(column, places)
            yield arrow_piece(self.file, self.names, places, values, start, wholes=wholes)

    def count(self, places: Places) -> int:
        """Number of the events."""
        return len(self._frame)

    def _first(self, place: int) -> Any:
        """Value of a column at the first event, None if there is no event."""
        array = self._column(place)
        return array[0].as_py() if len(array) else None

    def _type(self, place: int) -> Any:
        """Arrow type of a column of pandas if it holds lists, else null: nothing looks at it."""
        series = self._frame.iloc[:, place]
        if series.dtype == object and is_jagged(series.to_numpy()):
            return self._column(place).type
        kind = getattr(series.dtype, "pyarrow_dtype", None)
        return pa.null() if kind is None else kind

    def _column(self, place: int) -> Array:
        """A column as one Arrow array."""
        if place not in self._known:
            if is_arrow(self._frame):
                column = self._frame.column(place)
            else:
                column = _of_pandas(self._frame.iloc[:, place], str(self._frame.columns[place]))
            chunked = hasattr(column, "combine_chunks")
            self._known[place] = column.combine_chunks() if chunked else column
        return self._known[place]


class WithArrays(DerivedSource):
    """A source in memory with weights and labels (N,) of its own.

    Raises DataError if they do not have one entry for each of the N = ``count`` events.
    """

    def __init__(self, source: EventSource, count: int, weights: Any, labels: Any) -> None:
        super().__init__(source)
        self._weights = None if weights is None else weight_column(weights, count)
        self._labels = None if labels is None else class_column(labels, count)

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the source, with these weights and labels."""
        for batch in self._source.batches(size):
            weights, labels = batch.weights, batch.labels
            if self._weights is not None:
                weights = np.array(self._weights[batch.numbers], np.float64)
                check_weights(weights, partial(_numbered, batch.numbers))
            if self._labels is not None:
                labels = self._labels[batch.numbers]
            yield replace(batch, weights=weights, labels=labels)


def _numbered(numbers: npt.NDArray[np.int64], k: int) -> str:
    return f"weights[{numbers[k]}]"


def is_arrow(x: Any) -> bool:
    """Tests whether x is a table of pyarrow, without importing pyarrow."""
    return hasattr(x, "column_names") and hasattr(x, "schema")


def is_jagged(values: Any) -> bool:
    """Tests whether values are lists or arrays, one per event, in a list or an array of objects."""
    if isinstance(values, np.ndarray) and not (values.dtype == object and values.ndim == 1):
        return False
    if not isinstance(values, list | tuple | np.ndarray):
        return False
    first = next((value for value in values if value is not None), None)
    return isinstance(first, list | tuple | np.ndarray)


def _as_array(key: str, values: Any) -> npt.NDArray[Any] | Array:
    """An array of NumPy, or of Arrow for lists of varying length."""
    what = f"array {quoted(key)}"
    if is_awkward(values):
        dense = dense_array(values)
        return arrow_column(values) if dense is None else dense
    if not _holds_lists(values):
        return plain_array(values, what)
    try:
        dense = np.asarray(list(values))
        if dense.dtype != object:
            return dense
    except ValueError:  # jagged
        pass
    return _as_lists(what, values)


def _holds_lists(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return is_jagged(values)
    return isinstance(values, list | tuple) and any(
        isinstance(value, list | tuple | np.ndarray) for value in values
    )


def _as_lists(what: str, values: Any) -> Array:
    try:
        return pa.array([_listed(value) for value in values], from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"{what} holds lists that are no numbers, or no lists at some events:"
            f" {printable(error, 80)}"
        ) from None


def _listed(value: Any) -> Any:
    """An event's entry as lists, of which Arrow takes arrays of one axis alone."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return [_listed(part) for part in value]
    return value


def _of_pandas(series: Any, name: str) -> Array:
    if series.dtype == object and is_jagged(series.to_numpy()):
        return _as_lists(f"column {quoted(name)}", series.to_numpy())
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"column {quoted(name)} cannot be read: {printable(' '.join(str(error).split()), 120)}"
        ).located(FRAME) from None
