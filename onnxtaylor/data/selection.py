"""A part of the events: the first, or a random sample. Events keep their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.rechunk import check_size, cut, rechunk
from onnxtaylor.data.source import Batch, DerivedSource, EventSource
from onnxtaylor.errors import OptionError

__all__ = ["FirstEvents", "SampledEvents", "first_events", "sampled"]

BLOCK = 1 << 20  # event numbers drawn at a time: part of what a seed means
LIMIT = 10**9  # NumPy's hypergeometric draws go no further


def first_events(source: EventSource, count: int) -> FirstEvents:
    """The first ``count`` events, or all if there are fewer. Raises OptionError for count < 1."""
    return FirstEvents(source, count)


def sampled(source: EventSource, total: int, count: int, seed: int) -> SampledEvents:
    """A random sample without replacement of ``count`` of the ``total`` events of a source.

    The events stay in order. A sample depends on (total, count, seed) alone, not on batch sizes
    or files. All events are taken if count ≥ total. Raises OptionError for count < 1, a negative
    seed, or a total from 10⁹ on.
    """
    return SampledEvents(source, total, count, seed)


class _Part(DerivedSource):
    """Some of a source's events."""

    def __init__(self, source: EventSource, count: int) -> None:
        if count < 1:
            raise OptionError(f"{count} events: one at least is needed")
        super().__init__(source)
        self._count = count


class FirstEvents(_Part):
    """See ``first_events``."""

    def batches(self, size: int) -> Iterator[Batch]:
        """The events, ``size`` a batch; the source is not read further than they need."""
        check_size(size)
        return self._cut(size)

    def _cut(self, size: int) -> Iterator[Batch]:
        left = self._count
        for batch in self._source.batches(min(size, left)):
            yield batch if len(batch) <= left else cut(batch, 0, left)
            left -= len(batch)
            if left <= 0:
                return


class SampledEvents(_Part):
    """See ``sampled``."""

    def __init__(self, source: EventSource, total: int, count: int, seed: int) -> None:
        super().__init__(source, count)
        if seed < 0:
            raise OptionError(f"seed {seed}: a seed is 0 or larger")
        if total >= LIMIT:
            raise OptionError(f"a sample of {total} events: samples end at {LIMIT}; take the first")
        self._total, self._seed = total, seed

    def batches(self, size: int) -> Iterator[Batch]:
        """The sampled events, exactly ``size`` a batch, the last may have fewer."""
        check_size(size)
        if self._count >= self._total:
            return self._source.batches(size)
        return rechunk(self._chosen(size), size)

    def _chosen(self, size: int) -> Iterator[Batch]:
        drawn = sample_numbers(self._total, self._count, self._seed)
        pending, left = next(drawn), self._count
        for batch in self._source.batches(size):
            last = batch.numbers[-1]
            while pending[-1] < last and (block := next(drawn, None)) is not None:
                pending = np.concatenate([pending, block])
            stop = int(np.searchsorted(pending, last, side="right"))
            if stop:
                yield _taken(batch, np.searchsorted(batch.numbers, pending[:stop]))
                pending, left = pending[stop:], left - stop
            if not left:
                return
            if not len(pending):
                pending = next(drawn)


def sample_numbers(total: int, count: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """``count`` of the numbers 0…total−1 without replacement, ascending, in blocks.

    How many fall into a block of b of the ``left`` numbers is hypergeometric, so the blocks can be
    drawn one after the other, and no more than one is held.
    """
    random = np.random.default_rng(seed)
    for start in range(0, total, BLOCK):
        left = total - start
        block = min(BLOCK, left)
        here = int(random.hypergeometric(block, left - block, count)) if count < left else block
        if here:
            yield start + np.sort(random.choice(block, here, replace=False))
        count -= here
        if not count:
            return


def _taken(batch: Batch, places: npt.NDArray[np.int64]) -> Batch:
    labels = None if batch.labels is None else batch.labels[places]
    return Batch(batch.x[places], batch.weights[places], labels, batch.numbers[places])
