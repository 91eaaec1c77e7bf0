"""Text tables, streamed: the type of each column is decided before the first block is read."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from time import monotonic, sleep
from typing import Any

import pyarrow as pa
import pyarrow.csv

from onnxtaylor.data.arrow import arrow_piece
from onnxtaylor.data.beside import refused_values
from onnxtaylor.data.columns import Places, advise_exclusion, quoted
from onnxtaylor.data.formats import Piece, one_line, reading
from onnxtaylor.data.header import THOUSANDS, open_bytes, read_head
from onnxtaylor.data.remote import FilePath
from onnxtaylor.data.values import not_numbers, text_label
from onnxtaylor.errors import DataError, printable

__all__ = ["CsvTable"]

PATIENCE = 1.0  # seconds for threads of pyarrow to end
BLOCK = 1 << 20  # bytes of text in a block; a row must fit, and a few blocks are read ahead

# pyarrow names rows and columns that it cannot read in these sentences alone
BAD_NUMBER = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to \w+: "
    r"invalid value '(.*)'",
    re.DOTALL,
)
BAD_ROW = re.compile(r"CSV parse error: (?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")
BAD_TEXT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to string")


class CsvTable:
    """A ``.csv``, ``.tsv`` or ``.txt`` file, which may be compressed: a ``Table``.

    Raises DataError if its first lines are no table of text.
    """

    def __init__(self, path: FilePath, file: str) -> None:
        self.path, self.file = path, file
        with reading(file):
            self.head = read_head(path, file)
        self.names = self.candidates = self.head.names
        self.hint = ""
        self.wholes: Mapping[str, tuple[int, ...] | None] = {}
        self.block: str | None = None
        self.positional = not self.head.has_names
        self.rows: int | None = None  # only reading tells where quoted cells end
        spaced = self.head.delimiter == " "  # then blank lines are removed from the stream
        self._skipped = self.head.comments + (0 if spaced else self.head.blank)

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns; the others are not converted.

        Raises DataError, naming the row and the column, for a cell that is no number, for text
        that is not UTF-8, and for a row with too many or too few fields.
        """
        if self.head.first is None:
            return
        row = 0
        with reading(self.file), open_bytes(self.path) as stream:
            squeezer = _SpaceSqueezer()
            try:
                for batch in self._batches(stream, places, squeezer):
                    if not batch.num_rows:
                        continue

                    def column(place: int, batch: Any = batch) -> Any:
                        return batch.column(str(place))

                    yield arrow_piece(self.file, self.names, places, column, row, text_label)
                    row += batch.num_rows
            except pa.ArrowInvalid as error:
                raise self._fault(str(error), places).located(self.file) from None
            finally:
                squeezer.wait_until_let_go()

    def _batches(
        self, stream: Any, places: Places, squeezer: _SpaceSqueezer
    ) -> pyarrow.csv.CSVStreamingReader:
        """Batches of the used columns."""
        return pyarrow.csv.open_csv(
            squeezer.squeezed(stream) if self.head.delimiter == " " else stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,  # with threads pyarrow does not give the row at fault
                block_size=BLOCK,
                # by position, so that names may repeat or be empty
                column_names=[str(place) for place in range(len(self.names))],
                # else a blank line would be skipped in place of the names
                skip_rows=self._skipped,
                skip_rows_after_names=int(self.head.named_by_line),
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.head.delimiter,
                newlines_in_values=True,  # no handler of rows, see ``wait_until_let_go``
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={str(place): self._type(place, places) for place in places.used},
                include_columns=[str(place) for place in places.used],
                strings_can_be_null=False,
                decimal_point=self.head.decimal,
            ),
        )

    def _type(self, place: int, places: Places) -> pa.DataType:
        if place == places.label or place in places.texts or place in places.beside_texts:
            return pa.string()
        first = self.head.first or ()
        if place < len(first) and first[place].lower() in ("true", "false"):
            return pa.bool_()
        return pa.float64()

    def _fault(self, message: str, places: Places) -> DataError:
        """Makes the error that names the wrong row, from pyarrow's message."""
        if cell := BAD_NUMBER.search(message):
            place, line = int(cell[1]), self._row(cell[2])
            if place in places.context:
                what = f"column {quoted(self.names[place])} in row {line}"
                return DataError(
                    f"{what} holds {quoted(cell[3])}, but the model takes numbers there: correct"
                    " the cell, or write numbers in this column"
                )
            if place in places.beside and place not in (*places.features, places.weight):
                what = f"column {quoted(self.names[place])}"
                return refused_values(what, f"{quoted(cell[3])} in row {line}", text=False)
            return self._bad_number(place, line, cell[3], places)
        if cell := BAD_TEXT.search(message):
            return DataError(
                f"column {quoted(self.names[int(cell[1])])} in row {self._row(cell[2])} is not"
                " UTF-8 text: save the file as UTF-8"
            )
        if ragged := BAD_ROW.match(message):
            fields = f"{ragged[3]} field{'s' * (ragged[3] != '1')}"
            return DataError(
                f"row {self._row(ragged[1])} has {fields}, but the first line has"
                f" {ragged[2]} (delimiter {printable(repr(self.head.delimiter))}):"
                " correct the row, or put text that holds the delimiter in quotation marks"
            )
        if "straddl" in message:
            return DataError(
                f"this is no table of text: a row is longer than {BLOCK} bytes; is a quotation"
                " mark not closed?"
            )
        return DataError(f"cannot be read: {one_line(ValueError(message))}")

    def _bad_number(self, place: int, row: str, value: str, places: Places) -> DataError:
        name, weight = self.names[place], place == places.weight
        if THOUSANDS.fullmatch(value):
            return DataError(
                f"column {quoted(name)} in row {row} holds {quoted(value)}, which may have a"
                " decimal comma or a comma between thousands: write decimals with a point, and"
                " thousands without a comma"
            )
        if row == "1":  # then the whole column is text
            example = f"{quoted(value)} in row 1"
            return not_numbers(name, "text", weight=weight, example=example)
        exclude = "" if weight else f", or leave the column out with {advise_exclusion(name)}"
        return DataError(
            f"column {quoted(name)} in row {row} holds {quoted(value)}, which is not a number:"
            f" correct the cell{exclude}"
        )

    def _row(self, line: str | int | None) -> str:
        """The number of a row for a message; pyarrow counts skipped lines and the names as well."""
        if line is None:
            return "unknown"
        return str(int(line) - self._skipped - int(self.head.named_by_line))


