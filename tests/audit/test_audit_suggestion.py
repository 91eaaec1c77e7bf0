"""``--init``: the policy that is written is valid, is passed, and says what was measured."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import numpy as np
import pytest

from onnxtaylor.audit import audit, read_policy
from onnxtaylor.audit.suggestion import suggest
from onnxtaylor.text.toml_text import toml_text
from tests.audit.conftest import events, write_events, write_net

AGAINST_FILES = ("baseline-drift", "out-of-range", "reference-agreement", "mismodelled")
HOSTILE = ('"quoted" \\ back', "]\n[[checks]]\nid = 1", "tab\t\x1b[31m", "😀\u202eab")


def uncommented(text):
    """The commented checks as if their comment signs were removed."""
    lines = text.split("\n")
    starts = [k for k, line in enumerate(lines) if line == "# [[checks]]"]
    found = []
    for k in starts:
        end = next((j for j in range(k, len(lines)) if not lines[j].startswith("# ")), len(lines))
        found.append("\n".join(line.removeprefix("# ") for line in lines[k:end]))
    return found


def test_the_model_passes_what_is_suggested_for_it(sound):
    policy = sound.folder / "audit.toml"
    policy.write_text(suggest(sound.model, sound.data, seed=3)[0])
    outcome = audit(sound.model, sound.data, policy)
    assert outcome.exit_status == 0, outcome.verdict
    assert outcome.analysis["seed"] == 3
    named = {check.id: check for check in outcome.checks}
    assert set(named) == {
        *("finite", "response-agreement", "derivative-agreement"),
        *("constant-response", "statistics"),
        *("dead-feature", "dominance", "expected-top", "kinks", "saturation", "provenance"),
        *AGAINST_FILES,
    }
    assert {id for id, check in named.items() if check.status == "skipped"} == set(AGAINST_FILES)
    largest = max(
        float(f.measured) for f in audit(sound.model, sound.data, strictest(sound.folder)).findings
    )
    assert largest < named["dominance"].options["max-share"] <= 1.6 * largest
    assert named["expected-top"].findings == ()


def strictest(folder):
    path = folder / "strict.toml"
    path.write_text('[[checks]]\nid = "dominance"\nmax-share = 0.0')
    return path


def test_what_is_commented_out_is_valid_too(sound, tmp_path):
    text, _ = suggest(sound.model, sound.data)
    (block,) = uncommented(text)
    assert 'id = "forbidden-feature"' in block
    (tmp_path / "p.toml").write_text(block.replace("features = []", 'features = ["d"]'))
    assert len(read_policy(tmp_path / "p.toml").checks) == 1
    assert "The features are a, b, c, d." in text


def test_options_of_the_call_are_in_it(sound):
    text, _ = suggest(
        sound.model,
        sound.data,
        feature_names=["a", "b", "c", "d"],
        events=120,
        missing=-999.0,
        fix=None,
        output=["y"],
    )
    assert tomllib.loads(text)["analysis"] == {
        "features": ["a", "b", "c", "d"],
        "events": 120,
        "missing": -999.0,
        "output": ["y"],
    }


def test_finite_steps_have_no_derivatives_to_check(sound):
    text, _ = suggest(sound.model, sound.data, finite_step={"*": "0.5sigma"})
    document = tomllib.loads(text)
    assert document["analysis"]["finite-step"] == "0.5sigma"
    ids = {check["id"] for check in document["checks"]}
    assert "dominance" in ids
    assert "derivative-agreement" not in ids
    assert "# Not here: responses to finite steps are no derivatives" in text


def test_what_does_not_pass_at_present_is_said(sound):
    text, _ = suggest(sound.model, sound.data)
    assert "# It does not pass at present: feature 'd' is dead" in text


def test_hostile_names_stay_names(sound):
    data = write_events(sound.folder / "hostile.csv", events(60), HOSTILE)
    first = np.array([[0.5, -0.4], [0.3, 0.6], [-0.5, 0.2], [0.4, 0.3]])
    model = write_net(sound.folder / "hostile.onnx", first)
    text, _ = suggest(model, data, feature_names=list(HOSTILE))
    assert all(line.isprintable() for line in text.split("\n"))
    document = tomllib.loads(text)
    assert document["analysis"]["features"] == list(HOSTILE)
    (expected,) = (c for c in document["checks"] if c["id"] == "expected-top")
    assert set(expected["features"]) <= set(HOSTILE)
    (sound.folder / "p.toml").write_text(text, encoding="utf-8")
    assert read_policy(sound.folder / "p.toml").listed


@pytest.mark.parametrize(
    "value",
    [True, 3, -1.5, 1e-12, 'a"b\\c\x7f\x00\u2028é', ["a", "b"], {"a b": [1.0, 2.0], "*": "x"}],
)
def test_toml_values_come_back(value):
    assert tomllib.loads(f"key = {toml_text(value)}") == {"key": value}


def test_the_demo_passes_what_is_suggested_for_it(tmp_path):
    demo = files("onnxtaylor") / "demo"
    paths = str(demo / "higgs.onnx"), str(demo / "higgs.parquet")
    options = {"labels": "Label", "weights": "KaggleWeight", "missing": -999.0}
    (tmp_path / "audit.toml").write_text(suggest(*paths, **options)[0])
    outcome = audit(*paths, tmp_path / "audit.toml", strict=True)
    assert outcome.exit_status == 0, outcome.verdict


def test_a_policy_of_init_takes_files_when_they_are_given(sound):
    policy = sound.folder / "audit.toml"
    policy.write_text(suggest(sound.model, sound.data)[0])
    for name, ids in (
        ("baseline", {"baseline-drift", "out-of-range"}),
        ("reference", {"reference-agreement"}),
        ("gof", {"mismodelled"}),
    ):
        outcome = audit(sound.model, sound.data, policy, **{name: getattr(sound, name)})
        assert outcome.exit_status == 0, outcome.verdict
        assert {c.id for c in outcome.checks if c.ran} & set(AGAINST_FILES) == ids


def test_warnings_of_the_analysis_stand_in_it(sound):
    x = events()
    x[:40, 1] = -999
    data = write_events(sound.folder / "missing.csv", x)
    text, result = suggest(sound.model, data)
    assert [warning.code for warning in result.warnings] == ["sentinel"]
    assert "# Warning: feature 'b' has -999 at 17% of the events" in text
    assert "analysis" in tomllib.loads(text)
    assert "Warning" not in suggest(sound.model, data, missing=-999.0)[0]


def test_without_a_bootstrap_no_ranks_are_demanded(sound):
    text, _ = suggest(sound.model, sound.data, bootstrap=0)
    assert "max-rank-interval" not in text
    (sound.folder / "p.toml").write_text(text)
    assert audit(sound.model, sound.data, sound.folder / "p.toml").exit_status == 0


def test_what_has_no_lasting_name_has_no_hash(sound):
    text, _ = suggest(sound.model, sound.data, unnamed={str(sound.data): "<stdin>"})
    assert "#   data   <stdin>: 240 events" in text
    assert str(sound.data) not in text
    assert "data-sha256" not in text
    assert "# model-sha256" in text
