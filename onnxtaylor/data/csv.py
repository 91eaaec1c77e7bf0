"""Text tables, streamed: what a column holds is known before the first block is read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.columns import Places, option, quoted
from onnxtaylor.data.formats import Piece, one_line, reading
from onnxtaylor.data.header import THOUSANDS, open_bytes, read_head
from onnxtaylor.data.values import not_numbers, text_label
from onnxtaylor.errors import DataError, printable

__all__ = ["CsvTable"]

BLOCK = 1 << 20  # bytes of text in a block; a row must fit, and a few blocks are read ahead

# pyarrow says where and what only in these sentences
BAD_VALUE = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to \w+: "
    r"invalid value '(.*)'",
    re.DOTALL,
)
BAD_TEXT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to string")
RAGGED = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")


class CsvTable:
    """A ``.csv``, ``.tsv`` or ``.txt`` file, perhaps compressed.

    Raises DataError where its first lines are no table of text.
    """

    def __init__(self, path: Path, file: str) -> None:
        self.path, self.file = path, file
        with reading(file):
            self.head = read_head(path, file)
        self.names = self.candidates = self.head.names
        self.hint = ""
        self.positional = not self.head.has_names
        squeezed = self.head.delimiter == " "  # blank lines are left out there
        self._skipped = self.head.comments + (0 if squeezed else self.head.blank)

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Only the used columns are converted. Raises DataError naming the row and column."""
        if self.head.first is None:
            return
        row = 0
        with reading(self.file), open_bytes(self.path) as stream:
            try:
                for batch in self._stream(stream, places):
                    if not batch.num_rows:
                        continue

                    def column(place: int, batch: Any = batch) -> Any:
                        return batch.column(str(place))

                    yield arrow_piece(self.file, self.names, places, column, row, text_label)
                    row += batch.num_rows
            except pa.ArrowInvalid as error:
                raise self._fault(str(error), places) from None

    def _stream(self, stream: Any, places: Places) -> Any:
        # Columns are called by position, so that names may repeat or be empty. One thread: only
        # then does pyarrow tell the row at fault.
        spaced = self.head.delimiter == " "
        source: Any = pa.PythonFile(_Squeezed(stream), "r") if spaced else stream
        width = len(self.names)
        columns = [str(place) for place in places.used]
        return pyarrow.csv.open_csv(
            source,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK,
                column_names=[str(place) for place in range(width)],
                # else a blank line would be skipped in place of the names
                skip_rows=self._skipped,
                skip_rows_after_names=int(self.head.named_by_line),
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.head.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={str(place): self._type(place, places) for place in places.used},
                include_columns=columns,
                strings_can_be_null=False,
                decimal_point=self.head.decimal,
            ),
        )

    def _type(self, place: int, places: Places) -> pa.DataType:
        if place == places.label:
            return pa.string()
        first = self.head.first or ()
        if place < len(first) and first[place].lower() in ("true", "false"):
            return pa.bool_()
        return pa.float64()

    def _fault(self, message: str, places: Places) -> DataError:
        """The one line that names the place at fault."""
        if found := BAD_VALUE.search(message):
            place, value = int(found[1]), found[3]
            row = self._row(found[2])
            weight = place == places.weight
            if THOUSANDS.fullmatch(value):
                return DataError(
                    f"{self.file}: column {quoted(self.names[place])}: {quoted(value)} in row"
                    f" {row or 'unknown'} may be a decimal or thousands: write decimals with a"
                    " point, and thousands without a comma"
                )
            if row == 1:  # the whole column is text
                return not_numbers(self.file, self.names[place], value, row, weight=weight)
            out = (
                "" if weight else f" or drop the column with --exclude {option(self.names[place])}"
            )
            return DataError(
                f"{self.file}: column {quoted(self.names[place])}: {quoted(value)} in "
                f"row {row or 'unknown'} is not a number: correct the cell{out}"
            )
        if found := BAD_TEXT.search(message):
            return DataError(
                f"{self.file}: column {quoted(self.names[int(found[1])])} in "
                f"row {self._row(found[2]) or 'unknown'} is not UTF-8 text"
            )
        if found := RAGGED.search(message):
            fields = f"{found[3]} field" + "s" * (found[3] != "1")
            return DataError(
                f"{self.file}: row {self._row(found[1]) or 'unknown'} has {fields}, the first line "
                f"has {found[2]} (delimiter {printable(repr(self.head.delimiter))})"
            )
        if "straddl" in message:
            return DataError(
                f"{self.file} is no table of text: a row is longer than {BLOCK} bytes: is a "
                "quotation mark left open?"
            )
        return DataError(f"{self.file} cannot be read: {one_line(ValueError(message))}")

    def _row(self, number: str | None) -> int | None:
        """pyarrow counts skipped lines and the line of names, we do not."""
        return (
            None if number is None else int(number) - self._skipped - int(self.head.named_by_line)
        )


class _Squeezed(io.RawIOBase):
    """A byte stream whose runs of white space are read as single spaces, blank lines left out."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.tail = b""  # what the white space at the end of the last chunk means: one byte
        self.started = False

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; nothing only at the end."""
        while chunk := self.stream.read(size - 1 if size > 1 else size):
            text = self.tail + chunk
            body = text.rstrip(b" \t\r\n")
            rest = text[len(body) :]  # a run that may go on in the next chunk
            self.tail = b"\n" if rest.strip(b" \t") else b" " if rest else b""
            if not self.started:
                body = body.lstrip()
            if body:
                self.started = True
                body = re.sub(rb"[ \t]*[\r\n][ \t\r\n]*", b"\n", body)
                return re.sub(rb"[ \t]+", b" ", body)
        return b""

    def readable(self) -> bool:
        return True
