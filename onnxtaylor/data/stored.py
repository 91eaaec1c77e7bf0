"""Data sets of HDF5 as arrays that are read slice by slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["StoredArray", "StoredColumn"]

Array = npt.NDArray[Any]


class StoredArray:
    """A data set of which the last slice is kept, so that its columns are read once.

    Parameters
    ----------
    data
        Data set of h5py.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self._part: slice | None = None
        self._held: dict[str | None, Array] = {}

    def read(self, part: slice, field: str | None) -> Array:
        """Returns some rows of the data set, or of a field of its records."""
        if part != self._part:
            self._part, self._held = part, {}
        if field not in self._held:
            data = self.data if field is None else self.data.fields(field)
            values = np.asarray(data[part])
            self._held[field] = values.astype(values.dtype.newbyteorder("="), copy=False)
        return self._held[field]


class StoredColumn:
    """A data set, or a field of its records, as an array of which slices can be taken.

    Parameters
    ----------
    array
        The data set.
    field
        Field of its records; None for the whole.
    valid
        Field that tells which objects of (N, slots) there are: a slice is then an Arrow array of
        their lists.
    """

    def __init__(self, array: StoredArray, field: str | None, valid: str | None) -> None:
        self._array, self._field, self._valid = array, field, valid

    def __len__(self) -> int:
        return len(self._array.data)

    def __getitem__(self, part: slice) -> Any:
        values = self._array.read(part, self._field)
        if self._valid is None:
            return values
        there = self._array.read(part, self._valid).astype(np.bool_)
        ends = np.cumsum(there.sum(axis=1), dtype=np.int64)
        offsets = pa.array(np.concatenate([np.zeros(1, np.int64), ends]))
        return pa.LargeListArray.from_arrays(offsets, pa.array(values[there]))
