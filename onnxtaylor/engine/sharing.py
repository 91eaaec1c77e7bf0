"""Shares the events of a batch among threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["share"]


def share(events: int, size: int, workers: Sequence[Callable[[slice], None]]) -> None:
    """Cuts 0…events into chunks of ``size``; each worker takes the next when it is through.

    Every worker runs in a thread of its own. An error or an interrupt ends the others after the
    chunk that they are at, and is raised.
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
            for future in [pool.submit(work, worker) for worker in busy]:
                future.result()
        except BaseException:
            waiting.clear()
            raise
