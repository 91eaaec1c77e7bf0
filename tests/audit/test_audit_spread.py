"""How well σ is known, against many samples; and what a drift is measured with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.audit.spread import kurtosis, relative_uncertainties
from onnxtaylor.data import ArraySource
from onnxtaylor.results.taylor import FeatureSummary


def with_moments(result, x):
    features = tuple(
        FeatureSummary(f"x{i}", float(c.mean()), float(c.std()), float(c.min()), float(c.max()), 0)
        for i, c in enumerate(x.T)
    )
    return replace(result, data=replace(result.data, features=features, n_eff=float(len(x))))


def draw(random, shape):
    """Normal, uniform and exponential."""
    return np.stack(
        [random.normal(size=shape), random.uniform(size=shape), random.exponential(size=shape)],
        axis=-1,
    )


def test_kurtosis_of_known_distributions(make_result):
    """3, 9/5 and 9."""
    x = draw(np.random.default_rng(1), 400_000)
    found = kurtosis(ArraySource(x), with_moments(make_result(3), x), None)
    np.testing.assert_allclose(found, [3, 1.8, 9], rtol=0.05)


def test_missing_values_are_left_out(make_result):
    x = draw(np.random.default_rng(1), 5000)
    result = with_moments(make_result(3), x)
    gaps = np.concatenate((x, np.full((1000, 3), -999.0)))
    expected = kurtosis(ArraySource(x), result, None)
    np.testing.assert_allclose(kurtosis(ArraySource(gaps), result, -999.0), expected)


def test_a_constant_feature_is_taken_for_normal(make_result):
    x = np.ones((50, 3))
    assert kurtosis(ArraySource(x), with_moments(make_result(3), x), None).tolist() == [3, 3, 3]


@pytest.mark.parametrize("power", [(1, 0, 0), (2, 0, 0), (0, 2, 0), (1, 1, 0), (0, 1, 1)])
def test_relative_errors_are_those_of_many_samples(make_result, power):
    """The spread of Π σ_i^m_i over 4000 samples of 400 events."""
    events = 400
    sigma = draw(np.random.default_rng(2), (4000, events)).std(axis=1)
    product = (sigma ** np.array(power)).prod(axis=1)
    result = make_result(3, scale="sigma")
    result = replace(result, data=replace(result.data, n_eff=float(events)))
    errors = relative_uncertainties(result, np.array([3, 1.8, 9]))
    place = [sorted(alpha) for alpha in map(list, result.indices.tuples())].index(
        [i for i, m in enumerate(power) for _ in range(m)]
    )
    assert errors[place] == pytest.approx(product.std() / product.mean(), rel=0.1)


def test_in_units_of_the_input_there_is_no_sigma_to_know(make_result):
    assert not relative_uncertainties(make_result(3, scale="unit"), np.array([3.0, 3, 3])).any()
