"""A run that is begun and not finished: seconds of an event, of reading it, and of a result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.rechunk import cut
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import DataError
from onnxtaylor.options import EngineOptions
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.run.accumulate import accumulate
from onnxtaylor.run.prepare import Prepared, find_notices
from onnxtaylor.run.summarize import make_result
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.statistics import Accumulator

__all__ = ["Measured", "measure"]

ENOUGH, READING, LONG = 1.0, 0.2, 2.0  # seconds of measurements
SLOW = 3.0  # seconds of an event that is not measured twice
AGAIN = 2  # further calls, where there is time
RANKED, RESULT = 4e-8, 20  # seconds for a coefficient in a replicate; further numbers of each


@dataclass(frozen=True)
class Measured:
    """Times of a run that was begun.

    Parameters
    ----------
    began
        Time at which the first event was done, by ``time.perf_counter``.
    loading
        Seconds that the first call took beyond the second one, which load the kernels.
    each
        Seconds of an event, reading included.
    events
        Number of events at a time.
    ranking
        Seconds that a result takes.
    """

    began: float
    loading: float
    each: float
    events: int
    ranking: float


def measure(ready: Prepared, problem: Problem, options: EngineOptions) -> Measured:
    """Sums the coefficients of the first events, more and more, and makes a result of the sums.

    Raises ModelError where the model fails, or a coefficient is not finite.
    """
    threads = options.threads or available_threads()
    engine, sums = ready.engine, ready.sums(problem, threads=threads)
    most = min(options.batch_size or engine.batch_events, problem.survey.events)
    batch, reading = _read(problem, most)

    def seconds(count: int) -> float:
        begin = time.perf_counter()
        held = _Held(problem.source, cut(batch, 0, count))
        accumulate(engine, problem, held, sums, batch_size=count)
        return time.perf_counter() - begin

    first = seconds(1)  # loads the kernels
    began, count = time.perf_counter(), 1
    took = seconds(count) if first < SLOW else first
    loading = max(0.0, first - took)
    while count < len(batch) and time.perf_counter() - began < ENOUGH:
        # as many as fill the time, but no more than a few times as many at once
        left = ENOUGH - (time.perf_counter() - began)
        count = min(len(batch), max(2 * count, min(16 * count, int(0.5 * left / took * count))))
        took = seconds(count)
    for _ in range(AGAIN):  # the first call of a size allocates
        if time.perf_counter() - began < ENOUGH:
            took = min(took, seconds(count))
    ranking = _seconds_of_ranking(ready, problem, options, sums)
    return Measured(began, loading, took / count + reading, count, ranking)


def _seconds_of_ranking(
    ready: Prepared, problem: Problem, options: EngineOptions, sums: Accumulator
) -> float:
    """Makes a result of the sums, or counts what is ranked where that takes many seconds."""
    groups, coefficients = max(1, len(sums.classes)), sums.shape[0] * sums.shape[1]
    likely = RANKED * groups * coefficients * (sums.replicates + RESULT)
    if likely > LONG:
        return likely
    begin = time.perf_counter()
    notices = find_notices(problem, ready.engine, scale_of(options, ready.statistics))
    chosen = replace(ready.chosen, engine=ready.engine)
    with suppress(DataError):  # fewer events than classes were measured
        make_result(problem, chosen, sums, options, ready.statistics, notices, ready.ranked)
    return time.perf_counter() - begin


def _read(problem: Problem, most: int) -> tuple[Batch, float]:
    """Reads the first batch of ``most`` events, and returns it with the seconds of an event.

    It gets unit weights, and all classes in turn: so the sums of each can be made a result, though
    its first event may come late. The time is that of the events behind it, if there are any.
    """
    begin, events, seconds, first = time.perf_counter(), 0, 0.0, None
    for batch in problem.source.batches(most):
        now = time.perf_counter()
        if first is None:
            first, begin = batch, now
            continue
        events, seconds = events + len(batch), now - begin
        if seconds > READING:
            break
    assert first is not None  # a problem has events
    classes = list(problem.survey.classes)
    labels = np.resize(np.array(classes), len(first)) if classes else None
    held = replace(first, weights=np.ones(len(first)), labels=labels)
    return held, seconds / events if events else 0.0


class _Held(DerivedSource):
    """One batch of a source."""

    def __init__(self, source: EventSource, batch: Batch) -> None:
        super().__init__(source)
        self._batch = batch

    def batches(self, size: int) -> Iterator[Batch]:
        """Yields the batch."""
        yield self._batch
