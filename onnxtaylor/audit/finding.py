"""Findings of checks: subject, location, measured value, limit, certainty and remedy.

Names in ``Subject`` and ``Location`` are those of the model and the data, to the letter: a format
escapes them. ``message``, ``certainty`` and ``remedy`` are prose of one line, whose control
characters are escaped already (``errors.printable``); characters that are special in HTML, XML or
Markdown are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

__all__ = ["LEVELS", "Finding", "Location", "Subject", "round_number"]

LEVELS = ("error", "warning", "note")
DIGITS = 9  # sums in another order, by another number of threads, agree to so many digits
ROLES = ("model", "data", "baseline", "reference", "gof")
KINDS = ("model", "data", "output", "feature", "coefficient", "node", "operator", "event")


@dataclass(frozen=True)
class Subject:
    """Subject of a finding: a model, an output, a feature, a coefficient (a pair), a node, …

    Attributes
    ----------
    kind, name
        One of ``KINDS``, and the name of the subject.
    features
        Features of a coefficient, one to three.
    output, group
        Response and group of events that the finding is about; None where that does not matter.
    """

    kind: str
    name: str
    features: tuple[str, ...] = ()
    output: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Location:
    """File that a finding points at, and its role in the audit: one of ``ROLES``."""

    role: str
    path: str


@dataclass(frozen=True)
class Finding:
    """One demand of a check that is not met.

    Attributes
    ----------
    check, level
        Id of the check, and how grave the finding is: one of ``LEVELS``.
    subject, location
        Subject of the finding, and the file to look at.
    message
        The finding, in one line.
    quantity, measured, relation, limit
        ``measured`` is the value of ``quantity``, which ought to be ``relation`` (≤, ≥, <, >, = or
        "one of") to the ``limit``. Numbers are finite, or text.
    certainty
        How sure that is: an uncertainty, a significance, or why there is none.
    remedy
        Advice: the next thing to do.
    """

    check: str
    level: str
    subject: Subject
    location: Location
    message: str
    quantity: str
    measured: float | str
    relation: str
    limit: float | str
    certainty: str
    remedy: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as they stand in the JSON document."""
        document = asdict(self)
        document["subject"]["features"] = list(self.subject.features)
        document["measured"], document["limit"] = (
            round_number(self.measured),
            round_number(self.limit),
        )
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Finding:
        """Reads the document of ``to_dict``. Raises TypeError, KeyError or ValueError."""
        subject = dict(document["subject"])
        subject["features"] = tuple(subject["features"])
        parts = {"subject": Subject(**subject), "location": Location(**document["location"])}
        finding = cls(**{**document, **parts})
        for value, names in (
            (finding.level, LEVELS),
            (finding.subject.kind, KINDS),
            (finding.location.role, ROLES),
        ):
            if value not in names:
                raise ValueError(f"{value!r} is none of {', '.join(names)}")
        return finding


def round_number(value: float | str) -> float | str:
    """Rounds a number to nine digits, the same on every machine; NaN and ∞ become text."""
    if isinstance(value, str | bool | int):
        return value
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else str(value)
