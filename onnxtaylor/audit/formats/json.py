"""JSON document of an audit, of the schema ``onnxtaylor.audit/1``."""

from __future__ import annotations

from onnxtaylor.audit.outcome import AuditOutcome

__all__ = ["write_json"]


def write_json(outcome: AuditOutcome) -> str:
    """Writes the document, with a line end at its end."""
    return outcome.to_json()
