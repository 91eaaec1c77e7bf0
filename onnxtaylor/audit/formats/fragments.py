"""Fragments that several formats share. Only control characters are escaped here."""

from __future__ import annotations

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.outcome import AuditOutcome, File
from onnxtaylor.audit.phrases import one_line

__all__ = ["audited_files", "finding_text", "format_value", "requirement", "warning_lines"]


def format_value(value: float | str) -> str:
    """Formats a measured value or a limit, numbers to four digits.

    >>> format_value(0.123456), format_value(12), format_value("unknown")
    ('0.1235', '12', 'unknown')
    """
    return f"{value:.4g}" if isinstance(value, float) else one_line(value)


def requirement(finding: Finding) -> str:
    """Requirement on the measured value, such as ``≤ 0.1``."""
    return f"{finding.relation} {format_value(finding.limit)}"


def finding_text(finding: Finding, more: str = "") -> str:
    """A finding in a few sentences; the text ``more`` is inserted before the advice."""
    quantity = f"{one_line(finding.quantity)}: {format_value(finding.measured)}"
    return (
        f"{one_line(finding.message).rstrip('.')}. {quantity}, must be {requirement(finding)}"
        f" ({one_line(finding.certainty)}).{more} What to do: {one_line(finding.remedy)}"
    )


def warning_lines(outcome: AuditOutcome, limit: int | None = None) -> list[str]:
    """Warnings of the analysis, one a line; beyond ``limit`` of a kind only their number."""
    kinds: dict[str, list[str]] = {}
    for notice in outcome.warnings:
        kinds.setdefault(notice.code, []).append(one_line(notice.message))
    lines: list[str] = []
    for code, messages in kinds.items():
        lines += messages[:limit]
        if limit is not None and len(messages) > limit:
            more = len(messages) - limit
            lines.append(f"{more} more of this kind ({one_line(code)}): all are in the JSON report")
    return lines


def audited_files(outcome: AuditOutcome) -> tuple[tuple[str, File], ...]:
    """Every file that went into the audit, with its role."""
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
