"""Distances of cumulative distributions against scipy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from onnxtaylor.gof.distances import anderson_darling, kolmogorov_smirnov
from onnxtaylor.gof.saturated import Bins, p_value
from tests.gof.fits import held

SHAPE = True  # to the weights of bins in which all are equal it makes no difference


def counted(x, y, bins=12):
    """Bins of whole numbers: nothing is lost."""
    n, nu = (np.bincount(v, minlength=bins).astype(float) for v in (x, y))
    return Bins.of(held(n, n), held(nu, nu), SHAPE)


def samples(seed, shift=0.0):
    random = np.random.default_rng(seed)
    x, y = random.normal(5 + shift, 2, 300), random.normal(5, 2, 800)
    return [np.clip(np.rint(v), 0, 11).astype(int) for v in (x, y)]


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_distance_is_that_of_kolmogorov_and_smirnov(seed):
    x, y = samples(seed, 0.4)
    expected = stats.ks_2samp(x, y).statistic
    assert kolmogorov_smirnov(counted(x, y)) == pytest.approx(expected, rel=1e-12)


def test_the_squared_distance_is_that_of_anderson_and_darling():
    # scipy standardizes by numbers that depend on the sizes of the samples alone
    ours, theirs = [], []
    for seed in range(4):
        x, y = samples(seed, 0.3 * seed)
        ours.append(float(anderson_darling(counted(x, y))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its table of p-values ends
            theirs.append(stats.anderson_ksamp([x, y], variant="right").statistic)
    slope = (ours[1] - ours[0]) / (theirs[1] - theirs[0])
    np.testing.assert_allclose(np.diff(ours), slope * np.diff(theirs), rtol=1e-9)
    assert ours[0] == pytest.approx(1 + slope * theirs[0], rel=1e-9)  # of mean 1


def test_it_is_weighted_by_effective_events():
    x, y = samples(1, 0.5)
    plain = counted(x, y)
    n, nu = plain.a, plain.k
    tripled = Bins.of(held(n, n), held(3 * nu, 9 * nu), SHAPE)  # the same events, of weight 3
    assert anderson_darling(tripled) == pytest.approx(float(anderson_darling(plain)), rel=1e-12)
    assert kolmogorov_smirnov(tripled) == pytest.approx(float(kolmogorov_smirnov(plain)), rel=1e-12)


@pytest.mark.parametrize(("distance", "shift"), [(0, 0.0), (0, 0.2), (1, 0.0), (1, 0.15)])
def test_p_values_of_toys_agree_with_those_of_scipy(distance, shift):
    random = np.random.default_rng(5)
    x, y = random.normal(shift, 1, 500), random.normal(0, 1, 700)
    edges = np.quantile(y, np.arange(1, 100) / 100)
    bins = counted(np.digitize(x, edges), np.digitize(y, edges), 100)
    ours = (kolmogorov_smirnov, anderson_darling)[distance]
    p, _ = p_value(float(ours(bins)), ours(bins.toys(4000, True, np.random.default_rng(0))))
    if distance == 0:
        theirs = stats.ks_2samp(x, y).pvalue
    else:
        method = stats.PermutationMethod(4000, rng=np.random.default_rng(1))
        theirs = stats.anderson_ksamp([x, y], variant="right", method=method).pvalue
    assert p == pytest.approx(theirs, abs=0.05, rel=0.2)


def test_empty_starts_and_sides_are_no_trouble():
    n, nu = np.array([0.0, 0, 3, 4]), np.array([0.5, 2, 8, 1])
    bins = Bins.of(held(n, n), held(nu, nu), SHAPE)
    toys = Bins(np.zeros((1, 4)), bins.t, bins.k[None], bins.s)
    for distance in (kolmogorov_smirnov, anderson_darling):
        assert np.isfinite(distance(bins))
        assert np.isfinite(distance(toys)).all()
