"""Changes between two results, their significance, and which of them count."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from itertools import combinations

import jsonschema
import numpy as np
import pytest

from onnxtaylor.comparison import compare_results, holm
from onnxtaylor.errors import OptionError, ResultError


def closed_testing(p):
    """Holm's p-values from what they stand for: a hypothesis is rejected only with every
    intersection that it is part of, each tested by Bonferroni.
    """
    return [
        max(
            min(1.0, len(subset) * min(p[k] for k in subset))
            for size in range(1, len(p) + 1)
            for subset in combinations(range(len(p)), size)
            if i in subset
        )
        for i in range(len(p))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_closed_testing_by_bonferroni(seed):
    p = np.random.default_rng(seed).uniform(size=7) ** 3
    np.testing.assert_allclose(holm(p), closed_testing(p), rtol=1e-12)


def test_a_result_has_not_moved_from_itself(make_result):
    result = make_result(4, ("y", "z"), ("s", "b"))
    found = compare_results(result, result)
    assert found.passed
    assert not found.change.any()
    assert (found.p == 1).all()


def fluctuated(result, random):
    """The result as another, independent sample of events would give it, and as a third would."""
    pair = []
    for _ in range(2):
        noise = random.normal(size=result.score.shape) * result.sem
        pair.append(replace(result, score=np.abs(result.score + noise)))
    return pair


def test_false_alarms_are_as_rare_as_promised(make_result):
    """1 000 pairs of independent samples of the same truth, 65 coefficients each."""
    result, random = make_result(10, bootstrap=False), np.random.default_rng(3)
    alarms = sum(
        not compare_results(*fluctuated(result, random), significance=0.1, least=1e-9).passed
        for _ in range(1000)
    )
    # Holm allows 10 % at most, and Bonferroni's bound is nearly reached by independent scores
    assert 60 <= alarms <= 100 + 4 * np.sqrt(1000 * 0.1 * 0.9)


def test_one_coefficient_that_moved_is_found_alone(make_result):
    result, random = make_result(10, bootstrap=False), np.random.default_rng(4)
    first, second = fluctuated(result, random)
    score = second.score.copy()
    score[0, 0, 12] += 8 * np.hypot(*[result.sem[0, 0, 12]] * 2)
    found = compare_results(first, replace(second, score=score), least=1e-9)
    assert np.argwhere(found.moved).tolist() == [[0, 0, 12]]
    assert found.rows(moved=True)[0]["features"] == found.rows()[0]["features"]
    assert not found.passed


def test_a_change_without_consequence_does_not_count(make_result):
    result = make_result(3, bootstrap=False)
    sure = replace(result, sem=result.sem * 1e-9)
    shifted = replace(sure, score=sure.score + 0.005 * sure.score.max())
    assert compare_results(sure, shifted, least=0.01).passed
    assert compare_results(sure, shifted, least=0.001).moved.all()


def test_a_change_within_the_numerical_error_does_not_count(make_result):
    result = make_result(3, bootstrap=False)
    blurred = replace(
        result, sem=result.sem * 1e-9, numerical_error=np.full(result.score.shape, 0.3)
    )
    shifted = replace(blurred, score=blurred.score + 0.5)
    assert compare_results(blurred, shifted).passed  # 0.3 + 0.3 of numerical error
    assert not compare_results(replace(blurred, numerical_error=None), shifted).passed


def test_features_and_outputs_in_another_order_are_found(make_result):
    result = make_result(["a", "b", "c"], ("y", "z"), ("s", "b"))
    order = [2, 0, 1]  # the other model takes c, a, b
    names = result.indices.names(result.features)
    other = replace(
        result,
        data=replace(result.data, features=tuple(result.data.features[i] for i in order)),
        model=replace(result.model, output=("z", "y")),
    )
    place = {tuple(sorted(alpha)): k for k, alpha in enumerate(names)}
    moved = [place[tuple(sorted(alpha))] for alpha in other.indices.names(other.features)]
    shuffled = {
        name: getattr(result, name)[::-1][..., moved]
        for name in ("score", "sem", "signed_mean", "rms", "rank", "rank_low", "rank_high")
    }
    found = compare_results(result, replace(other, **shuffled))
    assert not found.change.any()
    assert found.shared.notes == ()


def test_outputs_of_another_name_are_matched_by_their_place(make_result):
    a = make_result(3, ("y", "z"))
    b = replace(a, model=replace(a.model, output=("output_0", "output_1")))
    found = compare_results(a, b)
    assert found.shared.outputs == (("y", "output_0"), ("z", "output_1"))
    assert "matched by their place" in found.shared.notes[0]


@pytest.mark.parametrize(
    ("in_a", "in_b", "pairs"),
    [
        (("ggh", "qqh", "ztt"), ("qqh", "ggh", "zll"), [("ggh", "ggh"), ("qqh", "qqh")]),
        (("a", "b", "c"), ("c", "a"), [("a", "a"), ("c", "c")]),
        # one of them renamed, the others in their places
        (("a", "b", "y"), ("a", "b", "z"), [("a", "a"), ("b", "b"), ("y", "z")]),
    ],
)
def test_a_name_that_stands_elsewhere_is_not_matched_by_its_place(make_result, in_a, in_b, pairs):
    a, b = make_result(3, in_a, bootstrap=False), make_result(3, in_b, seed=1, bootstrap=False)
    found = compare_results(a, b)
    assert sorted(found.shared.outputs) == sorted(pairs)
    alone = {*in_a, *in_b} - {name for pair in pairs for name in pair}
    said = "; ".join(found.shared.notes)
    assert all(name in said for name in alone)
    for row in found.rows():
        for side, result in (("a", a), ("b", b)):
            output = row["output"] if side == "a" else row["output_b"]
            wanted = next(
                r for r in result.rows() if (r["output"], r["label"]) == (output, row["label"])
            )
            assert row[f"score_{side}"] == wanted["score"]


def test_rows_are_those_of_the_arrays_and_what_moved_is_found_once(make_result, monkeypatch):
    """A row each time asked which of all coefficients moved: quadratic in their number."""
    a, b = make_result(4, ("y", "z"), ("s",)), make_result(4, ("y", "z"), ("s",), seed=1)
    found, calls = compare_results(a, b), []
    moved = found.moved
    assert 0 < moved.sum() < moved.size
    rows = found.rows()
    places = {
        (output, group, tuple(names)): (c, g, k)
        for c, output in enumerate(a.outputs)
        for g, group in enumerate(a.groups)
        for k, names in enumerate(a.indices.names(a.features))
    }
    for row in rows:
        at = places.pop((row["output"], row["group"], tuple(row["features"])))
        assert row["moved"] == moved[at]
        assert (row["change"], row["sigma"], row["p"]) == (
            found.change[at], found.sigma[at], found.p[at],
        )  # fmt: skip
    assert not places
    assert found.rows(moved=True) == [row for row in rows if row["moved"]]

    def counted(comparison):
        calls.append(1)
        return moved

    monkeypatch.setattr(type(found), "moved", property(counted))
    assert found.rows() == rows
    assert len(calls) == 1


def test_what_only_one_of_them_has_is_said(make_result):
    found = compare_results(make_result(["a", "b"], classes=("s",)), make_result(["b", "c"]))
    assert {row["label"] for row in found.rows()} == {"b", "b, b"}
    said = "; ".join(found.shared.notes)
    assert "groups that only one of them has: s" in said
    assert "features that only one of them has: c, a" in said


def test_ranks_are_apart_where_their_intervals_are(make_result):
    a = make_result(2)
    low, high = a.rank_low.copy(), a.rank_high.copy()
    low[0, 0, 0], high[0, 0, 0] = a.rank_high[0, 0, 0] + 1, a.rank_high[0, 0, 0] + 2
    rows = compare_results(a, replace(a, rank_low=low, rank_high=high)).rows()
    assert [row["label"] for row in rows if row["ranks_apart"]] == ["x0"]
    assert (
        compare_results(a, replace(a, rank_low=None, rank_high=None)).rows()[0]["ranks_apart"]
        is None
    )


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"scale": "sigma"}, "scale is unit in A and sigma in B"),
        ({"link": "logit"}, "link is identity in A and logit in B"),
    ],
)
def test_other_units_are_refused(make_result, other, says):
    with pytest.raises(ResultError, match=says):
        compare_results(make_result(2), make_result(2, **other))


def test_results_without_anything_in_common_are_refused(make_result):
    with pytest.raises(ResultError, match="no coefficient is in both; A has features a, B has b"):
        compare_results(make_result(["a"]), make_result(["b"]))
    with pytest.raises(OptionError, match="A has y, B has u, v"):
        compare_results(make_result(2, ("y",)), make_result(2, ("u", "v")))


@pytest.mark.parametrize("wrong", [{"significance": 0.0}, {"least": 1.0}, {"least": float("nan")}])
def test_thresholds_out_of_range_are_refused(make_result, wrong):
    with pytest.raises(OptionError, match="between 0 and 1"):
        compare_results(make_result(2), make_result(2), **wrong)


def test_the_document_is_valid(make_result):
    schema = json.loads((files("onnxtaylor") / "schemas" / "comparison-1.json").read_text())
    a = make_result(3, ("y", "z"), ("s",))
    b = replace(make_result(3, ("y", "z"), ("s",), seed=1), rank_low=None, rank_high=None)
    for found in (compare_results(a, b), compare_results(a, a)):
        jsonschema.validate(json.loads(found.to_json()), schema, jsonschema.Draft202012Validator)
