"""A part of the events: the first N, a random sample, or a selection. Events keep their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.context import Coded
from onnxtaylor.data.evaluation import Values, is_true, none_holds, whole_values
from onnxtaylor.data.rechunk import check_size, cut, rechunk
from onnxtaylor.data.request import Beside
from onnxtaylor.data.source import Batch, DerivedSource, EventSource
from onnxtaylor.errors import DataError, OptionError, name_hint, printable

__all__ = ["ChosenEvents", "FirstEvents", "SampledEvents", "first_events", "sample_events"]

BLOCK = 1 << 20  # event numbers drawn at a time: part of what a seed means
LIMIT = 10**9  # NumPy's hypergeometric draws go no further


def first_events(source: EventSource, count: int) -> FirstEvents:
    """Returns a source of the first ``count`` events, or of all if there are fewer.

    Raises OptionError for a count below 1.
    """
    return FirstEvents(source, count)


def sample_events(source: EventSource, total: int, count: int, seed: int) -> SampledEvents:
    """Returns a source of a random sample, without replacement, of another source.

    The events stay in order. The sample depends on (total, count, seed) alone, not on batch sizes
    or files.

    Parameters
    ----------
    source
        The data.
    total
        Number of the events in the data.
    count
        Number of events in the sample; all are taken if it is ``total`` or more.
    seed
        Random seed, 0 or larger.

    Raises
    ------
    OptionError
        The count is below 1, the seed is negative, or the total is 10⁹ or more.
    """
    return SampledEvents(source, total, count, seed)


class _Part(DerivedSource):
    """A source of some events of another source; errors name ``option``, which asked for them."""

    option = ""

    def __init__(self, source: EventSource, count: int) -> None:
        if count < 1:
            raise OptionError(f"must be at least 1, got {count}", option=self.option)
        super().__init__(source)
        self._count = count


class FirstEvents(_Part):
    """Source of the first events: see ``first_events``."""

    option = "events"

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the chosen events, ``size`` in a batch, and stops after the last of them."""
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
    """Source of a random sample: see ``sample_events``."""

    option = "sample"

    def __init__(self, source: EventSource, total: int, count: int, seed: int) -> None:
        super().__init__(source, count)
        if seed < 0:
            raise OptionError(f"must be at least 0, got {seed}", option="seed")
        if total >= LIMIT:
            raise OptionError(
                f"needs data of fewer than {LIMIT} events, got {total}: take the first ones with"
                " events=…",
                option=self.option,
            )
        self._total, self._seed = total, seed

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the sample, exactly ``size`` events in a batch; the last batch may have fewer."""
        check_size(size)
        if self._count >= self._total:
            return self._source.batches(size)
        return rechunk(self._select(size), size)

    def _select(self, size: int) -> Iterator[Batch]:
        """The sampled events of each batch of the source."""
        drawn = sample_numbers(self._total, self._count, self._seed)
        pending, left = next(drawn), self._count
        done = 0  # events so far: of a selection their numbers have gaps
        for batch in self._source.batches(size):
            first, done = done, done + len(batch)
            last = done - 1
            while pending[-1] < last and (block := next(drawn, None)) is not None:
                pending = np.concatenate([pending, block])
            stop = int(np.searchsorted(pending, last, side="right"))
            if stop:
                yield batch.at(pending[:stop] - first)
                pending, left = pending[stop:], left - stop
            if not left:
                return
            if not len(pending):
                pending = next(drawn)


def sample_numbers(total: int, count: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Draws ``count`` of the numbers 0…total−1 without replacement, ascending, in blocks.

    The number of those that fall into a block of b of the ``left`` numbers is hypergeometric, so
    the blocks can be drawn one after the other, and no more than one is held in memory.
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


class ChosenEvents(DerivedSource):
    """Source of the events at which a selection holds, with the numbers of their folds.

    Parameters
    ----------
    source
        The data, whose rows have all columns that the expressions name.
    beside
        Selection and folds.
    names
        Names of the features, where the source has none.
    """

    def __init__(
        self, source: EventSource, beside: Beside, names: Sequence[str] | None = None
    ) -> None:
        super().__init__(source)
        self._beside = beside
        known = [*(self.feature_names or names or ()), *self.context_names]
        place_of = {name: place for place, name in reversed(list(enumerate(known)))}
        for name in beside.names:
            if name not in place_of:
                hint = name_hint(name, known) or ": name its columns with feature_names=…"
                raise DataError(f"x has no column '{printable(name, 60)}'{hint}")
        self._places = {name: place_of[name] for name in beside.names}

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the chosen events, exactly ``size`` in a batch; the last batch may have fewer.

        Raises DataError where there are events and none is chosen.
        """
        check_size(size)
        return rechunk(self._choose(size), size)

    def _choose(self, size: int) -> Iterator[Batch]:
        where, fold, total, empty = self._beside.where, self._beside.fold, 0, True
        for batch in self._source.batches(size):
            total += len(batch)
            if where is not None:
                batch = batch.at(is_true(where, self._columns(batch), len(batch), "where"))
            if fold is not None:
                named = partial(_event, batch.numbers)
                columns = self._columns(batch)
                folds = whole_values(fold, columns, len(batch), "fold", named)
                batch = replace(batch, folds=folds)
            if len(batch):
                yield batch
                empty = False
        if total and empty and where is not None:
            raise none_holds(where, total)

    def _columns(self, batch: Batch) -> dict[str, Values]:
        columns: dict[str, Values] = {}
        for name, place in self._places.items():
            values = batch.x[:, place]
            if name in self.texts:
                columns[name] = Coded(values.astype(np.int64), tuple(self.texts[name]))
            else:
                columns[name] = values
        return columns


def _event(numbers: npt.NDArray[np.int64], k: int) -> str:
    return f"event {numbers[k]} (counted from 0)"
