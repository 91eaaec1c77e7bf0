"""Text of an audit for a terminal or a log: failed checks and reasons first, then the others."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.finding import LEVELS, Finding
from onnxtaylor.audit.formats.fragments import format_value, requirement, warning_lines
from onnxtaylor.audit.formats.grouping import group_by_feature
from onnxtaylor.audit.outcome import AuditOutcome
from onnxtaylor.audit.phrases import SENTENCE
from onnxtaylor.errors import printable

__all__ = ["write_text"]

WIDTH = 100
LISTED = 5  # features of a check whose findings are shown; the others are counted
SIGNS = {"fail": "FAIL", "warning": "warn", "note": "note", "pass": "pass", "skipped": "skip"}


def write_text(outcome: AuditOutcome) -> str:
    """Writes the verdict, the audited files, the findings, and one line for every other check."""
    loud = [check for check in outcome.checks if check.findings or check.status == "error"]
    quiet = [check for check in outcome.checks if check not in loud]
    parts = [outcome.verdict, "\n".join(_head(outcome))]
    parts += ["\n".join(_findings(check, outcome)) for check in sorted(loud, key=_gravity)]
    passed = [check for check in quiet if check.status != "skipped"]
    wide = max((len(printable(check.name, 40)) for check in passed), default=0)
    lines = [f"pass  {printable(c.name, 40):<{wide}}  {c.result_line}" for c in passed]
    parts += ["\n".join(lines)] if passed else []
    reasons: dict[str, list[str]] = {}
    for check in quiet:
        if check.status == "skipped":
            reasons.setdefault(check.reason or "", []).append(printable(check.name, 60))
    skipped = [_filled(f"skip  {', '.join(names)}: {why}", 0, 6) for why, names in reasons.items()]
    parts += ["\n".join(skipped)] if skipped else []
    warnings = [_filled(f"warning: {text}", 0, 9) for text in warning_lines(outcome, LISTED)]
    parts += ["\n".join(warnings)] if warnings else []
    return "\n\n".join(parts) + "\n"


def _gravity(check: CheckOutcome) -> int:
    return LEVELS.index(check.level) if check.status in ("error", "fail") else len(LEVELS)


def _head(outcome: AuditOutcome) -> Iterator[str]:
    files = ", ".join(printable(file.path) for file in outcome.data[:3])
    more = f", … (+{len(outcome.data) - 3} more)" if len(outcome.data) > 3 else ""
    yield f"model     {printable(outcome.model.path)}"
    yield f"data      {files}{more}" + _events(outcome)
    if outcome.baseline:
        paths = ", ".join(printable(file.path) for file in outcome.baseline)
        yield f"baseline  {paths}"
    for name in ("reference", "gof"):
        file = getattr(outcome, name)
        if file is not None:
            yield f"{name:<9} {printable(file.path)}"
    yield f"policy    {printable(outcome.policy)}" + (", strict" if outcome.strict else "")
    analysis = outcome.analysis
    if "engine" in analysis:
        per = {"sigma": "per σ of each feature", "unit": "per unit", "step": "per step"}
        scale = per.get(str(analysis.get("scale")), "")
        precision = printable(analysis.get("precision"))
        yield f"⟨t⟩       {printable(analysis['engine'])} in {precision}, {scale}"


def _events(outcome: AuditOutcome) -> str:
    events, n_eff = outcome.analysis.get("events"), outcome.analysis.get("n_eff")
    return "" if events is None or n_eff is None else f": {events} events, N_eff = {n_eff:.6g}"


def _findings(check: CheckOutcome, outcome: AuditOutcome) -> Iterator[str]:
    name = printable(check.name)
    yield f"{SIGNS[outcome.mark(check)]}  {name}: {printable(check.title, 200)}"
    if check.status == "error":
        yield _filled(check.result_line, 6)
        return
    if check.passed and check.summary:
        yield _filled(check.summary, 6)
    groups = group_by_feature(check.findings)
    shown = [group.first for group in groups[:LISTED]]
    for group in groups[:LISTED]:
        yield from _finding(group.first)
        if group.others:
            yield _filled(group.others_phrase, 10)
    if len(groups) > LISTED:
        more = sum(1 + len(group.others) for group in groups[LISTED:])
        yield f"      … {more} more finding{'s' * (more > 1)}: all are in the JSON report"
    # advice that findings share appears once
    grave = [finding for finding in shown if finding.level == check.level]
    for place in dict.fromkeys(finding.location for finding in grave):
        yield _filled(f"where     {place.role} {printable(place.path)}", 6, 16)
    for remedy in dict.fromkeys(finding.remedy for finding in grave):
        yield _filled(f"what now  {remedy}", 6, 16)


def _finding(finding: Finding) -> Iterator[str]:
    yield _filled(f"- {finding.message}", 6, 8)
    if finding.level == "note":
        return
    how_much = f"{finding.quantity}: {format_value(finding.measured)}"
    yield _filled(f"{how_much}, must be {requirement(finding)} ({finding.certainty})", 10)


def _filled(text: str, first: int, rest: int | None = None) -> str:
    return fill(
        printable(text, SENTENCE),
        WIDTH,
        initial_indent=" " * first,
        subsequent_indent=" " * (first if rest is None else rest),
        break_long_words=False,
        break_on_hyphens=False,
    )
