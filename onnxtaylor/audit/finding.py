"""What a check found: what, where, how much, against which limit, how sure, and what to do.

Names in ``Subject`` and ``Location`` are those of the model and the data, to the letter: a format
escapes them. ``message``, ``certainty`` and ``remedy`` are prose of one line, whose control
characters are escaped already (``errors.printable``); what is special in HTML, XML or Markdown is
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

__all__ = ["LEVELS", "Finding", "Location", "Subject", "rounded"]

LEVELS = ("error", "warning", "note")
DIGITS = 9  # sums of another order, by other threads, are equal to so many
ROLES = ("model", "data", "baseline", "reference", "gof")
KINDS = ("model", "data", "output", "feature", "coefficient", "node", "operator", "event")


@dataclass(frozen=True)
class Subject:
    """What a finding is about: a model, an output, a feature, a coefficient (a pair), a node, …

    ``features`` are those of a coefficient, one to three; ``output`` and ``group`` say of which
    response and over which events, where that matters.
    """

    kind: str
    name: str
    features: tuple[str, ...] = ()
    output: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Location:
    """The file that a finding points at, and what it is to the audit: see ``ROLES``."""

    role: str
    path: str


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold.

    ``measured`` is the value of ``quantity``, which ought to be ``relation`` (≤, ≥, = or "one of")
    to the ``limit``. ``certainty`` says how sure that is: an uncertainty, a significance, or why
    there is none. ``remedy`` says what to do. Both numbers are finite, or text.
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
        """Numbers and texts, as they stand in the JSON document."""
        document = asdict(self)
        document["subject"]["features"] = list(self.subject.features)
        document["measured"], document["limit"] = rounded(self.measured), rounded(self.limit)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Finding:
        """The inverse of ``to_dict``. Raises TypeError, KeyError or ValueError."""
        subject = dict(document["subject"])
        subject["features"] = tuple(subject["features"])
        parts = {"subject": Subject(**subject), "location": Location(**document["location"])}
        finding = cls(**{**document, **parts})
        known = ((finding.level, LEVELS), (finding.subject.kind, KINDS))
        for value, names in (*known, (finding.location.role, ROLES)):
            if value not in names:
                raise ValueError(f"{value!r} is none of {', '.join(names)}")
        return finding


def rounded(value: float | str) -> float | str:
    """A number to nine digits, the same on every machine; what is not finite becomes text."""
    if isinstance(value, str | bool | int):
        return value
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else str(value)
