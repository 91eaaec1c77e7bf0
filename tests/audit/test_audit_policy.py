"""Policies: TOML, its schema, and what messages say of slips."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files

import jsonschema
import pytest

from onnxtaylor.audit import audit
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.policy import default_policy, find_policy, read_policy
from onnxtaylor.audit.schema import policy_schema
from onnxtaylor.errors import OptionError
from tests.audit.conftest import POLICY


def written(tmp_path, text, name="audit.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_schema_that_ships_is_that_of_the_checks():
    source = files("onnxtaylor") / "schemas" / "policy-1.json"
    schema = json.loads(source.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == json.loads(json.dumps(policy_schema(BUILT_IN)))


@pytest.mark.parametrize(
    "source",
    [POLICY, (files("onnxtaylor") / "demo" / "audit.toml").read_text(encoding="utf-8")],
    ids=["all checks", "demo"],
)
def test_policies_fit_the_schema_that_ships(source):
    schema = files("onnxtaylor") / "schemas" / "policy-1.json"
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    document = tomllib.loads(source)
    validator.validate(document)
    document["checks"][0]["colour"] = "red"
    assert not validator.is_valid(document)


def test_every_option_has_a_meaning_and_a_default_that_is_allowed():
    for kind in BUILT_IN.values():
        schema = policy_schema({kind.id: kind})["$defs"][kind.id]
        assert schema["description"].endswith(".")
        for name, option in schema["properties"].items():
            assert name == "id" or option["description"], (kind, name)
            if "default" in option:
                jsonschema.validate(option["default"], option)


def test_values_arrive(tmp_path):
    policy = read_policy(
        written(
            tmp_path,
            """
            strict = true
            baseline = "results/baseline.json"
            analysis = { label = "class", missing = -999 }
            [[checks]]
            id = "dominance"
            name = "leaks"
            level = "warning"
            max-share = 0.25
            outputs = ["sig*"]
            """,
        )
    )
    (check,) = policy.checks
    assert (check.id, check.name, check.level) == ("dominance", "leaks", "warning")
    assert (check.max_share, check.outputs, check.groups) == (0.25, ("sig*",), ("all",))
    assert (policy.strict, policy.listed) == (True, True)
    assert policy.baseline == (tmp_path / "results" / "baseline.json",)
    assert policy.analysis == {"label": "class", "missing": -999}


@pytest.mark.parametrize("step", ["1", "0.5", '"0.5sigma"', '{ a = 1, "*" = "0.5sigma" }'])
def test_finite_steps_are_numbers_or_texts(sound, tmp_path, step):
    text = f'[analysis]\nfinite-step = {step}\n[[checks]]\nid = "finite"'
    outcome = audit(sound.model, sound.data, written(tmp_path, text))
    assert outcome.analysis["method"] == "finite-step"


def test_a_policy_knows_its_files(tmp_path):
    path = written(tmp_path, 'baseline = "b.json"\ngof = "g.json"')
    assert read_policy(path).files == (path, tmp_path / "b.json", tmp_path / "g.json")
    assert default_policy().files == ()


def test_several_baselines_lie_beside_the_policy(tmp_path):
    policy = read_policy(written(tmp_path, 'baseline = ["a.json", "x/b.json"]'))
    assert policy.baseline == (tmp_path / "a.json", tmp_path / "x" / "b.json")
    assert policy.files[1:] == policy.baseline


@pytest.mark.parametrize("value", ["[]", "3", '["a.json", 3]', '""', '[""]'])
def test_what_is_no_baseline_is_refused(tmp_path, value):
    with pytest.raises(OptionError, match=r"baseline: .* is not the file of a result, beside"):
        read_policy(written(tmp_path, f"baseline = {value}"))


def test_without_checks_those_by_default_are_run(tmp_path):
    policy = read_policy(written(tmp_path, "strict = true"))
    assert not policy.listed
    assert policy.checks == default_policy().checks
    assert [check.id for check in policy.checks] == [
        id for id in BUILT_IN if id not in ("forbidden-feature", "expected-top", "provenance")
    ]


def test_an_empty_list_is_no_default(tmp_path):
    policy = read_policy(written(tmp_path, "checks = []"))
    assert policy.listed
    assert policy.checks == ()


PROJECT = '[tool.onnxtaylor]\n[[tool.onnxtaylor.checks]]\nid = "finite"\n'


def test_where_a_policy_is_sought(tmp_path):
    assert find_policy(tmp_path).origin == "defaults"
    written(tmp_path, "[tool.other]", "pyproject.toml")
    assert find_policy(tmp_path).origin == "defaults"
    written(tmp_path, PROJECT, "pyproject.toml")
    assert [check.id for check in find_policy(tmp_path).checks] == ["finite"]
    assert find_policy(tmp_path).origin.endswith("pyproject.toml [tool.onnxtaylor]")
    written(tmp_path, '[[checks]]\nid = "dominance"')
    assert [check.id for check in find_policy(tmp_path).checks] == ["dominance"]
    (tmp_path / "below").mkdir()
    assert find_policy(tmp_path / "below").origin == "defaults"  # folders above are not looked into


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strickt = true", "audit.toml: unknown key 'strickt': did you mean 'strict'?"),
        ("strict = 1", "audit.toml: strict: 1 is not of type 'boolean'"),
        ("checks = 3", "audit.toml: checks: 3 is not of type 'array'"),
        ("checks = [3]", "checks.0: 3 is not of type 'object'"),
        ("[analysis]\nlabell = 'x'", "analysis: unknown key 'labell': did you mean 'label'?"),
        ("[analysis]\norder = 4", "analysis.order: 4 is not one of [1, 2, 3]"),
        ("[[checks]]\nmax-share = 1", "checks[0]: has no id"),
        ("[[checks]]\nid = 3", "checks[0]: has no id"),
        (
            "[[checks]]\nid = 'finite'\n[[checks]]\nid = 'dominence'",
            "checks[1]: there is no check 'dominence': did you mean 'dominance'?",
        ),
        (
            "[[checks]]\nid = 'dominance'\nmax-shar = 1",
            "checks[0] (dominance): unknown key 'max-shar': did you mean 'max-share'?",
        ),
        ("[[checks]]\nid = 'dominance'\nmax_share = 1", "did you mean 'max-share'?"),
        ("[[checks]]\nid = 'dominance'\nmax-share = 2", "max-share: 2 is greater than the maximum"),
        ("[[checks]]\nid = 'dominance'\nmax-share = 'x'", "max-share: 'x' is not of type 'number'"),
        ("[[checks]]\nid = 'dominance'\nlevel = 'fatal'", "level: 'fatal' is not one of"),
        ("[[checks]]\nid = 'dominance'\noutputs = 'y'", "outputs: 'y' is not of type 'array'"),
        ("[[checks]]\nid = 'dominance'\noutputs = []", "outputs: [] should be non-empty"),
        ("[[checks]]\nid = 'forbidden-feature'", "'features' is a required property"),
        (
            "[[checks]]\nid = 'finite'\n[[checks]]\nid = 'finite'",
            "two checks are called 'finite': give each a name",
        ),
        ("gof = ''", "audit.toml: gof: '' is not the file of a goodness of fit"),
        ("baseline = ''", "baseline: '' is not the file of a result"),
        ("[analysis]\nfinite-step = 0", 'finite-step: 0 is not a step such as "0.5sigma"'),
        ("[analysis]\nfinite-step = {a = true}", "is not a step such as"),
        ("[analysis]\nfix = {a = {b = 1}}", "is not a number, text, or true or false; or a list"),
        (
            "[[checks]]\nid = 'provenance'\nmin-opset = 17\nmax-opset = 9",
            "min-opset = 17 is above max-opset = 9: no model passes",
        ),
        ("schema = 'onnxtaylor.policy/2'", "schema: 'onnxtaylor.policy/1' was expected"),
        ("= 3", "audit.toml: is not a valid TOML file"),
        ('"\\u001b[31m\\u202e" = 1', r"unknown key '\x1b[31m\u202e'"),
        ('[[checks]]\nid = "\\u007f<b>"', r"there is no check '\x7f<b>'"),
    ],
)
def test_slips_are_told_in_one_line(tmp_path, text, message):
    with pytest.raises(OptionError) as error:
        read_policy(written(tmp_path, text))
    assert message in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_files_that_are_none(tmp_path):
    with pytest.raises(
        OptionError, match=r"no such file: `suggest` in onnxtaylor.audit.suggestion"
    ):
        read_policy(tmp_path / "audit.toml")
    with pytest.raises(OptionError, match="cannot be read"):
        read_policy(tmp_path)
    with pytest.raises(OptionError, match="has no table"):
        read_policy(written(tmp_path, "[tool]", "pyproject.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptionError, match="is not a valid TOML file"):
        read_policy(tmp_path / "binary.toml")


def test_the_former_name_of_a_check_is_read(tmp_path):
    text = '[[checks]]\nid = "primal-agreement"\nlevel = "warning"\n'
    (check,) = read_policy(written(tmp_path, text)).checks
    assert (check.id, check.name, check.level) == ("response-agreement",) * 2 + ("warning",)
