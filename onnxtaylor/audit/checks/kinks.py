"""``kinks``: second-order coefficients do not see the kinks of ReLU, Where, MaxPool, …

The exact second derivatives of a response that is linear between its kinks vanish, however strongly
the kinks bend it. The differences engine counts the events that have a kink within reach of a
stencil: at the events of the cross-check, or along each feature where it made the analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import Check, CheckReport, NotApplicableError, option
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import interval, percent, quote_name
from onnxtaylor.errors import printable

__all__ = ["Kinks"]

REMEDY = (
    "read second-order coefficients with care; train with a smooth activation, or analyze the first"
    " order alone (order=1)"
)


@dataclass(frozen=True, kw_only=True)
class Kinks(Check):
    """Few events lie near kinks of the response, which second order does not see."""

    id: ClassVar[str] = "kinks"
    usual_level: ClassVar[str] = "warning"

    max_share: float = option(
        0.25,
        "largest share of the events, or of the cross-check's comparisons, with a kink within"
        " reach",
        minimum=0.0,
        maximum=1.0,
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the share of events or comparisons with a kink within reach."""
        result = evidence.result
        if result.quantity.remark:
            summary = f"second order is {result.quantity.remark}: kinks are part of it"
            return CheckReport(1, "graph", summary=summary)
        counted = [f for f in result.data.features if f.kinks is not None]
        if counted:
            findings = [
                self._kinked(
                    evidence,
                    Subject("feature", f.name),
                    f" along {quote_name(f.name)}",
                    f.kinks,
                    result.data.events,
                    "events",
                )
                for f in counted
                if f.kinks is not None and f.kinks > self.max_share
            ]
            most = max(counted, key=lambda f: f.kinks or 0.0)
            summary = (
                f"most along {quote_name(most.name)}: {percent(most.kinks or 0.0)} of the events"
            )
            return CheckReport(len(counted), "features", tuple(findings), summary)
        operators = result.options.get("piecewise_linear")
        if operators == {}:
            return CheckReport(1, "graph", summary="no operator on the way has a kink")
        if result.check is None or not result.check["events"]:
            raise NotApplicableError(
                "kinks were not counted, because the engines were not compared (check=0, or the"
                " cross-check could not run)"
            )
        verdicts = result.check["comparisons"]
        total = sum(verdicts.values())
        share = verdicts["kink"] / total if total else 0.0
        kinds = ", ".join(f"{printable(k)} ×{v}" for k, v in dict(operators or {}).items())
        summary = f"{percent(share)} of the comparisons of the cross-check ({kinds})"
        subject = Subject("model", evidence.model.path)
        if share <= self.max_share:
            return CheckReport(total, "comparisons", summary=summary)
        finding = self._kinked(evidence, subject, f" ({kinds})", share, total, "comparisons")
        return CheckReport(total, "comparisons", (finding,), summary)

    def _kinked(
        self, evidence: Evidence, subject: Subject, where: str, share: float, total: int, noun: str
    ) -> Finding:
        low, high = interval(round(share * total), total)
        return self.finding(
            subject,
            evidence.model_file,
            f"kinks{where} lie within reach of the stencil at {percent(share)} of the {noun}:"
            " second order does not see them",
            quantity=f"share of the {noun} with a kink within reach",
            measured=share,
            relation="≤",
            limit=self.max_share,
            certainty=f"{percent(low)} to {percent(high)} (95 %), counted at {total} {noun}",
            remedy=REMEDY,
        )
