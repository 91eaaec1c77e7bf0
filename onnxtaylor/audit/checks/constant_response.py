"""``constant-response``: responses that are the same at every event.

A response that is constant over all events is a finding. One that is constant over the events of a
class is noted: a probability may well be 0 at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import CheckReport, ResponseCheck
from onnxtaylor.audit.coefficients import select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.problem.unvarying import Unvarying

__all__ = ["ConstantResponse"]


@dataclass(frozen=True, kw_only=True)
class ConstantResponse(ResponseCheck):
    """Every response varies over the data."""

    id: ClassVar[str] = "constant-response"

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the ranges of all responses, over all events and over those of each class."""
        outputs = evidence.result.outputs
        places = select_matching(self, "output", self.outputs, outputs)
        names = {outputs[c] for c in places}
        constant = [one for one in evidence.unvarying if one.output in names]
        findings = tuple(self._constant(evidence, one) for one in constant if one.group is None)
        notes = tuple(self._constant(evidence, one) for one in constant if one.group is not None)
        summary = f"{len(places) - len(findings)} of {len(places)} vary" + (
            f"; {len(notes)} constant in a class" if notes else ""
        )
        return CheckReport(len(places), "responses", findings, summary, notes)

    def _constant(self, evidence: Evidence, one: Unvarying) -> Finding:
        return self.finding(
            Subject("output", one.output, output=one.output, group=one.group or "all"),
            evidence.model_file,
            f"{one.phrase}: its ranking means nothing, and there was nothing to compare",
            quantity="range of the response",
            measured=0.0,
            relation=">",
            limit=0.0,
            certainty="all events were evaluated"
            if one.exact
            else "all events, to within rounding",
            remedy="check that the features have the units of the training, and that the file holds"
            " the trained weights; analyze a tensor before the response (output=…), or the logit of"
            ' a saturated probability (link="logit")',
            level=None if one.group is None else "note",
        )
