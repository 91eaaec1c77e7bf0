"""Formats of a report, one file each: ``AuditOutcome`` → text.

A format is a function of the outcome alone, and escapes the characters that its syntax reserves:
names in ``Subject`` and ``Location`` are the model's and the data's, to the letter, control
characters included. In messages only the control characters are escaped already.

``text``, ``json``, ``markdown``, ``html``, ``junit``, ``sarif``, ``github``, ``cyclonedx``: one
format each, and
``fragments``  texts that several formats share
``grouping``   findings of a check, grouped by feature
"""

from __future__ import annotations

from collections.abc import Callable

from onnxtaylor.audit.formats.cyclonedx import write_cyclonedx
from onnxtaylor.audit.formats.github import write_github
from onnxtaylor.audit.formats.html import write_html
from onnxtaylor.audit.formats.json import write_json
from onnxtaylor.audit.formats.junit import write_junit
from onnxtaylor.audit.formats.markdown import write_markdown
from onnxtaylor.audit.formats.sarif import write_sarif
from onnxtaylor.audit.formats.text import write_text
from onnxtaylor.audit.outcome import AuditOutcome

__all__ = ["FORMATS", "Format"]

Format = Callable[[AuditOutcome], str]

FORMATS: dict[str, Format] = {
    "text": write_text,
    "json": write_json,
    "markdown": write_markdown,
    "junit": write_junit,
    "sarif": write_sarif,
    "github": write_github,
    "html": write_html,
    "cyclonedx": write_cyclonedx,
}
