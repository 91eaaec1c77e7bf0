"""Arrow IPC (Feather version 2): memory-mapped, record batch by record batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, reading, rows_per_piece

__all__ = ["IpcTable"]


class IpcTable:
    """An ``.arrow``, ``.feather`` or ``.ipc`` file, in the file or the stream format.

    An uncompressed file is read in place; of a compressed one a record batch is held at once.
    Raises DataError where it cannot be opened.
    """

    positional = False

    def __init__(self, path: Path, file: str) -> None:
        self.path, self.file = path, file
        with reading(file), pa.memory_map(str(path)) as source:
            self.names: Sequence[str] = _reader(source).schema.names
        self.candidates = self.names

    def pieces(self, places: Places) -> Iterator[Piece]:
        """The used columns, checked: a damaged file must not crash the run."""
        row, used = 0, sorted(places.used)
        rows = rows_per_piece(len(used))
        with reading(self.file), pa.memory_map(str(self.path)) as source:
            # not with included_fields: pyarrow then copies what it could read in place
            for batch in _batches(_reader(source)):
                for start in range(0, batch.num_rows, rows):
                    part = batch.slice(start, rows).select(used)
                    part.validate(full=True)

                    def column(place: int, part: Any = part) -> Any:
                        return part.column(used.index(place))

                    yield arrow_piece(self.file, self.names, places, column, row)
                    row += part.num_rows


def _reader(source: Any) -> Any:
    magic = source.read(6)
    source.seek(0)
    if magic == b"ARROW1":
        return pa.ipc.open_file(source)
    return pa.ipc.open_stream(source)


def _batches(reader: Any) -> Iterator[Any]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader
