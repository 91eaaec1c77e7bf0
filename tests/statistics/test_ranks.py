"""Ranks, and what an interval of ranks promises."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxtaylor.errors import OptionError
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.ranks import (
    bytes_of_ranking,
    rank_interval,
    rank_intervals,
    ranks,
)

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.5, 7.0]), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scores)
def test_the_rank_is_one_more_than_the_number_of_larger_scores(values):
    found = ranks(values)
    for k, value in enumerate(values):
        assert found[k] == 1 + sum(other > value for other in values)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scores)
def test_equal_scores_may_have_any_of_the_places_that_they_share(values):
    """One replicate: from one more than the larger ones to the number of those not smaller."""
    low, high = rank_intervals([values])
    np.testing.assert_array_equal(low, ranks(values))
    for k, value in enumerate(values):
        assert high[k] == sum(other >= value for other in values)


def test_thousands_of_scores_that_differ_in_the_last_bits_are_in_order():
    order = np.random.default_rng(3).permutation(5000)
    values = 1.0 - np.spacing(0.5) * order
    np.testing.assert_array_equal(ranks(values), order + 1)
    low, high = rank_intervals(values[None])
    np.testing.assert_array_equal(low, order + 1)
    np.testing.assert_array_equal(high, order + 1)


def test_the_memory_of_the_intervals_is_the_one_that_is_planned():
    """Also where every replicate has equal scores, and several threads rank them."""
    values = np.random.default_rng(4).integers(0, 10**5, (60, 20_000)).astype(float)

    def copy(r, into):
        into[:] = values[r]

    def peak(threads):
        tracemalloc.start()
        try:
            rank_interval(copy, *values.shape, threads=threads)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    for threads in (1, 3):
        planned = bytes_of_ranking(*values.shape, threads)
        own = 16 * values.shape[1]  # the interval itself
        assert 0.5 * planned < peak(threads) <= planned + own + 10**5


def test_coefficients_that_vanish_are_told_apart_by_no_number_of_replicates():
    values = np.abs(replicates(coefficients=6))
    values[..., 2:5] = 0.0
    low, high = rank_intervals(values)
    assert (low[..., 2:5] == 4).all()
    assert (high[..., 2:5] == 6).all()
    assert (high[..., [0, 1, 5]] <= 3).all()


def test_what_is_not_a_number_comes_last():
    assert ranks([np.nan, 0.0, np.nan, 2.0, -1.0]).tolist() == [4, 2, 4, 1, 3]


def test_blocks_are_ranked_one_by_one():
    values = np.random.default_rng(1).normal(size=(2, 3, 7))
    for block in np.ndindex(2, 3):
        np.testing.assert_array_equal(ranks(values)[block], ranks(values[block]))


def replicates(seed=2, count=200, coefficients=9):
    random = np.random.default_rng(seed)
    return random.normal(np.linspace(0, 2, coefficients), 0.4, (count, 2, 3, coefficients))


@pytest.mark.parametrize("level", [0.1, 0.5, 0.68, 0.95, 0.999])
@pytest.mark.parametrize("count", [1, 2, 7, 200])
def test_intervals_hold_their_level_with_equal_tails(level, count):
    values = replicates(count=count)
    low, high = rank_intervals(values, level)
    places = ranks(values)
    inside = ((places >= low) & (places <= high)).mean(axis=0)
    assert (inside >= level - 1e-12).all()
    # no more than the promised tail lies outside on either side, and both ends did occur
    tail = (1 - level) / 2 + 1e-9
    assert ((places < low).mean(axis=0) <= tail).all()
    assert ((places > high).mean(axis=0) <= tail).all()
    assert (places == low).any(axis=0).all()
    assert (places == high).any(axis=0).all()


def test_intervals_cannot_be_cut_further():
    """One replicate more left out at either end would break the promise."""
    values = replicates()
    low, high = rank_intervals(values)
    places = np.sort(ranks(values), axis=0)
    np.testing.assert_array_equal(low, places[32])  # 200 · 0.16
    np.testing.assert_array_equal(high, places[-33])


def test_higher_levels_contain_lower_ones():
    values = replicates()
    lows, highs = zip(*(rank_intervals(values, q) for q in (0.2, 0.5, 0.68, 0.9)), strict=True)
    assert (np.diff(lows, axis=0) <= 0).all()
    assert (np.diff(highs, axis=0) >= 0).all()


def test_clear_rankings_have_intervals_of_one_rank():
    values = replicates() + 100 * np.arange(9)
    low, high = rank_intervals(values)
    np.testing.assert_array_equal(low, np.broadcast_to(np.arange(9, 0, -1), low.shape))
    np.testing.assert_array_equal(low, high)


def test_replicates_without_a_score_are_left_out_of_their_block_only():
    values = replicates()
    values[::2, 1, 0] = np.nan
    low, high = rank_intervals(values)
    own_low, own_high = rank_intervals(values[1::2, 1, 0])
    np.testing.assert_array_equal((low[1, 0], high[1, 0]), (own_low, own_high))
    rest_low, _ = rank_intervals(replicates())
    np.testing.assert_array_equal(low[0], rest_low[0])


def test_without_any_replicate_nothing_is_known():
    low, high = rank_intervals(np.full((5, 2, 4), np.nan))
    assert (low == 1).all()
    assert (high == 4).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 68.0, float("nan")])
def test_levels_that_are_no_probability_are_refused(level):
    with pytest.raises(OptionError, match="level"):
        rank_intervals(replicates(), level)


def test_intervals_cover_the_rank_of_the_population():
    """Close scores of 300 events: the true rank lies inside about as often as is said."""
    truth = np.array([1.0, 1.04, 1.08, 1.3, 0.7])
    true_ranks, hits, widths = ranks(truth), [], []
    for sample in range(120):
        random = np.random.default_rng(1000 + sample)
        sums = Accumulator(1, 5, replicates=100, seed=sample)
        sums.update(truth * random.exponential(1.0, (300, 1, 5)), np.ones(300), np.arange(300))
        found = sums.finalize()
        low, high = found.rank_low[0, 0], found.rank_high[0, 0]
        hits.append((low <= true_ranks) & (true_ranks <= high))
        widths.append(high - low)
    coverage, width = np.mean(hits, axis=0), np.mean(widths, axis=0)
    assert (coverage > 0.6).all()
    assert coverage.mean() < 0.99
    assert (width[:3] > 0.8).all()  # the close ones do not pretend to be sure
    assert (width < 3.0).all()
