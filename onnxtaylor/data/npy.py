"""``.npy`` files, memory-mapped. No pickle is ever loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.beside import array_values
from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.context import Coded, coded_texts, context_numbers
from onnxtaylor.data.evaluation import Values
from onnxtaylor.data.formats import Piece, reading, rows_per_piece
from onnxtaylor.data.numbers import as_classes, as_floats, is_number
from onnxtaylor.data.values import Floats, kind_name
from onnxtaylor.errors import DataError

__all__ = ["HEADER", "OBJECTS", "NpyTable", "array_piece", "read_header"]

HEADER = 1 << 20  # bytes of a header; NumPy's own limit is too small for a table of 500 columns

OBJECTS = "Python objects, which are never loaded: save numbers or text"

Array = npt.NDArray[Any]
Header = tuple[tuple[int, ...], np.dtype[Any]]


class NpyTable:
    """A ``.npy`` file: a ``Table``.

    It holds a 2-D array (events, columns), whose columns are called "0", "1", …, or a 1-D array of
    records, whose fields have names. Raises DataError for other shapes, Python objects and damaged
    files.
    """

    def __init__(self, path: Path, file: str) -> None:
        self.path, self.file = path, file
        with reading(file):
            array = self._open()
        if array.dtype.names is not None and array.ndim == 1:
            self.positional, names = False, array.dtype.names
        elif array.ndim == 2:
            if not is_number(array.dtype):
                raise DataError(
                    f"{file} holds {kind_name(array.dtype)}, not numbers: save an array of numbers"
                )
            self.positional, names = True, tuple(str(i) for i in range(array.shape[1]))
        else:
            raise DataError(
                f"{file} has shape {array.shape}: save an array of shape (events, features), or a"
                " 1-D array of records"
            )
        self.names: Sequence[str] = names
        self.rows: int | None = len(array)
        self.candidates = self.names
        self.hint = ""
        self.wholes: Mapping[str, tuple[int, ...] | None] = {}
        self.block: str | None = None

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns, a slice of the file at a time. Raises DataError for text."""
        return self._pieces(places, 0)

    def pieces_behind(self, places: Places, row: int) -> tuple[int, Iterator[Piece]]:
        """Returns a number of rows that are left out, at most ``row``, and pieces of the others."""
        return row, self._pieces(places, row)

    def _pieces(self, places: Places, first: int) -> Iterator[Piece]:
        with reading(self.file):
            array = self._open()
            rows = rows_per_piece(len(self.names))
            for start in range(first, len(array), rows):
                part = array[start : start + rows]

                def column(place: int, part: Array = part) -> Array:
                    return part[self.names[place]] if part.ndim == 1 else part[:, place]

                yield array_piece(self.file, self.names, places, column, start)

    def _open(self) -> Array:
        if self.path.is_dir():
            raise IsADirectoryError
        with self.path.open("rb") as stream:
            if stream.read(6) != b"\x93NUMPY":
                raise DataError(f"{self.file} is not a .npy file")
            stream.seek(0)
            if read_header(stream)[1].hasobject:
                raise DataError(f"{self.file} holds {OBJECTS}")
        array = np.lib.format.open_memmap(self.path, mode="r", max_header_size=HEADER)
        return np.asarray(array)


def array_piece(
    file: str,
    names: Sequence[str],
    places: Places,
    column: Callable[[int], Array],
    row: int,
    wholes: Mapping[str, Any] | None = None,
) -> Piece:
    """Converts consecutive rows of NumPy columns to a piece.

    Parameters
    ----------
    file, names
        Name of the file and names of its columns, for messages.
    places
        Positions of the used columns.
    column
        ``column(place)`` gives the array (B,) of the column at a position.
    row
        Number of the file's rows before these.
    wholes
        What is read as a whole, by name.

    Raises
    ------
    DataError
        A column holds no numbers (features, weight) or no classes (label), a label is missing, or a
        cell of context is missing or not exact.
    """
    lengths = [len(column(place)) for place in places.used[:1]]
    lengths += [len(raw) for raw in (wholes or {}).values()]
    x = np.empty((lengths[0], len(places.features)))
    for i, place in enumerate(places.features):
        x[:, i] = as_floats(file, names[place], column(place))
    weights = labels = None
    if (at := places.weight) is not None:
        weights = as_floats(file, names[at], column(at), weight=True).copy()
    if (at := places.label) is not None:
        what = f"{file}: column {quoted(names[at])}"
        labels = as_classes(what, column(at), lambda k: f"{what} in row {row + k + 1}")
    context = tuple(
        _context(file, names[at], column(at), row, text=at in places.texts) for at in places.context
    )
    beside = tuple(
        _beside(file, names[at], column(at), text=at in places.beside_texts) for at in places.beside
    )
    return Piece(x, weights, labels, context, wholes or {}, beside)


def _context(file: str, name: str, values: Array, row: int, *, text: bool) -> Floats | Coded:
    """A column of context as numbers or texts."""
    what = f"{file}: column {quoted(name)}"

    def where(k: int) -> str:
        return f"{what} in row {row + k + 1}"

    return coded_texts(what, values, where) if text else context_numbers(what, values, where)


def _beside(file: str, name: str, values: Array, *, text: bool) -> Values:
    """A column that is read beside the rows."""
    return array_values(f"{file}: column {quoted(name)}", values, text=text)


def read_header(stream: IO[bytes]) -> Header:
    """Shape and type of the array in a ``.npy`` stream."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):  # version 3 differs from 2 only in the text of field names
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream, max_header_size=HEADER)
    return shape, dtype
