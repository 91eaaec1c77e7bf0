"""JUnit's XML: valid by Jenkins' schema, red exactly where the exit status is 1."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from onnxtaylor.audit.formats import FORMATS
from tests.audit.hostile_outcome import NAMES, made
from tests.audit.test_audit_outcome import check, finding, outcome

SCHEMA = Path(__file__).parent / "schemas" / "junit-10.xsd"


def written(audit):
    """The document, read by libxml2 (expat is Python's own), once it is valid."""
    root = etree.fromstring(FORMATS["junit"](audit).encode())
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(root)
    return root


def test_the_schema_finds_a_mistake():
    root = etree.fromstring(FORMATS["junit"](outcome(check())).encode())
    del root[0].attrib["tests"]
    assert not etree.XMLSchema(etree.parse(SCHEMA)).validate(root)


def test_a_test_case_for_each_check_and_nothing_else():
    audit = made()
    root = written(audit)
    count = audit.counts()
    cases = root.findall("testsuite/testcase")
    assert [case.get("classname") for case in cases] == ["onnxtaylor.audit"] * len(audit.checks)
    tags = Counter(element.tag for element in root.iter())
    files = 1 + len(audit.data) + 1
    assert tags == {
        "testsuites": 1,
        "testsuite": 1,
        "properties": 1,
        "property": 4 + files + 2 + 4 + len(NAMES),  # two hashes; four of the analysis; warnings
        "testcase": len(audit.checks),
        "failure": 1,
        "error": len(NAMES),
        "skipped": count["skipped"] + 1,  # a warning that could not be run
        "system-out": count["pass"] + 2,  # a warning and a note that fail and do not count
    }
    suite = root[0]
    for name in ("failures", "errors", "skipped"):
        assert (
            int(suite.get(name)) == tags[{"failures": "failure", "errors": "error"}.get(name, name)]
        )
    assert int(suite.get("tests")) == len(audit.checks)
    assert root.get("failures") == suite.get("failures")


@pytest.mark.parametrize("seen", NAMES.values(), ids=ascii)
def test_names_are_legible(seen):
    root = written(made())
    assert seen in [case.get("name") for case in root.iter("testcase")]
    assert f"/data/{seen}" in [p.get("value") for p in root.iter("property")]
    (failure,) = root.iter("failure")
    lines = failure.text.split("\n")
    place = lines.index(f"error: feature '{seen}' leads")
    assert lines[place + 1 : place + 5] == [
        f"    how much: share of {seen}: {seen}, must be ≤ {seen}",
        f"    how sure: ± {seen}",
        f"    where: model models/{seen}",
        f"    what to do: drop {seen}",
    ]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("status", ["pass", "fail", "error", "skipped"])
@pytest.mark.parametrize("level", ["error", "warning", "note"])
@pytest.mark.parametrize("beside", [(), (check("beside"),)], ids=["alone", "beside another"])
def test_red_exactly_where_the_exit_status_is_1(level, status, strict, beside):
    rows = [finding(level)] if status == "fail" else []
    audit = outcome(check("a", status, level, rows), *beside, strict=strict)
    root = written(audit)
    red = [*root.iter("failure"), *root.iter("error")]
    assert bool(red) == (audit.exit_status == 1)


def test_without_checks_it_is_an_error():
    (case,) = written(outcome()).iter("testcase")
    assert case[0].tag == "error"
    assert case[0].get("message") == "FAIL: no check was run"


def test_findings_are_counted_in_the_message_and_told_in_the_text():
    rows = [finding(message=f"number {k}") for k in range(3)]
    (failure,) = written(outcome(check(status="fail", findings=rows))).iter("failure")
    assert failure.get("message") == "number 0 (and 2 more)"
    assert failure.get("type") == "error"
    assert failure.text.count("how much: share: 0.1235, must be ≤ 0.1") == 3
