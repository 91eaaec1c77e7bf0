"""``.npy`` files, memory-mapped, and ``.npz`` archives. No pickle is ever loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.formats import Piece, reading, rows_per_piece
from onnxtaylor.data.numbers import as_classes, as_floats, is_number
from onnxtaylor.data.values import kind_name
from onnxtaylor.errors import DataError, join_names

__all__ = ["NpyTable", "NpzTable"]

BLOCKS = ("x", "X", "features", "data")  # a 2-D array of one of these names is the features
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
        self.candidates = self.names
        self.hint = ""

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns, a slice of the file at a time. Raises DataError for text."""
        with reading(self.file):
            array = self._open()
            rows = rows_per_piece(len(self.names))
            for start in range(0, len(array), rows):
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
            if _read_header(stream)[1].hasobject:
                raise DataError(f"{self.file} holds {OBJECTS}")
        array = np.lib.format.open_memmap(self.path, mode="r", max_header_size=HEADER)
        return np.asarray(array)


class NpzTable:
    """A ``.npz`` file, an archive of arrays with one entry, or row, per event: a ``Table``.

    1-D arrays are columns named by their keys. A 2-D array called x, X, features or data (or the
    only 2-D array) is the block of features: its columns are named by a 1-D array of text
    ``feature_names``, else by position, and they alone are counted as features. Other arrays are
    ignored. Each used array is held in memory as a whole: an archive cannot be streamed. Raises
    DataError for an archive without columns, and for damaged files.
    """

    def __init__(self, path: Path, file: str) -> None:
        self.path, self.file = path, file
        with reading(file):
            if path.is_dir():
                raise IsADirectoryError
            with zipfile.ZipFile(path) as archive:
                headers = _headers(archive, file)
            shapes = {key: shape for key, (shape, _) in headers.items()}
            self.dtypes = {key: dtype for key, (_, dtype) in headers.items()}
            self.block = _block(shapes)
            block_names = self._block_names(shapes)
        self.positional = self.block is not None and "feature_names" not in shapes
        tables = [f"{quoted(key)} {list(s)}" for key, s in shapes.items() if len(s) == 2]
        self.hint = ""
        if self.block is None and len(tables) > 1:
            self.hint = (
                f"it holds {len(tables)} two-dimensional arrays ({join_names(tables)}): save the"
                " one to analyze under the name x, with numpy.savez"
            )
        self.keys = tuple(key for key, shape in shapes.items() if len(shape) == 1)
        if self.block is not None:
            self.keys = tuple(key for key in self.keys if key != "feature_names")
        if not block_names and not self.keys:
            arrays = join_names(list(shapes)) or "none"
            why = f"it holds no 1-D and no 2-D array; its arrays: {arrays}"
            raise DataError(self.hint or why).located(file)
        self.names: Sequence[str] = (*block_names, *self.keys)
        self.candidates: Sequence[str] = block_names or self.keys
        self.width = len(block_names)

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used arrays, in pieces. Raises DataError if their lengths differ."""
        with reading(self.file), closing(self._load()) as archive:
            # dict.fromkeys: each array once, in order
            keys = dict.fromkeys(self._key(place) for place in places.used)
            for key in keys:
                if self.dtypes[key].hasobject:
                    raise DataError(f"array {quoted(key)} holds {OBJECTS}").located(self.file)
            loaded: dict[str, Array] = {key: archive[key] for key in keys}
            events = self._events(loaded)
            rows = rows_per_piece(len(places.used))
            for start in range(0, events, rows):

                def column(place: int, part: slice = slice(start, start + rows)) -> Array:
                    array = loaded[self._key(place)][part]
                    return array[:, place] if array.ndim == 2 else array

                yield array_piece(self.file, self.names, places, column, start)

    def _key(self, place: int) -> str:
        """Key of the array that holds the column at a position."""
        if place < self.width and self.block is not None:
            return self.block
        return self.keys[place - self.width]

    def _events(self, loaded: dict[str, Array]) -> int:
        """The number of events, which all arrays must have."""
        (first, events), *others = ((key, len(array)) for key, array in loaded.items())
        for key, length in others:
            if length != events:
                raise DataError(
                    f"array {quoted(key)} has {length} entries, but array {quoted(first)} has"
                    f" {events}: save arrays with one entry for each event"
                ).located(self.file)
        return events

    def _block_names(self, shapes: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
        if self.block is None:
            return ()
        width = shapes[self.block][1]
        if "feature_names" not in shapes:
            return tuple(str(i) for i in range(width))
        with closing(self._load()) as archive:
            names = archive["feature_names"]
        if names.dtype.kind != "U" or names.shape != (width,):
            raise DataError(
                f"array 'feature_names' must hold {width} texts, one for each column of"
                f" {quoted(self.block)}"
            ).located(self.file)
        return tuple(names.tolist())

    def _load(self) -> Any:
        return np.load(self.path, allow_pickle=False, max_header_size=HEADER)


def array_piece(
    file: str, names: Sequence[str], places: Places, column: Callable[[int], Array], row: int
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

    Raises
    ------
    DataError
        A column holds no numbers (features, weight) or no classes (label), or a label is missing.
    """
    first = column(places.features[0])
    x = np.empty((len(first), len(places.features)))
    for i, place in enumerate(places.features):
        x[:, i] = as_floats(file, names[place], column(place))
    weights = labels = None
    if (at := places.weight) is not None:
        weights = as_floats(file, names[at], column(at), weight=True).copy()
    if (at := places.label) is not None:
        what = f"{file}: column {quoted(names[at])}"
        labels = as_classes(what, column(at), lambda k: f"{what} in row {row + k + 1}")
    return Piece(x, weights, labels)


def _headers(archive: zipfile.ZipFile, file: str) -> dict[str, Header]:
    """Shape and type of each array of an archive, checked against the size of its data."""
    headers = {}
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            continue
        key = member.filename.removesuffix(".npy")
        with archive.open(member) as stream:
            shape, dtype = _read_header(stream)
            # before anything of that size is allocated; objects are refused if they are used
            if not dtype.hasobject and prod(shape) * dtype.itemsize > member.file_size:
                raise DataError(
                    f"array {quoted(key)} claims more bytes than the file has: the file is damaged"
                ).located(file)
        headers[key] = shape, dtype
    return headers


def _read_header(stream: IO[bytes]) -> Header:
    """Shape and type of the array in a ``.npy`` stream."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):  # version 3 differs from 2 only in the text of field names
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream, max_header_size=HEADER)
    return shape, dtype


def _block(shapes: dict[str, tuple[int, ...]]) -> str | None:
    """Key of the 2-D array of features, None if there is none or none can be preferred."""
    flat = [key for key, shape in shapes.items() if len(shape) == 2]
    named = [key for key in BLOCKS if key in flat]
    return named[0] if named else flat[0] if len(flat) == 1 else None
