"""Reading ahead changes neither the batches nor their order, and leaves no thread behind."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from onnxtaylor.data import Batch
from onnxtaylor.data.ahead import read_ahead


def batches(count, seen=None, fail=None):
    for k in range(count):
        if k == fail:
            raise ValueError(f"batch {k}")
        if seen is not None:
            seen.append(k)
        numbers = np.arange(3 * k, 3 * k + 3)
        yield Batch(np.full((3, 2), float(k)), np.ones(3), None, numbers)


def readers():
    return [t for t in threading.enumerate() if t.name.startswith("onnxtaylor-reader")]


def test_batches_come_in_their_order():
    found = list(read_ahead(batches(7)))
    assert [batch.x[0, 0] for batch in found] == list(range(7))
    assert np.concatenate([batch.numbers for batch in found]).tolist() == list(range(21))
    assert readers() == []


def test_one_batch_is_read_while_another_is_used():
    seen: list[int] = []
    used, read = read_ahead(batches(5, seen)), threading.Event()
    next(used)
    for _ in range(200):  # the reader needs no further call
        if len(seen) == 2:
            read.set()
            break
        read.wait(0.01)
    assert seen == [0, 1]
    used.close()
    assert readers() == []


def test_what_reading_raises_comes_after_the_batches_before_it():
    used = read_ahead(batches(5, fail=2))
    assert [next(used).x[0, 0], next(used).x[0, 0]] == [0.0, 1.0]
    with pytest.raises(ValueError, match="batch 2"):
        next(used)
    assert readers() == []


def test_no_batch_at_all():
    assert list(read_ahead(iter(()))) == []
