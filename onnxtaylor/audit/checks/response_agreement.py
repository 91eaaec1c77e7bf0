"""``response-agreement``: the derivative graph computes the model's responses, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from onnxtaylor.audit.check import Check, CheckReport, NotApplicableError
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.errors import DisagreementError, printable

__all__ = ["ResponseAgreement", "cross_check_of"]


def cross_check_of(evidence: Evidence) -> Mapping[str, Any]:
    """Cross-check of the analysis. Raises NotApplicableError where there is none."""
    check = evidence.result.check
    if check is None and not evidence.result.quantity.engines_comparable:
        raise NotApplicableError(
            "responses to finite steps are no derivatives: the engines cannot be compared"
        )
    if check is None:
        raise NotApplicableError("the engines were not compared (check=0)")
    if check["verdict"] == "not run":
        raise NotApplicableError(
            f"the engines were not compared: {printable(check['reason'], 400)}"
        )
    return check


@dataclass(frozen=True, kw_only=True)
class ResponseAgreement(Check):
    """The derivative graph computes the same responses as the model."""

    id: ClassVar[str] = "response-agreement"

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the responses of both graphs at the events of the cross-check."""
        if isinstance(evidence.failure, DisagreementError):
            finding = self._apart(
                evidence, float("inf"), str(evidence.failure), "found before any coefficient"
            )
            return CheckReport(1, "graph", (finding,))
        check = cross_check_of(evidence)
        responses, events = check["responses"], len(check["events"])
        if responses is None:  # an engine failed: derivative-agreement is no pass either
            reason = printable(check["reason"], 400)
            return CheckReport(
                1, "graph", (self._apart(evidence, "unknown", reason, "not compared"),)
            )
        ratio = float("inf") if responses["ratio"] is None else float(responses["ratio"])
        apart = f"{responses['deviation'] or 0:.3g}"
        summary = f"at most {apart} apart, {ratio:.2g} of the allowed rounding"
        if responses["agree"]:
            return CheckReport(events, "events", summary=summary)
        finding = self._apart(
            evidence,
            ratio,
            f"responses of the derivative graph and of the model differ by up to {apart}, at event"
            f" {responses['event']}",
            f"compared at {events} events; rounding was measured at each"
            if events
            else "found before the coefficients were compared",
        )
        return CheckReport(max(1, events), "events", (finding,), summary)

    def _apart(
        self, evidence: Evidence, measured: float | str, message: str, certainty: str
    ) -> Finding:
        return self.finding(
            Subject("model", evidence.model.path),
            evidence.model_file,
            message,
            quantity="deviation in units of the rounding that is allowed",
            measured=measured,
            relation="≤",
            limit=1.0,
            certainty=certainty,
            remedy="trust no coefficient of this audit, and report the model's operators to the"
            " developers",
        )
