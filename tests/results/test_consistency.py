"""Documents that fit their schema, but whose numbers cannot be those of any data, are refused."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.audit import AuditOutcome
from onnxtaylor.errors import ResultError
from onnxtaylor.gof import GoodnessOfFit
from onnxtaylor.results.violations import violation
from tests.audit.test_audit_outcome import check, finding, outcome
from tests.results.test_one_truth import fitted, tracked
from tests.tracking.networks import checkpoint

FEATURE, GROUP = ("data", "features", 0), ("data", "groups", 1)
ROW, CHECK = ("coefficients", 2), ("check",)
X = np.random.default_rng(4).normal(size=(60, 3))


def analyzed(**options):
    labels = np.where(np.arange(60) % 3, "s", "b")
    given = {"labels": labels, "check": 8, "order": 2, "bootstrap": 20}
    return ot.analyze(checkpoint(0), X, feature_names=["a", "b", "c"], **{**given, **options})


@pytest.fixture(scope="module")
def document():
    return json.loads(analyzed(weights=np.linspace(0.5, 2, 60)).to_json())


def changed(document, path, value):
    found = copy.deepcopy(document)
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value(part[path[-1]]) if callable(value) else value
    return found


IMPOSSIBLE = {
    "data.groups[0].events must be data.events": [
        (("data", "events"), 61),
        (("data", "groups", 0, "events"), 0),
    ],
    "data.groups[0].sum_weight must be data.sum_weight": [
        (("data", "sum_weight"), 1e9),
        (("data", "groups", 0, "sum_weight"), 1e-9),
    ],
    "data.groups[0].n_eff must be data.n_eff": [(("data", "n_eff"), 60.5)],
    "data.groups must share 60 events": [
        ((*GROUP, "events"), 1000),
        ((*GROUP, "events"), 0),
        (("data", "groups"), lambda groups: groups[:2]),
    ],
    "data.groups[1].n_eff must be at most": [((*GROUP, "n_eff"), 1e9)],
    "data.features[0].missing must be at most 60": [((*FEATURE, "missing"), 61)],
    "data.features[0].min must be at most max": [
        ((*FEATURE, "min"), 1e9),
        ((*FEATURE, "max"), -1e9),
    ],
    "data.features[0].mean must lie between": [
        ((*FEATURE, "mean"), 1e9),
        ((*FEATURE, "mean"), -1e9),
    ],
    "data.features[0].std must be at most half": [((*FEATURE, "std"), 1e9)],
    "data.features[0] must have all of": [((*FEATURE, "std"), None), ((*FEATURE, "max"), None)],
    "coefficients[2].score must be at least abs(signed_mean)": [
        ((*ROW, "signed_mean"), 1e9),
        ((*ROW, "signed_mean"), -1e9),
    ],
    "coefficients[2].rms must be at least score": [((*ROW, "rms"), 1e-9), ((*ROW, "rms"), 0)],
    "coefficients[2].rms must be a number": [((*ROW, "rms"), None)],
    "coefficients[2].sem must be at most": [((*ROW, "sem"), 1e9)],
    "coefficients[2].rank must be at most 9": [((*ROW, "rank"), 999)],
    "must follow the scores, largest first": [
        ((*ROW, "score"), lambda score: score * 1.0001 + 1e3),
        ((*ROW, "rank"), lambda rank: rank % 9 + 1),
        (("coefficients",), lambda rows: [{**row, "rank": 1} for row in rows]),
    ],
    "must be at most rank_high": [((*ROW, "rank_low"), 9)],
    "coefficients[2].rank_high must be at most 9": [((*ROW, "rank_high"), 10)],
    "check.events must differ": [((*CHECK, "events"), lambda events: [events[0], *events[:-1]])],
    "check.events must be at most 8, those asked for, and 8": [
        ((*CHECK, "events"), list(range(17)))
    ],
    "check.verdict must ": [
        ((*CHECK, "coefficients", "differs"), 1),
        ((*CHECK, "coefficients"), {"agrees": 0, "differs": 0, "undecided": 0, "kink": 3}),
        ((*CHECK, "responses"), lambda responses: {**responses, "agree": False}),
    ],
    "check.coefficients must be none": [
        ((*CHECK, "verdict"), "not run"),
        ((*CHECK, "events"), []),
    ],
    "check.differing must be 0": [
        (
            (*CHECK, "differing"),
            [{"output": "h2[0]", "label": "a", "features": ["a"], "beyond": 1, "events": 2}],
        )
    ],
    "check.worst[0].event must be among": [((*CHECK, "worst", 0, "event"), 10**6)],
    "events of check.worst must differ": [
        ((*CHECK, "worst"), lambda worst: [worst[0], *worst[:-1]])
    ],
}
CASES = [(says, *case) for says, cases in IMPOSSIBLE.items() for case in cases]


@pytest.mark.parametrize(("says", "path", "value"), CASES)
def test_what_no_data_have_is_refused(document, says, path, value):
    wrong = changed(document, path, value)
    assert violation(wrong, "onnxtaylor.result/1") is None  # the schema cannot say it
    with pytest.raises(ResultError) as caught:
        ot.TaylorResult.from_json(json.dumps(wrong), "here")
    message = str(caught.value)
    assert message.startswith("here: the result is damaged: ")
    assert says in message
    assert message.isprintable()


def test_there_are_enough_of_them():
    assert len(CASES) >= 35


def test_weights_of_both_signs_may_break_what_others_cannot():
    """⟨t⟩ < abs(signed mean), a mean outside of the range: right with negative weights."""
    slope = ot.differentiate(checkpoint(0), order=1)(X).jacobian[:, 0]
    rarer = slope * np.sign(slope.mean(axis=0)) < 0
    some = int(np.argmax(rarer.sum(axis=0) * (rarer.mean(axis=0) < 0.4)))
    weights = np.where(rarer[:, some], -0.9, 1.0)
    one = analyzed(weights=weights, labels=None, check=0)
    assert one.data.negative_weights is True
    assert (one.score < np.abs(one.signed_mean)).any()
    assert ot.TaylorResult.from_json(one.to_json()).to_json() == one.to_json()
    told = json.loads(one.to_json())
    told["data"]["negative_weights"] = False
    with pytest.raises(ResultError, match=r"must be at least abs\(signed_mean\)"):
        ot.TaylorResult.from_json(json.dumps(told))
    del told["data"]["negative_weights"]  # an earlier version: nobody knows
    assert ot.TaylorResult.from_json(json.dumps(told)).data.negative_weights is None


@pytest.mark.parametrize("size", [1e-170, 1e-60, 1.0, 1e60])
def test_responses_of_any_size_are_loaded(size):
    """Squares of tiny coefficients are no numbers any more."""
    result = analyzed(check=0, engine="differences", precision="float64", order=1)
    tiny = json.loads(result.to_json())
    for row in tiny["coefficients"]:
        for name in ("score", "sem", "signed_mean"):
            row[name] *= size
        row["rms"] = float(np.sqrt((row["rms"] * size) ** 2))
        row["numerical_error"] = None
    assert ot.TaylorResult.from_json(json.dumps(tiny)).score.max() < 10 * size


PROGRESS = {
    "must be at least abs(signed_mean)": (("coefficients", 1, "signed_mean"), 1e6),
    "data.groups[0].events must be": (("data", "events"), 1),
    "data.features[0].mean must lie": (("data", "features", 0, "mean"), 1e6),
}


@pytest.mark.parametrize("says", PROGRESS)
def test_progress_that_no_data_have_is_refused(says):
    wrong = changed(json.loads(tracked().to_json()), *PROGRESS[says])
    with pytest.raises(ResultError) as caught:
        ot.ProgressResult.from_json(json.dumps(wrong))
    assert says in str(caught.value)


TEST = ("features", 0, "tests", 0)
FITS = {
    "observed.n_eff must be": (("observed", "n_eff"), 1e9),
    "features[0].tests[0].p_error must be √": ((*TEST, "p_error"), 0.4),
    "features[0].tests[0].p_error must be a number": ((*TEST, "p_error"), None),
    "features[0].tests[0].toys must be": ((*TEST, "toys"), 21),
    "features[0].tests[0].reason must say": (TEST, lambda one: {**one, **UNTESTED}),
    "features[0].tests[0] must have no numbers": ((*TEST, "p"), None),
    "features[0].rank must be": (("features", 0, "rank"), 77),
    "pairs[0].rank must be": (("pairs", 0, "rank"), 77),
    "features[0].bins[1].low must be at most": (("features", 0, "bins", 1, "low"), 1e9),
    "features[0].bins must begin where": (("features", 0, "bins", 0, "high"), -1e9),
    "pairs[0].features must be in the order": (("pairs", 0, "features"), lambda two: two[::-1]),
}
UNTESTED = dict.fromkeys(("p", "p_error", "p_asymptotic", "statistic", "ndf")) | {"toys": 0}


@pytest.mark.parametrize("says", FITS)
def test_fits_that_no_data_have_are_refused(says):
    fit = json.loads(fitted().to_json())
    if "bins must begin" in says:  # a low end below any
        fit["features"][0]["bins"][0]["low"] = -1e10
    wrong = changed(fit, *FITS[says])
    assert violation(wrong, "onnxtaylor.gof/1") is None
    with pytest.raises(ResultError) as caught:
        GoodnessOfFit.from_json(json.dumps(wrong))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("checks", 0, "status"), "pass", "has the status 'pass', but findings"),
        (("checks", 0, "reason"), "why", "but a reason why it was not run"),
        (("checks", 1, "reason"), None, "but no reason why it was not run"),
        (("checks", 0, "findings", 0, "check"), "other", "but findings of another check"),
        (("verdict",), "PASS", "verdict must be FAIL"),
    ],
)
def test_audits_that_contradict_themselves_are_refused(path, value, says):
    made = outcome(check(status="fail", findings=[finding()]), check("b", "skipped"), check("c"))
    wrong = changed(json.loads(made.to_json()), path, value)
    if says.startswith("has the status 'pass'"):
        wrong["exit_status"], wrong["verdict"] = 0, "PASS"
    with pytest.raises(ResultError, match=says):
        AuditOutcome.from_json(json.dumps(wrong))
