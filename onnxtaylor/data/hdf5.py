"""HDF5 files: data sets with one entry, row or set of objects per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import quoted
from onnxtaylor.data.formats import reading, require
from onnxtaylor.data.heaps import require_sound_heaps
from onnxtaylor.data.keyed import KeyedTable
from onnxtaylor.data.remote import FilePath
from onnxtaylor.data.stored import StoredArray, StoredColumn
from onnxtaylor.errors import DataError, join_names, name_hint, printable

__all__ = ["Hdf5Table"]

VALID = "valid"  # field of records that tells which objects of an event there are
NAMES = "feature_names"
# bytes of values, and how much smaller their file may be beyond that: deflate reaches 1032
LARGE, RATIO = 2**30, 1100
CACHE = 1 << 27  # bytes of unpacked chunks that are held, of all used data sets


class Origin(NamedTuple):
    """Source of a column: a data set, a field of its records, whether another tells the slots."""

    data: str
    field: str | None = None
    valid: bool = False


class Hdf5Table(KeyedTable):
    """A group of a ``.h5`` or ``.hdf5`` file: a ``KeyedTable`` and so a ``Table``.

    Data sets of numbers are what arrays of an ``.npz`` archive are. Of a data set of records, one
    per event, each field is a column of its own name (``jets.pt`` if something else has that name);
    of records with an axis of objects, (N, slots), each field is called ``tracks.pt``. If they have
    a field ``valid``, each event has the lists of those objects alone for which it is true.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    group
        Group or data set that is read; None for the file's own data sets, or its only group with
        some.

    Links to other files are not followed. Raises DataError for a file without data sets, and for
    damaged files.
    """

    saving = "as the data set x"

    def __init__(self, path: FilePath, file: str, group: str | None = None) -> None:
        self._path = path
        self._h5py = require("h5py", "hdf5", file)
        with reading(file):
            if isinstance(path, Path) and path.is_dir():
                raise IsADirectoryError
            with self._open() as stored:
                self._group = self._chosen(stored, group, printable(path))
                found = self._data_sets(stored[self._group])
                self._require_sound_texts(found)
                self._origins = _columns(found)
                shapes = {key: _shape(found[o.data], o) for key, o in self._origins.items()}
                self._names = _names_beside(found)
                lengths = {len(data) for name, data in found.items() if name != NAMES}
            if self._names is not None and NAMES not in shapes:
                shapes[NAMES] = self._names.shape
            fields = [key for key, origin in self._origins.items() if origin.field is not None]
            super().__init__(file, shapes, apart=fields)
        self.rows = lengths.pop() if len(lengths) == 1 else None

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """Opens these arrays, of which slices are read when they are used."""
        if list(keys) == [NAMES] and self._names is not None:
            return {NAMES: self._names}
        # not closed here: it stays open as long as one of the columns is used
        used = {self._origins[key].data for key in keys}
        each = max(1 << 20, CACHE // max(len(used), 1))
        group = self._h5py.File(*self._source(), "r", rdcc_nbytes=each)[self._group]
        held: dict[str, StoredArray] = {}
        columns = {}
        for key in keys:
            origin = self._origins[key]
            if origin.data not in held:
                data = group if not hasattr(group, "keys") else group[origin.data]
                held[origin.data] = StoredArray(data)
            valid = VALID if origin.valid else None
            columns[key] = StoredColumn(held[origin.data], origin.field, valid)
        return columns

    def _open(self) -> AbstractContextManager[Any]:
        opened: AbstractContextManager[Any] = self._h5py.File(*self._source(), "r")
        return opened

    def _source(self) -> tuple[Any]:
        path = self._path
        return (path if isinstance(path, Path) else path.open(),)

    def _chosen(self, stored: Any, group: str | None, file: str) -> str:
        """Path of the group or data set that is read. Raises DataError if it is not clear which."""
        holders: list[str] = []

        def visit(name: str, item: Any) -> None:
            if hasattr(item, "keys") and self._data_sets(item):
                holders.append(name)

        if group is None and self._data_sets(stored):
            return "/"
        stored.visititems(visit)  # follows no link to another file
        if group is not None:
            path = group.strip("/") or "/"
            item = stored.get(path)
            if item is not None and not _elsewhere(item, stored):
                return path
            raise DataError(f"{file} has no group {quoted(group)}{name_hint(group, holders)}")
        if len(holders) == 1:
            return holders[0]
        if not holders:
            raise DataError("holds no data set of events").located(file)
        raise DataError(
            f"{file} holds {len(holders)} groups of data sets ({join_names(holders)}): name one,"
            f" such as {file}:{holders[0]}, or with tree=…"
        )

    def _data_sets(self, group: Any) -> dict[str, Any]:
        """Data sets of a group with events on their first axis; a data set itself by its name."""
        if not hasattr(group, "keys"):
            return {group.name.rpartition("/")[2]: group}
        found = {}
        for name in group:
            # links and data in other files are not followed: the file is not trusted
            if isinstance(group.get(name, getlink=True), self._h5py.ExternalLink):
                continue
            item = group.get(name)
            self._require_no_bomb(item)
            data = isinstance(item, self._h5py.Dataset) and item.shape
            if data and not _elsewhere(item, group):
                found[name] = item
        return found

    def _require_sound_texts(self, found: Mapping[str, Any]) -> None:
        """Raises DataError where texts of varying length cannot be read: see ``heaps``."""
        varying = (data for data in found.values() if data.dtype.hasobject or len(data.attrs))
        if isinstance(self._path, Path) and next(varying, None) is not None:
            try:
                require_sound_heaps(self._path)
            except DataError as error:
                raise error.located(printable(self._path)) from None

    def _require_no_bomb(self, item: Any) -> None:
        """Raises DataError for a data set that claims far more values than the file has."""
        if not isinstance(item, self._h5py.Dataset) or not item.shape:
            return
        size = item.file.id.get_filesize()
        if item.nbytes > max(LARGE, RATIO * size):
            raise DataError(
                f"data set {quoted(item.name)} claims {item.nbytes / 2**30:.3g} GiB in a file of"
                f" {size} bytes: the file is damaged, or its values were never written"
            ).located(printable(self._path))


def _elsewhere(item: Any, group: Any) -> bool:
    """Whether a group or data set, or its values, lie in other files than the group."""
    if item.file.filename != group.file.filename:  # by a link through a link
        return True
    return not hasattr(item, "keys") and bool(item.external or item.is_virtual)


def _columns(found: Mapping[str, Any]) -> dict[str, Origin]:
    """Columns of data sets, by name; only fields of one number or text are columns."""
    flat = {name: Origin(name) for name, data in found.items() if data.dtype.names is None}
    fields: list[tuple[str, Origin, bool]] = []  # own name, origin, one per event
    for name, data in found.items():
        for field in data.dtype.names or ():
            if data.dtype[field].subdtype is None and data.dtype[field].names is None:
                valid = data.ndim == 2 and VALID in data.dtype.names
                fields.append((field, Origin(name, field, valid), data.ndim == 1))
    own = [field for field, _, single in fields if single]
    columns = dict(flat)
    for field, origin, single in fields:
        plain = single and own.count(field) == 1 and field not in flat
        columns[field if plain else f"{origin.data}.{field}"] = origin
    return columns


def _shape(data: Any, origin: Origin) -> tuple[int, ...] | None:
    """Shape of a column; None for lists of the objects that there are."""
    return None if origin.valid else tuple(data.shape)


def _names_beside(found: Mapping[str, Any]) -> npt.NDArray[Any] | None:
    """Names of the columns of a block, from a data set or an attribute; None without them."""
    raw = found[NAMES][:] if NAMES in found else None
    tables = [data for data in found.values() if data.ndim == 2 and data.dtype.names is None]
    for data in tables if raw is None and len(tables) == 1 else ():
        raw = next(
            (data.attrs[key] for key in (NAMES, "columns", "names") if key in data.attrs), None
        )
    if raw is None:
        return None
    texts = [one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in raw]
    return np.array(texts, np.str_)
