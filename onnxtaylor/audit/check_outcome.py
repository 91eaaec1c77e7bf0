"""Outcome of one check of an audit: status, findings, and number of compared objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from onnxtaylor.audit.finding import LEVELS, Finding
from onnxtaylor.audit.phrases import one_line

__all__ = ["STATUSES", "CheckOutcome"]

STATUSES = ("pass", "fail", "error", "skipped")


@dataclass(frozen=True)
class CheckOutcome:
    """Outcome of one check of the policy.

    ==========  ==================================================================================
    ``pass``    the check ran, and has no findings but notes
    ``fail``    it has findings of its ``level`` (a check of level note fails, too, without harm)
    ``error``   the policy asks for it, and it could not run: ``reason``; this is no pass
    ``skipped`` it does not apply: ``reason``; a default check, or one that is hidden or excused
    ==========  ==================================================================================

    Attributes
    ----------
    id, name
        Id of the check, and its name among the checks of the audit: the id, or the policy's name.
    title
        Demand of the check, in one line.
    level
        Level of its findings: error, warning or note.
    status, reason
        See above; ``reason`` is None where the check ran.
    findings
        The findings, then the notes.
    looked_at, noun
        How many objects were compared with the limits, and the noun for them in the plural.
    summary
        One line on how much room was left.
    options
        Limits, by the policy's keys.
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
        """Whether the check compared anything."""
        return self.status in ("pass", "fail")

    @property
    def passed(self) -> bool:
        """Whether the check ran and has no findings but notes."""
        return self.status == "pass"

    @property
    def result_line(self) -> str:
        """One line for reports: how much room was left, or why the check did not run."""
        if self.status == "error":
            return f"could not be run, so not passed: {one_line(self.reason)}"
        if self.status == "skipped":
            return one_line(self.reason)
        noun = self.noun.removesuffix("s") if self.looked_at == 1 else self.noun
        usual = "no findings" if not self.findings else f"{len(self.findings)} findings"
        return f"{one_line(self.summary or usual)} ({self.looked_at} {one_line(noun)})"

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as they stand in the JSON document."""
        document = {f.name: getattr(self, f.name) for f in fields(self)}
        document["findings"] = [finding.to_dict() for finding in self.findings]
        document["options"] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.options.items()
        }
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> CheckOutcome:
        """Reads the document of ``to_dict``. Raises TypeError, KeyError or ValueError."""
        check = cls(
            **{
                **document,
                "findings": tuple(Finding.from_dict(row) for row in document["findings"]),
                "options": dict(document["options"]),
            }
        )
        if check.level not in LEVELS or check.status not in STATUSES:
            raise ValueError(f"check {check.name!r} has level {check.level!r}, {check.status!r}")
        _require_sound(check)
        return check


def _require_sound(check: CheckOutcome) -> None:
    """Raises ValueError where status, findings and reason contradict one another."""
    grave = [finding for finding in check.findings if finding.level != "note"]
    faults = {
        "findings": check.status == "pass" and bool(grave),
        "findings without having run": not check.ran and bool(check.findings),
        "a reason why it was not run": check.ran and check.reason is not None,
        "no reason why it was not run": not check.ran and check.reason is None,
        "findings of another check": any(one.check != check.id for one in check.findings),
    }
    for fault, found in faults.items():
        if found:
            raise ValueError(f"check {check.name!r} has the status {check.status!r}, but {fault}")
