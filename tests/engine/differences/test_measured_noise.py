"""The noise of responses: found where it is, floored where it cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.engine.differences.noise import FLOOR, assumed_noise, measure_noise
from onnxtaylor.runtime.session import Session
from tests.engine.nets import Net, events_of
from tests.engine.paper import Graph, function_of

DIGITS = {np.float32: 24, np.float64: 53}
formats = pytest.mark.parametrize("dtype", DIGITS)
N = 3


def planted(sigma, digits):
    """A smooth function of x with noise of its own, that depends on every bit of x."""

    def evaluate(x):
        smooth = np.stack((np.sin(x.sum(axis=1)), np.exp(0.3 * x[:, 0])), axis=1)
        bits = np.frombuffer(np.ascontiguousarray(x, np.float64).tobytes(), np.uint64)
        seeds = bits.reshape(x.shape) >> np.uint64(53 - digits)
        with np.errstate(over="ignore"):
            seeds = (seeds * np.uint64(0x9E3779B97F4A7C15)).sum(axis=1, dtype=np.uint64)
        draws = [np.random.default_rng(int(s)).normal(size=2) for s in seeds]
        return smooth + sigma(smooth) * np.array(draws)

    return evaluate


@formats
def test_planted_noise_is_found(dtype):
    x, digits = events_of(N, 32), DIGITS[dtype]
    sigma = 50 * 2.0**-digits
    noise = measure_noise(planted(lambda f: sigma, digits), x, np.ones(N), digits=digits)
    found = noise.at(planted(lambda f: 0.0, digits)(events_of(N, 200, seed=1)))
    assert np.median(found, axis=0) == pytest.approx(sigma, rel=0.25)
    assert ((found > sigma / 2) & (found < 2 * sigma)).mean() > 0.99


@formats
def test_each_region_of_the_response_has_its_own(dtype):
    """Noise that grows with the response: small ones are not blamed for what large ones do."""
    x, digits = events_of(N, 32), DIGITS[dtype]
    relative = 200 * 2.0**-digits
    noise = measure_noise(
        planted(lambda f: relative * abs(f) ** 4, digits), x, np.ones(N), digits=digits
    )
    responses = np.array([[0.1, 0.6], [0.2, 0.8], [0.6, 1.0], [0.9, 1.3]])
    found = noise.at(responses)[:, 1]
    ratio = found / (relative * responses[:, 1] ** 4)
    assert ((ratio > 0.3) & (ratio < 3)).all()


@formats
def test_nets_have_noise_of_their_format(dtype):
    net, x = Net("tanh"), events_of(6, 32)
    session = Session(function_of(net.model(dtype)), threads=1)
    noise = measure_noise(session, x, np.ones(6), digits=DIGITS[dtype])
    responses = session(events_of(6, 200, seed=1))
    found = noise.at(responses) / responses
    assert ((found > 0.05 * 2.0 ** -DIGITS[dtype]) & (found < 20 * 2.0 ** -DIGITS[dtype])).all()


def test_the_measured_noise_is_the_round_off_of_single_precision():
    """Told from the same numbers in double precision."""
    net, x = Net("swish"), events_of(6, 32)
    single, double = (Session(function_of(net.model(t))) for t in (np.float32, np.float64))
    noise = measure_noise(single, x, np.ones(6), digits=24)
    at = events_of(6, 2000, seed=1)
    true = single(at) - double(at)
    ratio = np.sqrt((true**2).mean(axis=0) / (noise.at(single(at)) ** 2).mean(axis=0))
    assert ((ratio > 0.5) & (ratio < 2)).all()


@formats
@pytest.mark.parametrize("value", [0.0, 1.0, -250.0])
def test_constant_responses_have_the_noise_of_their_rounding(dtype, value):
    g = Graph(N, dtype)
    zero = g.node("Mul", "x", g.constant(0.0))
    model = g.model(g.node("Add", zero, g.constant(value)), N)
    session, x = Session(function_of(model)), events_of(N, 32)
    noise = measure_noise(session, x, np.ones(N), digits=DIGITS[dtype])
    floor = FLOOR * 2.0 ** (1 - DIGITS[dtype]) * abs(value)
    np.testing.assert_allclose(noise.at(session(x)), floor, rtol=1e-12)


@formats
def test_saturated_events_do_not_hide_the_others(dtype):
    """A steep sigmoid is flat at most events, and noisy where it rises."""
    g = Graph(N, dtype)
    steep = g.node("Mul", g.node("MatMul", "x", g.constant(np.ones((N, 1)))), g.constant(200.0))
    session = Session(function_of(g.model(g.node("Sigmoid", steep), 1)))
    x = events_of(N, 32)
    x[::4, 0] = -x[::4, 1] - x[::4, 2] + 0.002
    noise = measure_noise(session, x, np.ones(N), digits=DIGITS[dtype])
    epsilon = 2.0 ** (1 - DIGITS[dtype])
    rising, high = noise.at(np.array([[0.6], [1.0]]))[:, 0]
    assert 0.2 * epsilon < rising < 500 * epsilon
    assert high == pytest.approx(FLOOR * epsilon, rel=1e-6)


def test_responses_that_are_not_finite_leave_the_noise_of_the_others():
    x = events_of(N, 32)
    evaluate = planted(lambda f: 1e-9, 53)

    def broken(rows):
        found = evaluate(rows)
        found[rows[:, 0] > 1.0] = np.nan
        return found

    noise = measure_noise(broken, x, np.ones(N), digits=53)
    found = noise.at(np.array([[0.1, 0.9]]))
    assert np.isfinite(found).all()
    assert ((found > 3e-10) & (found < 3e-9)).all()


def test_without_events_half_a_unit_is_assumed():
    responses = np.array([[0.5, -2.0]], np.float32)
    np.testing.assert_allclose(assumed_noise(2, 24).at(responses), abs(responses) * 2.0**-24)


def test_the_measurement_is_the_same_every_time():
    session, x = Session(function_of(Net("tanh").model()), threads=1), events_of(6, 16)
    one, two = (measure_noise(session, x, np.ones(6), digits=24) for _ in range(2))
    np.testing.assert_array_equal(one.places, two.places)
    np.testing.assert_array_equal(one.levels, two.levels)
