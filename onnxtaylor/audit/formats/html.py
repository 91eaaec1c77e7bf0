"""HTML page of an audit, in the layout of the report: no scripts, and nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from onnxtaylor.audit.check_outcome import CheckOutcome
from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.formats.fragments import (
    audited_files,
    format_value,
    requirement,
    warning_lines,
)
from onnxtaylor.audit.formats.grouping import group_by_feature
from onnxtaylor.audit.outcome import AuditOutcome
from onnxtaylor.audit.phrases import one_line

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult
    from onnxtaylor.views.tables import Table

__all__ = ["write_html"]

VISIBLE = 10  # features of a check whose first finding is shown; the others are folded
TOP = 20  # rows of the ranking
BADGES = {"fail": "error", "warning": "warning", "note": "note", "pass": "pass", "skipped": "none"}


@dataclass(frozen=True)
class Detail:
    """Findings of one check, as rows (finding, how much, must be, others about the same feature).

    ``seen`` are the first ones about each feature, ``folded`` all that are left.
    """

    status: str
    check: CheckOutcome
    seen: tuple[tuple[Finding, str, str, str], ...]
    folded: tuple[tuple[Finding, str, str, str], ...]
    places: tuple[tuple[str, str], ...]
    remedies: tuple[str, ...]


def write_html(outcome: AuditOutcome) -> str:
    """Writes the page: verdict, checks, findings with advice, ranking if any, limits, files."""
    from onnxtaylor.views.report.facts import Check as Row
    from onnxtaylor.views.report.page import name, render

    checks = outcome.gravest_first
    ranking = None if outcome.result is None else _ranking(outcome.result)
    return render(
        "audit.html",
        data={},
        file=PurePath(outcome.model.path).name or "model",
        outcome=outcome,
        line=one_line,
        moment=outcome.timestamp.replace("T", " ").replace("Z", " UTC"),
        count=outcome.counts(),
        rows=[Row(BADGES[outcome.mark(c)], name(c.name), c.result_line, _id(c)) for c in checks],
        details=[_detail(check, outcome) for check in checks if check.findings],
        limits=[(c.name, list(_options(c))) for c in outcome.checks if c.options],
        ranking=ranking,
        warnings=warning_lines(outcome),
        files=audited_files(outcome),
        how=list(_provenance(outcome)),
    )


def _id(check: CheckOutcome) -> str | None:
    """Id of a check that the policy gave another name; else None."""
    return check.id if check.name != check.id else None


def _detail(check: CheckOutcome, outcome: AuditOutcome) -> Detail:
    groups = group_by_feature(check.findings)[:VISIBLE]
    first = {id(group.first): group.others_phrase for group in groups}
    rows = [
        (f, format_value(f.measured), requirement(f), first.get(id(f), "")) for f in check.findings
    ]
    seen = tuple(row for row in rows if id(row[0]) in first)
    folded = tuple(row for row in rows if id(row[0]) not in first)
    # advice that findings share appears once; notes ask for nothing
    grave = [finding for finding in check.findings if finding.level == check.level]
    places = dict.fromkeys((f.location.role, f.location.path) for f in grave)
    remedies = dict.fromkeys(finding.remedy for finding in grave)
    status = BADGES[outcome.mark(check)]
    return Detail(status, check, seen, folded, tuple(places), tuple(remedies))


def _options(check: CheckOutcome) -> Iterator[tuple[str, str]]:
    for key, given in check.options.items():
        many = isinstance(given, list | tuple)
        yield key, ", ".join(map(str, given)) if many else str(given)


def _ranking(result: TaylorResult) -> tuple[str, Table]:
    from onnxtaylor.views.tables import listing

    return result.outputs[0], listing(result.top(TOP), signed=result.data.signed)


def _provenance(outcome: AuditOutcome) -> Iterator[tuple[str, Any]]:
    yield "Policy", outcome.policy + (", strict: warnings count" if outcome.strict else "")
    names = {"engine": "Engine", "precision": "Precision", "order": "Order", "scale": "Scale"}
    names |= {"link": "Link", "events": "Events", "n_eff": "N_eff", "failed": "No coefficients"}
    for key, words in names.items():
        if (setting := outcome.analysis.get(key)) is not None:
            yield words, format_value(setting)
    yield "onnxtaylor", outcome.version
