"""Markdown, as a comment on a merge request or the summary of a job shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.formats.telling import (
    demanded,
    files,
    gravest_first,
    mark,
    result,
    shown,
    value,
    warned,
)
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome
from onnxtaylor.text.markup import markdown

__all__ = ["write_markdown"]

LISTED = 10  # findings of a check; a comment holds 65 536 letters
SIGNS = {"fail": "❌ fail", "warning": "⚠️ warning", "note": "ℹ️ note"}
SIGNS |= {"pass": "✅ pass", "skipped": "➖ skipped"}


def write_markdown(outcome: AuditOutcome) -> str:
    """The verdict, all checks in a table, what was found, and what was audited."""
    sign = SIGNS["pass" if outcome.passed else "fail"].split()[0]
    parts = [f"### {sign} Audit of {markdown(_file_name(outcome.model.path))}"]
    parts.append(f"**{markdown(outcome.verdict)}**")
    ordered = gravest_first(outcome)
    if ordered:
        rows = [(SIGNS[mark(c, outcome)], markdown(c.name), markdown(result(c))) for c in ordered]
        parts.append(_table(("Outcome", "Check", "Result"), rows))
    for check in ordered:
        if check.findings:
            parts += _found(check, outcome)
    if outcome.warnings:
        parts.append("Warnings of the analysis, which no check judges:")
        parts.append("\n".join(f"- {markdown(line)}" for line in warned(outcome, LISTED)))
    parts.append(_table(("What was audited", ""), list(_audited(outcome))))
    return "\n\n".join(parts) + "\n"


def _found(check: CheckOutcome, outcome: AuditOutcome) -> Iterator[str]:
    yield f"#### {SIGNS[mark(check, outcome)]}: {markdown(check.name)}"
    yield f"Demanded: {markdown(check.title)}"
    listed = check.findings[:LISTED]
    yield _table(
        ("Found", "How much", "Must be", "How sure"), [_cells(finding) for finding in listed]
    )
    if len(check.findings) > LISTED:
        yield f"… and {len(check.findings) - LISTED} more: all are in the JSON report."
    # said once, however many findings it is true of; notes ask for nothing
    grave = [finding for finding in listed if finding.level == check.level]
    places = dict.fromkeys((f.location.role, f.location.path) for f in grave)
    if places:
        yield "Where: " + "; ".join(f"{role} {markdown(path)}" for role, path in places)
    for remedy in dict.fromkeys(finding.remedy for finding in grave):
        yield f"What to do: {markdown(remedy)}"


def _cells(finding: Finding) -> tuple[str, ...]:
    much = f"{finding.quantity}: {value(finding.measured)}"
    texts = (finding.message, much, demanded(finding), finding.certainty)
    return tuple(markdown(text) for text in texts)


def _audited(outcome: AuditOutcome) -> Iterator[tuple[str, str]]:
    for role, file in files(outcome):
        digest = "" if file.sha256 is None else f" `sha256 {shown(file.sha256).strip('`')}`"
        yield role, markdown(file.path) + digest
    yield "policy", markdown(outcome.policy) + (", strict" if outcome.strict else "")
    known = outcome.analysis
    if known.get("engine") is not None:
        told = [f"{known['engine']} engine"]
        told += [f"in {known['precision']}"] if known.get("precision") else []
        told += [f"over {known['events']} events"] if known.get("events") is not None else []
        yield "⟨t⟩", markdown(" ".join(told))
    yield "by", markdown(f"onnxtaylor {outcome.version}, {outcome.timestamp}")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _file_name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1] or path
