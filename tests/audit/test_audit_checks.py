"""Each check is violated by a model or data made for it, and no other check of the policy fails."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.rules import RULES
from tests.audit.conftest import (
    events,
    weights,
    write_baseline,
    write_events,
    write_gof,
    write_net,
)
from tests.rules.test_faults import bent_rules

ALL = (
    *("finite", "response-agreement", "derivative-agreement", "constant-response", "statistics"),
    *("forbidden-feature", "dominance", "dead-feature", "expected-top", "baseline-drift"),
    *("out-of-range", "reference-agreement", "mismodelled", "kinks", "saturation", "provenance"),
)


def failed(outcome):
    return [check.name for check in outcome.checks if check.status in ("fail", "error")]


def only(outcome, name):
    """The findings of the one check that failed."""
    assert failed(outcome) == [name]
    assert outcome.exit_status == 1
    check = next(check for check in outcome.checks if check.name == name)
    assert check.status == "fail"
    for finding in check.findings:
        assert finding.check == name
        for text in (finding.message, finding.certainty, finding.remedy, finding.quantity):
            assert text
            assert text.isprintable()
    return check.findings


def test_the_sound_model_passes_every_check(sound):
    outcome = sound.audit()
    assert failed(outcome) == []
    assert outcome.exit_status == 0
    assert [check.name for check in outcome.checks] == list(ALL)
    assert all(check.status == "pass" and check.looked_at > 0 for check in outcome.checks)
    assert all(check.summary and check.title for check in outcome.checks)


def root(x, at):
    """Nodes that add 0.01·√(a + at) to the response."""
    return {
        "tail": [
            helper.make_node("MatMul", ["x", "pick"], ["a"]),
            helper.make_node("Add", ["a", "at"], ["shifted"]),
            helper.make_node("Sqrt", ["shifted"], ["root"]),
            helper.make_node("Mul", ["root", "small"], ["little"]),
            helper.make_node("Add", ["z", "little"], ["y"]),
        ],
        "constants": {
            "pick": np.array([[1.0], [0], [0], [0]], np.float32),
            "at": np.array([at], np.float32),
            "small": np.array([0.01], np.float32),
        },
    }


@pytest.mark.parametrize(
    ("at", "bad", "what"),
    [(3.5, 2, "response 'y' is"), (4.0, 1, "coefficients of response 'y' are")],
    ids=["responses", "coefficients"],
)
def test_finite(sound, at, bad, what):
    x = events()
    x[17, 0], x[200, 0] = -4.0, -3.75 if at == 3.5 else 0.0
    sound.data = write_events(sound.folder / "events.csv", x)
    sound.model = write_net(sound.folder / "model.onnx", **root(x, at))
    outcome = sound.audit()
    (finding,) = only(outcome, "finite")
    assert f"{what} not finite at {bad} of 240 events, first at event 17" in finding.message
    assert finding.measured == pytest.approx(bad / 240)
    others = [check for check in outcome.checks if check.name not in ("finite", "provenance")]
    assert {check.status for check in others} == {"skipped"}
    assert all("no coefficients: " in check.reason for check in others)


def test_finite_finds_bad_events_behind_the_first_ones_that_have_no_good_ones(sound):
    """No event of the first batch is finite: the function cannot be opened there."""
    x = events(600)
    x[:400, 0] = -4.0
    sound.data = write_events(sound.folder / "events.csv", x)
    sound.model = write_net(sound.folder / "model.onnx", **root(x, 3.5))
    findings = only(sound.audit(), "finite")
    assert sum(finding.measured for finding in findings) == pytest.approx(400 / 600)


def test_response_agreement(sound, monkeypatch):
    """The derivative graph computes responses that are 1 % off."""
    right = Exact.coefficients

    def wrong(self, x, watch=None):
        answer = right(self, x, watch)
        answer.responses[...] *= 1.01
        return answer

    monkeypatch.setattr(Exact, "coefficients", wrong)
    (finding,) = only(sound.audit(), "response-agreement")
    assert finding.measured > 1 == finding.limit


def test_derivative_agreement(sound, monkeypatch):
    """Tanh's rule has 1 % more curvature than it should."""
    bent = {name: rule for name, rule, *_ in bent_rules("Tanh", RULES["Tanh"], 1.01)}
    monkeypatch.setitem(RULES, "Tanh", bent["second"])
    findings = only(sound.audit(), "derivative-agreement")
    assert {f.subject.kind for f in findings} == {"coefficient"}
    assert all(len(f.subject.features) == 2 for f in findings)  # the slopes are right
    assert not any("d" in f.subject.features for f in findings)


def test_statistics(sound):
    (finding,) = only(sound.audit(events=60), "statistics")
    assert (finding.measured, finding.limit, finding.relation) == (60, 100, "≥")
    assert finding.location.role == "data"


