"""The choice of a batch size: what it costs, with a clock that only calls move."""

from __future__ import annotations

import pytest

from onnxtaylor.engine.exact.batch_size import (
    BatchRequest,
    Guess,
    choose_batch_size,
    guess_batch_size,
)
from onnxtaylor.runtime.flops import EventWork


class Machine:
    """Calls of B events that take ``seconds(B)`` each, the first of a size twice as long."""

    def __init__(self, seconds):
        self.seconds, self.now, self.tried = seconds, 0.0, []

    def clock(self):
        return self.now

    def trial(self, size):
        self.tried.append(size)
        fresh = True

        def call():
            nonlocal fresh
            self.now += self.seconds(size) * (2 if fresh else 1)
            fresh = False

        return call

    def choose(self, guess, request, *, most=256, threads=1):
        return choose_batch_size(
            self.trial, guess, request, most=most, threads=threads, clock=self.clock
        )


def overhead(fixed, each, fits=10**9):
    """B events take ``fixed`` + B·``each``, and 50 times ``each`` beyond ``fits`` events."""
    return lambda size: fixed + size * each * (1 if size <= fits else 50)


@pytest.mark.parametrize("first", [1, 8, 32, 256])
@pytest.mark.parametrize("fits", [1, 4, 32, 256])
def test_a_long_run_gets_the_fastest_batch(first, fits):
    machine = Machine(overhead(1e-4, 1e-5, fits))
    found = machine.choose(Guess(first, machine.seconds(first)), BatchRequest())
    best = max((2**k for k in range(9)), key=lambda size: size / machine.seconds(size))
    assert found == best
    assert machine.now < 2.0


@pytest.mark.parametrize("each", [1e-5, 1e-3, 1e-2, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("events", [1, 64, 1000, 22_889, 10**6])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("wrong", [0.3, 1, 3])
def test_a_trial_takes_5_percent_and_two_seconds_at_most(each, events, threads, wrong):
    machine = Machine(lambda size: 5e-5 + each * size * (1 if size <= 32 else 3))
    guess = Guess(16, wrong * machine.seconds(16))
    found = machine.choose(guess, BatchRequest(events), threads=threads)
    run = events / threads / found * machine.seconds(found)
    # the guess of a call's time may be wrong by a factor: then one call may be one too many
    spare = 2 if wrong < 1 else 1
    assert machine.now <= spare * min(2.0, 0.05 * run)


def test_a_graph_that_is_slower_than_guessed_is_called_once():
    machine = Machine(overhead(0.0, 0.5))
    assert machine.choose(Guess(4, 1e-3), BatchRequest()) == 4
    assert machine.tried == [4]
    assert machine.now == 2 * 4 * 0.5


def test_a_graph_that_is_known_to_be_slow_is_not_called():
    machine = Machine(overhead(0.0, 5.0))
    assert machine.choose(Guess(1, 5.0), BatchRequest()) == 1
    assert not machine.tried


@pytest.mark.parametrize(
    ("size", "threads", "most", "expected"),
    [(1, 1, 256, 1), (1, 2, 256, 1), (100, 2, 256, 50), (7, 2, 256, 4), (10**6, 2, 40, 40)],
)
def test_the_size_that_is_asked_for_is_shared_among_threads_without_a_trial(
    size, threads, most, expected
):
    machine = Machine(overhead(1e-4, 1e-5))
    request = BatchRequest(10**6, size, fewest=128)
    assert machine.choose(Guess(8, 1e-3), request, threads=threads, most=most) == expected
    assert not machine.tried


def test_no_thread_gets_more_than_its_share_of_the_events():
    machine = Machine(overhead(1e-4, 1e-6))
    assert machine.choose(Guess(64, 2e-4), BatchRequest(10), threads=4) == 3
    assert machine.choose(Guess(64, 2e-4), BatchRequest(10, fewest=128), threads=4) == 3


def test_the_fewest_are_kept_where_memory_allows():
    machine = Machine(overhead(0.0, 1e-5))
    assert machine.choose(Guess(1, 1e-5), BatchRequest(fewest=128)) == 128
    assert machine.choose(Guess(1, 1e-5), BatchRequest(fewest=128), most=20) == 20


def test_rows_of_an_event_multiply_events_and_size():
    assert BatchRequest(10, 3, 4).times(60) == BatchRequest(600, 180, 4)
    assert BatchRequest().times(60) == BatchRequest()


def test_guesses_grow_with_the_overhead_and_shrink_with_the_work():
    small = guess_batch_size(EventWork(30, 1e5, 1e4, 1e3), most=256)
    dense = guess_batch_size(EventWork(100, 3e8, 3e7, 1e6), most=256)
    assert small.size >= 64
    assert dense.size <= 2
    assert guess_batch_size(EventWork(30, 1e5, 1e4, 1e3), most=5).size <= 5
    assert dense.seconds > 100 * small.seconds / small.size
