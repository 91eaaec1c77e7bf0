"""Bins from quantiles, and bins that are joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxtaylor.gof.bins import Contents, bin_numbers, inner_edges, join_bins, snake


def test_unweighted_edges_are_quantiles():
    values = np.random.default_rng(0).normal(size=999)
    edges = inner_edges(values, np.ones(999), 10)
    method = "inverted_cdf"
    np.testing.assert_array_equal(edges, np.quantile(values, np.arange(1, 10) / 10, method=method))


def test_each_bin_holds_its_part_of_the_absolute_weights():
    random = np.random.default_rng(1)
    values, weights = random.normal(size=5000), random.exponential(size=5000)
    weights[::5] *= -1
    edges = inner_edges(values, weights, 8)
    parts = [abs(weights[np.digitize(values, edges) == k]).sum() for k in range(8)]
    np.testing.assert_allclose(parts, abs(weights).sum() / 8, atol=2 * abs(weights).max())


@pytest.mark.parametrize("bins", [3, 4, 10])
def test_few_values_get_a_bin_each(bins):
    values = np.repeat([2.0, -1.0, 5.0], [90, 1, 9])
    edges = inner_edges(values, np.ones(100), bins)
    np.testing.assert_array_equal(edges, [2.0, 5.0])
    np.testing.assert_array_equal(
        bin_numbers(np.array([-1.0, 2, 5, -7, 9]), edges, None), [1, 2, 3, 1, 3]
    )


def test_a_value_of_many_events_stands_alone():
    values = np.concatenate([np.zeros(500), np.linspace(1, 2, 500)])
    edges = inner_edges(values, np.ones(1000), 10)
    codes = bin_numbers(values, edges, None)
    assert set(codes[:500]) == {1}
    assert 1 not in codes[500:]
    assert len(edges) + 1 <= 10


def test_a_constant_has_no_edges():
    assert inner_edges(np.full(7, 3.0), np.ones(7), 10).size == 0


@pytest.mark.parametrize("missing", [-999.0, float("nan")])
def test_missing_values_are_bin_0(missing):
    codes = bin_numbers(np.array([missing, 0.0, 2.0]), np.array([1.0]), missing)
    np.testing.assert_array_equal(codes, [0, 1, 2])


def test_the_snake_goes_from_neighbour_to_neighbour():
    places = np.array([divmod(int(cell), 5) for cell in snake(4, 5)])
    assert len({tuple(p) for p in places}) == 20
    np.testing.assert_array_equal(abs(np.diff(places, axis=0)).sum(axis=1), 1)


@given(
    st.lists(st.tuples(st.floats(-2, 5), st.floats(0.1, 3)), min_size=1, max_size=30),
    st.floats(0, 8),
    st.floats(1, 10),
    st.integers(0, 9),
)
def test_groups_hold_enough_and_follow_the_order(sums, least, effective, seed):
    total, total2 = np.array(sums).T
    order = np.random.default_rng(seed).permutation(len(sums))
    groups = join_bins([(total, total2, least, effective)], order)
    along = groups[order]
    assert along[0] == 0
    assert set(np.diff(along)) <= {0, 1}
    for k in range(along[-1]):  # the last one may have taken a poor rest
        s, s2 = total[groups == k].sum(), total2[groups == k].sum()
        assert s > 0
        assert s >= least - 1e-9
        assert s * s >= effective * s2 * (1 - 1e-9)


def test_every_condition_counts_and_contents_add_up():
    one, two = np.array([9.0, 9, 9, 9]), np.array([1.0, 1, 9, 9])
    groups = join_bins([(one, one, 5, 1), (two, two, 5, 1)], np.arange(4))
    np.testing.assert_array_equal(groups, [0, 0, 0, 1])
    held = Contents(one, two, 2 * one).grouped(groups)
    np.testing.assert_array_equal(held.sum, [27, 9])
    np.testing.assert_array_equal(held.sum2, [11, 9])
    np.testing.assert_array_equal(held.sum3, [54, 18])
