"""The closed form of toys with three inputs, held against densities and scipy's integration."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from validation.toys import (
    SCENARIOS,
    THREE_INPUTS,
    closed_form,
    coefficient_names,
    expected_scores,
    oracle_model,
    quadratic,
    sample,
    with_noise,
)

stats = pytest.importorskip("scipy.stats", reason="scipy is the reference")
NAMES = ("t_1", "t_2", "t_3", "t_11", "t_12", "t_13", "t_22", "t_23", "t_33")
MEAN, STD = np.array([0.1, -0.2, 0.3]), np.array([1.2, 0.9, 1.1])  # any standardization

toys = pytest.mark.parametrize(
    "scenario", [THREE_INPUTS, with_noise(SCENARIOS["C"])], ids=["E", "C and noise"]
)
expected = cache(expected_scores)


def response(scenario, z):
    """p from the two densities."""
    x = MEAN + STD * z
    signal = stats.multivariate_normal(scenario.signal_mean, scenario.signal_covariance)
    background = stats.multivariate_normal(scenario.background_mean, scenario.background_covariance)
    s, b = signal.pdf(x), background.pdf(x)
    return s / (s + b)


def derivative(f, z, i, h=0.01):
    """Central difference of order six along input i."""
    e = np.eye(z.shape[1])[i] * h
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    return sum(w * (f(z + k * e) - f(z - k * e)) for k, w in weights.items()) / h


def test_the_names_are_in_the_order_of_the_convention():
    assert coefficient_names(3) == NAMES


@toys
def test_closed_form_agrees_with_differences_of_the_densities(scenario):
    z = np.random.default_rng(4).normal(size=(400, 3))
    t = closed_form(z, *quadratic(scenario, MEAN, STD))
    assert tuple(t) == NAMES

    def p(points):
        return response(scenario, points)

    for i in range(3):
        np.testing.assert_allclose(t[f"t_{i + 1}"], derivative(p, z, i), rtol=0, atol=1e-7)
        for j in range(i, 3):

            def slope(points, i=i):
                return derivative(p, points, i)

            factor = 0.5 if i == j else 1.0
            numerical = factor * derivative(slope, z, j)
            np.testing.assert_allclose(t[f"t_{i + 1}{j + 1}"], numerical, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "scenario",
    [THREE_INPUTS, pytest.param(with_noise(SCENARIOS["C"]), marks=pytest.mark.slow)],
    ids=["E", "C and noise"],
)
def test_scores_of_a_sample_tend_to_the_expected_ones(scenario):
    mean, std = scenario.pooled()
    x, labels = sample(scenario, 400_000, np.random.default_rng(1))
    assert labels.mean() == 0.5
    assert x.std(axis=0) == pytest.approx(std, rel=0.01)
    t = closed_form((x - mean) / std, *quadratic(scenario, mean, std))
    for name, value in zip(NAMES, expected(scenario), strict=True):
        sem = abs(t[name]).std() / np.sqrt(len(x))
        assert sem < 5e-4
        assert abs(t[name]).mean() == pytest.approx(value, abs=4.5 * sem + 3e-5), name


def test_noise_changes_nothing_and_has_no_coefficient():
    """Integrals over three inputs, of which the last has no say, are those over two."""
    plain = dict(zip(coefficient_names(2), expected(SCENARIOS["C"]), strict=True))
    beside = dict(zip(NAMES, expected(with_noise(SCENARIOS["C"])), strict=True))
    for name, value in beside.items():
        assert value == pytest.approx(plain.get(name, 0.0), abs=0 if "3" in name else 3e-5), name


def test_the_integral_does_not_depend_on_the_grid():
    coarse = expected_scores(THREE_INPUTS, points=91, reach=7.5)
    np.testing.assert_allclose(coarse, expected(THREE_INPUTS), rtol=0, atol=1e-4)


def test_the_graph_of_three_inputs_responds_with_the_ratio_of_densities():
    onnxruntime = pytest.importorskip("onnxruntime")
    z = np.random.default_rng(5).normal(size=(500, 3))
    model = oracle_model(*quadratic(THREE_INPUTS, MEAN, STD))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (p,) = session.run(["p"], {"x": z})
    np.testing.assert_allclose(p[:, 0], response(THREE_INPUTS, z), rtol=0, atol=1e-13)
