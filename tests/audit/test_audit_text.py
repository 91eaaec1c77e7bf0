"""The text report: what failed and why comes first, and nothing in it is obeyed."""

from __future__ import annotations

from dataclasses import replace

from onnxtaylor.audit import File, Subject
from onnxtaylor.audit.formats import FORMATS
from tests.audit.test_audit_outcome import HOSTILE, check, finding, outcome

write_text = FORMATS["text"]


def test_failures_come_before_warnings_before_what_passed_before_what_was_skipped():
    text = write_text(
        outcome(
            check("one", "skipped"),
            check("two", "pass"),
            check("three", "fail", "warning", [finding("warning", message="mild")]),
            check("four", "fail", "error", [finding(message="grave")]),
            check("five", "error"),
        )
    )
    places = [text.index(word) for word in ("five", "four", "grave", "three", "mild", "two  ")]
    assert text.startswith("FAIL: 2 of 5 checks: four, five, 1 skipped\n")
    assert sorted(places[1:]) == places[1:]
    assert "FAIL  five: title\n      could not be run, so not passed: why" in text
    assert "warn  three: title" in text
    assert "pass  two  room (3 things)" in text
    assert "skip  one: why" in text


def test_a_finding_says_what_how_much_how_sure_where_and_what_to_do():
    text = write_text(outcome(check(status="fail", findings=[finding(message="share is large")])))
    assert "- share is large\n" in text
    assert "share: 0.1235, must be ≤ 0.1 (± 0.01)" in text
    assert "what now  do" in text
    assert "where     model" in text


def test_what_is_common_to_findings_is_said_once():
    rows = [finding(message=f"number {k}", subject=Subject("feature", f"{k}")) for k in range(9)]
    text = write_text(outcome(check(status="fail", findings=rows)))
    assert text.count("what now") == 1
    assert "number 4" in text
    assert "number 5" not in text
    assert "… 4 more findings: all are in the JSON report" in text


def test_strict_makes_warnings_fail():
    warned = check("three", "fail", "warning", [finding("warning")])
    assert "FAIL  three" in write_text(outcome(warned, strict=True))
    assert "warn  three" in write_text(outcome(warned))


def test_notes_of_a_check_that_passed_are_shown():
    text = write_text(outcome(check(findings=[finding("note", message="by the way")])))
    assert text.startswith("PASS")
    assert "- by the way" in text
    assert "what now" not in text


def test_hostile_names_come_out_inert():
    made = replace(
        outcome(
            check(HOSTILE, "fail", findings=[finding(subject=Subject("feature", HOSTILE))]),
            check("b", "skipped"),
        ),
        policy=HOSTILE,
        model=File(HOSTILE, None),
        baseline=(File(HOSTILE, None),),
    )
    text = write_text(made)
    assert all(line.isprintable() for line in text.split("\n"))
    assert "<script>alert(1)</script>\\n\\x1b[31m" in text


def test_no_line_is_wider_than_a_log():
    long = finding(message="word " * 60, remedy="do " * 80, certainty="sure " * 40)
    text = write_text(outcome(check(status="fail", findings=[long])))
    assert max(map(len, text.splitlines())) <= 100


def test_without_checks_it_says_so():
    assert write_text(outcome()).startswith("FAIL: no check was run\n\nmodel     model.onnx\n")
