"""Pieces of any size to batches of one size, so that nothing depends on how data is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from onnxtaylor.data.source import Batch
from onnxtaylor.errors import OptionError

__all__ = ["check_size", "rechunk"]


def check_size(size: int) -> None:
    """Raises OptionError unless a batch has one event at least."""
    if size < 1:
        raise OptionError(f"batch size {size}: a batch needs one event at least")


def rechunk(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The same events in the same order, exactly ``size`` a batch; the last may have fewer."""
    check_size(size)
    pending: list[Batch] = []
    held = 0
    for piece in pieces:
        start = 0
        while start < len(piece):
            stop = min(start + size - held, len(piece))
            pending.append(cut(piece, start, stop))
            held += stop - start
            start = stop
            if held == size:
                yield _joined(pending)
                pending, held = [], 0
    if pending:
        yield _joined(pending)


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """Events start…stop−1 of a batch, as views."""
    part = slice(start, stop)
    labels = None if batch.labels is None else batch.labels[part]
    return Batch(batch.x[part], batch.weights[part], labels, batch.numbers[part])


def _joined(parts: list[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    labels = [part.labels for part in parts if part.labels is not None]
    return Batch(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate(labels) if labels else None,
        np.concatenate([part.numbers for part in parts]),
    )
