"""``.npz`` archives of arrays. No pickle is ever loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import quoted
from onnxtaylor.data.formats import reading
from onnxtaylor.data.keyed import KeyedTable
from onnxtaylor.data.npy import HEADER, OBJECTS, read_header
from onnxtaylor.errors import DataError, join_names

__all__ = ["NpzTable"]

LARGE, RATIO = 2**30, 100  # bytes of arrays, and how much smaller their file may be beyond that

Array = npt.NDArray[Any]
Header = tuple[tuple[int, ...], np.dtype[Any]]


class NpzTable(KeyedTable):
    """A ``.npz`` file: a ``KeyedTable`` and so a ``Table``.

    Each used array is held in memory as a whole: an archive cannot be streamed. Raises DataError
    for an archive without arrays, and for damaged files.
    """

    def __init__(self, path: Path, file: str) -> None:
        self.path = path
        with reading(file):
            if path.is_dir():
                raise IsADirectoryError
            with zipfile.ZipFile(path) as archive:
                headers = _headers(archive, file)
            self.dtypes = {key: dtype for key, (_, dtype) in headers.items()}
            self._sizes = {key: shape for key, (shape, _) in headers.items()}
            super().__init__(file, self._sizes)

    def load(self, keys: Sequence[str]) -> Mapping[str, Array]:
        """Loads these arrays. Raises DataError for Python objects."""
        for key in keys:
            if self.dtypes[key].hasobject:
                raise DataError(f"array {quoted(key)} holds {OBJECTS}").located(self.file)
        self._require_no_bomb(keys)
        with closing(np.load(self.path, allow_pickle=False, max_header_size=HEADER)) as archive:
            return {key: archive[key] for key in keys}

    def _require_no_bomb(self, keys: Sequence[str]) -> None:
        """Raises DataError for arrays that are far larger than the file: all are held in memory."""
        sizes = {key: prod(self._sizes[key]) * self.dtypes[key].itemsize for key in keys}
        packed = self.path.stat().st_size
        if (total := sum(sizes.values())) > max(LARGE, RATIO * packed):
            raise DataError(
                f"the arrays {join_names(list(sizes))} have {total / 2**30:.3g} GiB, {RATIO} times"
                f" the size of the file and more, and must fit into memory: save them as .npy or"
                " .parquet"
            ).located(self.file)


def _headers(archive: zipfile.ZipFile, file: str) -> dict[str, Header]:
    """Shape and type of each array of an archive, checked against the size of its data."""
    headers = {}
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            continue
        key = member.filename.removesuffix(".npy")
        with archive.open(member) as stream:
            shape, dtype = read_header(stream)
            # before anything of that size is allocated; objects are refused if they are used
            if not dtype.hasobject and prod(shape) * dtype.itemsize > member.file_size:
                raise DataError(
                    f"array {quoted(key)} claims more bytes than the file has: the file is damaged"
                ).located(file)
        headers[key] = shape, dtype
    return headers
