"""``derivative-agreement``: two engines that share no derivative code find the same coefficients.

Criterion: ``onnxtaylor.crosscheck.verdicts``. Only agreement is a pass: what is undecided,
or hidden by kinks, is a finding, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from onnxtaylor.audit.check import Check, Looked
from onnxtaylor.audit.checks.primal_agreement import cross_check_of
from onnxtaylor.audit.coefficients import quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.crosscheck.verdicts import OFTEN
from onnxtaylor.errors import printable

__all__ = ["DerivativeAgreement"]

LISTED = 10
REASONS = {
    "undecided": "error estimates exceed the coefficients: a steep or noisy response, or one that"
    " does not vary: see constant-response",
    "kink": "kinks of the response lie within reach of the stencil",
}


@dataclass(frozen=True, kw_only=True)
class DerivativeAgreement(Check):
    """Exact and finite differences find the same coefficients."""

    id: ClassVar[str] = "derivative-agreement"

    def look(self, evidence: Evidence) -> Looked:
        """The verdict of the cross-check, and the coefficients that differ."""
        check = cross_check_of(evidence)
        if check.get("reason"):
            return Looked(1, "graph", (self._not_compared(evidence, str(check["reason"])),))
        counts = check["coefficients"]
        total, events = sum(counts.values()), len(check["events"])
        summary = f"{counts['agrees']} of {total} coefficients agree at {events} events"
        differing = check["differing"]
        # not the verdict of the whole: that speaks of the responses, too, which are another check
        findings = [self._differs(evidence, row, counts) for row in differing[:LISTED]]
        joints = check.get("joints", [])
        findings += [self._on_joint(evidence, row, events) for row in joints[:LISTED]]
        if not findings and 2 * counts["agrees"] < total:
            hidden = "kink" if counts["kink"] > counts["undecided"] else "undecided"
            findings = [self._unknown(evidence, hidden, counts, total)]
        return Looked(total, "coefficients", tuple(findings), summary)

    def _not_compared(self, evidence: Evidence, reason: str) -> Finding:
        return self.finding(
            Subject("model", evidence.model.path),
            evidence.model_file,
            f"no coefficient could be compared: {printable(reason, 400)}",
            quantity="share of the coefficients that agree",
            measured=0.0,
            relation="≥",
            limit=0.5,
            certainty="nothing was shown to be right",
            remedy="run `onnxtaylor check` on the model; trust none of its coefficients until then",
        )

    def _on_joint(self, evidence: Evidence, row: Mapping[str, Any], events: int) -> Finding:
        name, share = printable(row["label"]), row["events"] / events
        return self.finding(
            Subject("coefficient", row["label"], tuple(row["features"]), row["output"]),
            evidence.model_file,
            f"the coefficient of {name} of response {quoted(row['output'])} does not exist at"
            f" {row['events']} of {events} events: they lie exactly where the response has a kink,"
            " or jumps",
            quantity="share of the events on a kink",
            measured=share,
            relation="<",
            limit=OFTEN,
            certainty="the derivative of one side is taken there, by convention",
            remedy="leave these events out (zero padding, sentinels), use --finite-step, or train"
            " with a smooth activation",
        )

    def _differs(
        self, evidence: Evidence, row: Mapping[str, Any], counts: Mapping[str, int]
    ) -> Finding:
        name = printable(row["label"])
        return self.finding(
            Subject("coefficient", row["label"], tuple(row["features"]), row["output"]),
            evidence.model_file,
            f"the engines differ in the coefficient of {name} of response {quoted(row['output'])}"
            f" at {row['beyond']} of {row['events']} events ({counts['differs']} coefficients"
            " differ)",
            quantity="events beyond the error budget",
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
            certainty="nothing was found wrong; nothing was shown to be right",
            remedy="use --check 512 for more events, --precision float64, or leave this check out"
            " of the policy with a word why",
        )
