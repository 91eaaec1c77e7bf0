"""Sets of different sizes, one for each event: lists, arrays of lists, Arrow and awkward arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, printable

__all__ = ["Jagged", "jagged", "without_empty_ends"]


@dataclass(frozen=True)
class Jagged:
    """Values of all sets one after another, (Σ n_k,), and the size n_k of each, (N,).

    ``sizes_known`` is false for a table (N, slots), which may be padded: it has equally many values
    for each event, whatever the sizes of the sets.
    """

    values: npt.NDArray[Any]
    lengths: npt.NDArray[np.int64]
    sizes_known: bool = True

    @classmethod
    def of_table(cls, table: npt.NDArray[Any]) -> Jagged:
        """Returns the sets of a table (N, slots), whose sizes are not known."""
        events, slots = table.shape
        return cls(table.reshape(-1), np.full(events, slots, dtype=np.int64), False)

    def padded(self, slots: int) -> npt.NDArray[Any]:
        """Returns the values (N, slots): longer sets cut off, 0 or an empty text in other slots."""
        values = self.values
        if (self.lengths > slots).any():
            starts = np.cumsum(self.lengths) - self.lengths
            place = np.arange(len(values)) - np.repeat(starts, self.lengths)  # within its set
            values = values[place < slots]
        elif len(values) == len(self.lengths) * slots:
            return values.reshape(len(self.lengths), slots)
        table = np.zeros((len(self.lengths), slots), dtype=values.dtype)
        table[np.arange(slots) < self.lengths[:, None]] = values
        return table


def jagged(column: Any, name: str) -> Jagged:
    """Reads one set for each event.

    Parameters
    ----------
    column
        An array (N, slots), a sequence of N sequences, a list array of Arrow, or an
        ``awkward.Array`` of one variable.
    name
        Its name, for messages.

    Raises
    ------
    DataError
        It holds no such sets.
    """
    offsets = getattr(column, "offsets", None)
    if offsets is not None and hasattr(column, "flatten") and hasattr(column, "to_numpy"):
        return _of_arrow(column)
    if type(column).__module__.partition(".")[0] == "awkward":
        return _of_awkward(column, name)
    if isinstance(column, np.ndarray) and column.dtype != object:
        if column.ndim != 2:
            raise DataError(
                f"column '{printable(name)}' has {column.ndim} axes: a set for each event has two,"
                " events and slots"
            )
        return Jagged.of_table(column)
    return _of_lists(column, name)


def without_empty_ends(columns: Sequence[Jagged]) -> list[Jagged]:
    """Returns tables without the slots at the end of each event that are NaN in all variables.

    Such slots hold no object, and tell the sizes of the sets. Columns that are not all tables, and
    tables without such slots, stay as they are.
    """
    shapes = {(len(one.lengths), len(one.values)) for one in columns}
    if any(one.sizes_known for one in columns) or len(shapes) > 1 or len(columns[0].lengths) == 0:
        return list(columns)
    tables = [one.values.reshape(len(one.lengths), -1) for one in columns]
    if any(table.dtype.kind != "f" for table in tables):
        return list(columns)
    holds = ~np.all([np.isnan(table) for table in tables], axis=0)  # (N, slots)
    slots = holds.shape[1]
    lengths = np.where(holds, np.arange(1, slots + 1), 0).max(axis=1, initial=0).astype(np.int64)
    if (lengths == slots).all():
        return list(columns)
    kept = np.arange(slots) < lengths[:, None]
    return [Jagged(table[kept], lengths) for table in tables]


def _of_arrow(column: Any) -> Jagged:
    """Reads a list array of Arrow."""
    lengths = np.nan_to_num(column.value_lengths().to_numpy(zero_copy_only=False))
    return Jagged(column.flatten().to_numpy(zero_copy_only=False), lengths.astype(np.int64))


def _of_awkward(column: Any, name: str) -> Jagged:
    """Reads an ``awkward.Array``, by the library that has made it."""
    import sys

    ak: Any = sys.modules["awkward"]
    if column.ndim != 2:
        raise DataError(f"column '{printable(name)}' must have one list of numbers for each event")
    return Jagged(
        np.asarray(ak.to_numpy(ak.flatten(column, axis=1))),
        np.asarray(ak.to_numpy(ak.num(column, axis=1)), dtype=np.int64),
    )


def _of_lists(column: Sequence[Any], name: str) -> Jagged:
    """Reads a sequence of sequences."""
    try:
        sets = [np.asarray(one) for one in column]
    except (TypeError, ValueError):
        sets = []
    for k, one in enumerate(sets):
        if one.ndim != 1 or (one.size and one.dtype == object):
            raise DataError(
                f"column '{printable(name)}' has no list of numbers or texts at event {k}"
            )
    if len(sets) != len(column):
        raise DataError(f"column '{printable(name)}' must have one list for each event")
    lengths = np.fromiter((len(one) for one in sets), dtype=np.int64, count=len(sets))
    values = np.concatenate([one for one in sets if one.size] or [np.zeros(0)])
    return Jagged(values, lengths)
