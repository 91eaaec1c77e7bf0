"""The events of a batch, shared among threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Lock, get_ident
from time import monotonic

__all__ = ["Tally", "share"]

EVERY = 0.1  # seconds between two reports of progress


class Tally:
    """A counter of the finished part of a job, which several threads increment.

    Parameters
    ----------
    total
        The size of the whole job, in any unit.
    watch
        Callback for the share of the work that is done, 0 to 1, called now and then; None: no
        callback. Always called in the thread that made the tally, since what draws in a notebook,
        and what raises to end the job, only works there.
    """

    def __init__(self, total: int, watch: Callable[[float], None] | None) -> None:
        self._total, self._watch = max(total, 1), watch
        self._done, self._lock = 0, Lock()
        self._owner, self._reported = get_ident(), monotonic()

    @property
    def watched(self) -> bool:
        """Whether there is a progress callback."""
        return self._watch is not None

    def add(self, number: int) -> None:
        """Adds ``number`` finished units of work; may be called from any thread."""
        with self._lock:
            self._done += number
        self.report()

    def report(self) -> None:
        """Calls ``watch``, at most every 0.1 s, and only in the thread that made the tally."""
        if self._watch is None or get_ident() != self._owner:
            return
        now = monotonic()
        if now - self._reported >= EVERY:
            self._reported = now
            self._watch(self._done / self._total)


def share(
    events: int,
    size: int,
    workers: Sequence[Callable[[slice], None]],
    tally: Tally | None = None,
) -> None:
    """Cuts the events 0 … events−1 into chunks, which workers take from a queue one by one.

    Each worker runs in a thread of its own, one alone in the caller's. An error or an interrupt
    ends the others after the chunk that they are at, and is raised.

    Parameters
    ----------
    events
        Number of events.
    size
        Events of a chunk; the last one may have fewer.
    workers
        Functions that process the chunk that they are given, one for each thread.
    tally
        Reports the progress that the workers add to it while they run.
    """
    waiting = deque(slice(k, min(k + size, events)) for k in range(0, events, size))
    busy = workers[: max(1, len(waiting))]

    def work(worker: Callable[[slice], None]) -> None:
        while True:
            try:
                chunk = waiting.popleft()  # threads may pop from a deque at the same time
            except IndexError:  # it is empty
                return
            worker(chunk)

    if len(busy) == 1:
        work(busy[0])
        return
    with ThreadPoolExecutor(len(busy)) as pool:
        try:
            # wakes up between chunks to report: workers cannot, as theirs is not the owner's thread
            pause = EVERY if tally is not None and tally.watched else None
            running = {pool.submit(work, worker) for worker in busy}
            while running:
                done, running = wait(running, pause, FIRST_EXCEPTION)
                for future in done:
                    future.result()  # raises the worker's error
                if tally is not None:
                    tally.report()
        except BaseException:
            waiting.clear()  # the pool waits for its threads: no further chunk for them
            raise
