"""``constant-response``: a response that is the same at every event has nothing to tell.

Over all events the check fails; over the events of one class it is noted: a probability may well
be 0 at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import Looked, ResponseCheck
from onnxtaylor.audit.coefficients import chosen
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.problem.unvarying import Unvarying

__all__ = ["ConstantResponse"]


@dataclass(frozen=True, kw_only=True)
class ConstantResponse(ResponseCheck):
    """Every response varies over the data."""

    id: ClassVar[str] = "constant-response"

    def look(self, evidence: Evidence) -> Looked:
        """The ranges of all responses, over all events and those of each class."""
        outputs = evidence.result.outputs
        places = chosen(self, "output", self.outputs, outputs)
        names = {outputs[c] for c in places}
        found = [one for one in evidence.unvarying if one.output in names]
        findings = tuple(self._constant(evidence, one) for one in found if one.group is None)
        notes = tuple(self._constant(evidence, one) for one in found if one.group is not None)
        summary = f"{len(places) - len(findings)} of {len(places)} vary" + (
            f"; {len(notes)} constant in a class" if notes else ""
        )
        return Looked(len(places), "responses", findings, summary, notes)

    def _constant(self, evidence: Evidence, one: Unvarying) -> Finding:
        return self.finding(
            Subject("output", one.output, output=one.output, group=one.group or "all"),
            evidence.model_file,
            f"{one.phrase}: its ranking tells nothing, and there was nothing to compare",
            quantity="range of the response",
            measured=0.0,
            relation=">",
            limit=0.0,
            certainty="all events were looked at"
            if one.exact
            else "all events, to within rounding",
            remedy="see whether the features are in the units of the training and the weights"
            " arrived; look at what comes before it (--output), or at the logit of a saturated"
            " probability (--link logit)",
            level=None if one.group is None else "note",
        )
