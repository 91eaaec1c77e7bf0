"""JUnit XML, by Jenkins' schema ``junit-10.xsd``: a test case for each check.

JUnit has no official schema. Test runners write Jenkins', and services read it; Ant's (Windy Road)
demands a time for every test, and an audit measures none.

==================  ===============================================================================
``<failure>``       a check with findings that make the audit fail
``<error>``         a check that could not be run and makes the audit fail; also: no check was run
``<skipped>``       a check that does not apply, or could not be run and does not count
``<system-out>``    a check that passed, or whose findings do not count
==================  ===============================================================================

So a report has no failure and no error if, and only if, the exit status of the audit is 0. XML 1.0
cannot hold control characters: they become visible escapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.formats.fragments import (
    audited_files,
    format_value,
    requirement,
    warning_lines,
)
from onnxtaylor.audit.outcome import AuditOutcome
from onnxtaylor.audit.phrases import one_line

__all__ = ["write_junit"]

CLASS = "onnxtaylor.audit"


def write_junit(outcome: AuditOutcome) -> str:
    """Writes one test suite: files, versions and options as its properties, then the checks."""
    suite = ET.Element("testsuite", {"name": CLASS, "timestamp": one_line(outcome.timestamp)})
    properties = ET.SubElement(suite, "properties")
    for name, text in _properties(outcome):
        ET.SubElement(properties, "property", {"name": one_line(name), "value": one_line(text)})
    for check in outcome.checks:
        _case(suite, check, outcome)
    if not outcome.passed and not outcome.failed:
        case = ET.SubElement(suite, "testcase", {"classname": CLASS, "name": "any check"})
        _element(case, "error", "error", one_line(outcome.verdict))
    count = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    suite.attrib |= {name: str(number) for name, number in count.items()}
    root = ET.Element("testsuites", {"name": CLASS})
    root.attrib |= {name: str(count[name]) for name in ("tests", "failures", "errors")}
    root.append(suite)
    ET.indent(root, " ")
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _properties(outcome: AuditOutcome) -> Iterator[tuple[str, str]]:
    yield "verdict", outcome.verdict
    yield "onnxtaylor", outcome.version
    yield "policy", outcome.policy
    yield "strict", str(outcome.strict).lower()
    for role, file in audited_files(outcome):
        yield role, file.path
        if file.sha256 is not None:
            yield f"{role} sha256", file.sha256
    for key in ("engine", "precision", "order", "scale", "link", "events", "n_eff"):
        if (setting := outcome.analysis.get(key)) is not None:
            yield key, format_value(setting)
    for text in warning_lines(outcome):
        yield "warning", text


def _case(suite: ET.Element, check: CheckOutcome, outcome: AuditOutcome) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": CLASS, "name": one_line(check.name)})
    grave = outcome.mark(check) == "fail"
    if check.status == "skipped" or (check.status == "error" and not grave):
        _element(case, "skipped", check.level, check.result_line)
    elif check.status == "error":
        _element(case, "error", check.level, check.result_line)
    elif grave:
        first, more = check.findings[0].message if check.findings else "", len(check.findings) - 1
        message = one_line(first) + (f" (and {more} more)" if more > 0 else "")
        _element(case, "failure", check.level, message or check.result_line, _report_lines(check))
    else:
        ET.SubElement(case, "system-out").text = "\n".join(
            (check.result_line, *_report_lines(check))
        )


def _element(
    case: ET.Element, tag: str, level: str, message: str, lines: tuple[str, ...] = ()
) -> None:
    element = ET.SubElement(case, tag, {"type": level, "message": message})
    element.text = "\n".join(lines) or None


def _report_lines(check: CheckOutcome) -> tuple[str, ...]:
    return (
        one_line(check.title),
        *(line for finding in check.findings for line in _finding(finding)),
    )


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.level}: {one_line(finding.message)}"
    yield (
        f"    how much: {one_line(finding.quantity)}: {format_value(finding.measured)},"
        f" must be {requirement(finding)}"
    )
    yield f"    how sure: {one_line(finding.certainty)}"
    yield f"    where: {finding.location.role} {one_line(finding.location.path)}"
    yield f"    what to do: {one_line(finding.remedy)}"