def test_forbidden_feature(other):
    first = weights()
    first[3] = [0.1, -0.1, 0.1, 0.1, 0.1]
    findings = only(other(first).audit(), "forbidden-feature")
    assert all("'d'" in finding.message and finding.measured > 0.01 for finding in findings)
    alone = [f for f in findings if f.quantity == "share of first-order ⟨t⟩"]
    assert [f.subject.name for f in alone] == ["d"]
    pairs = {f.subject.features for f in findings if f.subject.kind == "coefficient"}
    assert pairs <= {("a", "d"), ("b", "d"), ("c", "d"), ("d", "d")}
    assert len(pairs) == 3  # the largest ones
    assert any("in all 4 coefficients together" in f.message for f in findings)


def test_a_forbidden_influence_through_pairs_alone(other):
    """y = net + 0.2·a·d: the slope in d vanishes on average only, its pair with a does not."""
    tail = [
        helper.make_node("MatMul", ["x", "pick_a"], ["a"]),
        helper.make_node("MatMul", ["x", "pick_d"], ["d"]),
        helper.make_node("Mul", ["a", "d"], ["ad"]),
        helper.make_node("Mul", ["ad", "small"], ["little"]),
        helper.make_node("Add", ["z", "little"], ["y"]),
    ]
    constants = {
        "pick_a": np.array([[1.0], [0], [0], [0]], np.float32),
        "pick_d": np.array([[0.0], [0], [0], [1]], np.float32),
        "small": np.array([0.02], np.float32),
    }
    findings = only(other(tail=tail, constants=constants).audit(), "forbidden-feature")
    assert ("a", "d") in {finding.subject.features for finding in findings}


def test_dominance(other):
    """y = net + 3·a: of three features one has nearly all of the first order."""
    tail = [
        helper.make_node("MatMul", ["x", "pick"], ["a"]),
        helper.make_node("Add", ["z", "a"], ["y"]),
    ]
    constants = {"pick": np.array([[3.0], [0], [0], [0]], np.float32)}
    (finding,) = only(other(tail=tail, constants=constants).audit(), "dominance")
    assert finding.subject.features == ("a",)
    assert finding.measured > finding.limit == 0.6


def test_dead_feature(other):
    first = weights()
    first[2] = 0
    (finding,) = only(other(first).audit(), "dead-feature")
    assert finding.subject.name == "c"
    assert finding.measured == 0
    assert finding.location.role == "model"


def test_a_feature_without_variation_is_dead_by_the_data(sound):
    x = events()
    x[:, 2] = 0.5
    sound.data = write_events(sound.folder / "events.csv", x)
    sound.baseline = write_baseline(sound.folder / "baseline.json", sound.model, sound.data)
    (finding,) = only(sound.audit(), "dead-feature")
    assert "constant in the data" in finding.message
    assert finding.location.role == "data"


def test_expected_top(other):
    first = weights()
    first[0] *= 0.05
    (finding,) = only(other(first).audit(), "expected-top")
    assert finding.subject.name == "a"
    assert finding.measured > finding.limit == 5
    assert "68 %" in finding.certainty


def test_baseline_drift(sound):
    """The baseline's net made half as much of b."""
    earlier = write_net(sound.folder / "earlier.onnx", weights() * [[1], [0.5], [1], [1]])
    sound.baseline = write_baseline(sound.folder / "earlier.json", earlier, sound.data)
    findings = only(sound.audit(), "baseline-drift")
    assert any(f.subject.features == ("b",) for f in findings)
    assert all("σ" in f.certainty for f in findings)


def test_out_of_range(sound):
    x = events()
    x[7, 1] = -4.5
    sound.data = write_events(sound.folder / "events.csv", x)
    (finding,) = only(sound.audit(), "out-of-range")
    assert finding.subject.name == "b"
    assert "at 1 of 240 events: it goes from -4.5 to" in finding.message


def test_reference_agreement(sound):
    """The other file has one weight matrix transposed, as an exporter may do it."""
    first = weights()
    first[:3, :3] = first[:3, :3].T.copy()
    sound.reference = write_net(sound.folder / "reference.onnx", first)
    findings = only(sound.audit(), "reference-agreement")
    kinds = [finding.subject.kind for finding in findings]
    assert kinds[0] == "output"
    assert "coefficient" in kinds


def test_mismodelled(sound):
    sound.gof = write_gof(sound.folder / "gof.json", a=0.001)
    (finding,) = only(sound.audit(), "mismodelled")
    assert finding.subject.name == "a"
    assert finding.location.role == "gof"
    assert (finding.measured, finding.limit) == (0.001, 0.05)


def test_what_is_mismodelled_and_hardly_matters_is_a_note(sound):
    sound.gof = write_gof(sound.folder / "gof.json", d=0.001)
    outcome = sound.audit()
    assert failed(outcome) == []
    (note,) = outcome.findings
    assert (note.level, note.subject.name) == ("note", "d")


