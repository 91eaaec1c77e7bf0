"""``derivative-agreement``: two engines that share no derivative code find the same coefficients.

Criterion: ``onnxtaylor.crosscheck.verdicts``. Only agreement passes: undecided coefficients, and
those hidden by kinks, are findings, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from onnxtaylor.audit.check import Check, CheckReport
from onnxtaylor.audit.checks.response_agreement import cross_check_of
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.crosscheck.verdicts import OFTEN
from onnxtaylor.errors import printable
from onnxtaylor.results.check_place import place_in

__all__ = ["DerivativeAgreement"]

LISTED = 10  # coefficients that get a finding of their own
REASONS = {
    "undecided": "the error estimates are larger than the coefficients: the response is steep or"
    " noisy, or does not vary (see constant-response)",
    "kink": "kinks of the response lie within reach of the stencil",
}


@dataclass(frozen=True, kw_only=True)
class DerivativeAgreement(Check):
    """Exact derivatives and finite differences give the same coefficients."""

    id: ClassVar[str] = "derivative-agreement"

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the coefficients that agree, differ, or lie on kinks in the cross-check."""
        check = cross_check_of(evidence)
        if check.get("reason"):
            return CheckReport(1, "graph", (self._not_compared(evidence, str(check["reason"])),))
        counts = check["coefficients"]
        total, events = sum(counts.values()), len(check["events"])
        summary = f"{counts['agrees']} of {total} coefficients agree {place_in(check)}"
        differing = check["differing"]
        # the verdict of the cross-check is not used: it covers the responses, too, which have a
        # check of their own (response-agreement)
        findings = [self._differs(evidence, row, counts) for row in differing[:LISTED]]
        kinked = check.get("joints", [])  # coefficients at events that lie exactly on a kink
        findings += [self._on_kink(evidence, row, events) for row in kinked[:LISTED]]
        if not findings and 2 * counts["agrees"] < total:
            hidden = "kink" if counts["kink"] > counts["undecided"] else "undecided"
            findings = [self._unknown(evidence, hidden, counts, total)]
        return CheckReport(total, "coefficients", tuple(findings), summary)

    def _not_compared(self, evidence: Evidence, reason: str) -> Finding:
        return self.finding(
            Subject("model", evidence.model.path),
            evidence.model_file,
            f"no coefficient could be compared: {printable(reason, 400)}",
            quantity="share of the coefficients that agree",
            measured=0.0,
            relation="≥",
            limit=0.5,
            certainty="agreement was not shown",
            remedy="run `onnxtaylor check` on the model; trust none of its coefficients until then",
        )

    def _on_kink(self, evidence: Evidence, row: Mapping[str, Any], events: int) -> Finding:
        name, share = printable(row["label"]), row["events"] / events
        return self.finding(
            Subject("coefficient", row["label"], tuple(row["features"]), row["output"]),
            evidence.model_file,
            f"the coefficient of {name} of response {quote_name(row['output'])} does not exist at"
            f" {row['events']} of {events} events, which lie exactly on a kink or a jump of the"
            " response",
            quantity="share of the events on a kink",
            measured=share,
            relation="<",
            limit=OFTEN,
            certainty="by convention the derivative of one side is used there",
            remedy="leave these events out (zero padding, sentinels), use"
            ' finite_step="0.5sigma", or train with a smooth activation',
        )

    def _differs(
        self, evidence: Evidence, row: Mapping[str, Any], counts: Mapping[str, int]
    ) -> Finding:
        name = printable(row["label"])
        return self.finding(
            Subject("coefficient", row["label"], tuple(row["features"]), row["output"]),
            evidence.model_file,
            f"the engines differ in the coefficient of {name} of response"
            f" {quote_name(row['output'])} at {row['beyond']} of {row['events']} events"
            f" ({counts['differs']} coefficients differ)",
            quantity="events beyond the allowed error",
            measured=row["beyond"],
            relation="≤",
            limit="what chance explains",
            certainty="a false alarm in any coefficient has a probability of 1e-6",
            remedy="run `onnxtaylor check` on the model; trust none of its coefficients until then",
        )

    def _unknown(
        self, evidence: Evidence, verdict: str, counts: Mapping[str, int], total: int
    ) -> Finding:
        return self.finding(
            Subject("model", evidence.model.path),
            evidence.model_file,
            f"{counts[verdict]} of {total} coefficients could not be compared:"
            f" {REASONS.get(verdict, verdict)}",
            quantity="share of the coefficients that agree",
            measured=counts["agrees"] / max(total, 1),
            relation="≥",
            limit=0.5,
            certainty="neither an error nor agreement was shown",
            remedy='compare more events (check=512), compute with precision="float64", or remove'
            " this check from the policy and say why",
        )
