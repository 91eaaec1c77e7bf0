"""The fastest batch size of a program, and how much of a turn it can do."""

from __future__ import annotations

import math
import sys

from validation.performance.peers.process import Worker
from validation.performance.peers.programs import MOST_EVENTS
from validation.performance.peers.row import Row

__all__ = ["choose_batch", "say", "size_turn"]

TRIAL_SECONDS = 0.5
LEAST_SECONDS = 0.5
"""A turn of a fast program passes over the events until it has run this long."""
MOST_SECONDS = 10.0
"""A turn of a slow program gets as many events as it can do in this time, or one batch."""


def choose_batch(worker: Worker, row: Row, first: int) -> None:
    """Compiles the program for its fastest batch size, beginning the search with ``first``.

    From a first guess down in steps of four while that is faster, else up; then half and twice the
    best. Another size is tried only if half of the time will be left when it is compiled, should
    that take as long as it did for the last.
    """
    search = _Search(worker, row)
    search.attempt(first)
    if first:
        for factor in (1 / 4, 4):
            if search.best == first:
                while search.attempt(int(search.best * factor)):
                    pass
        middle = search.best
        for batch in (middle // 2, middle * 2):
            search.attempt(batch)
    row.batch = search.best
    if search.last != row.batch:
        worker.prepare(row.batch)
    row.compile_s = search.compiled[row.batch]


class _Search:
    """The batch sizes that were tried, in ``row.tried``."""

    def __init__(self, worker: Worker, row: Row) -> None:
        self._worker, self._row = worker, row
        self.compiled: dict[int, float] = {}
        self.last = 0

    @property
    def best(self) -> int:
        """The fastest so far."""
        return max(self._row.tried, key=lambda batch: self._row.tried[batch])

    def attempt(self, batch: int) -> bool:
        """Tries a size, if that makes sense and there is time; whether it is the fastest."""
        worker, row = self._worker, self._row
        if row.tried:
            late = worker.spent + self.compiled[self.last] > worker.limit / 2
            if late or batch in row.tried or not 1 <= batch <= MOST_EVENTS:
                return False
        self.compiled[batch], row.note = worker.prepare(batch)
        self.last = batch
        row.tried[batch] = rate = self._rate(4 * batch or 16)
        say(f"{worker.net.label}: {row.program}, batch {batch or 'its own'}: {rate:.3g} events/s")
        return self.best == batch

    def _rate(self, few: int) -> float:
        """Events per second, of different batches: none may be compiled into a constant."""
        rate, seconds = self._worker.time(few, 1)
        if seconds >= TRIAL_SECONDS:
            return rate
        wanted = 2 ** int(math.log2(max(1.0, TRIAL_SECONDS / seconds)))
        more = max(1, min(wanted, MOST_EVENTS // few))
        rate, _ = self._worker.time(few * more, max(1, wanted // more))
        return rate


def size_turn(worker: Worker, row: Row, events: int, repeats: int) -> None:
    """How many events a turn takes, and how many passes over them.

    No more than fit into ``MOST_SECONDS``, and into the time that is left for all turns.
    """
    seconds = min(MOST_SECONDS, worker.left / (repeats + 2))
    most = 2 ** int(math.log2(max(1.0, row.tried[row.batch] * seconds)))
    row.events = max(1, row.batch, min(events, most))
    _, took = worker.time(row.events, 1)
    row.passes = max(1, math.ceil(LEAST_SECONDS / took))


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)
