"""Cuts pieces of any size to batches of one size, so that results do not depend on the pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from onnxtaylor.data.source import Batch
from onnxtaylor.errors import OptionError

__all__ = ["check_size", "cut", "rechunk"]


def check_size(size: int) -> None:
    """Raises OptionError if a batch would have no event."""
    if size < 1:
        raise OptionError(f"must be at least 1, got {size}", option="batch_size")


def rechunk(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Joins and cuts batches so that each has exactly ``size`` events; the last may have fewer.

    The events stay in order. Raises OptionError for a size below 1.
    """
    check_size(size)
    pending: list[Batch] = []
    held = 0  # events in pending
    for piece in pieces:
        start = 0
        while start < len(piece):
            stop = min(start + size - held, len(piece))
            pending.append(cut(piece, start, stop))
            held += stop - start
            start = stop
            if held == size:
                yield _join(pending)
                pending, held = [], 0
    if pending:
        yield _join(pending)


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """Returns the events from ``start`` to before ``stop`` of a batch, as views."""
    return batch.at(slice(start, stop))


def _join(parts: list[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    labels = [part.labels for part in parts if part.labels is not None]
    folds = [part.folds for part in parts if part.folds is not None]
    return Batch(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate(labels) if labels else None,
        np.concatenate([part.numbers for part in parts]),
        np.concatenate(folds) if folds else None,
    )
