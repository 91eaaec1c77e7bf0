"""A random sample of the events of a stream, collected while they pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.source import DerivedSource

__all__ = ["Sample"]


class Sample:
    """A random sample of the events of a source, collected while they pass.

    Parameters
    ----------
    total
        Number of events of the source.
    count
        Number of events to draw; all where there are no more.
    seed
        Random seed; together with ``total`` it determines the sample.
    """

    def __init__(self, total: int, count: int, seed: int) -> None:
        random = np.random.default_rng([seed, 2])
        self.total, self.seed, self.asked = total, seed, count
        self._order = random.choice(total, min(count, total), replace=False)
        self._places = np.sort(self._order)
        self._passed = 0
        self._parts: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = []

    def watch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Passes batches on unchanged and keeps their events that belong to the sample."""
        for batch in batches:
            first, last = np.searchsorted(self._places, (self._passed, self._passed + len(batch)))
            rows = self._places[first:last] - self._passed
            if len(rows):
                self._parts.append((batch.x[rows], batch.numbers[rows]))
            self._passed += len(batch)
            yield batch

    def of(self, source: EventSource) -> EventSource:
        """Wraps a source: its events are added to the sample while they are read."""
        return _Watched(source, self)

    @property
    def x(self) -> npt.NDArray[np.float64]:
        """The sampled events, (E, n).

        Their order is random, so that the first of them are a sample, too.
        """
        return np.concatenate([x for x, _ in self._parts])[self._chosen]

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Numbers of the sampled events in the data, (E,), counted from 0."""
        return np.concatenate([numbers for _, numbers in self._parts])[self._chosen]

    @property
    def _chosen(self) -> npt.NDArray[np.int64]:
        """Places of the sampled events among the kept rows, in random order."""
        return np.searchsorted(self._places, self._order)


class _Watched(DerivedSource):
    """A source whose events are added to a sample while they are read."""

    def __init__(self, source: EventSource, sample: Sample) -> None:
        super().__init__(source)
        self._sample = sample

    def batches(self, size: int) -> Iterator[Batch]:
        """Yields the batches of the source."""
        return self._sample.watch(self._source.batches(size))
