"""Collections of Dask as tables: each partition is computed where it is read, and then let go.

Neither Dask nor what its partitions are made of is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, one_line
from onnxtaylor.data.memory import ArrowFrame
from onnxtaylor.errors import DataError, OnnxTaylorError

__all__ = ["Partitions", "as_partitions", "is_dask"]

LIBRARIES = ("dask", "dask_expr", "dask_awkward")
ONE_AT_A_TIME = "synchronous"  # a worker of Dask computes what it reads itself


class Partitions:
    """The partitions of a data frame, an array (N, n) or records of Dask, in their order.

    It can be sent to other processes, with what is known of it: names, and numbers of rows.

    Parameters
    ----------
    collection
        A ``dask.dataframe.DataFrame``, a ``dask.array.Array`` or a ``dask_awkward.Array``.

    Raises
    ------
    DataError
        An array has not two axes, or the collection is persisted on a cluster.
    """

    def __init__(self, collection: Any) -> None:
        self.counted = hasattr(collection, "chunks")  # columns of an array have numbers, no names
        if self.counted:
            if collection.ndim != 2:
                raise DataError(
                    f"x has {collection.ndim} axes, but an array of Dask must have the shape"
                    " (events, features)"
                )
            collection = collection.rechunk({1: -1})
        if any(_is_future(task) for task in dict(collection.__dask_graph__()).values()):
            raise DataError(
                "x is persisted on a cluster: give it as it was before persist(), since partitions"
                " are computed where they are read"
            )
        parts = np.ravel(np.asarray(collection.to_delayed(), dtype=object))
        self._parts: list[Any] = list(parts)
        self.tables = [_Partition(self, place) for place in range(len(parts))]

    @cached_property
    def first(self) -> ArrowFrame:
        """A frame of one event, or of none if there is none: it tells names and types.

        Raises DataError where a partition cannot be computed.
        """
        for place in range(len(self._parts)):
            values = self.compute(place)
            if len(values) or place == len(self._parts) - 1:
                return ArrowFrame(self._frame(values[:1]))
        raise DataError("x is a collection of Dask without partitions")

    def frame(self, place: int) -> ArrowFrame:
        """Computes a partition. Raises DataError where it cannot be computed."""
        return ArrowFrame(self._frame(self.compute(place)), self.describe(place))

    def describe(self, place: int) -> str:
        """Returns what messages call a partition."""
        return f"partition {place} of the data"

    def compute(self, place: int) -> Any:
        """Computes a partition. Raises DataError where it cannot be computed."""
        try:
            return self._parts[place].compute(scheduler=ONE_AT_A_TIME)
        except OnnxTaylorError:
            raise
        except Exception as error:  # the user's own work may raise anything
            raise DataError(f"cannot be computed: {one_line(error)}").located(
                self.describe(place)
            ) from error

    def _frame(self, values: Any) -> Any:
        if not self.counted:
            return values
        columns = [pa.array(np.ascontiguousarray(column)) for column in values.T]
        return pa.table(columns, names=[str(k) for k in range(len(columns))])


class _Partition:
    """One partition, computed when it is read: a ``Table``."""

    block: str | None = None

    def __init__(self, parts: Partitions, place: int) -> None:
        self._parts, self._place = parts, place
        self.file = parts.describe(place)
        self.positional = parts.counted
        self.rows: int | None = None  # until it was read once

    @property
    def names(self) -> Sequence[str]:
        """Names of all columns, of the first partition that has events."""
        return self._parts.first.names

    @property
    def candidates(self) -> Sequence[str]:
        """Names of the columns that may be counted as features."""
        return self._parts.first.candidates

    @property
    def hint(self) -> str:
        """Reason why columns may be missing."""
        return self._parts.first.hint

    @property
    def wholes(self) -> Mapping[str, tuple[int, ...] | None]:
        """Columns of lists."""
        return self._parts.first.wholes

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns. Raises DataError, naming partition, column and row."""
        frame = self._parts.frame(self._place)
        self.rows = frame.rows
        yield from frame.pieces(places)


def _is_future(task: Any) -> bool:
    """Tests whether a task of a graph is a result that a cluster keeps."""
    return type(getattr(task, "value", task)).__name__ == "Future"


def is_dask(x: object) -> bool:
    """Tests whether x is a collection of Dask, or the partitions of one."""
    return isinstance(x, Partitions) or (
        type(x).__module__.partition(".")[0] in LIBRARIES and hasattr(x, "to_delayed")
    )


def as_partitions(x: Any) -> Any:
    """Returns the partitions of a collection of Dask; anything else as it is.

    Raises DataError for an array that has not two axes.
    """
    return Partitions(x) if is_dask(x) and not isinstance(x, Partitions) else x
