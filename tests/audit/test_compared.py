"""Columns of compared coefficients against rows taken one by one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from onnxtaylor.audit.compared import add_baseline_values, compared_rows
from onnxtaylor.audit.drift import largest_of_kind, rank_uncertainties
from onnxtaylor.audit.spread import relative_uncertainties
from onnxtaylor.comparison import compare_results
from onnxtaylor.data import ArraySource
from onnxtaylor.errors import ResultError

EVENTS = 80


def changed(result, seed):
    random = np.random.default_rng(seed)
    score = result.score * random.uniform(0.5, 2.0, result.score.shape)
    score[..., 2] = score[..., 1]  # equal scores share a rank
    rank = 1 + (score[..., None, :] > score[..., None]).sum(axis=-1)
    low, high = np.maximum(rank - 1, 1), np.minimum(rank + 2, score.shape[-1])
    return replace(result, score=score, rank=rank, rank_low=low, rank_high=high)


@pytest.fixture
def results(make_result):
    base = make_result(4, outputs=("y", "z"), classes=("s", "b"))
    return [changed(base, seed) for seed in range(4)]


def rows_of(results):
    comparison = compare_results(results[0], results[-1])
    return comparison, compared_rows(comparison, np.ones(comparison.change.shape, np.bool_))


def test_rows_are_those_of_the_comparison_in_its_order(results):
    comparison, rows = rows_of(results)
    expected = comparison.rows()
    assert len(rows) == len(expected)
    for r, row in enumerate(expected):
        found = rows.row(r)
        assert found == {name: row[name] for name in found}
    assert {"label", "output_b", "score_a", "sem_b", "rank_high_b"} <= set(rows.row(0))


def test_only_flagged_coefficients_are_rows_in_the_same_order(results):
    comparison, _ = rows_of(results)
    flags = np.random.default_rng(0).random(comparison.change.shape) < 0.3
    rows = compared_rows(comparison, flags)
    assert len(rows) == flags.sum()
    kept = {
        (comparison.shared.outputs[c][0], comparison.shared.groups[g], k)
        for c, g, k in np.argwhere(flags).tolist()
    }
    labels = comparison.indices.labels(comparison.shared.features)
    expected = [
        row
        for row in comparison.rows()
        if (row["output"], row["group"], labels.index(row["label"])) in kept
    ]
    assert [rows.row(r)["label"] for r in range(len(rows))] == [row["label"] for row in expected]


def test_the_largest_of_a_kind_is_that_of_response_group_and_order(results):
    _, rows = rows_of(results)
    values = rows["score_b"]
    found = largest_of_kind(rows, values)
    kinds = [
        (row["output"], row["group"], len(row["features"]))
        for row in (rows.row(r) for r in range(len(rows)))
    ]
    for r, kind in enumerate(kinds):
        same = [value for value, other in zip(values, kinds, strict=True) if other == kind]
        assert found[r] == max(same)


def evidence(results, x, **more):
    problem = SimpleNamespace(filled=None, missing=None)
    paths = [f"{k}.json" for k in range(len(results) - 1)]
    return SimpleNamespace(
        result=results[-1],
        baseline=results[0],
        baselines=tuple(results[:-1]),
        baseline_paths=paths,
        options={},
        source=ArraySource(x),
        problem=problem,
        **more,
    )


def test_values_of_several_baselines_belong_to_the_same_coefficients(results):
    _, rows = rows_of(results)
    full = add_baseline_values(rows, evidence(results, np.zeros((2, 4))))
    for r in range(len(full)):
        row = full.row(r)
        for m, result in enumerate(results[:-1]):
            (own,) = (
                one
                for one in result.rows()
                if all(one[name] == row[name] for name in ("output", "group", "label"))
            )
            assert full.ranks[m, r] == own["rank"] == row["ranks"][m]
            assert full.scores[m, r] == pytest.approx(own["score"], rel=1e-14)


def test_a_baseline_without_a_coefficient_is_refused(results):
    _, rows = rows_of(results)
    few = results[1]
    kept = np.arange(len(few.indices) - 1)
    few = replace(
        few,
        indices=few.indices.part(kept),
        **{name: None if a is None else a[..., kept] for name, a in few.numbers.items()},
    )
    with pytest.raises(ResultError, match=r"baseline 1\.json has no coefficient of x3, x3"):
        add_baseline_values(rows, evidence([results[0], few, *results[2:]], np.zeros((2, 4))))


def test_errors_of_ranks_count_the_neighbours_one_by_one(results):
    x = np.random.default_rng(2).exponential(1.0, (EVENTS, 4))
    _, rows = rows_of(results)
    found = rank_uncertainties(rows, evidence(results, x))
    assert (found[0] > 0.5).any()
    for side, result, errors in (("a", results[0], found[0]), ("b", results[-1], found[1])):
        mean = np.array([f.mean for f in result.data.features])
        std = np.array([f.std for f in result.data.features])
        kappa = np.maximum((((x - mean) / std) ** 4).mean(axis=0), 1.0)
        share = relative_uncertainties(result, kappa)
        for r in range(len(rows)):
            c, g, k = (int(place[r]) for place in rows.at)
            scores = result.score[c, g]
            near = int((abs(scores - scores[k]) <= share[k] * scores[k]).sum())
            low, high = (rows.row(r)[f"rank_{end}_{side}"] for end in ("low", "high"))
            expected = max(np.hypot((high - low) / 2, (near - 1) / 2), 0.5)
            assert errors[r] == pytest.approx(expected, rel=1e-14)
