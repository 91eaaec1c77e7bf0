"""The library call: what is run, what is skipped, and what is a wrong call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pytest
from onnx import helper

from onnxtaylor.audit import AuditOutcome, Policy, audit
from onnxtaylor.audit.checks.baseline_drift import BaselineDrift
from onnxtaylor.audit.checks.dominance import Dominance
from onnxtaylor.audit.checks.expected_top import ExpectedTop
from onnxtaylor.audit.checks.finite import Finite
from onnxtaylor.audit.checks.forbidden_feature import ForbiddenFeature
from onnxtaylor.audit.checks.out_of_range import OutOfRange
from onnxtaylor.audit.policy import default_policy
from onnxtaylor.errors import DataError, ModelError, OptionError, ResultError
from tests.audit.conftest import events, weights, write_events, write_net
from tests.engine.trees import forest


@pytest.fixture
def listing(sound):
    """An audit of the sound model by a policy of these checks alone."""

    def run(*checks, **options):
        return audit(sound.model, sound.data, Policy("here", checks), **options)

    return run


def test_defaults(sound, monkeypatch):
    monkeypatch.chdir(sound.folder)
    outcome = audit(sound.model, sound.data)
    by_name = {check.name: check for check in outcome.checks}
    assert by_name["dead-feature"].level == "warning"
    assert [f.subject.name for f in outcome.findings] == ["d"]
    skipped = {check.name for check in outcome.checks if check.status == "skipped"}
    assert skipped == {"baseline-drift", "out-of-range", "reference-agreement", "mismodelled"}
    assert (
        'no baseline was given: name it in the call, or by baseline = "…" in the policy'
        in by_name["baseline-drift"].reason
    )
    assert outcome.exit_status == 0
    assert audit(sound.model, sound.data, strict=True).exit_status == 1


def test_no_check_run_is_no_pass(listing):
    outcome = listing()
    assert outcome.exit_status == 1
    assert outcome.verdict == "FAIL: no check was run"


def test_a_check_that_is_listed_and_cannot_run_is_an_error(sound):
    """Finite steps have no derivatives to compare."""
    for policy, status in ((sound.policy, "error"), (default_policy(), "skipped")):
        beside = {"baseline": None, "reference": None, "gof": None}
        if policy is sound.policy:
            steps = sound.folder / "steps.toml"
            steps.write_text('[[checks]]\nid = "finite"\n[[checks]]\nid = "derivative-agreement"')
            policy = steps
        outcome = audit(sound.model, sound.data, policy, finite_step="0.5sigma", **beside)
        check = next(c for c in outcome.checks if c.name == "derivative-agreement")
        assert check.status == status
        assert "finite steps are no derivatives" in check.reason
        assert outcome.exit_status == (1 if status == "error" else 0)


def test_trees_are_audited_by_finite_steps(tmp_path, monkeypatch):
    import onnx

    monkeypatch.chdir(tmp_path)
    onnx.save(forest(), tmp_path / "forest.onnx")
    x = np.random.default_rng(2).normal(size=(80, 3))
    data = write_events(tmp_path / "events.csv", x, "abc")
    with pytest.raises(ModelError, match="finite_step"):
        audit(tmp_path / "forest.onnx", data)
    outcome = audit(tmp_path / "forest.onnx", data, finite_step="0.5sigma")
    assert outcome.analysis["method"] == "finite-step"
    assert {"finite", "dominance", "statistics"} <= {c.name for c in outcome.checks if c.ran}


def test_a_check_may_come_twice_under_two_names(listing):
    strict, loose = Dominance(name="strict", max_share=0.1, level="note"), Dominance()
    outcome = listing(strict, loose)
    assert [check.status for check in outcome.checks] == ["fail", "pass"]
    assert {f.level for f in outcome.findings} == {"note"}
    assert outcome.exit_status == 0


def test_what_a_check_raises_is_raised_with_its_name(listing):
    @dataclass(frozen=True, kw_only=True)
    class Broken(Dominance):
        """Breaks."""

        def run(self, evidence):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error:
        listing(Broken(name="mine"))
    assert error.value.__notes__ == ["in check 'mine'"]


def test_an_analysis_that_fails_for_another_reason_is_a_wrong_input(sound):
    """The finite check must not hide it."""
    with pytest.raises(OptionError, match="bootstrap"):
        audit(sound.model, sound.data, Policy("here", (Finite(),)), bootstrap=-1)
    with pytest.raises(DataError, match="nothing"):
        audit(sound.model, sound.data, Policy("here", (Finite(),)), labels="nothing")


def test_not_finite_without_its_check_is_a_wrong_input(sound):
    tail = [helper.make_node("Log", ["z"], ["y"])]
    model = write_net(sound.folder / "log.onnx", tail=tail)
    with pytest.raises(ModelError, match="not finite"):
        audit(model, sound.data, Policy("here", (Dominance(),)))


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"baseline": None}, "check 'baseline-drift' needs a baseline: name it with baseline=…"),
        ({"reference": None}, "check 'reference-agreement' needs a reference"),
        ({"gof": None}, "check 'mismodelled' needs a gof"),
    ],
)
def test_what_a_listed_check_needs_must_be_there(sound, beside, message):
    with pytest.raises(OptionError, match=message):
        sound.audit(**beside)


def test_a_file_that_no_check_uses_is_a_wrong_call(sound, listing):
    with pytest.raises(
        OptionError, match=r"gof names .*, and no check of here uses it: .*\(mismodelled\)"
    ):
        listing(Dominance(), gof=sound.gof)
    with pytest.raises(OptionError, match=r"\(baseline-drift, out-of-range\)"):
        listing(Dominance(), baseline=sound.baseline)


def test_a_check_may_be_listed_for_when_its_file_is_given(sound, listing):
    finite, drift = Finite(), BaselineDrift(when_given=True)
    without = listing(finite, drift)
    assert [check.status for check in without.checks] == ["pass", "skipped"]
    assert without.exit_status == 0
    both = listing(finite, drift, baseline=sound.baseline)
    assert [check.status for check in both.checks] == ["pass", "pass"]
    assert listing(drift).exit_status == 1  # nothing was run


def test_a_baseline_of_other_units_is_refused_before_the_analysis(sound, monkeypatch):
    """What takes long is not begun; its ranges can be compared all the same."""
    import onnxtaylor as ot

    unit = sound.folder / "unit.json"
    ot.analyze(sound.model, sound.data, scale="unit", check=0).save(unit)
    ranges = Policy("here", (OutOfRange(),))
    assert audit(sound.model, sound.data, ranges, baseline=unit).exit_status == 0
    steps = sound.folder / "steps.json"
    ot.analyze(sound.model, sound.data, finite_step="0.5sigma").save(steps)

    def begun(*_, **__):
        raise AssertionError("the analysis was begun")

    monkeypatch.setattr("onnxtaylor.audit.evidence.analyze_problem", begun)
    for baseline, options, words in (
        (unit, {}, r"unit.json: .* per unit, .* per sigma: make the baseline with scale=.sigma."),
        (steps, {}, "it holds responses to finite steps, but the audit computes coefficients"),
        (sound.baseline, {"finite_step": "1"}, "it holds coefficients, but the audit computes"),
        (sound.baseline, {"link": "log"}, "of the link identity, but the link of the audit is log"),
    ):
        with pytest.raises(ResultError, match=words):
            audit(
                sound.model,
                sound.data,
                Policy("here", (BaselineDrift(),)),
                baseline=baseline,
                **options,
            )


def test_warnings_of_the_analysis_are_in_the_outcome(sound):
    x = events()
    x[:, 3] = 1.5
    data = write_events(sound.folder / "constant.csv", x)
    outcome = audit(sound.model, data, Policy("here", (Finite(),)))
    (warning,) = outcome.warnings
    assert (warning.code, warning.feature) == ("constant", "d")
    assert outcome.exit_status == 0
    assert AuditOutcome.from_json(outcome.to_json()).warnings == outcome.warnings


def test_files_that_cannot_be_read(sound):
    missing = sound.folder / "missing"
    with pytest.raises(ResultError, match="missing: no such file"):
        sound.audit(baseline=missing)
    with pytest.raises(ModelError, match="missing: no such file"):
        sound.audit(reference=missing)
    with pytest.raises(ResultError, match="no goodness of fit"):
        sound.audit(gof=sound.baseline)
    with pytest.raises(ResultError, match="no onnxtaylor result"):
        sound.audit(baseline=sound.gof)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Dominance(outputs=("z",)), "check 'dominance': no output matches 'z'"),
        (Dominance(groups=("sig",)), "no group matches 'sig'"),
        (Dominance(features=("A",)), "no feature matches 'A': did you mean 'a'?"),
        (ForbiddenFeature(features=("aa*",)), "no feature matches 'aa*': did you mean 'a'?"),
        (ForbiddenFeature(features=("d", "gender")), "no feature matches 'gender': it has a, b"),
        (ExpectedTop(features=("A",)), "no feature matches 'A': did you mean 'a'?"),
    ],
)
def test_patterns_that_match_nothing_are_wrong(listing, check, message):
    with pytest.raises(OptionError) as error:
        listing(check)
    assert message in str(error.value)


def test_what_a_model_may_be_without_is_a_pass_with_a_note(sound):
    text = '[[checks]]\nid = "forbidden-feature"\nfeatures = ["gender"]\nmay-be-absent = true'
    (sound.folder / "p.toml").write_text(text)
    outcome = audit(sound.model, sound.data, sound.folder / "p.toml")
    assert outcome.exit_status == 0
    assert [f.level for f in outcome.findings] == ["note"]


def test_the_call_goes_before_the_policy(sound):
    (sound.folder / "p.toml").write_text(
        '[analysis]\nevents = 50\nscale = "unit"\n[[checks]]\nid = "finite"'
    )
    assert audit(sound.model, sound.data, sound.folder / "p.toml").analysis["events"] == 50
    outcome = audit(sound.model, sound.data, sound.folder / "p.toml", events=70, scale="sigma")
    assert outcome.analysis["events"] == 70
    assert outcome.analysis["scale"] == "sigma"


def test_a_baseline_in_other_units_is_a_wrong_call(sound):
    what = r"baseline .*per sigma, .* per unit: make the baseline with scale=.unit."
    with pytest.raises(ResultError, match=what):
        sound.audit(scale="unit")


def test_a_lost_feature_is_a_drift(sound):
    """The net without d, against the baseline with it."""
    model = write_net(sound.folder / "three.onnx", weights()[:3])
    text = '[[checks]]\nid = "baseline-drift"'
    (sound.folder / "p.toml").write_text(text)
    outcome = audit(
        model, sound.data, sound.folder / "p.toml", baseline=sound.baseline, exclude=["d"]
    )
    (finding,) = outcome.findings
    assert "lacks feature 'd'" in finding.message


def test_a_reference_with_features_in_another_order(sound):
    """The reference carries its features' names, in the order of its own weights."""
    import onnx

    order = [2, 0, 3, 1]
    path = write_net(sound.folder / "reference.onnx", weights()[order])
    proto = onnx.load(path)
    helper.set_model_props(proto, {"feature_names": json.dumps([*np.array([*"abcd"])[order]])})
    onnx.save(proto, path)
    (sound.folder / "p.toml").write_text('[[checks]]\nid = "reference-agreement"')
    outcome = audit(sound.model, sound.data, sound.folder / "p.toml", reference=path)
    assert outcome.exit_status == 0, outcome.findings


