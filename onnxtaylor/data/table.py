"""Joins files to one stream of events: the first file determines the columns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from onnxtaylor.data.beside import selected_batches, selected_tables
from onnxtaylor.data.columns import Columns, Places, locate_columns
from onnxtaylor.data.fitting import fitted_extents
from onnxtaylor.data.formats import Table
from onnxtaylor.data.inputs import choose_inputs
from onnxtaylor.data.open_tables import open_tables
from onnxtaylor.data.rechunk import check_size, rechunk
from onnxtaylor.data.request import ColumnRequest, Requested, TreeRequest, requested
from onnxtaylor.data.rows import Rows
from onnxtaylor.data.source import Batch
from onnxtaylor.errors import DataError, OptionError

__all__ = ["FileSource", "file_names", "open_source"]


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
        located = [_locate(table, self.columns, first) for table in tables]
        extents = fitted_extents(selected_tables(tables, asked.beside), self.columns)
        self._rows = Rows(self.columns, extents, asked.missing)
        self._parts = [
            (table, replace(places, cells=self._rows.cells))
            for table, places in zip(tables, located, strict=True)
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
        return rechunk(self._selected(), size)

    @property
    def rows_of_files(self) -> Mapping[str, int | None]:
        """Number of rows of each file, None where only reading tells it."""
        return {table.file: table.rows for table, _ in self._parts}

    @property
    def stop(self) -> int | None:
        """Number of rows, selected or not, where all files tell it; else None."""
        counts = [table.rows for table, _ in self._parts]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def rows(self) -> int | None:
        """Number of events, where it is known without a look at any cell; else None."""
        return self.stop if self.columns.beside.where is None else None

    def between(self, start: int, stop: int) -> Iterator[Batch]:
        """Reads pieces with all events numbered ``start`` to ``stop`` − 1, and with others.

        Files that end before are left out where they tell their rows. Raises as ``batches`` does.
        """
        return self._selected(start, stop)

    def _selected(self, start: int = 0, stop: float = inf) -> Iterator[Batch]:
        beside, weight = self.columns.beside, self.columns.weight
        return selected_batches(self._parts, self._rows.row, beside, weight, start=start, stop=stop)


def open_source(
    paths: Sequence[str | os.PathLike[str]],
    *,
    request: Requested,
    trees: TreeRequest | None = None,
) -> FileSource:
    """Opens files as one stream of events.

    Known endings: .root, .h5, .hdf5, .npy, .npz, .parquet, .arrow, .feather, .ipc, and .csv, .tsv,
    .txt which may be compressed (.gz, .bz2, .zst). A text file whose first line holds only numbers
    has no names: its columns are called "0", "1", …, like those of an ``.npy`` array. Of all
    formats but ``.npz`` only a bounded part is held in memory at a time.

    Parameters
    ----------
    paths
        Names of the files, at least one: see ``onnxtaylor.files.names``.
    request
        Choice of columns, made in the first file; the columns are found by name in each file. Or
        a function that makes it from the names of the first file's columns and arrays.
    trees
        Choice of trees in files of ROOT and HDF5.

    Raises
    ------
    DataError
        A file cannot be opened, its ending is not known, or its columns do not fit the request.
    OptionError
        No file is named, or trees are named where no file has any.
    """
    return FileSource(open_tables(paths, trees), request)


def file_names(x: object) -> list[str | os.PathLike[str]] | None:
    """Returns x as a list if it is the name of a file or several names; None if it is data."""
    if isinstance(x, str | os.PathLike):
        return [x]
    if isinstance(x, list | tuple) and x and all(isinstance(p, str | os.PathLike) for p in x):
        return list(x)
    return None


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
