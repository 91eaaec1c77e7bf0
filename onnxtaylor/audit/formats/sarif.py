"""SARIF 2.1.0, for code scanning: rules are the checks, results the findings.

A check that could not be run is a result, too, besides the notification that the standard has for
it: who reads results alone must not take its silence for a pass.

A finding is recognized in the next run by its ``partialFingerprints``: they depend on its subject,
not on its value. In a message, ``{0}`` and ``[text](target)`` have a meaning (sections
3.11.5 and 3.11.6 of the standard): braces are doubled, as it says, and ``](`` is broken.

Standard: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import quote

from onnxtaylor.audit.check import key_of
from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.formats.fragments import (
    audited_files,
    finding_text,
    format_value,
    requirement,
    warning_lines,
)
from onnxtaylor.audit.outcome import AuditOutcome
from onnxtaylor.audit.phrases import one_line
from onnxtaylor.options.declare import declaration

__all__ = ["write_sarif"]

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
BASE = "%SRCROOT%"
Json = dict[str, Any]


def write_sarif(outcome: AuditOutcome) -> str:
    """Writes a log of one run."""
    paths = list(dict.fromkeys(file.path for _, file in audited_files(outcome)))
    run = {
        "tool": {"driver": _driver(outcome)},
        "invocations": [_invocation(outcome)],
        "artifacts": _artifacts(outcome, paths),
        "results": [
            row for k, check in enumerate(outcome.checks) for row in _results(check, k, outcome)
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "policy": one_line(outcome.policy),
            "strict": outcome.strict,
            "verdict": one_line(outcome.verdict),
        },
    }
    if any(not path.startswith("/") for path in paths):
        words = "The directory that the audit was called in."
        run["originalUriBaseIds"] = {BASE: {"description": {"text": words}}}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _driver(outcome: AuditOutcome) -> Json:
    version = one_line(outcome.version)
    rules = [_rule(check) for check in outcome.checks]
    return {"name": "onnxtaylor", "version": version, "rules": rules}


def _rule(check: CheckOutcome) -> Json:
    options = {one_line(key): _joined(given) for key, given in check.options.items()}
    meanings = _meanings(check.id)
    lines = [
        f"{key} = {given}" + (f": {meanings[key]}" if key in meanings else "")
        for key, given in options.items()
    ]
    title = one_line(check.title)
    text = "\n".join([title, *(["", "Limits of the policy:", *lines] if lines else [])])
    return {
        "id": one_line(check.name),
        "shortDescription": _message(title),
        "fullDescription": _message(title),
        "help": _message(text),
        "defaultConfiguration": {"level": check.level},
        "properties": {"check": one_line(check.id), "limits": options},
    }


def _meanings(id: str) -> dict[str, str]:
    """Meanings of the options of a built-in check, by the policy's keys."""
    kind = BUILT_IN.get(id)
    return {} if kind is None else {key_of(f.name): declaration(f).meaning for f in fields(kind)}


def _joined(given: object) -> str:
    if isinstance(given, list | tuple):
        return ", ".join(one_line(one) for one in given)
    return one_line(given)


def _invocation(outcome: AuditOutcome) -> Json:
    notes: list[Json] = []
    for k, check in enumerate(outcome.checks):
        if check.status in ("error", "skipped"):
            level = check.level if check.status == "error" else "note"
            rule = {"id": one_line(check.name), "index": k}
            message = _message(f"{one_line(check.name)}: {check.result_line}")
            notes.append({"level": level, "message": message, "associatedRule": rule})
    notes += [{"level": "warning", "message": _message(text)} for text in warning_lines(outcome)]
    if not outcome.passed and not outcome.failed:  # no check was run
        notes.append({"level": "error", "message": _message(one_line(outcome.verdict))})
    return {
        "executionSuccessful": all(note["level"] != "error" for note in notes),
        "exitCode": outcome.exit_status,
        "exitCodeDescription": one_line(outcome.verdict),
        "endTimeUtc": one_line(outcome.timestamp),
        "toolExecutionNotifications": notes,
    }


