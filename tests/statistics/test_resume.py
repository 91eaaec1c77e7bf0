"""An analysis that was interrupted and called again gives the result of one that was not."""

from __future__ import annotations

import numpy as np
import pytest

import onnxtaylor
from onnxtaylor.errors import OptionError
from onnxtaylor.statistics.checkpoint import FILE
from validation.toys import SCENARIOS, oracle_model, quadratic, sample

EVENTS, BATCH = 2000, 150


class Recorder:
    """Progress that remembers, and interrupts once so many events are done."""

    def __init__(self, interrupt_at=None, error=KeyboardInterrupt):
        self.done, self.interrupt_at, self.error = [], interrupt_at, error

    def __call__(self, stage, done, total):
        if stage != "coefficients":
            return
        assert total == EVENTS
        self.done.append(done)
        if self.interrupt_at is not None and done >= self.interrupt_at:
            raise self.error

    @property
    def evaluated(self):
        return self.done[-1] - self.done[0]


@pytest.fixture(scope="module")
def problem():
    """The response of two Gaussian classes, with weights of both signs and labels."""
    scenario, random = SCENARIOS["C"], np.random.default_rng(0)
    mean, std = scenario.pooled()
    x, labels = sample(scenario, EVENTS, random)
    return oracle_model(*quadratic(scenario, mean, std)), {
        "x": (x - mean) / std,
        "labels": np.where(labels, "signal", "background"),
        "weights": random.normal(1.0, 0.5, EVENTS),
        "bootstrap": 20,
        "batch_size": BATCH,
        "seed": 5,
    }


def analyze(problem, progress=None, **changes):
    model, arguments = problem
    arguments = {**arguments, **changes}
    return onnxtaylor.analyze(model, arguments.pop("x"), progress=progress, **arguments)


@pytest.fixture(scope="module")
def uninterrupted(problem):
    recorder = Recorder()
    result = analyze(problem, recorder)
    assert recorder.evaluated == EVENTS
    return result.to_json()


@pytest.mark.parametrize(
    "interrupt_at",
    [
        1,
        EVENTS // 2,
        EVENTS,
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(
    problem, uninterrupted, tmp_path, interrupt_at
):
    first = Recorder(interrupt_at)
    with pytest.raises(KeyboardInterrupt):
        analyze(problem, first, resume=tmp_path)
    assert (tmp_path / FILE).exists()
    second = Recorder()
    result = analyze(problem, second, resume=tmp_path)
    assert result.to_json() == uninterrupted
    assert first.evaluated + second.evaluated == EVENTS
    assert second.evaluated < EVENTS
    assert not (tmp_path / FILE).exists()  # a finished analysis leaves nothing behind


def test_several_interruptions_add_up(problem, uninterrupted, tmp_path):
    evaluated = 0
    for interrupt_at in (300, 700, 1500):
        recorder = Recorder(interrupt_at)
        with pytest.raises(KeyboardInterrupt):
            analyze(problem, recorder, resume=tmp_path)
        evaluated += recorder.evaluated
    last = Recorder()
    assert analyze(problem, last, resume=tmp_path).to_json() == uninterrupted
    assert evaluated + last.evaluated == EVENTS


def saved_sums(folder):
    with np.load(folder / FILE) as arrays:
        return {name: arrays[name] for name in arrays}


def test_another_batch_size_resumes_in_the_middle_of_a_batch(problem, uninterrupted, tmp_path):
    """Events keep their numbers, and with them their bootstrap weights."""
    once, twice = tmp_path / "once", tmp_path / "twice"
    for folder, interrupt_at, size in ((once, 1500, 777), (twice, 1000, BATCH), (twice, 1500, 777)):
        with pytest.raises(KeyboardInterrupt):
            analyze(problem, Recorder(interrupt_at), resume=folder, batch_size=size)
    expected, found = saved_sums(once), saved_sums(twice)
    assert str(found.pop("facts")) == str(expected.pop("facts"))
    assert str(found.pop("sha256")) != str(expected.pop("sha256"))
    counted = [name for name in found if name.startswith("moments/") and name.endswith("events")]
    assert sum(found[name] for name in counted) == 2 * 777
    for name, value in expected.items():
        if not name.startswith("heaviest/"):  # parts of other sizes
            np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-13, err_msg=name)
    result = analyze(problem, resume=twice, batch_size=777)
    whole = onnxtaylor.TaylorResult.from_json(uninterrupted)
    for name in ("score", "sem", "signed_mean", "rms"):
        np.testing.assert_allclose(getattr(result, name), getattr(whole, name), rtol=1e-12)
    np.testing.assert_array_equal(result.rank_low, whole.rank_low)
    assert result.data.events == EVENTS


def test_the_sums_are_saved_now_and_then(problem, uninterrupted, tmp_path, monkeypatch):
    """What no interrupt handler sees, such as a crash, loses the last stretch at most."""
    monkeypatch.setattr("onnxtaylor.run.accumulate.SAVE_SECONDS", 0.0)
    with pytest.raises(SystemExit):
        analyze(problem, Recorder(1000, SystemExit), resume=tmp_path)
    recorder = Recorder()
    assert analyze(problem, recorder, resume=tmp_path).to_json() == uninterrupted
    assert recorder.done[0] >= 1000


@pytest.mark.parametrize("change", ["weights", "x", "seed", "order", "link", "accuracy", "labels"])
def test_sums_of_another_analysis_are_not_continued(problem, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        analyze(problem, Recorder(300), resume=tmp_path)
    arguments = problem[1]
    changed = {
        "weights": 2 * arguments["weights"],
        "x": 1.5 * arguments["x"],
        "labels": np.roll(arguments["labels"], 1),
        "seed": 6,
        "order": 1,
        "link": "logit",
        "accuracy": 4,
    }
    with pytest.raises(OptionError, match="another analysis"):
        analyze(problem, resume=tmp_path, **{change: changed[change]})


def test_the_scale_may_change_when_resuming(problem, tmp_path):
    """It is applied to the sums, not summed."""
    with pytest.raises(KeyboardInterrupt):
        analyze(problem, Recorder(300), resume=tmp_path)
    found = analyze(problem, resume=tmp_path, scale="sigma")
    np.testing.assert_array_equal(found.score, analyze(problem, scale="sigma").score)
