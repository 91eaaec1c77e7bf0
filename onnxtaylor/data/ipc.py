"""Arrow IPC (Feather version 2): memory-mapped, record batch by record batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, reading, rows_per_piece
from onnxtaylor.data.lists import Elements

__all__ = ["IpcTable"]

MAGIC = b"ARROW1"  # of the file format; a stream has none


class IpcTable:
    """An ``.arrow``, ``.feather`` or ``.ipc`` file, in the file or the stream format: a ``Table``.

    An uncompressed file is read in place; of a compressed one, one record batch is held at a time.
    Raises DataError if it cannot be opened.
    """

    positional = False
    block: str | None = None

    def __init__(self, path: Path, file: str) -> None:
        self.path, self.file = path, file
        with reading(file), pa.memory_map(str(path)) as source:
            reader = _reader(source)
            self._elements = Elements(reader.schema, lambda place: _first(reader, place))
        self.names = self.candidates = self._elements.names
        self.hint, self.wholes = self._elements.hint, self._elements.wholes

    @property
    def rows(self) -> int | None:
        """Number of rows of a file of the file format, by its record batches; None for a stream."""
        with reading(self.file), pa.memory_map(str(self.path)) as source:
            if source.read(len(MAGIC)) != MAGIC:
                return None
            from pyarrow.dataset import IpcFileFormat
            from pyarrow.fs import LocalFileSystem

            # the batches' headers alone: nothing is decompressed
            fragment = IpcFileFormat().make_fragment(str(self.path), LocalFileSystem())
            return int(fragment.count_rows())

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns. Raises DataError, naming the column and the row."""
        row, used = 0, self._elements.origins(places)
        rows = rows_per_piece(places.width)
        with reading(self.file), pa.memory_map(str(self.path)) as source:
            # not with included_fields: pyarrow then copies what it could read in place
            for batch in _batches(_reader(source)):
                for start in range(0, batch.num_rows, rows):
                    part = batch.slice(start, rows).select(used)
                    # a damaged file may point anywhere: reading it would crash the process
                    part.validate(full=True)

                    def column(origin: int, part: Any = part) -> Any:
                        return part.column(used.index(origin))

                    values = self._elements.reader(self.file, column, row)
                    wholes = self._elements.read_wholes(column, places)
                    yield arrow_piece(self.file, self.names, places, values, row, wholes=wholes)
                    row += part.num_rows


def _reader(source: Any) -> Any:
    magic = source.read(len(MAGIC))
    source.seek(0)
    if magic == MAGIC:
        return pa.ipc.open_file(source)
    return pa.ipc.open_stream(source)


def _first(reader: Any, place: int) -> Any:
    """Value of a column at the first event, None if there is no event."""
    for batch in _batches(reader):
        if batch.num_rows:
            batch.select([place]).validate(full=True)
            return batch.column(place)[0].as_py()
    return None


def _batches(reader: Any) -> Iterator[Any]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader
