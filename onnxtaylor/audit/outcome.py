"""Outcome of an audit: frozen, versioned, JSON of the schema ``onnxtaylor.audit/1``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from onnxtaylor.audit.check_outcome import STATUSES, CheckOutcome
from onnxtaylor.audit.finding import LEVELS, Finding, round_number
from onnxtaylor.errors import printable
from onnxtaylor.results.documents import DocumentKind, check_unique
from onnxtaylor.results.summaries import Notice

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["MARKS", "SCHEMA", "AuditOutcome", "File"]

SCHEMA = "onnxtaylor.audit/1"
KIND = DocumentKind(SCHEMA, title="onnxtaylor audit", name="audit")
MARKS = ("fail", "warning", "note", "pass", "skipped")  # the gravest first


@dataclass(frozen=True)
class File:
    """File that went into an audit, with its SHA-256; None for what is no regular file."""

    path: str
    sha256: str | None


@dataclass(frozen=True)
class AuditOutcome:
    """Outcome of a whole audit.

    Attributes
    ----------
    model, data
        The files that were audited.
    policy, strict
        Where the checks were read from, or ``defaults``; and whether warnings count as errors.
    baseline, reference, gof
        Files that checks compared with. Several baselines are results of as many trainings.
    analysis
        How the coefficients were computed: engine, precision, scale, link, order, events, n_eff,
        features, outputs, groups.
    checks
        Outcome of every check, in the order of the policy.
    timestamp, version
        Time in UTC, as ISO 8601 has it; version of onnxtaylor.
    warnings
        Notices of the analysis about data and responses, which no check judges.
    result
        The analysis that was audited, where it succeeded. It is not saved with the outcome.
    """

    model: File
    data: tuple[File, ...]
    policy: str
    strict: bool
    baseline: tuple[File, ...]
    reference: File | None
    gof: File | None
    analysis: Mapping[str, Any]
    checks: tuple[CheckOutcome, ...]
    timestamp: str
    version: str
    warnings: tuple[Notice, ...] = ()
    result: TaylorResult | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """The verdict, and the checks that failed."""
        names = ", ".join(printable(check.name, 40) for check in self.failed)
        return f"AuditOutcome of {printable(self.model.path)}: {self.verdict}" + (
            f"; failed: {names}" if names else ""
        )

    @property
    def exit_status(self) -> int:
        """Exit status of the command: 0 for a pass, 1 for a failure.

        An audit fails by a check of level error that failed or could not run (under ``strict``
        also of level warning), and where no check ran.
        """
        return 1 if self.failed or not any(check.ran for check in self.checks) else 0

    @property
    def passed(self) -> bool:
        """Whether the exit status is 0."""
        return self.exit_status == 0

    @property
    def failed(self) -> tuple[CheckOutcome, ...]:
        """The checks that make the audit fail."""
        grave = ("error", "warning") if self.strict else ("error",)
        return tuple(c for c in self.checks if c.status in ("fail", "error") and c.level in grave)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings of all checks, errors first, else in the order of the policy."""
        findings = [finding for check in self.checks for finding in check.findings]
        return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))

    @property
    def gravest_first(self) -> tuple[CheckOutcome, ...]:
        """The checks sorted by gravity of their marks, otherwise in the order of the policy."""
        return tuple(sorted(self.checks, key=lambda check: MARKS.index(self.mark(check))))

    def mark(self, check: CheckOutcome) -> str:
        """Mark of a check in reports, one of ``MARKS``; ``fail`` makes the audit fail."""
        if check.status in ("pass", "skipped"):
            return check.status
        if any(one.name == check.name for one in self.failed):
            return "fail"
        return "note" if check.level == "note" else "warning"

    def counts(self) -> dict[str, int]:
        """Counts the checks of each status."""
        return {name: sum(c.status == name for c in self.checks) for name in STATUSES}

    @property
    def verdict(self) -> str:
        """Verdict on the model, in one line.

        >>> AuditOutcome(File("m.onnx", None), (), "defaults", False, (), None, None, {}, (),
        ...              "1970-01-01T00:00:00Z", "0").verdict
        'FAIL: no check was run'
        """
        if not any(check.ran for check in self.checks) and not self.failed:
            return "FAIL: no check was run"
        count, total = self.counts(), len(self.checks)
        rest = f", {count['skipped']} skipped" if count["skipped"] else ""
        if self.failed:
            names = ", ".join(printable(check.name, 60) for check in self.failed)
            return f"FAIL: {len(self.failed)} of {total} checks: {names}{rest}"
        mild = f", {count['fail']} with findings that do not count" if count["fail"] else ""
        mild += f", {count['error']} could not be run" if count["error"] else ""
        return f"PASS: {count['pass']} of {total} checks{mild}{rest}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as they stand in the JSON document."""

        def file(one: File | None) -> dict[str, Any] | None:
            return None if one is None else {"path": one.path, "sha256": one.sha256}

        return {
            "schema": SCHEMA,
            "version": self.version,
            "timestamp": self.timestamp,
            "exit_status": self.exit_status,
            "verdict": self.verdict,
            "model": file(self.model),
            "data": [file(one) for one in self.data],
            "policy": self.policy,
            "strict": self.strict,
            "baseline": [file(one) for one in self.baseline],
            "reference": file(self.reference),
            "gof": file(self.gof),
            "analysis": {
                key: round_number(value) if isinstance(value, float) else value
                for key, value in self.analysis.items()
            },
            "checks": [check.to_dict() for check in self.checks],
            "warnings": [asdict(one) for one in self.warnings],
        }

    def to_json(self) -> str:
        """Returns a JSON document of the schema ``onnxtaylor.audit/1``."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        # a path that is no Unicode has lone surrogates: JSON can say them, as escapes
        return text.encode(errors="backslashreplace").decode() + "\n"

    def _repr_html_(self) -> str:
        """HTML for notebooks: the verdict, and every check with its first findings; no scripts."""
        from onnxtaylor.views.report.page import environment  # Jinja2 loads only when it is needed

        template = environment().get_template("audit_notebook.html")
        return template.render(
            outcome=self,
            file=PurePath(self.model.path).name or "model",
            rows=[(self.mark(c), c, c.result_line) for c in self.gravest_first],
        )

    @classmethod
    def from_json(cls, text: str, where: str = "audit") -> AuditOutcome:
        """Reads a JSON document; ``where`` names it in errors. Raises ResultError."""
        return KIND.parse(text, where, cls._from_document)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AuditOutcome:
        """Reads a saved audit. Raises ResultError, naming the file and what is wrong with it."""
        return cls.from_json(KIND.read(path), printable(path))

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> AuditOutcome:
        kept = {f.name: document[f.name] for f in fields(cls) if f.name != "result"}
        kept["model"] = File(**kept["model"])
        for name in ("reference", "gof"):
            kept[name] = None if kept[name] is None else File(**kept[name])
        for name in ("data", "baseline"):
            kept[name] = tuple(File(**one) for one in kept[name])
        kept["checks"] = _checks(kept["checks"])
        kept["warnings"] = tuple(Notice(**one) for one in kept["warnings"])
        outcome = cls(**kept)
        if outcome.exit_status != document["exit_status"]:
            raise ValueError(
                f"exit_status must be {outcome.exit_status} by its checks, got"
                f" {document['exit_status']}"
            )
        word = "PASS" if outcome.passed else "FAIL"
        if not document["verdict"].startswith(word):
            raise ValueError(
                f"verdict must be {word} by its checks, got {document['verdict'][:40]!r}"
            )
        return outcome


def _checks(rows: Sequence[Mapping[str, Any]]) -> tuple[CheckOutcome, ...]:
    checks = tuple(CheckOutcome.from_dict(row) for row in rows)
    check_unique([check.name for check in checks], "names of checks")
    return checks
