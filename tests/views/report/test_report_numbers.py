"""The numbers on the page are those of the result."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.statistics.ranks import ranks
from onnxtaylor.views.report.payload import LEAST, MATRIX, ROWS, payload


def test_every_number_is_that_of_the_result(make_result):
    result = make_result(["a", "b", "c"], ("y", "z"), ("s", "t"), scale="sigma").renamed(
        classes=["t", "s"], output_names=["y", "z"]
    )
    result = replace(result, numerical_error=result.score * 1e-6)
    page = payload(result)
    for row in result.rows():
        c, g = result.outputs.index(row["output"]), result.groups.index(row["group"])
        k = page["alphas"].index([result.features.index(f) for f in row["features"]])
        block = {name: column[k] for name, column in page["blocks"][c][g].items()}
        assert block["rank"] == row["rank"]
        assert (block["low"], block["high"]) == (row["rank_low"], row["rank_high"])
        assert block["score"] == pytest.approx(row["score"], rel=1e-4)
        assert block["sem"] == pytest.approx(row["sem"], rel=1e-2)
        assert block["error"] == pytest.approx(row["numerical_error"], rel=0.05)
        assert float(block["text"].split(" ± ")[0]) == pytest.approx(row["score"], abs=row["sem"])
        assert float(block["mean"]) == pytest.approx(row["signed_mean"], abs=row["sem"])
        assert block["mean"][0] in "+-"
    assert page["own"] == [2, 1]  # y over t, z over s
    assert page["events"] == [1000, 500, 500]
    assert (page["total"], page["cut"]) == (9, 1)


def test_what_is_undefined_is_null(make_result):
    result = make_result(2, bootstrap=False)
    score = result.score.copy()
    score[0, 0, 1] = np.nan
    page = payload(replace(result, score=score, rms=score))
    assert page["blocks"][0][0]["score"][1] is None
    assert "low" not in page["blocks"][0][0]
    json.dumps(page, allow_nan=False)


def test_each_output_finds_its_class(make_result):
    assert payload(make_result(2, ("a", "b"), ("b", "a")))["own"] == [2, 1]
    assert payload(make_result(2, ("a", "b"), ("x", "y")))["own"] is None


def test_of_many_coefficients_the_highest_ranked_are_shown(make_result):
    result = make_result(300, ("a", "b"), ("s",), bootstrap=False)
    page = payload(result)
    pairs, total = 4, 300 * 303 // 2
    assert page["total"] == total == 45_450
    assert len(page["alphas"]) == ROWS // pairs
    shown = {tuple(alpha) for alpha in page["alphas"]}
    assert {(i,) for i in range(300)} <= shown
    for c, output in enumerate(result.outputs):
        for g, group in enumerate(result.groups):
            best = result.top(1000, output, group)
            assert all(tuple(map(result.features.index, r["features"])) in shown for r in best)
            assert min(page["blocks"][c][g]["rank"]) == 1
    # the matrix shows the features of the best coefficients
    assert len(page["matrix"]) == MATRIX
    assert page["matrix"] == sorted(page["matrix"])
    for output in result.outputs:
        for row in result.top(3, output):
            assert {result.features.index(f) for f in row["features"]} <= set(page["matrix"])


def test_of_very_many_outputs_each_keeps_its_best(make_result):
    result = make_result(20, tuple(f"y{i}" for i in range(1000)), bootstrap=False)
    score = np.zeros_like(result.score)
    score[:, :, 7] = 1.0
    page = payload(replace(result, score=score, rank=ranks(score)))
    assert len(page["alphas"]) == LEAST
    assert [7] in page["alphas"]


def test_the_response_stands_behind_its_link(make_result):
    assert payload(make_result(2, ("y",), link="logit"))["outputs"] == ["logit(y)"]
    assert payload(make_result(2, ("y",)))["outputs"] == ["y"]


@pytest.mark.parametrize(
    ("scale", "units"),
    [("unit", "per unit of the input"), ("sigma", "per σ of each feature"), ("step", "per step")],
)
def test_units(make_result, scale, units):
    assert payload(make_result(2, scale=scale))["units"] == units


def test_names_of_the_page_stay_different(make_result):
    names = [f"jets_leading_constituent_{k}_transverse_momentum_over_jet_pt" for k in range(12)]
    names += ["a\n", "a\\n", "z" * 500, "z" * 501]
    page = payload(make_result(names, ("o" * 500, "o" * 501), ("g" * 500, "g" * 501)))
    for listed in (page["features"], page["outputs"], page["groups"], *page["short"].values()):
        assert len(set(listed)) == len(listed)
    for limit, short in page["short"].items():
        assert max(map(len, short)) <= int(limit) + 4
