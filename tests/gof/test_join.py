"""The joined table: each verdict from p-values made for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.gof.join import join, likely_by_chance
from onnxtaylor.results.selection import select
from tests.gof.fits import fit_of, result_of
from tests.views.plot.figures import scored

NAMES = ("used", "pairwise", "idle", "other", "more")


@pytest.fixture(scope="module")
def result(make_result):
    """``used`` alone and with ``pairwise`` make the response; the others hardly matter."""
    result = make_result(NAMES)
    score = np.linspace(0.02, 0.01, len(result.indices))
    for k, alpha in enumerate(result.indices.table):
        members = {result.features[i] for i in alpha if i >= 0}
        if members == {"used"} and (alpha >= 0).sum() == 1:
            score[k] = 2.0
        elif members == {"used", "pairwise"}:
            score[k] = 1.0
    return scored(result, score)


def joined(result, features=None, pairs=None, **options):
    fit = fit_of(dict.fromkeys(NAMES, 0.5) | (features or {}), pairs)
    table = join(result, select(result, count=2), fit, **options)
    return {row.feature: row for row in table.rows}


def verdicts(rows):
    return {name: row.verdict for name, row in rows.items() if row.verdict != "well modelled"}


def test_nothing_wrong(result):
    rows = joined(result)
    assert verdicts(rows) == {}
    assert list(rows)[:2] == ["used", "pairwise"]
    used = rows["used"]
    assert (used.score, used.first_rank, used.best_rank, used.important) == (2.0, 1, 1, True)
    pairwise = rows["pairwise"]
    assert (pairwise.best_rank, pairwise.important) == (2, True)
    assert pairwise.first_rank > 2
    assert (used.pairs, used.all_pairs, used.bad_pairs) == (4, 4, 0)


def test_bad_alone_is_checked_if_it_matters_and_dropped_if_not(result):
    assert verdicts(joined(result, {"used": 0.01, "idle": 0.01})) == {
        "used": "check",
        "idle": "drop",
    }
    assert verdicts(joined(result, {"pairwise": 0.049})) == {"pairwise": "check"}
    assert verdicts(joined(result, {"pairwise": 0.05})) == {}


def test_pairs_of_a_feature_that_is_bad_itself_do_not_count(result):
    pairs = {("idle", name): 0.001 for name in NAMES if name != "idle"}
    rows = joined(result, {"idle": 0.001}, pairs)
    assert verdicts(rows) == {"idle": "drop"}
    assert (rows["used"].bad_pairs, rows["used"].pairs) == (0, 3)
    assert (rows["used"].all_bad_pairs, rows["used"].all_pairs) == (1, 4)
    assert rows["idle"].reason == "p < 0.05"


def test_a_pair_worse_than_chance_makes_both_bad(result):
    assert verdicts(joined(result, None, {("used", "idle"): 0.012})) == {
        "used": "check",
        "idle": "drop",
    }
    rows = joined(result, None, {("used", "idle"): 0.0125})  # 0.05 / 4
    assert verdicts(rows) == {}
    assert (rows["used"].worst_pair, rows["used"].worst_p) == ("idle", 0.0125)


def test_where_no_toy_reached_the_data_the_asymptotic_p_value_decides(result):
    floor = 1 / 21
    for asymptotic, expected in ((1e-4, {"used": "check", "idle": "drop"}), (0.02, {}), (None, {})):
        test = result_of(floor, toys=20, asymptotic=asymptotic)
        assert verdicts(joined(result, None, {("used", "idle"): test})) == expected
    reached = result_of(2 * floor, toys=20, asymptotic=1e-4)
    assert verdicts(joined(result, None, {("used", "idle"): reached})) == {}


def test_of_equal_p_values_the_smallest_asymptotic_one_is_the_worst(result):
    floor = 1 / 1001
    chances = {"pairwise": 1e-5, "idle": 1e-30, "other": 1e-7, "more": 1e-9}
    pairs = {("used", name): result_of(floor, asymptotic=p) for name, p in chances.items()}
    used = joined(result, None, pairs)["used"]
    assert (used.worst_pair, used.worst_p) == ("idle", floor)
    assert "pair with idle: p < 0.05/4" in used.reason


def test_many_bad_pairs_make_a_feature_bad(result):
    pairs = {("more", "used"): 0.04, ("more", "idle"): 0.04}
    rows = joined(result, None, pairs)  # of 4 pairs chance makes one at most
    assert verdicts(rows) == {"more": "drop"}
    assert rows["more"].reason == "2 of 4 pairs bad, at most 1 allowed"
    assert verdicts(joined(result, None, pairs, max_bad_pairs=2)) == {}
    assert set(verdicts(joined(result, None, pairs, max_bad_pairs=0))) == {"more", "used", "idle"}


def test_another_threshold(result):
    assert verdicts(joined(result, {"idle": 0.01}, threshold=0.01)) == {}
    assert verdicts(joined(result, {"idle": 0.2}, threshold=0.3)) == {"idle": "drop"}


def test_features_without_p_values_are_not_tested(result):
    assert verdicts(joined(result, {"idle": None})) == {"idle": "not tested"}
    fit = fit_of({"used": 0.5, "stranger": 0.001}, {("used", "stranger"): 0.001})
    table = join(result, select(result, count=2), fit)
    assert {r.feature for r in table.rows if r.verdict == "not tested"} == set(NAMES) - {"used"}
    assert table.verdicts()["well modelled"] == ("used",)


def test_several_outputs_take_the_best_rank(make_result):
    result = make_result(("a", "b"), ("y", "z"))
    table = join(result, select(result, count=1, outputs=["y", "z"]), fit_of({"a": 0.5, "b": 0.5}))
    for row in table.rows:
        i = result.features.index(row.feature)
        assert row.first_rank == result.rank[:, 0, i].min()


@pytest.mark.parametrize("trials", [0, 1, 4, 29, 100])
@pytest.mark.parametrize("threshold", [0.01, 0.05, 0.3])
def test_the_limit_is_a_quantile_of_a_binomial_distribution(trials, threshold):
    expected = stats.binom.ppf(0.95, trials, threshold) if trials else 0
    assert likely_by_chance(trials, threshold) == expected


def test_calls_that_make_no_sense_are_refused(result, make_result):
    with pytest.raises(OptionError, match=r"^threshold must be between 0 and 1"):
        joined(result, threshold=1.0)
    with pytest.raises(OptionError, match=r"^max_bad_pairs must be at least 0, got -1"):
        joined(result, max_bad_pairs=-1)
    with pytest.raises(ResultError, match="no feature in common"):
        join(result, select(result), fit_of({"x": 0.1, "y": 0.1}))
