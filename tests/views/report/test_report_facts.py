"""What the page says of a result, against sums over its tidy rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onnxtaylor.cli.console import check_line
from onnxtaylor.results.taylor import Notice
from onnxtaylor.views.report.facts import checks, leaders, overall, warnings_by_kind
from onnxtaylor.views.report.provenance import method_sentences, provenance

CHECK = {
    "verdict": "agrees",
    "events": list(range(64)),
    "coefficients": {"agrees": 9, "differs": 0, "undecided": 0, "kink": 0},
    "worst": [{"ratio": 0.4321}],
    "responses": {"agree": True, "ratio": 0.0054},
    "probes": ["alone", "twice"],
    "notes": [],
}


def counts(**numbers):
    return {"agrees": 0, "differs": 0, "undecided": 0, "kink": 0, **numbers}


@pytest.fixture(scope="module")
def result(make_result):
    return make_result(["a", "b", "c"], ("y", "z"), ("s",), scale="sigma")


def test_what_leads_each_response(result):
    rows = [row for row in result.rows() if row["group"] == "all"]
    for told, output in zip(leaders(result), result.outputs, strict=True):
        mine = sorted((r for r in rows if r["output"] == output), key=lambda r: -r["score"])
        assert [list(leader.features) for leader in told.top] == [r["features"] for r in mine[:3]]
        best = mine[0]
        value, error = map(float, told.top[0].value.split(" ± "))
        assert value == pytest.approx(best["score"], abs=best["sem"] / 10)
        assert error == pytest.approx(best["sem"], rel=0.06)
        assert told.top[0].interval == f"{best['rank_low']}–{best['rank_high']}"
        first = next(r for r in mine if r["order"] == 1)
        assert list(told.first.features) == first["features"]
        total = sum(r["score"] for r in mine)
        share = {
            "first order": sum(r["score"] for r in mine if r["order"] == 1),
            "pairs": sum(r["score"] for r in mine if len(set(r["features"])) == 2),
            "auto-correlations": sum(
                r["score"] for r in mine if r["order"] == 2 and len(set(r["features"])) == 1
            ),
        }
        assert dict(told.shares) == pytest.approx({k: v / total for k, v in share.items()})
        assert told.upper == pytest.approx(mine[0]["score"] / total)  # 5 % of 9 is one


def test_scores_of_different_units_are_not_added(result, make_result):
    unit = leaders(make_result(3, scale="unit"))[0]
    assert unit.shares is None
    assert unit.upper is None
    negative = leaders(replace(result, score=result.score - 1))[0]
    assert negative.shares is None


def test_a_passed_check(result):
    rows = checks(replace(result, check=CHECK))
    assert [row.status for row in rows] == ["pass"] * 3
    assert rows[0].message == (
        "9 of 9 coefficients at 64 events; largest difference is 43 % of the allowed numerical"
        " error"
    )
    assert "0.54 %" in rows[1].message
    assert rows[2].message == "alone; twice"


def test_agreement_with_a_few_comparisons_beyond_says_why(result):
    """146 % of what is allowed and yet in agreement would read as a contradiction."""
    beyond = {**CHECK, "worst": [{"ratio": 1.46}]}
    beyond["comparisons"] = {"agrees": 574, "differs": 2, "undecided": 0, "kink": 0}
    said = (
        "; largest difference is 146 % of the allowed numerical error, exceeded by 2 of 576"
        " comparisons: so few may be chance"
    )
    assert checks(replace(result, check=beyond))[0].message.endswith(said)
    assert check_line(beyond).startswith("check: agrees")
    assert check_line(beyond).partition(" (")[0].endswith(said)
    differs = {**beyond, "verdict": "differs"}
    assert check_line(differs).partition(" (")[0].endswith("% of the allowed numerical error")


@pytest.mark.parametrize(
    ("check", "status", "words"),
    [
        (None, "none", "holds no cross-check"),
        ({}, "none", "Not run"),
        ({"verdict": "not run", "reason": "no time"}, "none", "not passed: no time"),
        ({"verdict": "agrees", "coefficients": None}, "none", "Not run"),
        ({**CHECK, "verdict": "differs", "coefficients": counts(differs=2, agrees=7)}, "error",
         "2 of 9 coefficients at 64 events differ"),
        ({**CHECK, "verdict": "undecided", "coefficients": counts(undecided=9)}, "warning",
         "Undecided, so not passed: 9 of 9"),
        ({**CHECK, "verdict": "kink", "coefficients": counts(kink=8, agrees=1)}, "warning",
         "Kink, so not passed: 8 of 9"),
    ],
)  # fmt: skip
def test_only_agreement_is_a_pass(result, check, status, words):
    changed = replace(result, check=check)
    row = checks(changed)[0]
    assert row.status == overall(changed)[0] == status
    assert words in row.message
    assert row.advice
    assert "agree" not in overall(changed)[1]


def test_responses_that_differ_are_an_error(result):
    responses = {"agree": False, "ratio": None}
    row = checks(replace(result, check={**CHECK, "responses": responses}))[1]
    assert (row.status, row.message) == ("error", "Not equal")


def test_responses_that_differ_alone_are_not_told_as_coefficients(result):
    responses = {"agree": False, "ratio": 3.0}
    check = {**CHECK, "verdict": "differs", "coefficients": counts(agrees=9)}
    first, second = checks(replace(result, check={**check, "responses": responses}))[:2]
    assert first.message == "No coefficient differs at 64 events, but the responses do: see below"
    assert (first.status, second.status) == ("error", "error")
    some = {**check, "coefficients": counts(agrees=7, differs=2)}
    assert checks(replace(result, check=some))[0].message.startswith("2 of 9 coefficients")


def test_warnings_are_grouped(result):
    found = (Notice("a", None, "1"), Notice("b", None, "2"), Notice("a", None, "3"))
    grouped = warnings_by_kind(replace(result, warnings=found))
    assert grouped == {"a": ["1", "3"], "b": ["2"]}


def test_how_it_was_computed(result):
    features = (replace(result.data.features[0], kinks=0.25), *result.data.features[1:])
    options = {
        **{"order": 2, "scale": "sigma", "no_exact_engine": "no rule", "no_float64": "no kernel"},
        "piecewise_linear": {"Relu": 3},
    }
    told = list(
        method_sentences(
            replace(result, options=options, data=replace(result.data, features=features))
        )
    )
    assert told == [
        "No exact derivatives: no rule.",
        "Not in float64: no kernel.",
        "Second order is pointwise: it leaves out what bends at the kinks of Relu ×3.",
        "Kinks lie within reach of the stencil along 1 of the features, most often along a:"
        " at 25 % of the events.",
    ]
    assert list(method_sentences(result)) == []


def test_provenance_names_model_data_and_options(result):
    told = {heading: dict(pairs) for heading, pairs in provenance(result).items()}
    assert told["Model"]["SHA-256"] == "0" * 64
    assert told["Model"]["Operator sets"] == "ai.onnx 21"
    assert told["Data"]["Sources"] == "events.csv"
    assert told["Data"]["N_eff = (Σw)²/Σw²"] == "880.25"
    assert told["Run"]["Scale"] == "sigma"
    assert told["Run"]["Engine"] == "exact in float32 on CPU"


def test_long_options_are_cut(result):
    told = dict(provenance(replace(result, options={"steps": [0.5] * 100, "missing": None}))["Run"])
    assert told["Steps"].startswith("[0.5, 0.5, ")
    assert told["Steps"].endswith("… (all of it is in the result)")
    assert len(told["Steps"]) < 160
    assert "Missing" not in told


def test_finite_steps_in_words(result):
    told = {"asked": {"*": "0.5sigma"}, "whole": [], "not_moved": {}}
    assert list(method_sentences(replace(result, options={"finite_step": told}))) == [
        "Finite-step responses are no derivatives. Steps: all by 0.5sigma."
    ]
    finite = replace(result, model=replace(result.model, engine="finite-step"))
    assert checks(finite)[0].advice is None
