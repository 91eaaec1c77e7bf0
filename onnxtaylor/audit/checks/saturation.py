"""``saturation``: responses at an end of their range, where they hardly vary.

A response whose values lie between 0 and 1 is taken for a probability: its range is 0 to 1, and an
event within ``margin`` of an end is saturated. The range of any other response goes from its
smallest to its largest value, and an event within ``margin`` times the range of an end is saturated
(a clipped response, a dead ReLU); the one event that makes the end does not count. A response that
is the same at every event is saturated at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.check import CheckReport, ResponseCheck, option
from onnxtaylor.audit.coefficients import select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import interval, percent, quote_name

__all__ = ["Saturation"]


@dataclass(frozen=True, kw_only=True)
class Saturation(ResponseCheck):
    """Responses vary: they do not sit at the ends of their range."""

    id: ClassVar[str] = "saturation"
    usual_level: ClassVar[str] = "warning"

    max_share: float = option(
        0.1, "largest share of the events that may be saturated", minimum=0.0, maximum=1.0
    )
    margin: float = option(
        1e-6,
        "distance from an end within which a response is saturated, in units of the range",
        minimum=0.0,
        maximum=0.5,
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the share of saturated events of every response."""
        outputs = evidence.result.outputs
        findings: list[Finding] = []
        most = (0.0, "")
        places = select_matching(self, "output", self.outputs, outputs)
        total = len(evidence.responses)
        for c in places:
            f = evidence.responses[:, c]
            count, ends = _saturated(f, self.margin)
            most = max(most, (count / total, outputs[c]))
            if count > self.max_share * total:
                findings.append(self._saturated(evidence, outputs[c], count, ends))
        summary = f"most: {percent(most[0])} of the events" + (
            f", {quote_name(most[1])}" if most[1] else ""
        )
        return CheckReport(total * len(places), "responses", tuple(findings), summary)

    def _saturated(
        self, evidence: Evidence, output: str, count: int, ends: tuple[float, float]
    ) -> Finding:
        total = len(evidence.responses)
        low, high = interval(count, total)
        where = f"at {ends[0]:.4g}" if ends[0] == ends[1] else f"at {ends[0]:.4g} or {ends[1]:.4g}"
        return self.finding(
            Subject("output", output, output=output),
            evidence.model_file,
            f"response {quote_name(output)} is saturated {where} at {count} of {total} events",
            quantity="share of the events that are saturated",
            measured=count / total,
            relation="≤",
            limit=self.max_share,
            certainty=f"{percent(low)} to {percent(high)} (95 %)"
            + ("" if total == evidence.result.data.events else ", at events drawn at random"),
            remedy='analyze the logit (link="logit") or a tensor before it (output=…); check that'
            " the features are scaled as in training",
        )


def _saturated(f: npt.NDArray[np.float64], margin: float) -> tuple[int, tuple[float, float]]:
    """Counts the saturated ones among the responses f, (E,); returns also the ends of the range."""
    ends = float(f.min()), float(f.max())
    if ends[0] == ends[1]:
        return (len(f) if len(f) > 1 else 0), ends  # one event is always at both ends
    probability = ends[0] >= 0 and ends[1] <= 1
    low, high = (0.0, 1.0) if probability else ends
    within = margin * (high - low)
    near = (f - low <= within), (high - f <= within)
    if probability:
        return int((near[0] | near[1]).sum()), (low, high)
    return min(len(f), sum(max(0, int(side.sum()) - 1) for side in near)), (low, high)
