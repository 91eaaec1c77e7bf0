"""⟨t⟩ of the whole program against the closed form: two Gaussian classes, sigmoid(quadratic)."""

import numpy as np
import pytest

import onnxtaylor as ot
from validation.toys import SCENARIOS, closed_form, oracle_model, quadratic, sample

EVENTS = 20_000
TERMS = ("t_1", "t_2", "t_11", "t_12", "t_22")


@pytest.fixture(scope="module", params=sorted(SCENARIOS))
def toy(request):
    scenario = SCENARIOS[request.param]
    x, labels = sample(scenario, EVENTS, np.random.default_rng(17))
    mean, std = x.mean(axis=0), x.std(axis=0)
    return (x - mean) / std, labels, quadratic(scenario, mean, std)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-3), (np.float64, 1e-6)])
@pytest.mark.parametrize("mixed", ["two", "four"])
@pytest.mark.parametrize("accuracy", [None, 2, 4])
def test_scores_are_those_of_the_closed_form(toy, dtype, tolerance, mixed, accuracy):
    if dtype is np.float32 and accuracy == 2:
        tolerance *= 3  # second order is not what single precision is analyzed with by default
    z, labels, (a, b, c) = toy
    # the graph sees the events as it holds them
    z = z.astype(dtype).astype(np.float64)
    result = ot.analyze(
        oracle_model(a, b, c, dtype),
        z,
        labels=labels,
        engine="differences",
        scale="unit",
        mixed=mixed,
        accuracy=accuracy,
        bootstrap=0,
        check=0,
    )
    assert_closed_form(result, z, labels, (a, b, c), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_exact_scores_are_those_of_the_closed_form(toy, dtype, tolerance):
    z, labels, (a, b, c) = toy
    z = z.astype(dtype).astype(np.float64)
    options = {"labels": labels, "engine": "exact", "bootstrap": 0, "check": 0, "scale": "unit"}
    result = ot.analyze(oracle_model(a, b, c, dtype), z, **options)
    assert_closed_form(result, z, labels, (a, b, c), tolerance)


def assert_closed_form(result, z, labels, coefficients, tolerance):
    a, b, c = coefficients
    terms = closed_form(z, a, b, c)
    for place, group in enumerate(result.groups):
        chosen = np.ones(len(z), bool) if group == "all" else labels.astype(str) == group
        expected = np.array([np.abs(terms[name][chosen]).mean() for name in TERMS])
        assert result.score[0, place] == pytest.approx(expected, rel=tolerance)
        signed = np.array([terms[name][chosen].mean() for name in TERMS])
        assert result.signed_mean[0, place] == pytest.approx(signed, abs=tolerance * expected.max())


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_logit_link_lays_the_quadratic_open(toy, engine):
    """g = log p/(1−p) is quadratic, so its second-order coefficients do not vary."""
    z, _, (a, b, c) = toy
    result = ot.analyze(
        oracle_model(a, b, c, np.float64),
        z,
        link="logit",
        engine=engine,
        scale="unit",
        bootstrap=0,
        check=0,
    )
    quadratic_form = np.abs([a[0, 0], a[0, 1] + a[1, 0], a[1, 1]])
    assert result.score[0, 0, 2:] == pytest.approx(quadratic_form, rel=1e-4, abs=1e-5)