class _SpaceSqueezer:
    """Replaces each run of white space by one space and drops blank lines, chunk by chunk."""

    def __init__(self) -> None:
        self.tail = b""  # the white space at the end of the last chunk, as one byte
        self.started = False
        self._is_held: Callable[[], object] = bool

    def squeezed(self, stream: Any) -> Any:
        """Returns a stream of what is left of another one."""
        function = partial(self._squeeze)
        self._is_held = weakref.ref(function)
        return pa.TransformInputStream(stream, function)

    def wait_until_let_go(self) -> None:
        """Waits until no thread of pyarrow, which reads ahead, holds this function any more.

        One that lets a Python object go while the interpreter ends aborts the whole process.
        """
        end = monotonic() + PATIENCE
        while self._is_held() and monotonic() < end:
            sleep(0.001)

    def _squeeze(self, chunk: Any) -> bytes:
        text = self.tail + bytes(chunk)
        body = text.rstrip(b" \t\r\n")
        rest = text[len(body) :]  # a run that may go on in the next chunk
        self.tail = b"\n" if rest.strip(b" \t") else b" " if rest else b""
        if not self.started:
            body = body.lstrip()
            self.started = bool(body)
        body = re.sub(rb"[ \t]*[\r\n][ \t\r\n]*", b"\n", body)
        return re.sub(rb"[ \t]+", b" ", body)