def test_other_events_of_the_same_kind_are_no_drift(sound):
    """Family-wise: no alarm in twelve samples, of 14 coefficients and their ranks each."""
    (sound.folder / "p.toml").write_text('[[checks]]\nid = "baseline-drift"')
    for seed in range(12):
        data = write_events(sound.folder / "other.csv", events(seed=100 + seed))
        outcome = audit(
            sound.model, data, sound.folder / "p.toml", baseline=sound.baseline, check=0
        )
        assert outcome.findings == ()


def test_the_same_inputs_give_the_same_bytes(sound, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    outcome = sound.audit()
    assert outcome.timestamp == "1970-01-02T00:00:00Z"
    assert outcome.to_json() == sound.audit().to_json()
    assert AuditOutcome.from_json(outcome.to_json()).to_json() == outcome.to_json()
    for wrong in ("now", "1e99", str(10**30)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(OptionError, match="SOURCE_DATE_EPOCH"):
            sound.audit()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")  # as good as not set
    assert sound.audit().timestamp > "2020"


def test_the_demo_passes_its_policy():
    demo = files("onnxtaylor") / "demo"
    outcome = audit(str(demo / "higgs.onnx"), str(demo / "higgs.parquet"), str(demo / "audit.toml"))
    assert outcome.exit_status == 0, outcome.verdict
    assert all(check.status == "pass" for check in outcome.checks)
    assert len(outcome.checks) == 12


def test_hostile_names_are_told_inert_by_every_check(sound):
    """Features named for a browser, a terminal and Markdown; limits that nothing meets."""
    names = ("<script>alert(1)</script>", "](x)\n# [[", "\"&'\x1b[31m", "😀\u202eabc")
    data = sound.folder / "](x) events.csv"
    write_events(data, events(60), names)
    model = write_net(sound.folder / "<b>.onnx", weights()[[0, 1, 2, 1]] * 0.7)
    limits = """
        [[checks]]
        id = "dominance"
        max-share = 0.0
        [[checks]]
        id = "dead-feature"
        min-share = 1.0
        [[checks]]
        id = "forbidden-feature"
        features = ["*"]
        max-share = 0.0
        [[checks]]
        id = "expected-top"
        features = ["<script>*", "]*", "*\\u001b*"]
        top = 1
        [[checks]]
        id = "saturation"
        max-share = 0.0
        margin = 0.5
        [[checks]]
        id = "statistics"
        min-n-eff = 1e9
    """
    (sound.folder / "p.toml").write_text(limits)
    outcome = audit(model, data, sound.folder / "p.toml", feature_names=list(names))
    assert {check.status for check in outcome.checks} == {"fail"}
    for finding in outcome.findings:
        told = (finding.message, finding.certainty, finding.remedy, finding.quantity)
        assert all(text.isprintable() for text in told), finding
    assert {f.subject.name for f in outcome.findings if f.subject.kind == "feature"} >= set(names)
    again = AuditOutcome.from_json(outcome.to_json())
    assert [f.subject for f in again.findings] == [f.subject for f in outcome.findings]
    assert all(check.summary.isprintable() for check in outcome.checks)


def test_a_baseline_of_finite_steps_is_one_for_finite_steps(sound):
    import onnxtaylor as ot

    steps = sound.folder / "steps.json"
    ot.analyze(sound.model, sound.data, finite_step="0.5sigma").save(steps)
    drift = Policy("here", (BaselineDrift(),))
    outcome = audit(sound.model, sound.data, drift, baseline=steps, finite_step="0.5sigma")
    assert outcome.exit_status == 0
    assert outcome.checks[0].ran
