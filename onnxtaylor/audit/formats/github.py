"""Annotations for GitHub Actions: workflow commands, one line for each feature with findings.

A line ``::error file=…,title=…::message`` is a command, so no text in it may begin another one.
Control characters are visible escapes already; the characters that commands are made of are
escaped in the way that the runner undoes (%25 for %, in properties also %3A and %2C for colon and
comma), and ``##[``, which older runners and other services obey anywhere in a line, is broken.

Syntax: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.formats.fragments import finding_text, warning_lines
from onnxtaylor.audit.formats.grouping import group_by_feature
from onnxtaylor.audit.outcome import AuditOutcome
from onnxtaylor.audit.phrases import one_line

__all__ = ["write_github"]

LISTED = 3  # warnings of one kind that are shown
ANNOTATED = 5  # features of a check that get a line
COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def write_github(outcome: AuditOutcome) -> str:
    """Writes workflow commands: the verdict, then the findings, then the warnings.

    The verdict is a notice. A check that could not be run has one line; every other check has one
    for each feature (or other subject) with findings, five at most. The warnings of the analysis,
    which no check judges, come last.

    GitHub shows the first ten lines of each kind in a step. So the verdict comes first, then the
    first finding of every check, the gravest check first, then the second ones. All findings are in
    the JSON report.
    """
    lines = [_command("notice", outcome.model.path, "onnxtaylor audit", outcome.verdict)]
    # in turn, one line of each check: else the first check would use up GitHub's ten lines
    for turn in zip_longest(*(_lines(check, outcome) for check in outcome.gravest_first)):
        lines += [line for line in turn if line is not None]
    at = outcome.data[0].path if outcome.data else outcome.model.path
    lines += [
        _command("warning", at, "onnxtaylor audit", text) for text in warning_lines(outcome, LISTED)
    ]
    return "\n".join(lines) + "\n"


def _lines(check: CheckOutcome, outcome: AuditOutcome) -> Iterator[str]:
    # a check that makes the audit fail is shown as an error: in a strict audit a warning, too
    fails = outcome.mark(check) == "fail"
    title = f"{check.name}: {check.title.rstrip('.')}"
    if check.status == "error":
        command = "error" if fails else COMMANDS[check.level]
        yield _command(command, outcome.model.path, title, check.result_line)
    groups = group_by_feature(check.findings)
    rest = sum(1 + len(group.others) for group in groups[ANNOTATED:])
    for k, group in enumerate(groups[:ANNOTATED]):
        finding = group.first
        grave = fails and finding.level == check.level
        command = "error" if grave else COMMANDS[finding.level]
        others = group.others_phrase
        more = f" {others[:1].upper()}{others[1:]}." if others else ""
        if rest and k == ANNOTATED - 1:
            more += f" And {rest} more of this check: all are in the JSON report."
        yield _command(command, finding.location.path, title, finding_text(finding, more))


def _command(name: str, path: str, title: str, message: str) -> str:
    return f"::{name} file={_property(path)},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    inert = re.sub(r"##(?=\w*\[)", r"#\\#", one_line(text))
    return inert.replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
