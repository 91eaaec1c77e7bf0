"""The first lines of a text file: its delimiter, and whether it starts with names.

If every field of the first line is a number (or empty), there are no names: the columns are then
called by their position, "0", "1", …. The delimiter is a tab in ``.tsv``; else it is the one of
comma, tab, semicolon and bar that cuts the first two lines into equally many fields, and white
space if none of them occurs.

Lines that begin with ``#`` before the table are comments. The last comment has the names if it has
one for each column and the line after it is an event: so NumPy's ``savetxt`` writes a header.
Decimals may be written with commas if the delimiter is another character.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from onnxtaylor.data.remote import FilePath
from onnxtaylor.errors import DataError, OnnxTaylorWarning, join_names

__all__ = ["THOUSANDS", "Head", "open_bytes", "read_head"]

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
LIMIT = 1 << 19  # bytes in which the first line must end
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
LINE_END = re.compile(r"\r\n|\r|\n")
INTEGER = re.compile(r"[+-]?\d+")
COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")  # a decimal with a comma
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # a decimal, or a comma between thousands
POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL_ROWS = 1000  # rows that are searched for decimal commas
# a cell that pyarrow reads as empty, and a few more spellings
EMPTY = re.compile(r"|#?n/?a|#?na?n|[+-]?nan|null", re.IGNORECASE)


@dataclass(frozen=True)
class Head:
    """Dialect and names of a text table.

    Parameters
    ----------
    delimiter
        One character; a space stands for any run of white space.
    has_names
        Whether a line or a comment has the names; else they are positions.
    names
        Names of the columns.
    first
        Fields of the first row of values, None if there is no row.
    blank, comments
        Numbers of blank lines and of comments before the table.
    named_by_line
        Whether the table's first line has the names.
    decimal
        The decimal separator, a point or a comma.
    """

    delimiter: str
    has_names: bool
    names: tuple[str, ...]
    first: tuple[str, ...] | None
    blank: int = 0
    comments: int = 0
    named_by_line: bool = False
    decimal: str = "."


def open_bytes(path: FilePath) -> Any:
    """Opens a file as a stream of bytes, decompressed if the ending of its name says so."""
    compression: Any = COMPRESSIONS.get(path.suffix.lower())  # None: not compressed
    source: Any = str(path) if isinstance(path, Path) else path.open()
    return pa.input_stream(source, compression=compression)


def read_head(path: FilePath, file: str) -> Head:
    """Finds delimiter and names in the first lines of a file.

    ``file`` is its name for messages. Raises DataError if this is no table of text.
    """
    with open_bytes(path) as stream:
        start = _read(stream, LIMIT)
    text = _decoded(start, file)
    if not text.strip():
        raise DataError(f"{file} is empty")
    comments, blank, table = _before_table(text)
    if not table:
        raise DataError(f"{file} has only comments (lines that begin with #) and no table")
    delimiter = "\t" if ".tsv" in (s.lower() for s in path.suffixes) else _sniffed(table)
    try:
        rows = list(_records(table, delimiter))
    except csv.Error as error:
        raise DataError(
            f"this is no table of text: {error} in its first lines; is a quotation mark not closed?"
        ).located(file) from None
    if len(rows) < 2 and len(start) == LIMIT:
        raise DataError(
            f"this is no table of text: its first line is longer than {LIMIT} bytes"
        ).located(file)
    first, second = rows[0], rows[1] if len(rows) > 1 else None
    decimal = _decimal(table, delimiter)
    numbers = [f for f in first if NUMBER.fullmatch(f.replace(decimal, "."))]
    before = (blank, len(comments))
    if comments and numbers and (names := _commented_names(comments[-1], delimiter, len(first))):
        return Head(delimiter, True, names, first, *before, decimal=decimal)
    if any(first) and all(f in numbers or EMPTY.fullmatch(f) for f in first):
        positions = tuple(str(i) for i in range(len(first)))
        return Head(delimiter, False, positions, first, *before, decimal=decimal)
    _warn_of_lost_event(first, file)
    return Head(delimiter, True, first, second, *before, named_by_line=True, decimal=decimal)


def _squeeze(text: str) -> str:
    """Lines of fields between runs of white space, as fields between single spaces."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _read(stream: Any, limit: int) -> bytes:
    """The first bytes of a stream; reads in parts, since compressed streams may return fewer."""
    parts, size = [], 0
    while size < limit and (part := stream.read(limit - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _decoded(start: bytes, file: str) -> str:
    if b"\0" in start:
        raise DataError(
            f"{file} holds binary data (or UTF-16 text), not a table of text: save it as UTF-8"
        )
    decoder = codecs.getincrementaldecoder("utf-8-sig")()  # drops a byte order mark
    try:
        return decoder.decode(start, final=len(start) < LIMIT)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 text (byte 0x{start[error.start]:02x} at position {error.start}):"
            " save it as UTF-8"
        ) from None


def _before_table(text: str) -> tuple[list[str], int, str]:
    """The comments before the table, the number of blank lines there, and the table's text."""
    comments, blank, start = [], 0, 0
    for end in LINE_END.finditer(text):
        line = text[start : end.start()]
        if line.startswith("#"):
            comments.append(line.lstrip("#").strip() or "#")
        elif line:
            break
        else:
            blank += 1
        start = end.end()
    rest = text[start:]
    return comments, blank, "" if rest.startswith("#") and comments else rest


def _commented_names(comment: str, delimiter: str, columns: int) -> tuple[str, ...] | None:
    """The names in a comment that has one for each column, None for another comment."""
    for separator in (delimiter, " "):
        fields = [f.strip() for f in comment.split(None if separator == " " else separator)]
        if len(fields) == columns and (columns > 1 or len(comment.split()) == 1):
            return tuple(field or "#" if k == 0 else field for k, field in enumerate(fields))
    return None


def _decimal(text: str, delimiter: str) -> str:
    """Decimal sign: a comma if numbers of the first rows have commas, and none has a point."""
    if delimiter == ",":
        return "."
    commas = False
    with suppress(csv.Error):  # the reader will meet it again, and name the row
        for fields in _records(text, delimiter, DECIMAL_ROWS):
            if any(POINT.fullmatch(field) for field in fields):
                return "."
            with_comma = [field for field in fields if COMMA.fullmatch(field)]
            commas |= any(not THOUSANDS.fullmatch(field) for field in with_comma)
    return "," if commas else "."


def _records(text: str, delimiter: str, most: int = 2) -> Iterator[tuple[str, ...]]:
    """The first lines that are not empty, cut into fields."""
    source = io.StringIO(_squeeze(text) if delimiter == " " else text, newline="")
    lines = (fields for fields in csv.reader(source, delimiter=delimiter) if fields)
    for fields in islice(lines, most):
        yield tuple(field.strip() if EMPTY.fullmatch(field.strip()) else field for field in fields)


def _sniffed(text: str) -> str:
    """The delimiter of the first two lines."""
    counts: dict[str, list[int]] = {}
    last: dict[str, tuple[str, ...]] = {}
    for delimiter in ",\t;| ":
        counts[delimiter] = []
        with suppress(csv.Error):  # read_head will meet it again, and report it
            for fields in _records(text, delimiter):
                counts[delimiter].append(len(fields))
                last[delimiter] = fields
    agreed = {d: c[0] for d, c in counts.items() if c and c[0] == c[-1] and c[0] > 1}
    for other in agreed:
        commas = [f for f in last[other] if "," in f]
        if other != "," and commas and all(COMMA.fullmatch(f) for f in commas):
            return other  # the commas belong to decimals
    separators = {d: n for d, n in agreed.items() if d != " "} or agreed
    # if no delimiter cuts both lines alike, the reader will name the row with too many fields
    present = separators or {d: c[0] for d, c in counts.items() if c and d != " "}
    return max(present, key=lambda d: present[d], default=",")


def _warn_of_lost_event(first: tuple[str, ...], file: str) -> None:
    """Warns of a line like ``s,1.5,-0.25``, which is an event rather than names."""
    numbers = [f for f in first if NUMBER.fullmatch(f) and not INTEGER.fullmatch(f)]
    if 2 * len(numbers) > len(first):
        warnings.warn(
            f"{file}: the first line is read as column names, but {len(numbers)} of {len(first)}"
            f" are numbers ({join_names(numbers, 2)}): put a line of names before the first event",
            OnnxTaylorWarning,
            stacklevel=2,
        )
