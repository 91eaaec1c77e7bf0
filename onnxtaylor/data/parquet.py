"""Parquet, page by page: a row group of any size is never held as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, reading, rows_per_piece
from onnxtaylor.data.lists import Elements
from onnxtaylor.data.remote import FilePath

__all__ = ["ParquetTable"]

BUFFER = 1 << 17  # bytes of compressed pages held per column


class ParquetTable:
    """A ``.parquet`` file: a ``Table`` with a column for each element of a list.

    Raises DataError if it cannot be opened.
    """

    positional = False
    block: str | None = None

    def __init__(self, path: FilePath, file: str) -> None:
        self.path, self.file = path, file
        with reading(file), self._open() as parquet:
            schema = parquet.schema_arrow
            self._columns: Sequence[str] = schema.names
            self.rows: int | None = parquet.metadata.num_rows
            self._elements = Elements(schema, lambda place: self._first(parquet, place))
        self.names = self.candidates = self._elements.names
        self.hint, self.wholes = self._elements.hint, self._elements.wholes

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns alone. Raises DataError, naming the column and the row."""
        return self._pieces(places, 0, 0)

    def pieces_behind(self, places: Places, row: int) -> tuple[int, Iterator[Piece]]:
        """Returns a number of rows that are left out, at most ``row``, and pieces of the others.

        They are those of the row groups that end before.
        """
        with reading(self.file), self._open() as parquet:
            groups = range(parquet.metadata.num_row_groups)
            ends = np.cumsum([parquet.metadata.row_group(k).num_rows for k in groups], dtype=int)
        first = int(np.searchsorted(ends, row, side="right"))
        left_out = int(ends[first - 1]) if first else 0
        return left_out, self._pieces(places, left_out, first)

    def _pieces(self, places: Places, row: int, group: int) -> Iterator[Piece]:
        """Reads the row groups from ``group`` on, before which there are ``row`` rows."""
        with reading(self.file), self._open() as parquet:
            batches = parquet.iter_batches(
                rows_per_piece(places.width),
                row_groups=list(range(group, parquet.metadata.num_row_groups)) if group else None,
                columns=[self._columns[k] for k in self._elements.origins(places)],
                use_threads=False,
            )
            for batch in batches:
                if not batch.num_rows:
                    continue
                # by name: pyarrow reads a column 'a.b' as well where it is asked for 'a'
                names = batch.schema.names

                def column(origin: int, batch: Any = batch, names: Sequence[str] = names) -> Any:
                    return batch.column(names.index(self._columns[origin]))

                values = self._elements.reader(self.file, column, row)
                wholes = self._elements.read_wholes(column, places)
                yield arrow_piece(self.file, self.names, places, values, row, wholes=wholes)
                row += batch.num_rows

    def _first(self, parquet: pq.ParquetFile, place: int) -> Any:
        """Value of a column at the first event, None if there is no event."""
        name = self._columns[place]
        for batch in parquet.iter_batches(1, columns=[name], use_threads=False):
            if batch.num_rows:
                return batch.column(batch.schema.names.index(name))[0].as_py()
        return None

    def _open(self) -> pq.ParquetFile:
        source = self.path if isinstance(self.path, Path) else self.path.open()
        # pre_buffer would hold the used columns of a whole row group in memory
        return pq.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER)
