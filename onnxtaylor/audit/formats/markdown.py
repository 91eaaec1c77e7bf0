"""Markdown of an audit, for a comment on a merge request or the summary of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from onnxtaylor.text.markup import markdown

__all__ = ["write_markdown"]

LISTED = 10  # findings of a check that are shown: a comment holds 65 536 characters
SIGNS = {"fail": "❌ fail", "warning": "⚠️ warning", "note": "ℹ️ note"}
SIGNS |= {"pass": "✅ pass", "skipped": "➖ skipped"}


def write_markdown(outcome: AuditOutcome) -> str:
    """Writes the verdict, a table of all checks, the findings, and the audited files."""
    sign = SIGNS["pass" if outcome.passed else "fail"].split()[0]
    parts = [f"### {sign} Audit of {markdown(_file_name(outcome.model.path))}"]
    parts.append(f"**{markdown(outcome.verdict)}**")
    ordered = outcome.gravest_first
    if ordered:
        rows = [
            (SIGNS[outcome.mark(c)], markdown(c.name), markdown(c.result_line)) for c in ordered
        ]
        parts.append(_table(("Outcome", "Check", "Result"), rows))
    for check in ordered:
        if check.findings:
            parts += _findings(check, outcome)
    if outcome.warnings:
        parts.append("Warnings of the analysis, which no check judges:")
        parts.append("\n".join(f"- {markdown(line)}" for line in warning_lines(outcome, LISTED)))
    parts.append(_table(("What was audited", ""), list(_audited(outcome))))
    return "\n\n".join(parts) + "\n"


def _findings(check: CheckOutcome, outcome: AuditOutcome) -> Iterator[str]:
    yield f"#### {SIGNS[outcome.mark(check)]}: {markdown(check.name)}"
    yield f"Demanded: {markdown(check.title)}"
    listed = check.findings[:LISTED]
    yield _table(
        ("Found", "How much", "Must be", "How sure"), [_cells(finding) for finding in listed]
    )
    if len(check.findings) > LISTED:
        yield f"… and {len(check.findings) - LISTED} more: all are in the JSON report."
    # advice that findings share appears once; notes ask for nothing
    grave = [finding for finding in listed if finding.level == check.level]
    places = dict.fromkeys((f.location.role, f.location.path) for f in grave)
    if places:
        yield "Where: " + "; ".join(f"{role} {markdown(path)}" for role, path in places)
    for remedy in dict.fromkeys(finding.remedy for finding in grave):
        yield f"What to do: {markdown(remedy)}"


def _cells(finding: Finding) -> tuple[str, ...]:
    much = f"{finding.quantity}: {format_value(finding.measured)}"
    texts = (finding.message, much, requirement(finding), finding.certainty)
    return tuple(markdown(text) for text in texts)


def _audited(outcome: AuditOutcome) -> Iterator[tuple[str, str]]:
    for role, file in audited_files(outcome):
        digest = "" if file.sha256 is None else f" `sha256 {one_line(file.sha256).strip('`')}`"
        yield role, markdown(file.path) + digest
    yield "policy", markdown(outcome.policy) + (", strict" if outcome.strict else "")
    analysis = outcome.analysis
    if analysis.get("engine") is not None:
        words = [f"{analysis['engine']} engine"]
        words += [f"in {analysis['precision']}"] if analysis.get("precision") else []
        words += [f"over {analysis['events']} events"] if analysis.get("events") is not None else []
        yield "⟨t⟩", markdown(" ".join(words))
    yield "by", markdown(f"onnxtaylor {outcome.version}, {outcome.timestamp}")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _file_name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1] or path
