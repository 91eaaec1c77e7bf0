"""Shares the events of a batch among threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Lock, get_ident
from time import monotonic

__all__ = ["Tally", "share"]

EVERY = 0.1  # seconds between two reports


class Tally:
    """How much of a job is done, added up by its threads; ``watch`` is told the share of ``total``.

    It is told in the thread that began the job: what draws in a notebook, and what raises, must be
    called there.
    """

    def __init__(self, total: int, watch: Callable[[float], None] | None) -> None:
        self._total, self._watch = max(total, 1), watch
        self._done, self._lock = 0, Lock()
        self._owner, self._told = get_ident(), monotonic()

    @property
    def watched(self) -> bool:
        """Whether anybody is told."""
        return self._watch is not None

    def add(self, number: int) -> None:
        """Adds what was done, from any thread."""
        with self._lock:
            self._done += number
        self.report()

    def report(self) -> None:
        """Tells the share that is done, if it is time to and this is the thread to do it."""
        if self._watch is None or get_ident() != self._owner:
            return
        now = monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self._watch(self._done / self._total)


def share(
    events: int,
    size: int,
    workers: Sequence[Callable[[slice], None]],
    tally: Tally | None = None,
) -> None:
    """Cuts 0…events into chunks of ``size``; each worker takes the next when it is through.

    Every worker runs in a thread of its own. An error or an interrupt ends the others after the
    chunk that they are at, and is raised. While they work, ``tally`` reports what they add to it.
    """
    waiting = deque(slice(k, min(k + size, events)) for k in range(0, events, size))
    busy = workers[: max(1, len(waiting))]

    def work(worker: Callable[[slice], None]) -> None:
        while True:
            try:
                chunk = waiting.popleft()
            except IndexError:  # none is waiting
                return
            worker(chunk)

    if len(busy) == 1:
        work(busy[0])
        return
    with ThreadPoolExecutor(len(busy)) as pool:
        try:
            pause = EVERY if tally is not None and tally.watched else None
            running = {pool.submit(work, worker) for worker in busy}
            while running:
                done, running = wait(running, pause, FIRST_EXCEPTION)
                for future in done:
                    future.result()
                if tally is not None:
                    tally.report()
        except BaseException:
            waiting.clear()
            raise
