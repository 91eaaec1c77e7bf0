"""Selections against a reading of the tidy rows, coefficient by coefficient."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnxtaylor as ot
from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.selection import select

NAMES = ("m_vis", "pt", "eta", "phi", "met")


@pytest.fixture(scope="module")
def result(make_result):
    return make_result(NAMES, ("ggh", "qqh"), ("ggh", "qqh"), seed=3)


def naive(result, kept, output, group, order=None):
    """Name → what is told of it, from the tidy rows of one ranking."""
    rows = [
        row
        for row in result.rows()
        if row["output"] == output
        and row["group"] == group
        and (order is None or row["order"] == order)
    ]
    best = sorted(rows, key=lambda row: row["rank"])[:kept]
    told = {}
    for name in result.features:
        mine = [row for row in rows if name in row["features"]]
        top = [row for row in best if name in row["features"]]
        if mine:
            told[name] = {
                "influential": bool(top),
                "coefficients": len(top),
                "share": sum(row["score"] for row in top) / sum(abs(row["score"]) for row in rows),
                "best_rank": min(row["rank"] for row in mine),
            }
    return told


def told_by(selection):
    return {
        f.name: {
            "influential": f.influential,
            "coefficients": f.coefficients,
            "share": pytest.approx(f.share, rel=1e-12),
            "best_rank": f.best_rank,
        }
        for f in selection.features
    }


@pytest.mark.parametrize("order", [None, 1, 2])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_features_of_one_ranking_are_those_of_its_best_rows(result, count, order):
    found = select(result, count=count, outputs="qqh", group="ggh", order=order)
    expected = naive(result, count, "qqh", "ggh", order)
    assert told_by(found) == expected
    assert set(found.names) == {name for name in NAMES if expected[name]["influential"]}
    assert [f.name for f in (*found.influential, *found.others)] == [f.name for f in found.features]
    assert list(found.names) == [name for name in NAMES if name in found.names]  # the model's order


@pytest.mark.parametrize(("fraction", "kept"), [(0.05, 1), (0.1, 2), (0.5, 10), (1.0, 20)])
def test_a_fraction_keeps_its_ceiling(result, fraction, kept):
    found = select(result, fraction)
    assert found == select(result, count=kept)
    assert [(cut.kept, cut.total) for cut in found.cuts] == [(kept, 20)]
    assert found.cuts[0].score == np.sort(result.score[0, 0])[-kept]


def test_first_order_scores_come_with_every_feature(result):
    for f in select(result, outputs=1, group="qqh").features:
        (row,) = [
            row
            for row in result.rows()
            if (row["output"], row["group"], row["features"]) == ("qqh", "qqh", [f.name])
        ]
        assert (f.first_order, f.sem) == (row["score"], row["sem"])


def test_the_inverted_selection_is_the_rest(result):
    chosen, rest = select(result, 0.1), select(result, 0.1, inverted=True)
    assert chosen.features == rest.features
    assert set(chosen.names) | set(rest.names) == set(NAMES)
    assert not set(chosen.names) & set(rest.names)
    assert 0 < len(chosen.names) < len(NAMES)


def test_of_several_outputs_the_union_is_taken(result):
    found = select(result, 0.1, outputs=["ggh", "qqh"], group="ggh")
    first, second = (naive(result, 2, output, "ggh") for output in ("ggh", "qqh"))
    for f in found.features:
        one, two = first[f.name], second[f.name]
        assert f.influential == (one["influential"] or two["influential"])
        assert f.coefficients == one["coefficients"] + two["coefficients"]
        assert f.share == pytest.approx((one["share"] + two["share"]) / 2, rel=1e-12)
        assert f.best_rank == min(one["best_rank"], two["best_rank"])
    assert [(cut.output, cut.group) for cut in found.cuts] == [("ggh", "ggh"), ("qqh", "ggh")]


def test_per_class_takes_each_output_over_its_own_class(result):
    found = select(result, per_class=True)
    assert [(cut.output, cut.group) for cut in found.cuts] == [("ggh", "ggh"), ("qqh", "qqh")]
    alone = [select(result, outputs=name, group=name).names for name in ("ggh", "qqh")]
    expected = {name for names in alone for name in names}
    assert set(found.names) == expected
    assert select(result, outputs=["qqh", 1, "qqh"], per_class=True).cuts == found.cuts[1:]


@given(st.data())
def test_a_feature_is_sure_if_no_ranks_within_the_intervals_change_that(make_result, data):
    """Against every ranking of a small result in which each rank is within its interval."""
    from itertools import permutations

    result = make_result(["a", "b"], seed=1)  # five coefficients
    K = len(result.indices)
    width = st.lists(st.integers(0, 2), min_size=K, max_size=K)
    rank = result.rank[0, 0]
    low = np.maximum(rank - data.draw(width), 1)
    high = np.minimum(rank + data.draw(width), K)
    order = data.draw(st.sampled_from([None, 1, 2]))
    places = [k for k in range(K) if order in (None, result.indices.orders[k])]
    kept = data.draw(st.integers(1, len(places)))
    wide = replace(result, rank_low=low[None, None], rank_high=high[None, None])
    always, ever = set("ab"), set()
    for ranks in permutations(range(1, K + 1)):
        if all(low[k] <= ranks[k] <= high[k] for k in range(K)):
            best = sorted(places, key=lambda k: ranks[k])[:kept]
            inside = {name for k in best for name in result.indices.names("ab")[k]}
            always &= inside
            ever |= inside
    for f in select(wide, count=kept, order=order).features:
        # never claimed wrongly; that a pair of its coefficients rescues a feature is not seen
        if f.sure:
            assert f.name in (always if f.influential else set("ab") - ever)
    if (low == high).all():
        assert all(f.sure for f in select(wide, count=kept, order=order).features)


def test_intervals_around_the_cut_leave_a_feature_open(make_result):
    result = make_result(["a", "b", "c"], order=1, seed=2)
    names = [row["label"] for row in result.top(3)]
    result = replace(
        result,
        rank_low=np.array([[[{0: 1, 1: 2, 2: 2}[names.index(n)] for n in "abc"]]]),
        rank_high=np.array([[[{0: 1, 1: 3, 2: 3}[names.index(n)] for n in "abc"]]]),
    )
    for order in (None, 1):
        sure = {f.name: f.sure for f in select(result, count=2, order=order).features}
        assert sure == {names[0]: True, names[1]: False, names[2]: False}
        sure = {f.name: f.sure for f in select(result, count=1, order=order).features}
        assert sure == dict.fromkeys(names, True)


def test_without_bootstrap_nothing_is_said_of_certainty(make_result):
    found = select(make_result(NAMES, bootstrap=False), 0.1)
    assert {f.sure for f in found.features} == {None}


def test_features_without_coefficients_are_in_neither_part(make_result):
    indices = MultiIndices.of(4, [(0,), (1,), (0, 1), (1, 3)])
    result = make_result(["a", "b", "c", "d"], indices=indices)
    for inverted in (False, True):
        found = select(result, count=1, inverted=inverted)
        assert found.not_ranked == ("c",)
        assert "c" not in found.names
        assert {f.name for f in found.features} == {"a", "b", "d"}
    assert {f.name: f.first_order is None for f in found.features} == {
        "a": False, "b": False, "d": True,
    }  # fmt: skip


def test_third_order_coefficients_count_for_each_of_their_features(make_result):
    result = make_result(NAMES[:3], order=3, seed=5)
    found = select(result, 0.3, order=3)
    assert told_by(found) == naive(result, 3, "y", "all", order=3)


def test_negative_scores_are_ranked_as_they_are(make_result):
    """Weights of both signs can make a sum negative."""
    result = make_result(["a", "b"], seed=1)
    result = replace(result, score=-result.score, rank=len(result.indices) + 1 - result.rank)
    assert told_by(select(result, count=2)) == naive(result, 2, "y", "all")


def test_it_is_fit_for_json(result):
    found = select(result, 0.1)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["names"] == list(found.names)
    assert [f["name"] for f in document["features"]] == [f.name for f in found.features]
    assert document["cuts"][0] == {
        "output": "ggh", "group": "all", "kept": 2, "total": 20, "score": found.cuts[0].score,
    }  # fmt: skip


def test_it_is_public():
    assert ot.select is select
    assert isinstance(ot.Selection, type)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fraction": 0.0}, "fraction must be above 0 and at most 1, .* got 0.0"),
        ({"count": 0}, "count must be between 1 and 20, the number of coefficients, got 0"),
        ({"count": 21}, "count must be between 1 and 20, .* got 21"),
        ({"order": 3}, "no coefficient of order 3"),
        ({"outputs": "ztt"}, "no output 'ztt'"),
        ({"outputs": []}, "no output is named"),
        ({"group": "c\n"}, r"no group 'c\\\\n'"),
        ({"group": "ggh", "per_class": True}, "exclude one another"),
    ],
)
def test_what_the_result_does_not_have_is_refused_in_one_line(result, wrong, message):
    with pytest.raises(OptionError, match=message) as caught:
        select(result, **wrong)
    assert "\n" not in str(caught.value)


def test_per_class_needs_classes_that_match(make_result):
    with pytest.raises(OptionError, match=r"2 responses .a, b. and 1 label .c. do not agree"):
        select(make_result(NAMES, ("a", "b"), ("c",)), per_class=True)
