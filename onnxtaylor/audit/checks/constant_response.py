"""``constant-response``: a response that is the same at every event has nothing to tell.

Over all events that is a finding of the check's level; over the events of one class it is a
warning at most: a probability may well be 0 at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.base import Looked, ResponseCheck
from onnxtaylor.audit.coefficients import chosen
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.unvarying import Unvarying

__all__ = ["ConstantResponse"]


@dataclass(frozen=True, kw_only=True)
class ConstantResponse(ResponseCheck):
    """Every response varies over the data, and in every class."""

    id: ClassVar[str] = "constant-response"

    def look(self, evidence: Evidence) -> Looked:
        """The ranges of all responses, over all events and those of each class."""
        outputs = evidence.result.outputs
        places = chosen(self, "output", self.outputs, outputs)
        names = {outputs[c] for c in places}
        found = [one for one in evidence.unvarying if one.output in names]
        findings = tuple(self._constant(evidence, one) for one in found)
        same = len({one.output for one in found})
        summary = f"{len(places) - same} of {len(places)} vary" + (
            " in every class" if len(evidence.result.groups) > 1 else ""
        )
        return Looked(len(places), "responses", findings, summary)

    def _constant(self, evidence: Evidence, one: Unvarying) -> Finding:
        return self.finding(
            Subject("output", one.output, output=one.output, group=one.group or "all"),
            evidence.model_file,
            f"{one.phrase}: nothing was ranked, and nothing compared",
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
            level="warning" if one.group and self.level == "error" else None,
        )
