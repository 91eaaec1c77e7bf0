"""Events of some numbers alone: a part of the data, such as one of many shards.

Files that end before the part are not read where they tell their number of rows. Of the part's own
files, rows before it are left out where the format allows (Parquet by row groups, ROOT, HDF5 and
NumPy row by row); others are read from their beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from onnxtaylor.data.rechunk import check_size, cut, rechunk
from onnxtaylor.data.source import Batch, DerivedSource, EventSource

__all__ = ["EventRange", "count_numbers"]

COUNTED = 2**16  # events that are read at a time to count them


class EventRange(DerivedSource):
    """The events of a source whose numbers are ``start`` to ``stop`` − 1; they keep their numbers.

    Parameters
    ----------
    source
        The whole data.
    start, stop
        Number of the first event, and of the first one that is left out behind it.
    """

    def __init__(self, source: EventSource, start: int, stop: int) -> None:
        super().__init__(source)
        self._start, self._stop = start, stop

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the events, exactly ``size`` in a batch; the last batch may have fewer."""
        check_size(size)
        between = getattr(self._source, "between", None)
        read = self._source.batches(size) if between is None else between(self._start, self._stop)
        return rechunk(self._cut(read), size)

    def _cut(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        if self._start >= self._stop:
            return
        for batch in batches:
            first, last = np.searchsorted(batch.numbers, (self._start, self._stop)).tolist()
            if last > first:
                yield cut(batch, first, last)
            if last < len(batch):
                return


def count_numbers(source: EventSource) -> int:
    """Returns the number of the last event of the data, plus 1; of a selection at least that.

    The events are read where their files do not tell it. Raises DataError for what cannot be read.
    """
    known: int | None = getattr(source, "stop", None)
    if known is not None:
        return known
    total = 0
    for batch in source.batches(COUNTED):
        total = int(batch.numbers[-1]) + 1
    return total
