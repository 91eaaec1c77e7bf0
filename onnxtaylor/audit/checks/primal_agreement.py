"""``primal-agreement``: what the derivative graph computes on its way is the model's response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from onnxtaylor.audit.base import Check, Looked, NotApplicableError
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Subject
from onnxtaylor.errors import printable

__all__ = ["PrimalAgreement", "cross_check_of"]


def cross_check_of(evidence: Evidence) -> Mapping[str, Any]:
    """The cross-check of the analysis. Raises NotApplicableError where none was made."""
    check = evidence.result.check
    if check is None and evidence.result.method != "derivative":
        raise NotApplicableError("responses to finite steps are no derivatives: nothing to check")
    if check is None:
        raise NotApplicableError("the engines were not compared: --check 0 asks for none")
    if check["verdict"] == "not run":
        raise NotApplicableError(
            f"the engines were not compared: {printable(check['reason'], 400)}"
        )
    return check


@dataclass(frozen=True, kw_only=True)
class PrimalAgreement(Check):
    """The derivative graph computes the same responses as the model."""

    id: ClassVar[str] = "primal-agreement"

    def look(self, evidence: Evidence) -> Looked:
        """The responses of both graphs at the events of the cross-check."""
        check = cross_check_of(evidence)
        found, events = check["responses"], len(check["events"])
        ratio = float("inf") if found["ratio"] is None else float(found["ratio"])
        apart = f"{found['deviation'] or 0:.3g}"
        summary = f"at most {apart} apart, {ratio:.2g} of the rounding allowed"
        if found["agree"]:
            return Looked(events, "events", summary=summary)
        finding = self.finding(
            Subject("model", evidence.model.path),
            evidence.model_file,
            f"responses of derivative graph and model are up to {apart} apart, at event"
            f" {found['event']}",
            quantity="deviation in units of the rounding that is allowed",
            measured=ratio,
            relation="≤",
            limit=1.0,
            certainty=f"compared at {events} events; rounding was measured at each",
            remedy="trust no coefficient of this audit; use --engine differences, and report the"
            " operator to the developers",
        )
        return Looked(events, "events", (finding,), summary)
