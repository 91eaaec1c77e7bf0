"""Ranks against a naive sort, intervals against a naive count, tables against their filters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onnxtaylor.errors import OptionError
from onnxtaylor.results.ranking import influential, influential_count, ranked_rows
from onnxtaylor.statistics.ranks import rank_intervals, ranks

# few distinct values, so that ties are common
scores = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 3.0]),
)


def naive_ranks(score):
    falling = sorted(score, reverse=True)
    return [falling.index(value) + 1 for value in score]


def last_places(score):
    """Equal scores may have any of the places from their rank to this."""
    rising = sorted(score)
    return [len(score) - rising.index(value) for value in score]


@settings(deadline=None)
@given(scores)
def test_ranks_equal_those_of_a_naive_sort(score):
    found = ranks(score)
    assert found.shape == score.shape
    assert found.dtype == np.int64
    for block in np.ndindex(score.shape[:-1]):
        assert found[block].tolist() == naive_ranks(score[block].tolist())


def test_nan_is_ranked_last():
    assert ranks([np.nan, -1.0, 2.0, np.nan]).tolist() == [3, 2, 1, 3]


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 25), st.integers(1, 2), st.integers(1, 5)),
               elements=st.floats(0, 1)),
    st.sampled_from([0.5, 0.68, 0.9, 0.95]),
)  # fmt: skip
def test_intervals_are_the_narrowest_symmetric_ones_that_hold_the_level(replicates, level):
    low, high = rank_intervals(replicates, level)
    n = len(replicates)
    for block, k in np.ndindex(replicates.shape[1:]):
        first, last = (
            sorted(places(r[block].tolist())[k] for r in replicates)
            for places in (naive_ranks, last_places)
        )
        # leave out one more at either end as long as the rest still holds the level
        out = 0
        while n - 2 * (out + 1) >= 1 and n - 2 * (out + 1) >= level * n - 1e-6:
            out += 1
        assert low[block, k] == first[out]
        assert high[block, k] == last[n - 1 - out]


def test_sixty_eight_percent_of_200_replicates_leaves_out_32_at_each_end():
    # two coefficients; the first is the larger one in all but the given number of replicates
    for exceptions, expected in ((32, 1), (33, 2)):
        replicates = np.tile([2.0, 1.0], (200, 1))
        replicates[:exceptions] = [1.0, 2.0]
        low, high = rank_intervals(replicates, 0.68)
        assert low.tolist() == [1, 2 if expected == 1 else 1]
        assert high.tolist() == [expected, 2]


def test_replicates_without_weight_are_left_out_of_their_block_only():
    replicates = np.random.default_rng(1).random((20, 2, 4))
    replicates[:5, 0] = np.nan
    low, high = rank_intervals(replicates)
    for block, kept in ((0, replicates[5:, 0]), (1, replicates[:, 1])):
        expected = rank_intervals(kept)
        np.testing.assert_array_equal([low[block], high[block]], expected)


def test_without_replicates_every_rank_is_possible():
    low, high = rank_intervals(np.full((3, 5), np.nan))
    assert low.tolist() == [1] * 5
    assert high.tolist() == [5] * 5


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(OptionError, match="level"):
        rank_intervals(np.ones((2, 3)), level)


@given(scores, st.floats(0.01, 1.0))
def test_influential_are_the_best_ranked(score, fraction):
    chosen = influential(score, fraction)
    kept = chosen.shape[-1]
    places = np.take_along_axis(ranks(score), chosen, axis=-1)
    assert (np.diff(places, axis=-1) >= 0).all()
    assert (places <= np.arange(1, kept + 1)).all()
    assert (np.sort(ranks(score), axis=-1)[..., :kept] == places).all()


@pytest.mark.parametrize("percent", range(1, 101))
@pytest.mark.parametrize("total", [1, 9, 100, 495])
def test_the_cut_is_the_exact_ceiling(percent, total):
    assert influential_count(total, percent / 100) == -(-percent * total // 100)


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(OptionError, match="fraction"):
        influential([1.0, 2.0], fraction)


@pytest.fixture(scope="module")
def result(make_result):
    return make_result(["DER_m", "DER_pt", "PRI_eta", "odd[1]"], ("ggh", "qqh"), ("s", "b"))


def test_without_filters_the_table_is_all_rows_by_rank(result):
    rows = ranked_rows(result, output="qqh", group="b")
    assert [row["rank"] for row in rows] == list(range(1, len(result.indices) + 1))
    assert {(row["output"], row["group"]) for row in rows} == {("qqh", "b")}


def test_count_cuts_after_the_filters(result):
    rows = ranked_rows(result, order=2, count=3)
    assert rows == [row for row in ranked_rows(result) if row["order"] == 2][:3]
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("DER_*", {"DER_m", "DER_pt"}), ("PRI_eta", {"PRI_eta"}), ("odd[1]", {"odd[1]"})],
)
def test_a_feature_is_named_or_matched(result, pattern, names):
    rows = ranked_rows(result, feature=pattern)
    assert [row["label"] for row in rows] == [
        row["label"] for row in ranked_rows(result) if names & set(row["features"])
    ]
    assert 0 < len(rows) < len(result.indices)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "rows must be at least 1, got 0"),
        ({"order": 3}, "order 3"),
        ({"feature": "der_*"}, "no feature matches 'der_.*': did you mean 'DER_m"),
        ({"feature": "a\nb"}, r"matches 'a\\\\nb'"),
        ({"output": "ztt"}, "no output 'ztt'"),
        ({"group": "c"}, "no group 'c'"),
    ],
)
def test_what_the_result_does_not_have_is_refused_in_one_line(result, wrong, message):
    with pytest.raises(OptionError, match=message) as caught:
        ranked_rows(result, **wrong)
    assert "\n" not in str(caught.value)
