"""ROOT files: a TTree or RNTuple as a table, beside it trees with further columns, its friends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.formats import Piece, reading, rows_per_piece
from onnxtaylor.data.lists import Elements, is_variable_list
from onnxtaylor.data.remote import FilePath
from onnxtaylor.data.root_tree import RootTree
from onnxtaylor.errors import DataError, join_names

__all__ = ["RootTable"]


class RootTable:
    """A tree of a ``.root`` file: a ``Table`` with a column for each element of a list.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    tree
        Path of the tree in the file; None for the only one.
    friends
        Files and their names for messages, with trees in them, whose events are those of the tree,
        row by row. A column whose name another tree has as well is called ``tree.column``.

    Raises DataError if a tree cannot be opened, or has another number of events.
    """

    positional = False
    block: str | None = None

    def __init__(
        self,
        path: FilePath,
        file: str,
        tree: str | None = None,
        friends: Sequence[tuple[FilePath, str, str | None]] = (),
    ) -> None:
        self.file = file
        first = RootTree(path, file, tree)
        self._trees = [first]
        self.rows: int | None = first.rows
        self._columns = [(0, name) for name in first.types]  # number of the tree, and its column
        names = list(first.types)
        for place, called, key in friends:
            friend = RootTree(place, called, key)
            if friend.rows != first.rows:
                raise DataError(
                    f"{called} has {friend.rows} events, but {file} has {first.rows}: a friend has"
                    " the events of its tree, row by row"
                )
            self._trees.append(friend)
            for name in friend.types:
                self._columns.append((len(self._trees) - 1, name))
                names.append(name if name not in names else f"{friend.name}.{name}")
        schema = pa.schema(
            [
                (name, self._trees[k].types[column])
                for name, (k, column) in zip(names, self._columns, strict=True)
            ]
        )
        self._elements = Elements(schema, self._first_lists().__getitem__)
        self.names = self.candidates = self._elements.names
        self.wholes = self._elements.wholes
        others = [quoted(name) for own in self._trees for name in own.others]
        unread = f"not read as columns: {join_names(others, 3)}" if others else ""
        self.hint = "; ".join(filter(None, (self._elements.hint, unread)))

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns alone. Raises DataError, naming the column and the row."""
        return self._pieces(places, 0)

    def pieces_behind(self, places: Places, row: int) -> tuple[int, Iterator[Piece]]:
        """Returns a number of rows that are left out, at most ``row``, and pieces of the others."""
        return row, self._pieces(places, row)

    def _pieces(self, places: Places, row: int) -> Iterator[Piece]:
        """Reads the events from ``row`` on."""
        rows = rows_per_piece(places.width)
        origins = self._elements.origins(places)
        used: dict[int, list[str]] = {}
        for k, name in (self._columns[origin] for origin in origins):
            used.setdefault(k, []).append(name)
        readers = [self._trees[k].read(names, rows, row) for k, names in used.items()]
        for together in zip(*readers, strict=True):
            parts = dict(zip(used, together, strict=True))

            def column(origin: int, parts: dict[int, dict[str, Any]] = parts) -> Any:
                k, name = self._columns[origin]
                return parts[k][name]

            values = self._elements.reader(self.file, column, row)
            wholes = self._elements.read_wholes(column, places)
            with reading(self.file):  # texts may be no UTF-8
                piece = arrow_piece(self.file, self.names, places, values, row, wholes=wholes)
            yield piece
            row += len(column(origins[0]))

    def _first_lists(self) -> dict[int, Any]:
        """Values at the first event of columns whose type does not tell their length, by place."""
        found: dict[int, Any] = {}
        for k, own in enumerate(self._trees):
            # all of them at once: through a network each request takes long
            first = own.first([name for name, kind in own.types.items() if is_variable_list(kind)])
            places = [place for place, (number, _) in enumerate(self._columns) if number == k]
            found |= {place: first.get(self._columns[place][1]) for place in places}
        return found
