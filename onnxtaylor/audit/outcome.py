"""What an audit found: frozen, versioned, JSON of the schema ``onnxtaylor.audit/1``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from onnxtaylor.audit.finding import LEVELS, Finding, Location, Subject, rounded
from onnxtaylor.errors import printable
from onnxtaylor.results.documents import DocumentKind
from onnxtaylor.results.lazy import LazyModule
from onnxtaylor.results.rows import check_unique
from onnxtaylor.results.summaries import Notice

if TYPE_CHECKING:
    from onnxtaylor.audit import notebook
    from onnxtaylor.results.taylor import TaylorResult
else:
    notebook = LazyModule("onnxtaylor.audit.notebook")

__all__ = [
    "SCHEMA",
    "STATUSES",
    "AuditOutcome",
    "CheckOutcome",
    "File",
    "Finding",
    "Location",
    "Notice",
    "Subject",
]

SCHEMA = "onnxtaylor.audit/1"
KIND = DocumentKind(SCHEMA, title="onnxtaylor audit", name="audit")
STATUSES = ("pass", "fail", "error", "skipped")


@dataclass(frozen=True)
class CheckOutcome:
    """One check of the policy.

    ==========  ==================================================================================
    ``pass``    it ran, and found nothing but notes
    ``fail``    it has findings of its ``level`` (of level note it fails, too, and harms nobody)
    ``error``   the policy asks for it, and it could not run: ``reason``; no pass
    ``skipped`` it does not apply: ``reason``; a default check, or one that is hidden or excused
    ==========  ==================================================================================

    ``name`` is its own among the checks of an audit: the id, or what the policy calls it. ``title``
    is what it demands, ``options`` the limits by the policy's keys, ``looked_at`` how many
    ``noun`` it compared with them, ``summary`` how much room was left, in a line.
    """

    id: str
    name: str
    title: str
    level: str
    status: str
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    looked_at: int = 0
    noun: str = ""
    summary: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ran(self) -> bool:
        """Whether anything was looked at."""
        return self.status in ("pass", "fail")

    @property
    def passed(self) -> bool:
        """Whether it ran and found nothing."""
        return self.status == "pass"

    def to_dict(self) -> dict[str, Any]:
        """Numbers and texts, as they stand in the JSON document."""
        document = {f.name: getattr(self, f.name) for f in fields(self)}
        document["findings"] = [finding.to_dict() for finding in self.findings]
        document["options"] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.options.items()
        }
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> CheckOutcome:
        """The inverse of ``to_dict``. Raises TypeError, KeyError or ValueError."""
        check = cls(
            **{
                **document,
                "findings": tuple(Finding.from_dict(row) for row in document["findings"]),
                "options": dict(document["options"]),
            }
        )
        if check.level not in LEVELS or check.status not in STATUSES:
            raise ValueError(f"check {check.name!r} has level {check.level!r}, {check.status!r}")
        return check


@dataclass(frozen=True)
class File:
    """A file that went into an audit; its SHA-256, or None of stdin."""

    path: str
    sha256: str | None


@dataclass(frozen=True)
class AuditOutcome:
    """The whole audit. ``result`` is the analysis behind it, where one was made: not saved here.

    ``policy`` is where the checks were read from, or ``defaults``; ``strict`` makes warnings count.
    ``analysis`` says how the coefficients were computed: engine, precision, scale, link, order,
    events, n_eff, features, outputs, groups. ``timestamp`` is UTC, ISO 8601. ``warnings`` are those
    of the analysis about data and responses, which no check judges. ``baseline`` are several of as
    many trainings.
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
        """The verdict, and what made it."""
        made = ", ".join(printable(check.name, 40) for check in self.failed)
        return f"AuditOutcome of {printable(self.model.path)}: {self.verdict}" + (
            f"; failed: {made}" if made else ""
        )

    @property
    def exit_status(self) -> int:
        """0 where all is well, 1 where it is not.

        A check of level error that failed or could not run, or under ``strict`` one of level
        warning; and an audit in which no check ran.
        """
        return 1 if self.failed or not any(check.ran for check in self.checks) else 0

    @property
    def passed(self) -> bool:
        """Whether the exit status is 0."""
        return self.exit_status == 0

    @property
    def failed(self) -> tuple[CheckOutcome, ...]:
        """The checks that make it fail."""
        grave = ("error", "warning") if self.strict else ("error",)
        return tuple(c for c in self.checks if c.status in ("fail", "error") and c.level in grave)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all checks, errors first, else in the order of the policy."""
        found = [finding for check in self.checks for finding in check.findings]
        return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))

    def counts(self) -> dict[str, int]:
        """How many checks have each status."""
        return {name: sum(c.status == name for c in self.checks) for name in STATUSES}

    @property
    def verdict(self) -> str:
        """The whole in one line.

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
        """Numbers and texts, as they stand in the JSON document."""

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
                key: rounded(value) if isinstance(value, float) else value
                for key, value in self.analysis.items()
            },
            "checks": [check.to_dict() for check in self.checks],
            "warnings": [asdict(one) for one in self.warnings],
        }

    def to_json(self) -> str:
        """One JSON document of the schema ``onnxtaylor.audit/1``."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        # a path that is no Unicode has lone surrogates: JSON can say them, as escapes
        return text.encode(errors="backslashreplace").decode() + "\n"

    def _repr_html_(self) -> str:
        """Returns the HTML that a notebook shows."""
        return notebook.fragment(self)

    @classmethod
    def from_json(cls, text: str, where: str = "audit") -> AuditOutcome:
        """The inverse of ``to_json``; ``where`` names the source. Raises ResultError."""
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
        return outcome


def _checks(rows: Sequence[Mapping[str, Any]]) -> tuple[CheckOutcome, ...]:
    checks = tuple(CheckOutcome.from_dict(row) for row in rows)
    check_unique([check.name for check in checks], "names of checks")
    return checks
