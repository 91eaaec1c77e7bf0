"""The number of events in one call of a derivative graph: a guess from its work, a short trial.

A call of B events takes about o + B·t seconds, o the overhead of its nodes and t the work of an
event, which grows once the tensors of B events do not fit into the cache. The guess is the B with
the most events per second by that model. A trial starts at the guess and measures larger and
smaller batches, as long as it stays within 5 % of the run that it serves and within two seconds;
where there is no time for that, the guess is taken as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

import numpy as np

from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.runtime.flops import EventWork

__all__ = ["BatchRequest", "Guess", "choose_batch_size", "guess_batch_size"]

# what a trial plans to take of the run, and in seconds: its calls may be slower than it expects
SHARE, LONGEST = 0.04, 1.6
CALLS = 3  # the least of a measurement; the first of them allocates memory and is slower
LONG_ENOUGH = 0.04  # seconds of a measurement that need not be longer
WORSE = 0.85  # of the best rate: larger or smaller batches beyond such a one are not tried


@dataclass(frozen=True)
class BatchRequest:
    """The run that batches are chosen for.

    Parameters
    ----------
    events
        Number of events of the run; None: very many.
    size
        Events at a time, of all threads together, as the user wants them; None: to be chosen.
    fewest
        Smallest batch of a thread, where its tensors fit: for callers with many rows at a time.
    """

    events: int | None = None
    size: int | None = None
    fewest: int = 1

    def times(self, rows: int) -> BatchRequest:
        """Returns the request for a graph that is run at ``rows`` rows for each event."""
        events = None if self.events is None else self.events * rows
        return BatchRequest(events, None if self.size is None else self.size * rows, self.fewest)


@dataclass(frozen=True)
class _Machine:
    """Rough speeds of one thread, or of a device: they need to be right within a factor of two."""

    call_seconds: float  # of a call without nodes
    node_seconds: float  # of a node without work
    flops: float  # per second
    bytes_cached: float  # per second, where the tensors of a batch fit into the cache
    bytes_far: float  # per second, where they are many times as large
    cache: float  # bytes


MACHINES = {
    "cpu": _Machine(5e-5, 6e-7, 8e10, 3e10, 6e9, 2.0**20),
    "cuda": _Machine(1e-4, 8e-6, 2e13, 2e12, 1e12, 2.0**25),
}
FAR = 16  # times the cache: there all tensors come from further away


@dataclass(frozen=True)
class Guess:
    """A batch size, and the seconds that a call of it may take, within a factor of a few."""

    size: int
    seconds: float


def guess_batch_size(work: EventWork, *, most: int, provider: str = "cpu") -> Guess:
    """Guesses the fastest batch size of a graph from its work.

    Parameters
    ----------
    work
        Nodes, operations and bytes of one event.
    most
        Largest size that memory allows.
    provider
        ``cpu`` or ``cuda``.

    Returns
    -------
    Guess
        A power of 2, or ``most``.
    """
    machine = MACHINES[provider]

    def seconds(size: int) -> float:
        pressure = np.clip(np.log2(size * work.largest / machine.cache) / np.log2(FAR), 0.0, 1.0)
        speed = machine.bytes_cached * (machine.bytes_far / machine.bytes_cached) ** pressure
        each = work.flops / machine.flops + work.bytes / speed
        return float(machine.call_seconds + machine.node_seconds * work.nodes + size * each)

    sizes = [2**k for k in range(most.bit_length())] + [most]
    best = min(sizes, key=lambda size: seconds(size) / size)
    return Guess(best, seconds(best))


def choose_batch_size(
    trial: Callable[[int], Callable[[], object]],
    guess: Guess,
    request: BatchRequest,
    *,
    most: int,
    threads: int = 1,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Chooses the number of events in one call of one thread.

    Parameters
    ----------
    trial
        Makes a call of this number of events.
    guess
        Where the search begins.
    request
        The run.
    most
        Largest size that memory allows.
    threads
        Number of threads that share the events.
    progress
        Told the sizes that are tried, as the stage ``batch size``.
    clock
        The time in seconds.

    Returns
    -------
    int
        The size: at most ``most``, and no more than a thread's share of all events.
    """
    if request.size is not None:
        return max(1, min(most, -(-request.size // threads)))
    if request.events is not None:
        most = max(1, min(most, -(-request.events // threads)))
    least = min(request.fewest, most)
    first = int(np.clip(guess.size, least, most))
    search = _Search(trial, request.events, threads, progress, clock)
    likely = guess.seconds * first / guess.size
    if least == most or not search.has_time(first, likely):
        return first
    return search.best(first, least, most)


class _Search:
    """A search that ends when its time is spent: see ``choose_batch_size`` for the parameters."""

    def __init__(
        self,
        trial: Callable[[int], Callable[[], object]],
        events: int | None,
        threads: int,
        progress: Progress | None,
        clock: Callable[[], float],
    ) -> None:
        self._trial, self._progress, self._clock = trial, progress, clock
        self._events = inf if events is None else events / threads
        self._begin, self._limit = clock(), LONGEST

    def best(self, first: int, least: int, most: int) -> int:
        """Returns the fastest of the sizes that there was time for."""
        took = self._measure(first)
        if took is None:
            return first
        rate = first / took
        best, fastest = self._climb(_doubled(first, most), first, rate)
        if WORSE * fastest < rate:  # else larger ones are better by so much that smaller are not
            best, fastest = self._climb(_halved(first, least), best, fastest)
        return best

    def has_time(self, size: int, seconds: float, calls: int = CALLS) -> bool:
        """Whether so many more calls of a size, of so many seconds each, are within the limit.

        A run of such calls takes ``seconds`` · events / size.
        """
        self._limit = min(self._limit, SHARE * seconds * self._events / size)
        return self._clock() - self._begin + calls * seconds <= self._limit

    def _climb(self, sizes: Iterator[int], best: int, rate: float) -> tuple[int, float]:
        """Measures one size after the other, until one is worse or there is no more time."""
        for size in sizes:
            # twice as long as by the best rate: small batches are all overhead, and tensors of
            # large ones do not fit into the cache
            if not self.has_time(size, size / rate, calls=2 * CALLS):
                break
            took = self._measure(size)
            if took is None or size / took < WORSE * rate:
                break
            if size / took > rate:
                best, rate = size, size / took
        return best, rate

    def _measure(self, size: int) -> float | None:
        """Returns the least time of a call; None where the time is over before it is known."""
        report_progress(self._progress, "batch size", size, None)
        run = self._trial(size)
        least, spent, calls = inf, 0.0, 0
        while calls < CALLS or spent < LONG_ENOUGH:
            begin = self._clock()
            run()
            took = self._clock() - begin
            calls += 1
            if calls > 1:  # other work on the machine only adds time: the least is the best
                least, spent = min(least, took), spent + took
            if not self.has_time(size, took, calls=1):
                break
        return least if calls > 1 else None


def _doubled(size: int, most: int) -> Iterator[int]:
    while size < most:
        size = min(2 * size, most)
        yield size


def _halved(size: int, least: int) -> Iterator[int]:
    while size > least:
        size = max(size // 2, least)
        yield size
