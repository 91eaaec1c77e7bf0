"""One page that loads nothing, on the skeleton of the report: no script runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from onnxtaylor.audit.finding import Finding
from onnxtaylor.audit.formats.telling import (
    demanded,
    files,
    gravest_first,
    mark,
    result,
    value,
    warned,
)
from onnxtaylor.audit.formats.telling import shown as line
from onnxtaylor.audit.outcome import AuditOutcome, CheckOutcome

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult
    from onnxtaylor.views.tables import Table

__all__ = ["write_html"]

OPEN = 10  # findings of a check in sight; the others are folded
TOP = 20  # rows of the ranking
BADGES = {"fail": "error", "warning": "warning", "note": "note", "pass": "pass", "skipped": "none"}


@dataclass(frozen=True)
class Detail:
    """What a check found: ``seen`` and ``folded`` are rows (finding, how much, must be)."""

    status: str
    check: CheckOutcome
    seen: tuple[tuple[Finding, str, str], ...]
    folded: tuple[tuple[Finding, str, str], ...]
    places: tuple[tuple[str, str], ...]
    remedies: tuple[str, ...]


def write_html(outcome: AuditOutcome) -> str:
    """Verdict, checks, findings with what to do, limits, ranking where there is one, files."""
    from onnxtaylor.views.report.facts import Check as Row
    from onnxtaylor.views.report.page import name, render

    checks = gravest_first(outcome)
    ranking = None if outcome.result is None else _ranking(outcome.result)
    return render(
        "audit.html",
        data={},
        file=PurePath(outcome.model.path).name or "model",
        outcome=outcome,
        line=line,
        moment=outcome.timestamp.replace("T", " ").replace("Z", " UTC"),
        count=outcome.counts(),
        rows=[Row(BADGES[mark(c, outcome)], name(c.name), result(c), _beside(c)) for c in checks],
        details=[_detail(check, outcome) for check in checks if check.findings],
        limits=[(c.name, list(_options(c))) for c in outcome.checks if c.options],
        ranking=ranking,
        warnings=warned(outcome),
        files=files(outcome),
        how=list(_how(outcome)),
    )


def _beside(check: CheckOutcome) -> str | None:
    """What the name of a check does not say: its id, where the policy calls it otherwise."""
    return check.id if check.name != check.id else None


def _detail(check: CheckOutcome, outcome: AuditOutcome) -> Detail:
    rows = tuple((f, value(f.measured), demanded(f)) for f in check.findings)
    # said once, however many findings it is true of; notes ask for nothing
    grave = [finding for finding in check.findings if finding.level == check.level]
    places = dict.fromkeys((f.location.role, f.location.path) for f in grave)
    remedies = dict.fromkeys(finding.remedy for finding in grave)
    status = BADGES[mark(check, outcome)]
    return Detail(status, check, rows[:OPEN], rows[OPEN:], tuple(places), tuple(remedies))


def _options(check: CheckOutcome) -> Iterator[tuple[str, str]]:
    for key, given in check.options.items():
        many = isinstance(given, list | tuple)
        yield key, ", ".join(map(str, given)) if many else str(given)


def _ranking(result: TaylorResult) -> tuple[str, Table]:
    from onnxtaylor.views.tables import listing

    return result.outputs[0], listing(result.top(TOP))


def _how(outcome: AuditOutcome) -> Iterator[tuple[str, Any]]:
    yield "Policy", outcome.policy + (", strict: warnings count" if outcome.strict else "")
    names = {"engine": "Engine", "precision": "Precision", "order": "Order", "scale": "Scale"}
    names |= {"link": "Link", "events": "Events", "n_eff": "N_eff", "failed": "No coefficients"}
    for key, words in names.items():
        if (known := outcome.analysis.get(key)) is not None:
            yield words, value(known)
    yield "onnxtaylor", outcome.version
