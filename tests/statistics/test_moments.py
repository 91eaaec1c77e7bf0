"""The sums of one group against section 2 of the design, written out in long doubles."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.statistics.moments import CoefficientMoments

SEEDS = range(5)


def fed(t, w, batches=1):
    moments = CoefficientMoments.zero(t.shape[1])
    for part in np.array_split(np.arange(len(t)), batches):
        moments.update(t[part], w[part])
    return moments


def by_definition(t, w):
    """score, signed mean, RMS, SEM and N_eff by their formulas."""
    t, w = t.astype(np.longdouble), w.astype(np.longdouble)[:, None]
    score = (w * abs(t)).sum(0) / w.sum()
    square = (w * t**2).sum(0) / w.sum()
    return {
        "score": score,
        "signed_mean": (w * t).sum(0) / w.sum(),
        "rms": np.sqrt(np.where(square >= 0, square, np.nan)),
        "sem": np.sqrt((w**2 * (abs(t) - score) ** 2).sum(0)) / abs(w.sum()),
        "n_eff": w.sum() ** 2 / (w**2).sum(),
    }


def assert_defined(moments, t, w, rtol=1e-12):
    for name, value in by_definition(t, w).items():
        value = np.asarray(value, np.float64)
        np.testing.assert_allclose(getattr(moments, name), value, rtol=rtol, err_msg=name)
    assert moments.events == len(t)
    assert moments.sum_w == pytest.approx(float(w.sum()), rel=1e-12)


def weights_of(kind, random, events):
    return {
        "ones": np.ones(events),
        "positive": random.lognormal(size=events),
        "both signs": random.normal(1.0, 1.0, events),
        "some zero": random.lognormal(size=events) * (random.random(events) < 0.3),
        "tiny": 1e-12 * random.normal(1.0, 0.5, events),
        "huge": 1e12 * random.normal(1.0, 0.5, events),
    }[kind]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("batches", [1, 7, 300])
@pytest.mark.parametrize("kind", ["ones", "positive", "both signs", "some zero", "tiny", "huge"])
def test_numbers_follow_their_definitions(kind, batches, seed):
    random = np.random.default_rng(seed)
    w = weights_of(kind, random, 300)
    t = random.normal(0.5, 1.0, (300, 4)) * [1.0, 1e-6, 1e6, 0.0]
    assert_defined(fed(t, w, batches), t, w)


@pytest.mark.parametrize("batches", [1, 10, 1000])
@pytest.mark.parametrize("kind", ["ones", "both signs"])
def test_the_sem_of_nearly_constant_coefficients_keeps_its_digits(kind, batches):
    """1 ± 1e-9: Σ w² t² − … would leave nothing."""
    random = np.random.default_rng(11)
    w = weights_of(kind, random, 1000)
    t = 1 + 1e-9 * random.normal(size=(1000, 3))
    expected = np.asarray(by_definition(t, w)["sem"], np.float64)
    np.testing.assert_allclose(fed(t, w, batches).sem, expected, rtol=1e-5)
    assert (expected > 1e-11).all()


def test_the_sem_of_a_constant_is_nothing():
    w = np.random.default_rng(1).normal(1, 1, 500)
    assert (fed(np.full((500, 2), [0.1, -3.0]), w, 13).sem < 3e-15).all()


def test_the_sem_of_equal_weights_is_the_textbooks():
    t = np.random.default_rng(2).normal(size=(400, 3))
    expected = abs(t).std(axis=0) / np.sqrt(400)
    np.testing.assert_allclose(fed(t, np.ones(400), 3).sem, expected, rtol=1e-12)


def test_weights_of_zero_count_as_events_and_change_nothing_else():
    random = np.random.default_rng(3)
    t, w = random.normal(size=(100, 2)), random.normal(1, 0.5, 100)
    moments = fed(t, w)
    before = moments.score, moments.sem, moments.rms, moments.n_eff
    moments.update(100 * t, np.zeros(100))
    assert moments.events == 200
    after = moments.score, moments.sem, moments.rms, moments.n_eff
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    # and first of all, when there is nothing to average yet
    t, w = np.concatenate((100 * t, t)), np.concatenate((np.zeros(100), w))
    with np.errstate(all="raise"):
        late = fed(t, w, 20)
    assert_defined(late, t, w)


def test_the_rms_of_a_negative_mean_square_is_not_a_number():
    t = np.array([[1.0, 1.0], [10.0, 1.0]])
    moments = fed(t, np.array([2.0, -1.0]))
    assert np.isnan(moments.rms[0])
    assert moments.rms[1] == 1.0
    assert moments.sem[0] > 0


def test_numbers_do_not_depend_on_the_unit_of_weight():
    random = np.random.default_rng(4)
    t, w = random.normal(size=(200, 3)), random.normal(1, 1, 200)
    a, b = fed(t, w, 4), fed(t, 1024 * w, 4)
    for name in ("score", "signed_mean", "rms", "sem", "n_eff"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-14, err_msg=name)


def test_an_empty_batch_is_no_change():
    t, w = np.ones((3, 2)), np.ones(3)
    moments = fed(t, w)
    moments.update(t[:0], w[:0])
    moments.merge(CoefficientMoments.zero(2))
    assert moments.events == 3
    np.testing.assert_array_equal(moments.score, [1.0, 1.0])
    assert CoefficientMoments.zero(2).n_eff == 0


def test_merging_leaves_the_other_as_it_was():
    random = np.random.default_rng(5)
    t, w = random.normal(size=(50, 2)), random.normal(1, 1, 50)
    first, other = CoefficientMoments.zero(2), fed(t, w)
    before = {name: value.copy() for name, value in other.state().items()}
    first.merge(other)
    first.update(10 * t, w)
    for name, value in other.state().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_state_holds_everything():
    random = np.random.default_rng(6)
    t, w = random.normal(size=(50, 2)), random.normal(1, 1, 50)
    copy = CoefficientMoments.from_state(fed(t, w).state())
    whole = fed(np.concatenate((t, 2 * t)), np.concatenate((w, w)), 2)
    copy.update(2 * t, w)
    for name, value in whole.state().items():
        np.testing.assert_array_equal(copy.state()[name], value, err_msg=name)


@pytest.mark.parametrize("kind", ["ones", "positive", "both signs"])
def test_the_sem_is_the_spread_of_the_score_over_independent_samples(kind):
    """600 samples of 400 events, 25 quantities each: the spread is known to 1 %."""
    random = np.random.default_rng(7)
    scores, sems = [], []
    for _ in range(600):
        moments = fed(random.normal(0.3, 1.0, (400, 25)), weights_of(kind, random, 400))
        scores.append(moments.score)
        sems.append(moments.sem)
    spread = np.sqrt(np.var(scores, axis=0, ddof=1).mean())
    stated = np.sqrt(np.square(sems).mean())
    assert stated == pytest.approx(spread, rel=0.04)
