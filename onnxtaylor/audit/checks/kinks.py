"""``kinks``: second order is blind to kinks (of ReLU, Where, MaxPool …) that events sit on.

Of a response that is linear between kinks the exact second derivatives vanish, whatever bends it.
How many events have a kink within reach of a stencil, the differences engine counts: for the
cross-check at its events, or where it made the analysis, along each feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import Check, Looked, NotApplicableError, option
from onnxtaylor.audit.coefficients import quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.wording import interval, percent
from onnxtaylor.errors import printable

__all__ = ["Kinks"]

REMEDY = (
    "read second order with care; train with a smooth activation, or leave pairs out (--order 1)"
)


@dataclass(frozen=True, kw_only=True)
class Kinks(Check):
    """Kinks of the response are few enough for second order to see what bends it."""

    id: ClassVar[str] = "kinks"
    usual_level: ClassVar[str] = "warning"

    max_share: float = option(
        0.25,
        "largest share of the events, or of the cross-check's comparisons, with a kink within"
        " reach",
        minimum=0.0,
        maximum=1.0,
    )

    def look(self, evidence: Evidence) -> Looked:
        """Of each feature, or of all comparisons of the cross-check."""
        result = evidence.result
        counted = [f for f in result.data.features if f.kinks is not None]
        if counted:
            findings = [
                self._bent(
                    evidence,
                    Subject("feature", f.name),
                    f" along {quoted(f.name)}",
                    f.kinks,
                    result.data.events,
                    "events",
                )
                for f in counted
                if f.kinks is not None and f.kinks > self.max_share
            ]
            most = max(counted, key=lambda f: f.kinks or 0.0)
            summary = f"most along {quoted(most.name)}: {percent(most.kinks or 0.0)} of the events"
            return Looked(len(counted), "features", tuple(findings), summary)
        operators = result.options.get("piecewise_linear")
        if operators == {}:
            return Looked(1, "graph", summary="no operator with a kink is on the way")
        if result.check is None or not result.check["events"]:
            raise NotApplicableError(
                "kinks were not counted: --check 0, or the engines were not compared"
            )
        found = result.check["comparisons"]
        total = sum(found.values())
        share = found["kink"] / total if total else 0.0
        kinds = ", ".join(f"{printable(k)} ×{v}" for k, v in dict(operators or {}).items())
        summary = f"{percent(share)} of the comparisons of the cross-check ({kinds})"
        subject = Subject("model", evidence.model.path)
        if share <= self.max_share:
            return Looked(total, "comparisons", summary=summary)
        finding = self._bent(evidence, subject, f" ({kinds})", share, total, "comparisons")
        return Looked(total, "comparisons", (finding,), summary)

    def _bent(
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
