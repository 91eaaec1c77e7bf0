"""The outcome as a JSON document of the schema ``onnxtaylor.audit/1``."""

from __future__ import annotations

from onnxtaylor.audit.outcome import AuditOutcome

__all__ = ["write_json"]


def write_json(outcome: AuditOutcome) -> str:
    """The document, with a line end behind it."""
    return outcome.to_json()
