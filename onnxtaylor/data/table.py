"""Joins files to one stream of events: the first file determines the columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from onnxtaylor.data.columns import Columns, Places, locate_columns, quoted
from onnxtaylor.data.csv import CsvTable
from onnxtaylor.data.fitting import fitted_extents
from onnxtaylor.data.formats import Piece, Table
from onnxtaylor.data.inputs import choose_inputs
from onnxtaylor.data.ipc import IpcTable
from onnxtaylor.data.npy import NpyTable
from onnxtaylor.data.npz import NpzTable
from onnxtaylor.data.parquet import ParquetTable
from onnxtaylor.data.rechunk import check_size, rechunk
from onnxtaylor.data.request import ColumnRequest, Requested, requested
from onnxtaylor.data.rows import Rows
from onnxtaylor.data.source import Batch
from onnxtaylor.data.values import check_weights
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.files.recognize import head_of, kind_of

__all__ = ["FileSource", "file_names", "open_source", "open_tables"]

FORMATS: dict[str, Callable[[Path, str], Table]] = {
    ".npy": NpyTable,
    ".npz": NpzTable,
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".txt": CsvTable,
    ".parquet": ParquetTable,
    ".arrow": IpcTable,
    ".feather": IpcTable,
    ".ipc": IpcTable,
}
TABLES = ("ROOT", "HDF5", "SQLite", "JSON", "pickle", "Office")  # kinds that may hold a table
COMPRESSED = (".gz", ".bz2", ".zst")


class FileSource:
    """Events of one or more files, in the order given: an ``EventSource``.

    Each batch has new arrays. Weights are 1 if no column is the weight.

    Parameters
    ----------
    tables
        The opened files, at least one.
    request
        Choice of columns: see ``open_source``.
    origins
        Origins of the data; default: the names of the files.
    rename
        Whether names of features that are no columns are new names for the features.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        request: Requested,
        *,
        origins: Sequence[str] | None = None,
        rename: bool = False,
    ) -> None:
        first = tables[0]
        known = dict.fromkeys((*first.names, *first.wholes))
        asked = requested(request, tuple(known))
        new: tuple[str, ...] | None = None
        if rename and asked.features and not set(asked.features) & set(known):
            new, asked = asked.features, replace(asked, features=None, offered=None)
        self.columns: Columns = choose_inputs(first, asked)
        self._rows = Rows(self.columns, fitted_extents(tables, self.columns), asked.missing)
        self._parts = [
            (table, replace(_locate(table, self.columns, first), cells=self._rows.cells))
            for table in tables
        ]
        self.places = self._parts[0][1]
        new = new or self.columns.renamed
        self._names = new or _feature_names(first, self.columns, self._rows.features, asked)
        if new is not None and len(new) != len(self._rows.features):
            raise OptionError(
                f"must have one name for each of the {len(self._rows.features)} features, got"
                f" {len(new)}",
                option="feature_names",
            )
        self._origins = tuple(t.file for t in tables) if origins is None else tuple(origins)

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Names of the features; None if neither data nor options name them."""
        return self._names

    @property
    def context_names(self) -> Sequence[str]:
        """Names of the columns of context."""
        return self._rows.context

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Texts of each column of texts by their code, complete after one pass."""
        return self._rows.texts

    @property
    def sizes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape behind the events of each input that was read as a whole."""
        return self._rows.sizes

    @property
    def lengths(self) -> Mapping[str, str]:
        """Name of the context column with the number of filled slots, of each jagged input."""
        return self._rows.lengths

    @property
    def origins(self) -> Sequence[str]:
        """Names of the files, fit for printing."""
        return self._origins

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the events, exactly ``size`` in a batch; the last batch may have fewer.

        Raises DataError, naming the file, column and row of the first cell at fault, or if there is
        no event at all; OptionError for a size below 1.
        """
        check_size(size)
        return rechunk(self._pieces(), size)

    def _pieces(self) -> Iterator[Batch]:
        number = 0
        for table, places in self._parts:
            row = 0
            for piece in table.pieces(places):
                batch = self._checked(table, places, piece, row, number + row)
                yield batch
                row += len(batch)
            number += row
        if not number:
            raise DataError("there are no events (no row of values)").located(
                ", ".join(self.origins)
            )

    def _checked(self, table: Table, places: Places, piece: Piece, row: int, number: int) -> Batch:
        """Checks a piece that comes after ``row`` rows of its file and ``number`` events."""
        x, weight = self._rows.row(piece, table.file, row), self.columns.weight
        weights = piece.weights
        if weights is None or weight is None:
            weights = np.ones(len(x))
        else:
            where = f"{table.file}: column {quoted(weight)} in row "
            check_weights(weights, lambda k: f"{where}{row + k + 1}")
        numbers = np.arange(number, number + len(x), dtype=np.int64)
        return Batch(x, weights, piece.labels, numbers)


