"""The line on the cost of a long run: when it comes, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.run.forecast import Forecast
from onnxtaylor.run.prepare import prepare
from validation.performance.nets import dense_net

EVENTS = 5000


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def problem():
    return ot.Problem.open(dense_net((4, 8, 2)), np.random.default_rng(0).normal(size=(EVENTS, 4)))


def lines_of(problem, each, *, start=0.0, order=2, engine="auto"):
    """Lines that are announced by a run with so many seconds for each event."""
    ready = prepare(problem, EngineOptions(order=order, engine=engine), StatisticsOptions())
    lines, clock = [], Clock()
    forecast = Forecast(lines.append, problem, ready, clock)
    for done in np.linspace(start, EVENTS, 300):
        clock.now = 50.0 + each * (done - start)
        forecast.seen(done)
    return lines


def test_a_long_run_is_announced_once(problem):
    (line,) = lines_of(problem, 0.05)
    assert line.startswith("about 4.2 min: 5000 events × 14 coefficients × 2 responses, ")
    assert "; order=1 takes about " in line


@pytest.mark.parametrize("order", [1])
def test_first_order_has_no_lower_one(problem, order):
    (line,) = lines_of(problem, 0.05, order=order)
    assert "order=1" not in line


def test_differences_say_nothing_on_first_order(problem):
    (line,) = lines_of(problem, 0.05, engine="differences")
    assert "order=1" not in line


def test_a_short_run_is_not_announced(problem):
    assert lines_of(problem, 0.01) == []


def test_events_of_a_checkpoint_take_no_time(problem):
    assert lines_of(problem, 0.05, start=4500.0) == []
    assert len(lines_of(problem, 0.05, start=2000.0)) == 1


def test_an_analysis_announces_itself(problem, monkeypatch):
    """Every look at the clock takes a minute."""
    from onnxtaylor.run import forecast

    ticks = iter(range(10**6))
    monkeypatch.setattr(forecast.Forecast.__init__, "__defaults__", (lambda: 60.0 * next(ticks),))
    lines = []
    ot.analyze(problem, bootstrap=0, check=0, batch_size=1000, announce=lines.append)
    assert len(lines) == 1
    assert lines[0].startswith("about ")
