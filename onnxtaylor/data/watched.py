"""A table whose file must not change while it is read: it is looked at around every piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, Table
from onnxtaylor.errors import DataError
from onnxtaylor.files.unchanged import FileState

__all__ = ["watched"]


def watched(table: Table, states: Sequence[FileState]) -> Table:
    """Returns the table, which refuses to go on once one of its files has changed.

    ``states`` are those from before the table was opened. So all passes are over the same file, and
    a file that is read in place is not touched where it has become shorter.
    """
    found: Any = _WatchedTable(table, states) if states else table
    kept: Table = found
    return kept


class _WatchedTable:
    """Another ``Table``, whose files are looked at before and after every piece."""

    def __init__(self, table: Table, states: Sequence[FileState]) -> None:
        self.table, self._states = table, tuple(states)
        if hasattr(table, "pieces_behind"):
            self.pieces_behind = self._pieces_behind

    def __getattr__(self, name: str) -> Any:
        if name == "table":  # while it is copied
            raise AttributeError(name)
        return getattr(self.table, name)

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns. Raises DataError as the table does, and for a changed file."""
        return self._watch(self.table.pieces(places))

    def _pieces_behind(self, places: Places, row: int) -> tuple[int, Iterator[Piece]]:
        behind: Any = self.table
        left_out, pieces = behind.pieces_behind(places, row)
        return left_out, self._watch(pieces)

    def _watch(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        while True:
            self._look()
            try:
                piece = next(pieces, None)
            except DataError:
                self._look()  # the reason of a cell that cannot be read
                raise
            self._look()
            if piece is None:
                return
            yield piece

    def _look(self) -> None:
        for state in self._states:
            state.require_same()