def test_kinks(other):
    """Ramps that begin at 15 places of a's range: second derivatives see none of them."""
    places = np.linspace(-2, 2, 15, dtype=np.float32)[None]
    tail = [
        helper.make_node("MatMul", ["x", "pick"], ["a"]),
        helper.make_node("Add", ["a", "places"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["ramps"]),
        helper.make_node("MatMul", ["ramps", "small"], ["little"]),
        helper.make_node("Add", ["z", "little"], ["y"]),
    ]
    constants = {
        "pick": np.array([[1.0], [0], [0], [0]], np.float32),
        "places": places,
        "small": np.full((15, 1), 1 / 60, np.float32),
    }
    case = other(tail=tail, constants=constants)
    # second order that is averaged over steps counts them
    assert case.audit().passed
    write_baseline(case.baseline, case.model, case.data, curvature="pointwise")
    (finding,) = only(case.audit(), "kinks")
    assert "Relu ×1" in finding.message
    assert finding.measured > finding.limit == 0.01


def test_saturation(other):
    tail = [helper.make_node("Sigmoid", ["z"], ["y"])]
    (finding,) = only(other(gain=6.0, tail=tail).audit(), "saturation")
    assert "saturated at 0 or 1" in finding.message
    assert finding.measured > 0.1


def test_provenance(other):
    tail = [
        helper.make_node("Neg", ["z"], ["minus"]),
        helper.make_node("Neg", ["minus"], ["y"]),
    ]
    (finding,) = only(other(tail=tail).audit(), "provenance")
    assert (finding.subject.kind, finding.subject.name) == ("operator", "Neg")
    assert "uses it 2 times" in finding.message


def provenance(sound, text):
    (sound.folder / "p.toml").write_text(f'[[checks]]\nid = "provenance"\n{text}')
    return audit(sound.model, sound.data, sound.folder / "p.toml")


def test_hashes_of_model_and_data(sound):
    model, data = (
        hashlib.sha256(path.read_bytes()).hexdigest() for path in (sound.model, sound.data)
    )
    good = f'model-sha256 = ["{model[:12].upper()}"]\ndata-sha256 = ["000000000000", "{data}"]'
    assert provenance(sound, good).exit_status == 0
    outcome = provenance(sound, f'model-sha256 = ["{data}"]\ndata-sha256 = ["{model}"]')
    assert [f.location.role for f in outcome.findings] == ["model", "data"]
    assert [f.measured for f in outcome.findings] == [model, data]


def test_weights_in_another_file_are_approved_as_well(sound):
    """Else the file of the weights could be exchanged."""
    path = sound.folder / "split.onnx"
    onnx.save(
        onnx.load(sound.model),
        path,
        save_as_external_data=True,
        location="split.bin",
        size_threshold=0,
    )
    sound.model = path
    model, weights = (
        hashlib.sha256((sound.folder / name).read_bytes()).hexdigest()
        for name in ("split.onnx", "split.bin")
    )
    assert provenance(sound, f'model-sha256 = ["{model}", "{weights}"]').exit_status == 0
    (finding,) = provenance(sound, f'model-sha256 = ["{model}"]').findings
    assert finding.location.path.endswith("split.bin")


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("min-opset = 17\nmax-opset = 17", 0),
        ("min-opset = 18", 1),
        ("max-opset = 16", 1),
        ('producers = ["pytorch*"]', 1),
        ('producers = [""]', 0),
        ('operators = ["*"]', 0),
        ('operators = ["ai.onnx.ml.*"]', 4),
    ],
)
def test_opset_producer_and_operators(sound, text, findings):
    assert len(provenance(sound, text).findings) == findings


def test_provenance_without_demands_could_not_run(sound):
    outcome = provenance(sound, "")
    assert [check.status for check in outcome.checks] == ["error"]
    assert outcome.exit_status == 1
    assert "none of its limits is set" in outcome.checks[0].reason


def test_shares_are_those_of_the_scores(sound):
    """⟨t⟩ of a over the sum of its order, from the tidy rows of a result."""
    rows = list(ot.TaylorResult.load(sound.baseline).rows())
    of = {row["label"]: row["score"] for row in rows}
    first = sum(row["score"] for row in rows if row["order"] == 1)
    second = sum(row["score"] for row in rows if row["order"] == 2)
    (sound.folder / "p.toml").write_text(
        '[[checks]]\nid = "dominance"\nmax-share = 0.0\nlevel = "note"'
    )
    found = audit(sound.model, sound.data, sound.folder / "p.toml").findings
    measured = {finding.subject.name: finding.measured for finding in found}
    assert measured["a"] == pytest.approx(of["a"] / first)
    assert measured["a, c"] == pytest.approx(of["a, c"] / second)
    assert "d" not in measured  # a share of 0 is not above 0
