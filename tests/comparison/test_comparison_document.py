"""The JSON document of a comparison holds the rows of ``Comparison.rows``, number by number."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest

from onnxtaylor.comparison import compare_results
from onnxtaylor.indices import MultiIndices


def other(result, seed=1):
    random = np.random.default_rng(seed)
    score = result.score * random.choice([1.0, 1.0, 1.3, 1e-7], result.score.shape)
    return replace(result, score=score)


@pytest.mark.parametrize("bootstrap", [True, False])
def test_the_document_is_what_json_makes_of_the_rows(make_result, bootstrap):
    a = make_result(4, outputs=("y", 'z "2"\u20ac'), classes=("s", "b"), bootstrap=bootstrap)
    found = compare_results(a, other(a))
    assert json.loads(found.to_json()) == json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {row["output"] for row in json.loads(found.to_json())["coefficients"]} == set(a.outputs)


def test_without_any_uncertainty_there_is_no_z(make_result):
    a = make_result(3)
    a = replace(a, sem=np.zeros_like(a.sem))
    rows = json.loads(compare_results(a, other(a)).to_json())["coefficients"]
    assert {row["z"] for row in rows} == {None}


def test_pairs_keep_their_relation(make_result):
    pairs = [alpha for alpha in combinations_with_replacement(range(2), 2) for _ in range(2)]
    indices = MultiIndices.of(2, [(0,), (1,), *pairs], [0, 0, *([1, 2] * 3)])
    a = make_result(2, indices=indices)
    found = compare_results(a, other(a))
    assert json.loads(found.to_json())["coefficients"] == found.rows()
    labels = a.indices.labels(a.features)
    assert sorted(row["label"] for row in found.rows()) == sorted(labels)
    assert {row["label"] for row in found.rows(count=3)} < set(labels)
