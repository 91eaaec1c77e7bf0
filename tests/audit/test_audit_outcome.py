"""Outcomes: status, verdict, JSON and its schema."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from onnxtaylor.audit import AuditOutcome, CheckOutcome, File, Finding, Location, Subject
from onnxtaylor.errors import ResultError

HOSTILE = "<script>alert(1)</script>\n\x1b[31m](x)\"&'\u202e😀"


def finding(level="error", **changes):
    usual = {
        "check": "dominance",
        "level": level,
        "subject": Subject("coefficient", f"{HOSTILE}, b", (HOSTILE, "b"), "y", "all"),
        "location": Location("model", HOSTILE),
        "message": "what",
        "quantity": "share",
        "measured": 0.123456789123,
        "relation": "≤",
        "limit": 0.1,
        "certainty": "± 0.01",
        "remedy": "do",
    }
    return Finding(**{**usual, **changes})


def check(name="dominance", status="pass", level="error", findings=(), **changes):
    reason = "why" if status in ("error", "skipped") else None
    return CheckOutcome(
        **{
            **{"id": "dominance", "name": name, "title": "title", "level": level},
            **{"status": status, "reason": reason, "findings": tuple(findings)},
            **{"looked_at": 3, "noun": "things", "summary": "room", "options": {"max-share": 0.5}},
            **changes,
        }
    )


def outcome(*checks, strict=False):
    file = File("model.onnx", "0" * 64)
    return AuditOutcome(
        model=file,
        data=(File(HOSTILE, None),),
        policy="audit.toml",
        strict=strict,
        baseline=(),
        reference=file,
        gof=None,
        analysis={"engine": "exact", "n_eff": 12.3456789012, "features": [HOSTILE]},
        checks=checks,
        timestamp="1970-01-01T00:00:00Z",
        version="0.1.0",
    )


@pytest.fixture(scope="module")
def validator():
    source = files("onnxtaylor") / "schemas" / "audit-1.json"
    schema = json.loads(source.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("checks", "strict", "status"),
    [
        ((), False, 1),
        ((check(),), False, 0),
        ((check(status="skipped"),), False, 1),
        ((check(status="skipped"), check("b")), False, 0),
        ((check(status="fail"),), False, 1),
        ((check(status="error"),), False, 1),
        ((check(status="fail", level="warning"),), False, 0),
        ((check(status="fail", level="warning"),), True, 1),
        ((check(status="error", level="warning"), check("b")), False, 0),
        ((check(status="error", level="warning"), check("b")), True, 1),
        ((check(status="error", level="warning"),), False, 1),  # nothing ran
        ((check(status="fail", level="note"),), True, 0),
    ],
)
def test_exit_status(checks, strict, status):
    made = outcome(*checks, strict=strict)
    assert made.exit_status == status
    assert made.passed == (status == 0)
    assert made.verdict.startswith("PASS" if status == 0 else "FAIL")


def test_findings_come_errors_first_else_in_order():
    first = check("a", "fail", "note", [finding("note", message="1")])
    second = check("b", "fail", "error", [finding(message="2"), finding(message="3")])
    assert [f.message for f in outcome(first, second).findings] == ["2", "3", "1"]


def test_json_comes_back_and_fits_its_schema(validator):
    made = outcome(check(status="fail", findings=[finding(), finding("note", measured="x")]))
    text = made.to_json()
    validator.validate(json.loads(text))
    again = AuditOutcome.from_json(text)
    assert again.to_json() == text
    assert again.checks[0].findings[0].subject == made.checks[0].findings[0].subject
    assert again.exit_status == made.exit_status == 1


def test_numbers_are_rounded_and_always_json():
    rows = [finding(measured=float("inf")), finding(limit=float("nan"))]
    document = json.loads(outcome(check(status="fail", findings=rows)).to_json())
    found = document["checks"][0]["findings"]
    assert found[0]["measured"] == "inf"
    assert found[1]["limit"] == "nan"
    assert found[1]["measured"] == 0.123456789


def test_a_path_that_is_no_unicode_is_still_json():
    made = replace(outcome(check()), model=File("a\udcff.onnx", None))
    made.to_json().encode("utf-8")
    assert AuditOutcome.from_json(made.to_json()).model.path == "a\udcff.onnx"


DELETE = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "onnxtaylor.audit/2"),
        (("model",), None),
        (("model",), DELETE),
        (("exit_status",), 0),
        (("checks", 0, "status"), "good"),
        (("checks", 0, "level"), "fatal"),
        (("checks", 0, "findings"), DELETE),
        (("checks", 0, "more"), 1),
        (("checks", 0, "findings", 0, "level"), "bad"),
        (("checks", 0, "findings", 0, "subject", "kind"), "thing"),
        (("checks", 0, "findings", 0, "location", "role"), "desk"),
        (("checks", 0, "findings", 0, "remedy"), DELETE),
    ],
)
def test_damaged_documents_are_refused(validator, path, value):
    document = outcome(check(status="fail", findings=[finding()])).to_dict()
    part = changed = copy.deepcopy(document)
    for key in path[:-1]:
        part = part[key]
    if value is DELETE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    with pytest.raises(ResultError, match="audit"):
        AuditOutcome.from_json(json.dumps(changed))
    if path != ("exit_status",):  # a schema cannot count
        assert not validator.is_valid(changed)


@pytest.mark.parametrize("text", ["", "[]", "nothing", '{"schema": 1}', "\x00"])
def test_what_is_no_audit_is_refused_in_a_line(text, tmp_path):
    path = tmp_path / "audit.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=r"audit\.json") as error:
        AuditOutcome.load(path)
    assert str(error.value).isprintable()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"missing\.json: no such file"):
        AuditOutcome.load(tmp_path / "missing.json")


def test_a_pass_tells_what_did_not_count_from_what_could_not_be_run():
    mild = check("b", "fail", "warning", [finding("warning")])
    unknown = check("c", "error", "warning")
    assert outcome(check(), mild).verdict == (
        "PASS: 1 of 2 checks, 1 with findings that do not count"
    )
    assert outcome(check(), unknown).verdict == "PASS: 1 of 2 checks, 1 could not be run"
    assert outcome(check(), mild, unknown).verdict == (
        "PASS: 1 of 3 checks, 1 with findings that do not count, 1 could not be run"
    )
