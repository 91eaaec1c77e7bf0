"""Threads that share a batch, and what is told of it meanwhile."""

from __future__ import annotations

import threading
import time

import pytest

from onnxtaylor.runtime import sharing
from onnxtaylor.runtime.sharing import Tally, share


@pytest.fixture
def at_once(monkeypatch):
    """Reports come as often as there is something to report."""
    monkeypatch.setattr(sharing, "EVERY", 0.0)


def job(tally, seconds=0.0):
    def work(chunk):
        time.sleep(seconds)
        tally.add(chunk.stop - chunk.start)

    return work


def test_one_worker_tells_after_each_chunk(at_once):
    told = []
    tally = Tally(10, told.append)
    share(10, 4, [job(tally)], tally)
    assert told == [0.4, 0.8, 1.0]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_caller_thread_is_told_of_what_the_others_do(monkeypatch, workers):
    monkeypatch.setattr(sharing, "EVERY", 0.005)
    told = []
    tally = Tally(12, lambda part: told.append((part, threading.get_ident())))
    share(12, 1, [job(tally, 0.01)] * workers, tally)
    shares = [part for part, _ in told]
    assert {thread for _, thread in told} == {threading.get_ident()}
    assert len(told) > 2
    assert shares == sorted(shares)
    assert any(0 < part < 1 for part in shares)
    assert shares[-1] <= 1


def test_reports_are_rare():
    told = []
    tally = Tally(10_000, told.append)
    share(10_000, 1, [job(tally)], tally)
    assert len(told) < 20


@pytest.mark.parametrize("workers", [1, 3])
def test_who_is_told_may_end_the_job(at_once, workers):
    done = []

    def stop(part):
        raise KeyboardInterrupt

    tally = Tally(1000, stop)

    def work(chunk):
        time.sleep(0.001)
        done.append(chunk)
        tally.add(1)

    with pytest.raises(KeyboardInterrupt):
        share(1000, 1, [work] * workers, tally)
    assert len(done) < 1000


def test_nobody_is_told_where_nobody_looks():
    tally = Tally(4, None)
    share(4, 1, [job(tally)] * 2, tally)
    assert not tally.watched
