"""Annotations of GitHub Actions: workflow commands, one line for what a check found of a feature.

A line ``::error file=…,title=…::message`` is a command, so what stands in it must begin no second
one. Control characters are visible escapes already; the signs that commands are made of are
escaped as the runner undoes it (%25 for %, in properties also %3A and %2C for colon and comma),
and ``##[``, which older runners and other services obey anywhere in a line, is broken.

Syntax: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.formats.grouping import grouped
from onnxtaylor.audit.formats.telling import (
    demanded,
    gravest_first,
    mark,
    result,
    shown,
    value,
    warned,
)
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome

__all__ = ["write_github"]

LISTED = 3  # warnings of a kind
ANNOTATED = 5  # features of a check's findings
COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def write_github(outcome: AuditOutcome) -> str:
    """The verdict as a notice, then a line for each check that could not be run, and for each
    feature or other thing that a check found something of, five of a check at most.

    The warnings of the analysis, which no check judges, come last.

    GitHub shows the first ten of each kind in a step: the verdict comes first for that, then the
    first finding of every check, the gravest check first, then the second ones. All findings are in
    the JSON report.
    """
    lines = [_command("notice", outcome.model.path, "onnxtaylor audit", outcome.verdict)]
    for place in zip_longest(*(_lines(check, outcome) for check in gravest_first(outcome))):
        lines += [line for line in place if line is not None]
    at = outcome.data[0].path if outcome.data else outcome.model.path
    lines += [_command("warning", at, "onnxtaylor audit", text) for text in warned(outcome, LISTED)]
    return "\n".join(lines) + "\n"


def _lines(check: CheckOutcome, outcome: AuditOutcome) -> Iterator[str]:
    # what makes the audit fail is an error: under --strict a warning is, too
    fails = mark(check, outcome) == "fail"
    title = f"{check.name}: {check.title.rstrip('.')}"
    if check.status == "error":
        command = "error" if fails else COMMANDS[check.level]
        yield _command(command, outcome.model.path, title, result(check))
    groups = grouped(check.findings)
    rest = sum(1 + len(group.others) for group in groups[ANNOTATED:])
    for k, group in enumerate(groups[:ANNOTATED]):
        finding = group.first
        grave = fails and finding.level == check.level
        command = "error" if grave else COMMANDS[finding.level]
        more = f" {group.more[:1].upper()}{group.more[1:]}." if group.others else ""
        if rest and k == ANNOTATED - 1:
            more += f" And {rest} more of this check: all are in the JSON report."
        yield _command(command, finding.location.path, title, _message(finding, more))


def _message(finding: Finding, more: str) -> str:
    return (
        f"{finding.message.rstrip('.')}. {finding.quantity}: {value(finding.measured)}, must be"
        f" {demanded(finding)} ({finding.certainty}).{more} What to do: {finding.remedy}"
    )


def _command(name: str, path: str, title: str, message: str) -> str:
    return f"::{name} file={_property(path)},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    inert = re.sub(r"##(?=\w*\[)", r"#\\#", shown(text))
    return inert.replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
