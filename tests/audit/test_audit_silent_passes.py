"""What must not pass in silence: slips of a policy, and what was never looked at."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import onnxtaylor as ot
from onnxtaylor.audit import Policy, audit, read_policy
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.checks.derivative_agreement import DerivativeAgreement
from onnxtaylor.audit.checks.dominance import Dominance
from onnxtaylor.audit.checks.provenance import Provenance
from onnxtaylor.cli import main
from onnxtaylor.errors import OptionError
from onnxtaylor.gof import GoodnessOfFit
from tests.audit.conftest import events, weights, write_baseline, write_events, write_gof, write_net

PATTERNS = [
    (id, key)
    for id, check in BUILT_IN.items()
    for key in ("features", "groups", "outputs")
    if key in check.__dataclass_fields__
]
REQUIRED = {"forbidden-feature": {"features": ["d"]}, "expected-top": {"features": ["a"]}}


@pytest.fixture
def by(sound):
    """by('id = "…"') → the outcome of that one check of the sound model, all files beside it."""

    def run(table, **options):
        path = sound.folder / "one.toml"
        path.write_text(f"[[checks]]\n{table}")
        (check,) = read_policy(path).checks
        sound.policy = path
        beside = {name: getattr(sound, name) for name in check.needs}
        return audit(sound.model, sound.data, path, **{**beside, **options})

    return run


def written(value):
    return json.dumps(value, ensure_ascii=False)


# 1. An audit must not write over what it was judged by


@pytest.fixture
def judged(sound, monkeypatch):
    """A working directory with audit.toml, the baseline that it names, and another model."""
    monkeypatch.chdir(sound.folder)
    for source, name in ((sound.data, "events.csv"), (sound.baseline, "baseline.json")):
        shutil.copy(source, name)
    write_net(Path("other.onnx"), weights() * [[1], [0.5], [1], [1]])
    Path("audit.toml").write_text(
        'baseline = "baseline.json"\n[[checks]]\nid = "baseline-drift"\nlevel = "error"\n'
    )
    return sound.folder


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("-o", "baseline.json"), "baseline.json"),
        (("-o", "audit.toml"), "audit.toml"),
        (("--report", "json:audit.toml"), "audit.toml"),
        (("--report", "json:./baseline.json"), "baseline.json"),
        (("--policy", "audit.toml", "-o", "baseline.json"), "baseline.json"),
    ],
)
def test_a_failing_audit_does_not_write_over_what_it_was_judged_by(judged, capsys, words, file):
    before = Path(file).read_bytes()
    call = ("audit", "other.onnx", "events.csv")
    assert main([*call, *words]) == 2
    assert "is read by this call: name another file" in capsys.readouterr().err
    assert Path(file).read_bytes() == before
    assert main([*call, "-o", "new.json"]) == 1  # it drifts, and goes on doing so
    assert main([*call]) == 1


def test_a_table_of_a_project_is_not_written_over(judged, capsys):
    Path("audit.toml").unlink()
    text = '[tool.onnxtaylor]\nstrict = true\n[[tool.onnxtaylor.checks]]\nid = "finite"\n'
    Path("pyproject.toml").write_text(text)
    assert main(["audit", "other.onnx", "events.csv", "-o", "pyproject.toml"]) == 2
    assert "-o pyproject.toml: is read by this call" in capsys.readouterr().err
    assert Path("pyproject.toml").read_text() == text


# 2. Patterns that match nothing


@pytest.mark.parametrize(("id", "key"), PATTERNS)
def test_a_pattern_that_matches_nothing_is_no_pass(by, id, key):
    options = {**REQUIRED.get(id, {}), key: ["e*"]}
    table = "\n".join([f'id = "{id}"', *(f"{k} = {written(v)}" for k, v in options.items())])
    with pytest.raises(OptionError, match=rf"check '{id}': no {key[:-1]} matches 'e\*'"):
        by(table)
    one = {**options, key: [*REQUIRED.get(id, {}).get(key, []), "*", "zz"]}  # among others that do
    table = "\n".join([f'id = "{id}"', *(f"{k} = {written(v)}" for k, v in one.items())])
    with pytest.raises(OptionError, match=f"no {key[:-1]} matches 'zz'"):
        by(table)


def test_the_reference_counts_what_was_compared(by):
    everything = by('id = "reference-agreement"').checks[0]
    assert everything.looked_at == 240 + 14  # responses of one output, and 4 + 10 coefficients
    some = by('id = "reference-agreement"\nfeatures = ["a"]').checks[0]
    assert some.looked_at == 240 + 5  # a, and its pairs with a, b, c and d


def test_what_the_reference_matches_by_place_is_noted(sound, by):
    from onnx import load, save

    proto = load(sound.model)
    proto.graph.output[0].name = "z2"
    proto.graph.node[-1].output[0] = "z2"
    save(proto, sound.folder / "renamed.onnx")
    outcome = by('id = "reference-agreement"', reference=sound.folder / "renamed.onnx")
    assert outcome.exit_status == 0
    (note,) = outcome.findings
    assert note.level == "note"
    assert "outputs are matched by their place: y with z2" in note.message


# 3. Limits that are no numbers


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "+nan"])
@pytest.mark.parametrize(
    ("id", "key"), [("dominance", "max-share"), ("statistics", "min-n-eff"), ("kinks", "max-share")]
)
def test_a_limit_that_is_no_number_is_refused(tmp_path, id, key, value):
    path = tmp_path / "audit.toml"
    path.write_text(f'[[checks]]\nid = "{id}"\n{key} = {value}')
    with pytest.raises(OptionError) as error:
        read_policy(path)
    assert f"checks[0] ({id})" in str(error.value) or f"checks[0]: check '{id}'" in str(error.value)
    assert key in str(error.value)


def test_neither_is_it_taken_from_a_program():
    with pytest.raises(OptionError, match="max-share = nan: a limit must be a finite number"):
        Dominance(max_share=float("nan"))


def test_missing_entries_may_be_no_numbers(tmp_path):
    (tmp_path / "audit.toml").write_text("[analysis]\nmissing = nan")
    assert np.isnan(read_policy(tmp_path / "audit.toml").analysis["missing"])


# 4. Hashes that approve everything


@pytest.mark.parametrize("key", ["model-sha256", "data-sha256"])
@pytest.mark.parametrize("text", ["", "zz", "ab12", "0" * 65, "g" * 64])
def test_what_is_no_hash_approves_nothing(tmp_path, key, text):
    path = tmp_path / "audit.toml"
    path.write_text(f'[[checks]]\nid = "provenance"\n{key} = ["{text}"]')
    with pytest.raises(OptionError, match=f"{key}.0: '{text}' is not a SHA-256 in hexadecimal"):
        read_policy(path)
    with pytest.raises(OptionError, match="is not a SHA-256"):
        Provenance(**{key.replace("-", "_"): (text,)})


# 5. Responses that differ must not hide coefficients that were not compared


@pytest.mark.parametrize("hidden", ["undecided", "kink"])
def test_nothing_that_agrees_is_no_agreement(sound, monkeypatch, hidden):
    check = {
        "verdict": "differs",
        "coefficients": {"agrees": 0, "differs": 0, "undecided": 0, "kink": 0, hidden: 14},
        "events": list(range(64)),
        "differing": [],
        "responses": {"agree": False, "ratio": 3.0, "deviation": 0.1, "event": 1},
    }
    monkeypatch.setattr(
        "onnxtaylor.audit.checks.derivative_agreement.cross_check_of", lambda evidence: check
    )
    outcome = audit(sound.model, sound.data, Policy("here", (DerivativeAgreement(),)))
    (finding,) = outcome.findings
    assert outcome.exit_status == 1
    assert "14 of 14 coefficients could not be compared" in finding.message
    assert ("kinks" in finding.message) == (hidden == "kink")
    check["coefficients"] = {"agrees": 7, "differs": 0, "undecided": 7, "kink": 0}
    assert audit(sound.model, sound.data, Policy("here", (DerivativeAgreement(),))).passed


# 6. Influential features that were never tested


def test_what_matters_and_was_not_tested_is_a_finding(sound, by):
    fit = GoodnessOfFit.load(write_gof(sound.folder / "gof.json"))
    kept = tuple(feature for feature in fit.features if feature.name != "b")
    replace(fit, features=kept).save(sound.folder / "some.json")
    table = 'id = "mismodelled"\ntop-fraction = 0.5'
    outcome = by(table, gof=sound.folder / "some.json")
    assert outcome.exit_status == 1
    (finding,) = outcome.findings
    assert finding.subject.name == "b"
    assert "is influential (rank" in finding.message
    assert "was not tested" in finding.message
    # one that does not matter need not be tested
    kept = tuple(feature for feature in fit.features if feature.name != "d")
    replace(fit, features=kept).save(sound.folder / "some.json")
    assert by(table, gof=sound.folder / "some.json").exit_status == 0
    some = by(f'{table}\nfeatures = ["a", "c"]', gof=sound.folder / "some.json")
    assert some.exit_status == 0


# 7. Rank intervals without a bootstrap


def test_rank_intervals_without_a_bootstrap(by):
    table = 'id = "statistics"\nlevel = "error"\nmax-rank-interval = 6'
    outcome = by(table, bootstrap=0)
    assert outcome.exit_status == 1
    assert "rank intervals were not checked" in outcome.findings[0].message
    assert by(table).exit_status == 0
    unasked = by('id = "statistics"\nlevel = "error"', bootstrap=0)
    assert unasked.exit_status == 0
    assert "rank intervals were not checked: no bootstrap" in unasked.checks[0].summary
    assert unasked.checks[0].options["max-rank-interval"] == 5
    with pytest.raises(OptionError, match="no output matches 'z'"):
        by('id = "statistics"\noutputs = ["z"]', bootstrap=0)


# 8. A range that ends at a missing entry


@pytest.mark.parametrize("share", [0.2, 0.002], ids=["many", "one"])
def test_a_baseline_that_took_missing_entries_for_values(sound, by, share):
    """−500 is far outside of the data, and inside of a range that begins at −999."""
    x = events(500)
    x[: int(share * 500), 0] = -999.0
    data = write_events(sound.folder / "missing.csv", x)
    blind = write_baseline(sound.folder / "blind.json", sound.model, data)
    seeing = write_baseline(sound.folder / "seeing.json", sound.model, data, missing=-999.0)
    x[300:400, 0] = -500.0
    sound.data = write_events(sound.folder / "events.csv", x)
    table = 'id = "out-of-range"'
    outcome = by(table, baseline=blind, missing=-999.0)
    assert outcome.exit_status == 1
    (finding,) = outcome.findings
    assert (finding.subject.name, finding.location.role) == ("a", "baseline")
    assert "missing=…" in finding.remedy
    (found,) = by(table, baseline=seeing, missing=-999.0).findings
    assert "is out of the baseline's range" in found.message
    by_feature = {"a": -999.0, "b": 123.0}
    assert by(table, baseline=seeing, missing=by_feature).findings == (found,)
    (finding,) = by(table, baseline=blind, missing=by_feature).findings
    assert (finding.subject.name, finding.location.role) == ("a", "baseline")
    if share == 0.2:  # the analysis itself suspected it
        assert by(table, baseline=blind).findings[0].subject.name == "a"


def test_features_that_the_baseline_lacks_are_noted(sound, by):
    three = write_net(sound.folder / "three.onnx", weights()[:3])
    baseline = sound.folder / "three.json"
    ot.analyze(three, sound.data, scale="sigma", check=0, exclude=["d"]).save(baseline)
    outcome = by('id = "out-of-range"', baseline=baseline)
    assert outcome.exit_status == 0
    (note,) = outcome.findings
    assert (note.level, note.subject.name) == ("note", "d")
    assert "has no range of feature 'd'" in note.message


# 9. A forbidden feature with a misspelt name


def test_a_misspelt_forbidden_feature_is_a_wrong_call(by):
    table = 'id = "forbidden-feature"\nfeatures = ["D"]'
    with pytest.raises(OptionError) as error:
        by(table)
    assert "no feature matches 'D': did you mean 'd'?" in str(error.value)
    assert "may-be-absent = true" in str(error.value)
    meant = by(f"{table}\nmay-be-absent = true")
    assert meant.exit_status == 0
    assert [finding.level for finding in meant.findings] == ["note"]


# A response that does not vary


def test_a_constant_response_is_saturated_everywhere(sound, by):
    tail = [
        helper.make_node("Mul", ["z", "nought"], ["none"]),
        helper.make_node("Add", ["none", "constant"], ["y"]),
    ]
    constants = {
        "nought": np.zeros(1, np.float32),
        "constant": np.array([0.574], np.float32),
    }
    sound.model = write_net(sound.folder / "model.onnx", tail=tail, constants=constants)
    (finding,) = by('id = "saturation"').findings
    assert finding.measured == 1
    (blind,) = by('id = "derivative-agreement"').findings
    assert "there is nothing to compare" in blind.message


@pytest.mark.parametrize("number", [1, 2, 5, 19])
def test_few_events_are_not_saturated_by_their_own_ends(by, number):
    assert by('id = "saturation"', events=number).findings == ()


def test_a_clipped_response_is_saturated(sound, by):
    """min(z, 0) at its upper end, the one event that makes the lower one left out."""
    tail = [helper.make_node("Min", ["z", "end"], ["y"])]
    constants = {"end": np.zeros(1, np.float32)}
    sound.model = write_net(sound.folder / "model.onnx", tail=tail, constants=constants)
    hidden = np.tanh(events() @ weights() + [0.3, -0.4, 0.2, 0.5, -0.1])
    z = hidden @ [0.8, -0.7, 0.6, 0.5, 0.7]
    (finding,) = by('id = "saturation"', check=0).findings
    assert finding.measured * len(z) == pytest.approx((z > 0).sum() - 1)