def open_source(paths: Sequence[str | os.PathLike[str]], *, request: Requested) -> FileSource:
    """Opens files as one stream of events.

    Known endings: .npy, .npz, .parquet, .arrow, .feather, .ipc, and .csv, .tsv, .txt which may be
    compressed (.gz, .bz2, .zst). A text file whose first line holds only numbers has no names: its
    columns are called "0", "1", …, like those of an ``.npy`` array. Of all formats but ``.npz``
    only a bounded part is held in memory at a time.

    Parameters
    ----------
    paths
        Names of the files, at least one.
    request
        Choice of columns, made in the first file; the columns are found by name in each file. Or
        a function that makes it from the names of the first file's columns and arrays.

    Raises
    ------
    DataError
        A file cannot be opened, its ending is not known, or its columns do not fit the request.
    OptionError
        No file is named.
    """
    return FileSource(open_tables(paths), request)


def open_tables(paths: Sequence[str | os.PathLike[str]]) -> list[Table]:
    """Opens files as tables. Raises as ``open_source`` does."""
    if not paths:
        raise OptionError("there are no data: name at least one file")
    return [_table(Path(path)) for path in paths]


def file_names(x: object) -> list[str | os.PathLike[str]] | None:
    """Returns x as a list if it is the name of a file or several names; None if it is data."""
    if isinstance(x, str | os.PathLike):
        return [x]
    if isinstance(x, list | tuple) and x and all(isinstance(p, str | os.PathLike) for p in x):
        return list(x)
    return None


def _table(path: Path) -> Table:
    """Opens a file by the ending of its name."""
    file = printable(path)
    if path.is_dir():
        raise DataError(f"{file} is a directory: name the files in it")
    if not path.exists():
        raise DataError("no such file").located(file)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = suffixes[-1] if suffixes else ""
    if ending in COMPRESSED and len(suffixes) > 1 and FORMATS.get(suffixes[-2]) is CsvTable:
        ending = suffixes[-2]
    kind = kind_of(head_of(path))
    if ending not in FORMATS:
        content = f" (it is {kind})" if kind else ""
        problem = (
            f"the ending {printable(ending)} is not known" if ending else "the name has no ending"
        )
        raise DataError(
            f"{problem}{content}: use a file ending in {', '.join(FORMATS)}, or a text table"
            f" compressed as {', '.join(COMPRESSED)}"
        ).located(file)
    if kind is not None and not _is_of_kind(ending, suffixes[-1], kind):
        raise DataError(f"{file} is {kind}{_advice(ending, kind)}")
    return FORMATS[ending](path, file)


def _is_of_kind(ending: str, last: str, kind: str) -> bool:
    """Whether the kind of a file, by its first bytes, agrees with the ending of its name."""
    if FORMATS[ending] is CsvTable:
        return last in COMPRESSED and f"({last})" in kind
    return f"({ending})" in kind or (FORMATS[ending] is IpcTable and "(.arrow)" in kind)


def _advice(ending: str, kind: str) -> str:
    """Advice for a file whose kind does not agree with the ending of its name."""
    named = next((e for e in (*FORMATS, *COMPRESSED) if f"({e})" in kind), None)
    if named in COMPRESSED:
        table = "" if FORMATS[ending] is CsvTable else ", if it holds a text table,"
        return f", but its name ends in {ending}: decompress it, or{table} name it .csv{named}"
    if named is not None:
        return f", but its name ends in {ending}: rename it to end in {named}"
    if ": " in kind:
        return ""
    if any(word in kind for word in TABLES):
        return ": save its columns as .parquet, .csv or .npy"
    return ": name a file with a table of events"


def _locate(table: Table, columns: Columns, first: Table) -> Places:
    """Positions of the columns, which were chosen in the first file, in another file."""
    try:
        return locate_columns(table.file, table.names, columns)
    except DataError as error:
        if table.positional and not first.positional:
            raise DataError(
                f"{error}; its columns have no names: is the line of names missing, which"
                f" {first.file} has?"
            ) from None
        raise


def _feature_names(
    table: Table, columns: Columns, features: tuple[str, ...], request: ColumnRequest
) -> tuple[str, ...] | None:
    """Names of the features; None if they are positions alone, and the model offers no names."""
    if table.positional and columns.counted:
        if request.offered and len(set(request.offered)) == len(columns.features):
            return request.offered
        if set(columns.features) | {c.name for c in columns.context} >= set(table.candidates):
            return None
    return features
