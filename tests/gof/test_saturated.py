"""The saturated likelihood ratio against scipy, and its p-values against what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from onnxtaylor.gof.bins import Contents
from onnxtaylor.gof.saturated import Bins, p_value
from tests.gof.fits import held

SHAPE = True  # to the weights of bins in which all are equal it makes no difference


def some(seed=0, bins=6):
    random = np.random.default_rng(seed)
    n = random.poisson(40, bins).astype(float)
    nu = random.uniform(20, 60, bins)
    return Bins.of(held(n, 1.3 * n), held(nu, random.uniform(0.2, 2, bins) * nu), SHAPE)


def minus_two_log_likelihood(bins: Bins, mu, c):
    """Σ −2 ln Poisson of both sides, continued to numbers that are not whole."""
    from scipy.special import gammaln

    total = 0.0
    for number, mean in ((bins.a, mu / bins.t), (bins.k, mu / (c * bins.s))):
        total += np.sum(2 * (mean - number * np.log(mean) + gammaln(number + 1)))
    return total


@pytest.mark.parametrize("shape", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_statistic_is_what_a_minimizer_finds(shape, seed):
    bins = some(seed)
    start = np.log([*bins.a * bins.t, 1.0])

    def value(x):
        return minus_two_log_likelihood(bins, np.exp(x[:-1]), np.exp(x[-1]) if shape else 1.0)

    found = minimize(value, start, method="BFGS", options={"gtol": 1e-8})
    # the saturated model has a mean of its own for either side
    best = sum(
        minus_two_log_likelihood(Bins(a, a * 0 + 1, a, a * 0 + 1), a, 1.0) / 2
        for a in (bins.a, bins.k)
    )
    assert bins.statistic(shape) == pytest.approx(found.fun - best, abs=1e-6)
    if shape:
        assert bins.fitted(True)[1][0] == pytest.approx(np.exp(found.x[-1]), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_without_weights_it_is_that_of_a_contingency_table(seed):
    random = np.random.default_rng(seed)
    n, nu = random.poisson(20, 7) + 1.0, random.poisson(80, 7) + 1.0
    bins = Bins.of(held(n, n), held(nu, nu), SHAPE)
    expected = stats.chi2_contingency([n, nu], correction=False, lambda_="log-likelihood")
    assert bins.statistic(True) == pytest.approx(expected.statistic, rel=1e-10)
    assert expected.dof == len(n) - 1


def test_with_a_perfect_expectation_it_is_that_of_baker_and_cousins():
    n, nu = np.array([3.0, 12, 0, 30]), np.array([5.0, 10, 2, 28])
    bins = Bins.of(held(n, n), held(nu, 1e-6 * nu), SHAPE)
    scaled = nu * n.sum() / nu.sum()
    shape = stats.power_divergence(n, scaled, lambda_="log-likelihood").statistic
    assert bins.statistic(True) == pytest.approx(shape, rel=1e-4)
    ratio = 2 * (stats.poisson.logpmf(n, n) - stats.poisson.logpmf(n, nu)).sum()
    assert bins.statistic(False) == pytest.approx(ratio, rel=1e-4)


def test_with_large_contents_it_is_the_chi_square_of_both_uncertainties():
    n, nu = np.array([10200.0, 9900, 10050]), np.array([10000.0, 10000, 10000])
    sigma2 = np.array([30000.0, 10000, 500])
    bins = Bins.of(held(n, n), held(nu, sigma2), SHAPE)
    assert bins.statistic(False) == pytest.approx(((n - nu) ** 2 / (n + sigma2)).sum(), rel=0.03)


def test_the_scale_of_the_expectation_does_not_matter_to_shapes():
    n, nu, s2 = np.array([9.0, 30, 4]), np.array([40.0, 99, 22]), np.array([50.0, 120, 90])
    one = Bins.of(held(n, n), held(nu, s2), SHAPE)
    other = Bins.of(held(n, n), held(nu * 1e-3, s2 * 1e-6), SHAPE)
    assert one.statistic(True) == pytest.approx(other.statistic(True), rel=1e-10)
    assert one.statistic(False) != pytest.approx(other.statistic(False), rel=0.1)


def test_empty_bins_are_no_trouble():
    n, nu = np.array([0.0, 5, 0]), np.array([1.0, 4, 30])
    bins = Bins.of(held(n, n), held(nu, nu), SHAPE)
    assert np.isfinite(bins.statistic(True))
    empty = Bins(np.zeros((2, 3)), bins.t, np.array([[0.0, 0, 0], [1, 2, 3]]), bins.s)
    for shape in (True, False):
        assert np.isfinite(empty.statistic(shape)).all()


def test_a_sum_and_its_variance_fluctuate_together_as_assumed():
    random = np.random.default_rng(0)
    sums = []
    for _ in range(20_000):
        w = random.uniform(0.5, 1.5, random.poisson(40))
        w *= np.where(random.random(len(w)) < 0.25, -1, 1)
        sums.append([w.sum(), (w**2).sum()])
    total, total2 = np.array(sums).T
    w = random.uniform(0.5, 1.5, 10**6) * np.where(random.random(10**6) < 0.25, -1, 1)
    assert np.polyfit(total, total2, 1)[0] == pytest.approx((w**3).mean() / (w**2).mean(), rel=0.05)


def test_the_weight_of_a_bin_is_taken_at_the_fitted_content():
    n = np.array([100.0, 100, 100])
    total, total2, total3 = np.array([80.0, 100, 120]), np.full(3, 400.0), np.full(3, 500.0)
    bins = Bins.of(Contents(n, n, n), Contents(total, total2, total3), False)
    mu, _ = bins.fitted(False)
    expected = (total2 + total3 / total2 * (mu - total)) / mu
    np.testing.assert_allclose(bins.s, expected, rtol=0.01)  # two passes are enough
    np.testing.assert_allclose(bins.k * bins.s, total)
    np.testing.assert_allclose(bins.t, 1)


def test_toys_scatter_as_both_sides_do():
    bins = some(3)
    mu, c = bins.fitted(True)
    toys = bins.toys(20_000, True, np.random.default_rng(0))
    for drawn, weight, mean, var in (
        (toys.a, bins.t, mu, mu * bins.t),
        (toys.k, bins.s, mu / c, mu / c * bins.s),
    ):
        contents = drawn * weight
        np.testing.assert_allclose(contents.mean(axis=0), mean, rtol=0.01)
        np.testing.assert_allclose(contents.var(axis=0), var, rtol=0.05)


def test_p_is_never_0_and_its_uncertainty_is_binomial():
    p, error = p_value(5.0, np.arange(4.0))
    assert p == 0.2
    assert error == pytest.approx(np.sqrt(0.2 * 0.8 / 5))
    assert p_value(-1.0, np.arange(4.0))[0] == 1.0
    assert p_value(3.0, np.array([3.0 * (1 - 1e-13), 2.0]))[0] == pytest.approx(2 / 3)
