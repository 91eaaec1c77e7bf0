"""Reading ahead: the next batch is read while the one before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from onnxtaylor.data.source import Batch

__all__ = ["read_ahead"]


def read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yields the batches in their order; a thread reads one of them ahead.

    Three batches are held at most: one that is used, one that waits, and one that is being read.
    What reading raises is raised here, after all batches before it.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="onnxtaylor-reader")
    try:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch
    finally:  # also where the caller stops half way: no thread is left behind
        pool.shutdown(wait=True, cancel_futures=True)
