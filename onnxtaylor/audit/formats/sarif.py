"""SARIF 2.1.0, for code scanning: rules are the checks, results the findings.

What a check that could not be run hides is unknown, and a reader of results alone must not take
its silence for a pass: it is a result, too, besides the notification that the standard has for it.

A finding is known again in the next run by ``partialFingerprints``, which hold what it is about
and not how large it is. In a message, ``{0}`` and ``[text](target)`` have a meaning (sections
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
from onnxtaylor.audit.checks import BUILT_IN
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.formats.telling import demanded, files, mark, result, shown, value, warned
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome
from onnxtaylor.options.declare import declaration

__all__ = ["write_sarif"]

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
BASE = "%SRCROOT%"
Json = dict[str, Any]


def write_sarif(outcome: AuditOutcome) -> str:
    """A log of one run."""
    paths = list(dict.fromkeys(file.path for _, file in files(outcome)))
    run = {
        "tool": {"driver": _driver(outcome)},
        "invocations": [_invocation(outcome)],
        "artifacts": _artifacts(outcome, paths),
        "results": [
            made for k, check in enumerate(outcome.checks) for made in _results(check, k, outcome)
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "policy": shown(outcome.policy),
            "strict": outcome.strict,
            "verdict": shown(outcome.verdict),
        },
    }
    if any(not path.startswith("/") for path in paths):
        words = "The directory that the audit was called in."
        run["originalUriBaseIds"] = {BASE: {"description": {"text": words}}}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _driver(outcome: AuditOutcome) -> Json:
    version = shown(outcome.version)
    rules = [_rule(check) for check in outcome.checks]
    return {"name": "onnxtaylor", "version": version, "rules": rules}


def _rule(check: CheckOutcome) -> Json:
    options = {shown(key): _told(given) for key, given in check.options.items()}
    meanings = _meanings(check.id)
    lines = [
        f"{key} = {given}" + (f": {meanings[key]}" if key in meanings else "")
        for key, given in options.items()
    ]
    title = shown(check.title)
    text = "\n".join([title, *(["", "Limits of the policy:", *lines] if lines else [])])
    return {
        "id": shown(check.name),
        "shortDescription": _message(title),
        "fullDescription": _message(title),
        "help": _message(text),
        "defaultConfiguration": {"level": check.level},
        "properties": {"check": shown(check.id), "limits": options},
    }


def _meanings(id: str) -> dict[str, str]:
    """What the options of a built-in check mean, by the policy's keys."""
    known = BUILT_IN.get(id)
    return {} if known is None else {key_of(f.name): declaration(f).meaning for f in fields(known)}


def _told(given: object) -> str:
    if isinstance(given, list | tuple):
        return ", ".join(shown(one) for one in given)
    return shown(given)


def _invocation(outcome: AuditOutcome) -> Json:
    notes: list[Json] = []
    for k, check in enumerate(outcome.checks):
        if check.status in ("error", "skipped"):
            level = check.level if check.status == "error" else "note"
            rule = {"id": shown(check.name), "index": k}
            told = _message(f"{shown(check.name)}: {result(check)}")
            notes.append({"level": level, "message": told, "associatedRule": rule})
    notes += [{"level": "warning", "message": _message(text)} for text in warned(outcome)]
    if not outcome.passed and not outcome.failed:  # no check was run
        notes.append({"level": "error", "message": _message(shown(outcome.verdict))})
    return {
        "executionSuccessful": all(note["level"] != "error" for note in notes),
        "exitCode": outcome.exit_status,
        "exitCodeDescription": shown(outcome.verdict),
        "endTimeUtc": shown(outcome.timestamp),
        "toolExecutionNotifications": notes,
    }


def _artifacts(outcome: AuditOutcome, paths: Sequence[str]) -> list[Json]:
    artifacts = []
    for path in paths:
        same = [(role, file) for role, file in files(outcome) if file.path == path]
        roles = ", ".join(dict.fromkeys(role for role, _ in same))
        made: Json = {"location": _place(path), "description": {"text": roles}}
        made["roles"] = [
            "analysisTarget" if roles[:5] in ("model", "data") else "referencedOnCommandLine"
        ]
        if (digest := same[0][1].sha256) is not None:
            made["hashes"] = {"sha-256": shown(digest)}
        artifacts.append(made)
    return artifacts


