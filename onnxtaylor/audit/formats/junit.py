"""JUnit's XML, as Jenkins' schema ``junit-10.xsd`` has it: a test case for each check.

There is no one schema of JUnit's. Jenkins' is the one that test runners write and that services
read; Ant's (Windy Road) demands a time of every test, which nobody measured here.

==================  ===============================================================================
``<failure>``       a check with findings that make the audit fail
``<error>``         one that makes it fail because it could not be run; also: no check was run
``<skipped>``       one that does not apply, or could not be run and does not count
``<system-out>``    findings that do not count, and what the others looked at
==================  ===============================================================================

So a report without failure and error is that of an audit with exit status 0. XML 1.0 cannot hold
control characters: they become visible escapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.formats.telling import demanded, files, mark, result, shown, value, warned
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome

__all__ = ["write_junit"]

CLASS = "onnxtaylor.audit"


def write_junit(outcome: AuditOutcome) -> str:
    """One suite: files, versions and options as its properties, then the checks."""
    suite = ET.Element("testsuite", {"name": CLASS, "timestamp": shown(outcome.timestamp)})
    properties = ET.SubElement(suite, "properties")
    for name, text in _properties(outcome):
        ET.SubElement(properties, "property", {"name": shown(name), "value": shown(text)})
    for check in outcome.checks:
        _case(suite, check, outcome)
    if not outcome.passed and not outcome.failed:
        case = ET.SubElement(suite, "testcase", {"classname": CLASS, "name": "any check"})
        _element(case, "error", "error", shown(outcome.verdict))
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
    for role, file in files(outcome):
        yield role, file.path
        if file.sha256 is not None:
            yield f"{role} sha256", file.sha256
    for key in ("engine", "precision", "order", "scale", "link", "events", "n_eff"):
        if (known := outcome.analysis.get(key)) is not None:
            yield key, value(known)
    for text in warned(outcome):
        yield "warning", text


def _case(suite: ET.Element, check: CheckOutcome, outcome: AuditOutcome) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": CLASS, "name": shown(check.name)})
    grave = mark(check, outcome) == "fail"
    if check.status == "skipped" or (check.status == "error" and not grave):
        _element(case, "skipped", check.level, result(check))
    elif check.status == "error":
        _element(case, "error", check.level, result(check))
    elif grave:
        first, more = check.findings[0].message if check.findings else "", len(check.findings) - 1
        message = shown(first) + (f" (and {more} more)" if more > 0 else "")
        _element(case, "failure", check.level, message or result(check), _told(check))
    else:
        ET.SubElement(case, "system-out").text = "\n".join((result(check), *_told(check)))


def _element(
    case: ET.Element, tag: str, level: str, message: str, lines: tuple[str, ...] = ()
) -> None:
    made = ET.SubElement(case, tag, {"type": level, "message": message})
    made.text = "\n".join(lines) or None


def _told(check: CheckOutcome) -> tuple[str, ...]:
    return (
        shown(check.title),
        *(line for finding in check.findings for line in _finding(finding)),
    )


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.level}: {shown(finding.message)}"
    yield (
        f"    how much: {shown(finding.quantity)}: {value(finding.measured)},"
        f" must be {demanded(finding)}"
    )
    yield f"    how sure: {shown(finding.certainty)}"
    yield f"    where: {finding.location.role} {shown(finding.location.path)}"
    yield f"    what to do: {shown(finding.remedy)}"
