"""What holds for every format of a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onnxtaylor.audit import AuditOutcome
from onnxtaylor.audit.formats import FORMATS
from onnxtaylor.results.summaries import Notice
from tests.audit.hostile_outcome import made
from tests.audit.test_audit_outcome import check, outcome

pytestmark = pytest.mark.parametrize("name", list(FORMATS))


def test_equal_outcomes_give_equal_bytes(name, monkeypatch):
    first = FORMATS[name](made()).encode()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert FORMATS[name](made()).encode() == first


def test_another_time_changes_the_time_alone(name):
    later = replace(made(), timestamp="2033-05-18T03:33:20Z")
    text = FORMATS[name](later)
    for there, then in (
        ("2033-05-18T03:33:20", "1970-01-01T00:00:00"),
        ("2033-05-18 03:33:20", "1970-01-01 00:00:00"),
        (r"2033-05-18T03\:33\:20", r"1970-01-01T00\:00\:00"),
    ):
        text = text.replace(there, then)
    assert text == FORMATS[name](made())


def test_a_saved_outcome_gives_the_same_report(name):
    audit = made()
    again = AuditOutcome.from_json(audit.to_json())
    assert FORMATS[name](again) == FORMATS[name](audit)


def test_the_verdict_is_told(name):
    for audit in (outcome(), outcome(check()), outcome(check(status="error"))):
        assert audit.verdict in FORMATS[name](audit)


def test_the_warnings_of_the_analysis_are_told(name):
    told = [Notice("sentinel", f"x{k}", f"feature x{k} has 999") for k in range(12)]
    told.append(Notice("constant", "c", "feature c is constant"))
    text = FORMATS[name](replace(outcome(check()), warnings=tuple(told)))
    for words in ("feature x0 has 999", "feature c is constant"):
        assert words in text.replace("&#8203;", "")
    assert "feature x11 has 999" in text or "more of this kind (sentinel)" in text
    assert "feature x0" not in FORMATS[name](outcome(check()))


def test_it_can_be_written_as_utf_8_and_holds_no_control_character(name):
    text = FORMATS[name](made()).encode().decode()
    assert text.endswith("\n") or name == "html"
    if name != "json":  # there they are JSON's own escapes, and some letters as they are
        assert all(c.isprintable() or c in "\n\u2009" for c in text)
