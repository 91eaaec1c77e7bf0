"""What a notebook shows of an audit: the verdict, and each check with its first findings.

No scripts, and colours are inherited: the page is the notebook's.
"""

from __future__ import annotations

from pathlib import PurePath

from onnxtaylor.audit.formats.telling import gravest_first, mark, result
from onnxtaylor.audit.outcome import AuditOutcome
from onnxtaylor.views.report.page import environment

__all__ = ["fragment"]


def fragment(outcome: AuditOutcome) -> str:
    """The outcome as an HTML fragment, the gravest checks first; names are escaped."""
    return (
        environment()
        .get_template("audit_notebook.html")
        .render(
            outcome=outcome,
            file=PurePath(outcome.model.path).name or "model",
            rows=[(mark(c, outcome), c, result(c)) for c in gravest_first(outcome)],
        )
    )
