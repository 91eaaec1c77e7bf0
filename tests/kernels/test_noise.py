"""ECnoise: known noise is found, smooth functions and flat ones are told from it."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from onnxtaylor_kernels.noise import FLAT, NOT_FOUND, computational_noise, look_up_noise

POINTS = 9


def noise_of(values):
    out = np.full(len(values), np.nan)
    computational_noise(np.asarray(values, dtype=np.float64), out)
    return out


def smooth(lines, random, distance):
    x = random.normal(size=(lines, 1)) + distance * np.arange(POINTS)
    return np.sin(1.3 * x) + 0.2 * x**2


def test_levels_are_those_of_the_table_written_out():
    random = np.random.default_rng(0)
    lines = np.concatenate(
        [
            smooth(100, random, distance) + sigma * random.normal(size=(100, POINTS))
            for distance in (1e-6, 1e-2, 0.5)
            for sigma in (0.0, 1e-8, 1e-3)
        ]
        + [np.zeros((2, POINTS)), np.round(random.normal(size=(100, POINTS)))]
    )
    words = {"flat": FLAT, "not found": NOT_FOUND}
    expected = [naive.computational_noise(line) for line in lines]
    assert {"flat", "not found"} <= set(expected)
    numbers = [words.get(e, e) for e in expected]
    np.testing.assert_allclose(noise_of(lines), numbers, rtol=1e-9)


@pytest.mark.parametrize("sigma", [1e-12, 1e-8, 1e-4])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_noise_on_a_smooth_function_is_found(sigma, kind):
    random = np.random.default_rng(1)
    draw = (
        random.normal(size=(2000, POINTS))
        if kind == "normal"
        else random.uniform(-(3**0.5), 3**0.5, (2000, POINTS))
    )
    # the first differences are the function's own, the second drown in the noise
    found = noise_of(smooth(2000, random, 0.3 * sigma**0.5) + sigma * draw)
    told = found[found >= 0]
    assert len(told) > 0.8 * len(found)
    assert np.sqrt(np.mean(told**2)) == pytest.approx(sigma, rel=0.15)
    assert np.median(told) == pytest.approx(sigma, rel=0.2)


def test_a_smooth_function_without_noise_has_none():
    """Points far apart: differences never become noise of the size of the function."""
    x = np.linspace(0, 2, POINTS)
    assert noise_of([np.exp(3 * x), np.exp(-x), 1 / (1 + x)]).tolist() == [NOT_FOUND] * 3


@pytest.mark.parametrize("flat", [0.0, 1.0, -0.3])
def test_constant_and_saturated_responses_are_called_flat(flat):
    almost = np.full(POINTS, flat)
    almost[6:] = np.nextafter(np.float32(flat), np.float32(9))
    assert noise_of([np.full(POINTS, flat), almost]).tolist() == [FLAT, FLAT]


def test_levels_scale_with_the_values_and_ignore_a_constant():
    random = np.random.default_rng(2)
    lines = random.normal(size=(50, POINTS))
    found = noise_of(lines)
    assert (found > 0).any()
    np.testing.assert_array_equal(noise_of(1024 * lines), np.where(found < 0, found, 1024 * found))
    np.testing.assert_allclose(noise_of(lines + 3), found, rtol=1e-12)


def test_values_that_are_not_finite_give_no_level():
    random = np.random.default_rng(3)
    lines = random.normal(size=(2, POINTS))
    lines[0, 3], lines[1, 0] = np.nan, np.inf
    assert noise_of(lines).tolist() == [NOT_FOUND, NOT_FOUND]


@pytest.mark.parametrize("measured", [0, 1, 3, 5, 32])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_responses_have_the_noise_of_their_neighbours(measured, dtype):
    random = np.random.default_rng(measured)
    places = np.sort(random.normal(size=(2, measured)), axis=1)
    levels = 1e-7 * random.lognormal(size=(2, measured)) * random.integers(0, 4, (2, measured))
    responses = (2 * random.normal(size=(40, 2))).astype(dtype)
    out = np.empty(responses.shape)
    look_up_noise(responses, places, levels, 3e-8, out)
    for e, row in enumerate(responses):
        for c, f in enumerate(row):
            expected = naive.noise_by_neighbours(float(f), places[c], levels[c], 3e-8)
            assert out[e, c] == pytest.approx(expected, rel=1e-12)
