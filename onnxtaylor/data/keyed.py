"""Arrays with keys, one entry or row per event: archives, and dictionaries in memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.formats import Piece, reading, rows_per_piece
from onnxtaylor.data.npy import array_piece
from onnxtaylor.errors import DataError, join_names

__all__ = ["KeyedTable"]

BLOCKS = ("x", "X", "features", "data")  # a 2-D array of one of these names is the features

Array = npt.NDArray[Any]


class KeyedTable:
    """Arrays by key: a ``Table``.

    1-D arrays are columns named by their keys. A 2-D array called x, X, features or data (or the
    only 2-D array) is the block of features: its columns are named by a 1-D array of text
    ``feature_names``, else by position, and they alone are counted as features. An input of the
    model can take any array of more axes, or lists, as a whole; other arrays are ignored.

    Parameters
    ----------
    file
        Name for messages.
    shapes
        Shape of each array; None for lists of varying length.
    apart
        Keys of 2-D arrays that are no block of features.
    """

    saving = "under the name x, with numpy.savez"  # way of saving the block, for advice

    def __init__(
        self,
        file: str,
        shapes: Mapping[str, tuple[int, ...] | None],
        apart: Collection[str] = (),
    ) -> None:
        self.file = file
        dense = {key: shape for key, shape in shapes.items() if shape is not None}
        self.wholes: Mapping[str, tuple[int, ...] | None] = {
            key: None if shape is None else shape[1:]
            for key, shape in shapes.items()
            if shape is None or len(shape) > 1
        }
        self.block = _block({key: shape for key, shape in dense.items() if key not in apart})
        self.positional = self.block is not None and "feature_names" not in dense
        tables = [
            f"{quoted(key)} {list(s)}"
            for key, s in dense.items()
            if len(s) == 2 and key not in apart
        ]
        self.hint = ""
        if self.block is None and len(tables) > 1:
            self.hint = (
                f"it holds {len(tables)} two-dimensional arrays ({join_names(tables)}): save the"
                f" one to analyze {self.saving}"
            )
        self._keys = tuple(key for key, shape in dense.items() if len(shape) == 1)
        if self.block is not None:
            self._keys = tuple(key for key in self._keys if key != "feature_names")
        block_names = self._block_names(dense)
        if not (block_names or self._keys):
            arrays = join_names(list(shapes)) or "none"
            self.hint = self.hint or f"it holds no 1-D and no 2-D array; its arrays: {arrays}"
            if not self.wholes:
                raise DataError(self.hint).located(file)
        self.names: Sequence[str] = (*block_names, *self._keys)
        self.candidates: Sequence[str] = block_names or self._keys
        self._width = len(block_names)
        tall = [*self._keys, *(key for key, shape in dense.items() if len(shape) > 1)]
        counts = {dense[key][0] for key in tall}
        self.rows: int | None = counts.pop() if len(counts) == 1 else None

    @abstractmethod
    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """Gives these arrays: of NumPy, or Arrow arrays of lists."""

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used arrays, in pieces. Raises DataError if their lengths differ."""
        return self._pieces(places, 0)

    def pieces_behind(self, places: Places, row: int) -> tuple[int, Iterator[Piece]]:
        """Returns a number of rows that are left out, at most ``row``, and pieces of the others."""
        return row, self._pieces(places, row)

    def _pieces(self, places: Places, first: int) -> Iterator[Piece]:
        with reading(self.file):
            # dict.fromkeys: each array once, in order
            keys = dict.fromkeys([*map(self.key, places.used), *places.wholes])
            loaded = self.load(list(keys))
            events = self.events(loaded)
            rows = rows_per_piece(places.width)
            for start in range(first, events, rows):
                part = slice(start, start + rows)

                def column(place: int, part: slice = part) -> Array:
                    array: Array = loaded[self.key(place)][part]
                    return array[:, place] if array.ndim == 2 else array

                wholes = {key: loaded[key][part] for key in places.wholes}
                yield array_piece(self.file, self.names, places, column, start, wholes)

    def key(self, place: int) -> str:
        """Returns the key of the array that holds the column at a position."""
        if place < self._width and self.block is not None:
            return self.block
        return self._keys[place - self._width]

    def events(self, loaded: Mapping[str, Any]) -> int:
        """Returns the number of events. Raises DataError if the arrays differ in it."""
        (first, events), *others = ((key, len(array)) for key, array in loaded.items())
        for key, length in others:
            if length != events:
                raise DataError(
                    f"array {quoted(key)} has {length} entries, but array {quoted(first)} has"
                    f" {events}: save arrays with one entry for each event"
                ).located(self.file)
        return events

    def _block_names(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
        if self.block is None:
            return ()
        width = shapes[self.block][1]
        if "feature_names" not in shapes:
            return tuple(str(i) for i in range(width))
        names = self.load(["feature_names"])["feature_names"]
        if names.dtype.kind != "U" or names.shape != (width,):
            raise DataError(
                f"array 'feature_names' must hold {width} texts, one for each column of"
                f" {quoted(self.block)}"
            ).located(self.file)
        return tuple(names.tolist())


def _block(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Key of the 2-D array of features, None if there is none or none can be preferred."""
    flat = [key for key, shape in shapes.items() if len(shape) == 2]
    named = [key for key in BLOCKS if key in flat]
    return named[0] if named else flat[0] if len(flat) == 1 else None