def _results(check: CheckOutcome, k: int, outcome: AuditOutcome) -> list[Json]:
    common = {"ruleId": shown(check.name), "ruleIndex": k}
    fails = mark(check, outcome) == "fail"
    if check.status == "error":
        subject = Subject("model", outcome.model.path)
        print_ = _fingerprint(check, subject, "model", "could not be run", 1)
        return [
            {
                **common,
                "level": check.level,
                "message": _message(f"{shown(check.title).rstrip('.')}: {result(check)}"),
                "locations": [
                    {"physicalLocation": {"artifactLocation": _place(outcome.model.path)}}
                ],
                "partialFingerprints": print_,
                "properties": {"fails": fails},
            }
        ]
    made, seen = [], Counter[tuple[object, ...]]()
    for finding in check.findings:
        seen[key := (finding.subject, finding.location.role, finding.quantity)] += 1
        prints = _fingerprint(check, *key, seen[key])
        grave = fails and finding.level == check.level
        made.append({**common, **_result(finding, prints, grave)})
    return made


def _result(finding: Finding, prints: dict[str, str], fails: bool) -> Json:
    text = (
        f"{shown(finding.message).rstrip('.')}. {shown(finding.quantity)}:"
        f" {value(finding.measured)}, must be {demanded(finding)} ({shown(finding.certainty)})."
        f" What to do: {shown(finding.remedy)}"
    )
    location = _location(finding.location.path)
    if logical := _logical(finding.subject):
        location["logicalLocations"] = logical
    numbers = {"measured": value(finding.measured), "demanded": demanded(finding)}
    return {
        "level": finding.level,
        "message": _message(text),
        "locations": [location],
        "partialFingerprints": prints,
        "properties": {
            "fails": fails,
            "role": finding.location.role,
            "quantity": shown(finding.quantity),
            **numbers,
            "certainty": shown(finding.certainty),
            "remedy": shown(finding.remedy),
        },
    }


def _logical(subject: Subject) -> list[Json]:
    """What in a file it is about, then the response and the events of which that is said."""
    parts = [(subject.kind, subject.name)] if subject.kind not in ("model", "data") else []
    if subject.kind == "coefficient":
        parts = [("feature", name) for name in subject.features] or parts
    parts += [("output", subject.output)] if subject.output is not None else []
    parts += [("group", subject.group)] if subject.group is not None else []
    return [{"name": shown(name), "kind": kind} for kind, name in dict.fromkeys(parts)]


def _fingerprint(
    check: CheckOutcome, subject: Subject, role: str, quantity: str, count: int
) -> dict[str, str]:
    """What makes a finding the same one in another run: not its value, nor where the files lie.

    GitHub knows results again by a fingerprint of the name ``primaryLocationLineHash`` alone.
    """
    name = "" if subject.kind in ("model", "data") else subject.name  # else the name is a path
    about = [subject.kind, name, *subject.features, subject.output, subject.group]
    key = json.dumps([check.id, check.name, about, role, quantity])
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return dict.fromkeys(("onnxtaylorFinding/v1", "primaryLocationLineHash"), f"{digest}:{count}")


def _location(path: str) -> Json:
    """The whole file: what is found is found of no one line of it."""
    return {"physicalLocation": {"artifactLocation": _place(path)}}


def _place(path: str) -> dict[str, str]:
    """A URI of a path: every byte that is no letter, digit or one of ``/-._~`` is escaped."""
    uri = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return {"uri": f"file://{uri}"} if path.startswith("/") else {"uri": uri, "uriBaseId": BASE}


def _message(text: str) -> dict[str, str]:
    doubled = text.replace("{", "{{").replace("}", "}}")
    # an escaped bracket ends no link's text; behind an odd number of backslashes it is one already
    return {"text": re.sub(r"(?<!\\)((?:\\\\)*)\]\(", r"\1\\](", doubled)}
