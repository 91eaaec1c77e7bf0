"""Parquet, page by page: a row group of any size is never held as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, reading, rows_per_piece

__all__ = ["ParquetTable"]

BUFFER = 1 << 17  # bytes of compressed pages held per column


class ParquetTable:
    """A ``.parquet`` file. Raises DataError where it cannot be opened."""

    positional = False

    def __init__(self, path: Path, file: str) -> None:
        self.path, self.file = path, file
        with reading(file), self._open() as parquet:
            self.names: Sequence[str] = parquet.schema_arrow.names
        self.candidates = self.names

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Only the used columns are read."""
        row = 0
        with reading(self.file), self._open() as parquet:
            batches = parquet.iter_batches(
                rows_per_piece(len(places.used)),
                columns=[self.names[place] for place in places.used],
                use_threads=False,
            )
            for batch in batches:
                if not batch.num_rows:
                    continue
                # by name: asking for 'a' also brings a column called 'a.b'
                found = batch.schema.names

                def column(place: int, batch: Any = batch, found: Sequence[str] = found) -> Any:
                    return batch.column(found.index(self.names[place]))

                yield arrow_piece(self.file, self.names, places, column, row)
                row += batch.num_rows

    def _open(self) -> pq.ParquetFile:
        # pre_buffer would hold a row group's used columns at once
        return pq.ParquetFile(self.path, pre_buffer=False, buffer_size=BUFFER)
