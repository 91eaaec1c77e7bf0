"""What several formats tell in the same words. Nothing here is escaped but control characters."""

from __future__ import annotations

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome, File
from onnxtaylor.errors import printable

__all__ = [
    "LIMIT",
    "demanded",
    "files",
    "gravest_first",
    "mark",
    "result",
    "shown",
    "value",
    "warned",
]

LIMIT = 2000  # letters of a sentence
MARKS = ("fail", "warning", "note", "pass", "skipped")


def shown(text: object) -> str:
    """A sentence or a name on one line: control characters visible, none of them obeyed."""
    return printable(text, LIMIT)


def mark(check: CheckOutcome, outcome: AuditOutcome) -> str:
    """What a check came to: one of ``MARKS``; ``fail`` is of those that make the audit fail."""
    if check.status in ("pass", "skipped"):
        return check.status
    if any(one.name == check.name for one in outcome.failed):
        return "fail"
    return "note" if check.level == "note" else "warning"


def gravest_first(outcome: AuditOutcome) -> tuple[CheckOutcome, ...]:
    """The checks by their marks, of equal ones in the order of the policy."""
    return tuple(sorted(outcome.checks, key=lambda check: MARKS.index(mark(check, outcome))))


def result(check: CheckOutcome) -> str:
    """What came of a check, in one line: how much room was left, or why it was not run."""
    if check.status == "error":
        return f"could not be run, so not passed: {shown(check.reason)}"
    if check.status == "skipped":
        return shown(check.reason)
    noun = check.noun.removesuffix("s") if check.looked_at == 1 else check.noun
    usual = "nothing found" if not check.findings else f"{len(check.findings)} found"
    return f"{shown(check.summary or usual)} ({check.looked_at} {shown(noun)})"


def value(number: float | str) -> str:
    """A measured value or a limit."""
    return f"{number:.4g}" if isinstance(number, float) else shown(number)


def warned(outcome: AuditOutcome, limit: int | None = None) -> list[str]:
    """The warnings of the analysis; of more than ``limit`` of a kind, how many there are."""
    kinds: dict[str, list[str]] = {}
    for one in outcome.warnings:
        kinds.setdefault(one.code, []).append(shown(one.message))
    lines: list[str] = []
    for code, messages in kinds.items():
        lines += messages[:limit]
        if limit is not None and len(messages) > limit:
            more = len(messages) - limit
            lines.append(f"{more} more of this kind ({shown(code)}): all are in the JSON report")
    return lines


def demanded(finding: Finding) -> str:
    """What the measured value ought to be: ``≤ 0.1``."""
    return f"{finding.relation} {value(finding.limit)}"


def files(outcome: AuditOutcome) -> tuple[tuple[str, File], ...]:
    """Every file that went into the audit, with what it is to it."""
    beside = (
        *(("baseline", one) for one in outcome.baseline),
        ("reference", outcome.reference),
        ("gof", outcome.gof),
    )
    return (
        ("model", outcome.model),
        *(("data", one) for one in outcome.data),
        *((role, one) for role, one in beside if one is not None),
    )
