"""A seeded sample of the events of a stream, taken as they pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.source import DerivedSource

__all__ = ["Sample"]


class Sample:
    """``count`` of the ``total`` events of a source; which, ``seed`` and ``total`` say alone.

    ``x`` (E, n) are the events that have passed, in the order in which they shall be used: a random
    one, so that the first of them are a sample, too. ``numbers`` (E,) are their numbers.
    """

    def __init__(self, total: int, count: int, seed: int) -> None:
        random = np.random.default_rng([seed, 2])
        self.total, self.seed, self.asked = total, seed, count
        self._order = random.choice(total, min(count, total), replace=False)
        self._places = np.sort(self._order)
        self._passed = 0
        self._parts: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = []

    def watch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches as they come; what is in the sample is kept."""
        for batch in batches:
            first, last = np.searchsorted(self._places, (self._passed, self._passed + len(batch)))
            rows = self._places[first:last] - self._passed
            if len(rows):
                self._parts.append((batch.x[rows], batch.numbers[rows]))
            self._passed += len(batch)
            yield batch

    def of(self, source: EventSource) -> EventSource:
        """The source, whose batches are watched."""
        return _Watched(source, self)

    @property
    def x(self) -> npt.NDArray[np.float64]:
        """The events, (E, n)."""
        return np.concatenate([x for x, _ in self._parts])[self._chosen]

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Their numbers in the data, counted from 0."""
        return np.concatenate([numbers for _, numbers in self._parts])[self._chosen]

    @property
    def _chosen(self) -> npt.NDArray[np.int64]:
        return np.searchsorted(self._places, self._order)


class _Watched(DerivedSource):
    """A source whose batches are looked at on their way, for its sample."""

    def __init__(self, source: EventSource, sample: Sample) -> None:
        super().__init__(source)
        self._sample = sample

    def batches(self, size: int) -> Iterator[Batch]:
        """Those of the source."""
        return self._sample.watch(self._source.batches(size))
