"""SARIF: valid by the public schema, and harmless in what its readers make of it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest

from onnxtaylor.audit import File, Location, Subject
from onnxtaylor.audit.formats import FORMATS
from tests.audit.hostile_outcome import NAMES, made
from tests.audit.test_audit_outcome import check, finding, outcome

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema)


def run_of(audit):
    (run,) = json.loads(FORMATS["sarif"](audit))["runs"]
    return run


def plain(text):
    """A message as a reader of the standard shows it: 3.11.5 undoes doubled braces."""
    assert not re.search(r"(?<!\{)\{(?:\{\{)*\d+\}", text), "a placeholder"
    assert not re.search(r"\[(?:\\.|[^\\\[\]])*\]\(", text), "a link, as 3.11.6 has it"
    return without(text.replace("{{", "{").replace("}}", "}"))


def without(text):
    """Without backslashes before brackets: one that was put there is like one of the name's."""
    return text.replace("\\](", "](")


@pytest.mark.parametrize(
    "audit",
    [made(), outcome(), outcome(check()), outcome(check(status="skipped"))],
    ids=["hostile", "empty", "passed", "skipped"],
)
def test_it_is_valid(audit, validator):
    validator.validate(json.loads(FORMATS["sarif"](audit)))


def test_the_schema_finds_a_mistake(validator):
    log = json.loads(FORMATS["sarif"](made()))
    del log["runs"][0]["results"][0]["message"]
    assert not validator.is_valid(log)


def test_rules_are_the_checks_and_results_the_findings():
    audit = made()
    run = run_of(audit)
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) == len(audit.checks)
    assert run["tool"]["driver"]["version"] == audit.version
    assert [r["defaultConfiguration"]["level"] for r in rules] == [c.level for c in audit.checks]
    hidden = [one for one in audit.checks if one.status == "error"]
    assert len(run["results"]) == len(audit.findings) + len(hidden)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for level in ("error", "warning", "note"):
        told = sum(result["level"] == level for result in run["results"])
        assert told == sum(f.level == level for f in [*audit.findings, *hidden])
    assert any(result["properties"]["fails"] for result in run["results"])
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert len(notes) == len(hidden) + audit.counts()["skipped"] + len(audit.warnings)


def test_every_rule_has_a_text_that_says_what_it_demands_and_its_limits():
    one = check(options={"max-share": 0.5, "outputs": ["a", "b"]})
    (rule,) = run_of(outcome(one))["tool"]["driver"]["rules"]
    lines = rule["help"]["text"].split("\n")
    assert lines[0] == "title"
    assert any(line.startswith("max-share = 0.5: largest share") for line in lines)
    assert any(line.startswith("outputs = a, b: ") for line in lines)
    (rule,) = run_of(outcome(check(id="somebody-elses")))["tool"]["driver"]["rules"]
    assert rule["help"]["text"].split("\n")[-1] == "max-share = 0.5"


@pytest.mark.parametrize(("raw", "seen"), NAMES.items(), ids=ascii)
def test_names_are_legible_and_inert(raw, seen):
    start = without(f"feature '{seen}'")
    found = [(plain(r["message"]["text"]), r) for r in run_of(made())["results"]]
    ((text, result),) = ((t, r) for t, r in found if r["level"] == "error" and t.startswith(start))
    words = f"share of {seen}: {seen}, must be ≤ {seen} (± {seen}). What to do: drop {seen}"
    assert text.endswith(without(words))
    (location,) = result["locations"]
    names = [(place["kind"], place["name"]) for place in location["logicalLocations"]]
    assert names == [("feature", seen), ("feature", "b"), ("output", seen), ("group", seen)]
    place = location["physicalLocation"]["artifactLocation"]
    assert re.fullmatch(r"[A-Za-z0-9/._~-]*(%[0-9A-F]{2}[A-Za-z0-9/._~-]*)*", place["uri"])
    assert unquote_to_bytes(place["uri"]) == f"models/{raw}".encode(errors="surrogateescape")
    assert place["uriBaseId"] == "%SRCROOT%"


def test_absolute_paths_are_file_uris():
    audit = outcome(check(status="fail", findings=[finding(location=Location("data", "/a b/c#d"))]))
    (result,) = run_of(audit)["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "file:///a%20b/c%23d"}


def test_files_come_once_with_their_hashes():
    audit = replace(outcome(check()), data=(File("events.csv", "2" * 64), File("-", None)))
    artifacts = run_of(audit)["artifacts"]
    assert [one["location"]["uri"] for one in artifacts] == ["model.onnx", "events.csv", "-"]
    assert [one.get("hashes") for one in artifacts] == [
        {"sha-256": "0" * 64},
        {"sha-256": "2" * 64},
        None,
    ]
    assert artifacts[0]["description"]["text"] == "model, reference"


def prints(*findings):
    results = run_of(outcome(check(status="fail", findings=findings)))["results"]
    return [result["partialFingerprints"]["onnxtaylorFinding/v1"] for result in results]


def test_a_finding_is_known_again_by_what_it_is_about():
    one = finding()
    moved = replace(one, measured=0.5, message="else", location=Location("model", "elsewhere"))
    (first,) = prints(one)
    assert prints(moved) == [first]
    others = [
        replace(one, subject=Subject("feature", "b")),
        replace(one, subject=replace(one.subject, output="z")),
        replace(one, subject=replace(one.subject, group="1")),
        replace(one, quantity="rank"),
        replace(one, location=Location("baseline", "model.onnx")),
    ]
    found = prints(one, *others)
    assert len(set(found)) == len(found)


def test_equal_findings_have_fingerprints_of_their_own():
    found = prints(finding(), finding(), finding())
    assert [one.split(":")[1] for one in found] == ["1", "2", "3"]
    assert len({one.split(":")[0] for one in found}) == 1


def test_the_model_is_the_same_one_wherever_it_lies():
    here = finding(subject=Subject("model", "a/model.onnx"))
    there = finding(subject=Subject("model", "b/model.onnx"))
    assert prints(here) == prints(there)


@pytest.mark.parametrize(
    ("audit", "code", "successful"),
    [
        (outcome(check()), 0, True),
        (outcome(check(status="fail", findings=[finding()])), 1, True),
        (outcome(check(status="error")), 1, False),
        (outcome(check(status="skipped"), check("b")), 0, True),
        (outcome(check(status="skipped")), 1, False),
        (outcome(), 1, False),
    ],
    ids=["pass", "fail", "error", "one skipped", "all skipped", "none"],
)
def test_the_invocation_tells_exit_status_time_and_whether_the_audit_was_complete(
    audit, code, successful
):
    (call,) = run_of(audit)["invocations"]
    assert (call["exitCode"], call["executionSuccessful"]) == (code, successful)
    assert call["endTimeUtc"] == "1970-01-01T00:00:00Z"
    assert call["exitCodeDescription"] == audit.verdict


def test_vendored_schemas_are_those_of_the_list():
    listed = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    for path in SCHEMAS.iterdir():
        if path.name != "README.md":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert re.search(rf"^\| {re.escape(path.name)} \|.*\| {digest} \|$", listed, re.M)
