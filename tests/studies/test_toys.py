"""The oracle of the Gaussian toys, held against numbers that do not come from it."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest

from validation.toys import (
    COEFFICIENTS,
    SCENARIOS,
    closed_form,
    expected_scores,
    oracle_model,
    quadratic,
    sample,
    sigmoid,
)

# ⟨t⟩ of x1, x2, x1x1, x1x2, x2x2 as found earlier, from one draw of 8e5 events each.
REFERENCE = {
    "A": (0.1818, 0.1818, 0.0405, 0.0810, 0.0405),
    "B": (0.1714, 0.1714, 0.0455, 0.2258, 0.0454),
    "C": (0.1799, 0.1803, 0.0808, 0.2123, 0.0810),
    "D": (0.2328, 0.2328, 0.2631, 0.1443, 0.2631),
}

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
expected = cache(expected_scores)


def log_ratio(scenario, x):
    """g(x) written with the two densities; holds for complex x."""
    total = 0
    for sign, mean, covariance in (
        (1, scenario.signal_mean, scenario.signal_covariance),
        (-1, scenario.background_mean, scenario.background_covariance),
    ):
        (a, b), (_, d) = covariance
        u, v = (x - mean).T
        det = a * d - b * b
        total = total - sign * ((d * u * u - 2 * b * u * v + a * v * v) / det / 2 + np.log(det) / 2)
    return total


@every_scenario
def test_expected_scores_agree_with_the_reference(scenario):
    np.testing.assert_allclose(expected(scenario), REFERENCE[scenario.name], rtol=0, atol=3e-4)


@every_scenario
def test_expected_scores_do_not_depend_on_the_grid(scenario):
    coarse = expected_scores(scenario, points=801, reach=12.0)
    np.testing.assert_allclose(coarse, expected(scenario), rtol=0, atol=3e-5)


@every_scenario
def test_scores_of_a_sample_tend_to_the_expected_ones(scenario):
    mean, std = scenario.pooled()
    x, labels = sample(scenario, 800_000, np.random.default_rng(1))
    assert labels.mean() == 0.5
    t = closed_form((x - mean) / std, *quadratic(scenario, mean, std))
    for name, value in zip(COEFFICIENTS, expected(scenario), strict=True):
        sem = abs(t[name]).std() / np.sqrt(len(x))
        assert sem < 3e-4
        assert abs(t[name]).mean() == pytest.approx(value, abs=5 * sem), name


@every_scenario
def test_samples_have_the_moments_of_their_classes(scenario):
    events = 400_000
    x, labels = sample(scenario, events, np.random.default_rng(2))
    for label, mean, covariance in (
        (1, scenario.signal_mean, scenario.signal_covariance),
        (0, scenario.background_mean, scenario.background_covariance),
    ):
        of_class = x[labels == label]
        precision = 5 * covariance.max() * np.sqrt(2 / len(of_class))
        np.testing.assert_allclose(of_class.mean(axis=0), mean, rtol=0, atol=precision)
        np.testing.assert_allclose(np.cov(of_class.T), covariance, rtol=0, atol=precision)
    mean, std = scenario.pooled()
    np.testing.assert_allclose(x.mean(axis=0), mean, rtol=0, atol=0.02)
    np.testing.assert_allclose(x.std(axis=0), std, rtol=0, atol=0.02)


@every_scenario
def test_the_quadratic_is_the_log_likelihood_ratio(scenario):
    mean, std = np.array([0.3, -0.7]), np.array([1.7, 0.4])  # any standardization
    z = np.random.default_rng(3).normal(size=(100, 2))
    A, b, c = quadratic(scenario, mean, std)
    g = np.einsum("ki,ij,kj->k", z, A, z) + z @ b + c
    np.testing.assert_allclose(g, log_ratio(scenario, mean + std * z), rtol=1e-12, atol=1e-12)


@every_scenario
def test_closed_form_agrees_with_complex_steps(scenario):
    """∂_i p = Im p(z + ih e_i)/h; second derivatives: its central differences of order six."""
    mean, std = np.array([0.1, -0.2]), np.array([1.2, 0.9])
    z = np.random.default_rng(4).normal(size=(500, 2))
    unit = np.eye(2)

    def slope(points, i):
        step = 1e-30
        g = log_ratio(scenario, mean + std * (points + 1j * step * unit[i]))
        return (1 / (1 + np.exp(-g))).imag / step

    def curvature(i, j, h=0.02):
        weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
        terms = (
            w * (slope(z + k * h * unit[j], i) - slope(z - k * h * unit[j], i))
            for k, w in weights.items()
        )
        return sum(terms) / h

    t = closed_form(z, *quadratic(scenario, mean, std))
    numerical = {
        "t_1": slope(z, 0),
        "t_2": slope(z, 1),
        "t_11": curvature(0, 0) / 2,
        "t_12": curvature(0, 1),
        "t_22": curvature(1, 1) / 2,
    }
    assert tuple(t) == COEFFICIENTS
    for name, value in numerical.items():
        tolerance = 1e-13 if len(name) == 3 else 2e-7
        np.testing.assert_allclose(t[name], value, rtol=0, atol=tolerance, err_msg=name)


@every_scenario
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_the_graph_responds_with_the_ideal_response(scenario, dtype, tolerance):
    onnxruntime = pytest.importorskip("onnxruntime")
    mean, std = scenario.pooled()
    z = np.random.default_rng(5).normal(size=(1000, 2)).astype(dtype)
    model = oracle_model(*quadratic(scenario, mean, std), dtype)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (p,) = session.run(["p"], {"x": z})
    assert p.dtype == dtype
    assert p.shape == (1000, 1)
    ideal = sigmoid(log_ratio(scenario, mean + std * z.astype(np.float64)))
    np.testing.assert_allclose(p[:, 0], ideal, rtol=0, atol=tolerance)


def test_the_graph_is_what_it_says():
    model = oracle_model(*quadratic(SCENARIOS["C"], np.zeros(2), np.ones(2)))
    assert model.ir_version == 10
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param
    assert shape[1].dim_value == 2
    assert {node.op_type for node in model.graph.node} == {
        "MatMul",
        "Mul",
        "ReduceSum",
        "Add",
        "Sigmoid",
    }
    onnx.checker.check_model(model, full_check=True)


def test_the_sigmoid_does_not_overflow():
    with np.errstate(all="raise"):
        values = sigmoid(np.array([-700.0, 0.0, 700.0]))
    np.testing.assert_allclose(values, [np.exp(-700), 0.5, 1.0])