def _artifacts(outcome: AuditOutcome, paths: Sequence[str]) -> list[Json]:
    artifacts = []
    for path in paths:
        same = [(role, file) for role, file in audited_files(outcome) if file.path == path]
        roles = ", ".join(dict.fromkeys(role for role, _ in same))
        artifact: Json = {"location": _place(path), "description": {"text": roles}}
        artifact["roles"] = [
            "analysisTarget" if roles[:5] in ("model", "data") else "referencedOnCommandLine"
        ]
        if (digest := same[0][1].sha256) is not None:
            artifact["hashes"] = {"sha-256": one_line(digest)}
        artifacts.append(artifact)
    return artifacts


def _results(check: CheckOutcome, k: int, outcome: AuditOutcome) -> list[Json]:
    common = {"ruleId": one_line(check.name), "ruleIndex": k}
    fails = outcome.mark(check) == "fail"
    if check.status == "error":
        subject = Subject("model", outcome.model.path)
        prints = _fingerprint(check, subject, "model", "could not be run", 1)
        return [
            {
                **common,
                "level": check.level,
                "message": _message(f"{one_line(check.title).rstrip('.')}: {check.result_line}"),
                "locations": [
                    {"physicalLocation": {"artifactLocation": _place(outcome.model.path)}}
                ],
                "partialFingerprints": prints,
                "properties": {"fails": fails},
            }
        ]
    results, seen = [], Counter[tuple[object, ...]]()
    for finding in check.findings:
        seen[key := (finding.subject, finding.location.role, finding.quantity)] += 1
        prints = _fingerprint(check, *key, seen[key])
        grave = fails and finding.level == check.level
        results.append({**common, **_result(finding, prints, grave)})
    return results


def _result(finding: Finding, prints: dict[str, str], fails: bool) -> Json:
    location = _location(finding.location.path)
    if logical := _logical(finding.subject):
        location["logicalLocations"] = logical
    numbers = {"measured": format_value(finding.measured), "demanded": requirement(finding)}
    return {
        "level": finding.level,
        "message": _message(finding_text(finding)),
        "locations": [location],
        "partialFingerprints": prints,
        "properties": {
            "fails": fails,
            "role": finding.location.role,
            "quantity": one_line(finding.quantity),
            **numbers,
            "certainty": one_line(finding.certainty),
            "remedy": one_line(finding.remedy),
        },
    }


def _logical(subject: Subject) -> list[Json]:
    """Subject of a finding within its file, then its response and its group of events."""
    parts = [(subject.kind, subject.name)] if subject.kind not in ("model", "data") else []
    if subject.kind == "coefficient":
        parts = [("feature", name) for name in subject.features] or parts
    parts += [("output", subject.output)] if subject.output is not None else []
    parts += [("group", subject.group)] if subject.group is not None else []
    return [{"name": one_line(name), "kind": kind} for kind, name in dict.fromkeys(parts)]


def _fingerprint(
    check: CheckOutcome, subject: Subject, role: str, quantity: str, count: int
) -> dict[str, str]:
    """Fingerprints by which a finding is recognized in another run.

    They depend neither on its value nor on the folder of the files. GitHub compares the fingerprint
    ``primaryLocationLineHash`` alone, so that it is given under this name, too.
    """
    name = "" if subject.kind in ("model", "data") else subject.name  # else the name is a path
    about = [subject.kind, name, *subject.features, subject.output, subject.group]
    key = json.dumps([check.id, check.name, about, role, quantity])
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return dict.fromkeys(("onnxtaylorFinding/v1", "primaryLocationLineHash"), f"{digest}:{count}")


def _location(path: str) -> Json:
    """Location of a whole file: a finding belongs to no single line."""
    return {"physicalLocation": {"artifactLocation": _place(path)}}


def _place(path: str) -> dict[str, str]:
    """URI of a path: every byte but letters, digits and ``/-._~`` is escaped."""
    uri = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return {"uri": f"file://{uri}"} if path.startswith("/") else {"uri": uri, "uriBaseId": BASE}


def _message(text: str) -> dict[str, str]:
    doubled = text.replace("{", "{{").replace("}", "}}")
    # an escaped bracket does not end the text of a link; after an odd number of backslashes it is
    # escaped already
    return {"text": re.sub(r"(?<!\\)((?:\\\\)*)\]\(", r"\1\\](", doubled)}
