"""``dead-feature``: an input that the response hardly depends on, alone or with any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxtaylor.audit.check import CheckReport, CoefficientCheck, option
from onnxtaylor.audit.coefficients import Block, blocks, select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import percent, quote_name, sigmas_beyond

__all__ = ["DeadFeature"]


@dataclass(frozen=True, kw_only=True)
class DeadFeature(CoefficientCheck):
    """Every feature has an influence, alone or in a pair."""

    id: ClassVar[str] = "dead-feature"
    usual_level: ClassVar[str] = "warning"

    min_share: float = option(
        1e-5,
        "least share of ⟨t⟩ of its order that one of the feature's coefficients must have",
        minimum=0.0,
        maximum=1.0,
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the largest share of each feature, among its coefficients of all orders."""
        result = evidence.result
        features = select_matching(self, "feature", self.features, result.features)
        findings: list[Finding] = []
        least: tuple[float, str] = (float("inf"), "")
        number = 0
        for block in blocks(result, self):
            for i in features:
                mine = block.contains(i).nonzero()[0]
                if not len(mine):
                    continue  # finite steps do not move every feature
                k = int(mine[block.share[mine].argmax()])
                least = min(least, (float(block.share[k]), result.features[i]))
                number += 1
                if block.share[k] < self.min_share:
                    findings.append(self._dead(evidence, block, i, k))
        summary = f"least used: {quote_name(least[1])}, {percent(least[0])}" if number else ""
        return CheckReport(number, "features", tuple(findings), summary)

    def _dead(self, evidence: Evidence, block: Block, i: int, k: int) -> Finding:
        name = evidence.result.features[i]
        constant = all(f.min == f.max for f in evidence.result.data.features_of(i))
        share = float(block.share[k])
        why = " (it is constant in the data)" if constant else ""
        return self.finding(
            Subject("feature", name, output=block.output, group=block.group),
            evidence.data_file if constant else evidence.model_file,
            f"feature {quote_name(name)} is dead{why}: none of its coefficients"
            f" {block.location_phrase} has more than {percent(share)} of ⟨t⟩ of its order",
            quantity="largest share of ⟨t⟩ of its order",
            measured=share,
            relation="≥",
            limit=self.min_share,
            certainty=sigmas_beyond(share, self.min_share, float(block.share_error[k])),
            remedy="use data in which it varies"
            if constant
            else "check its column, its scaling and its row of the first weight matrix; or train"
            " without it",
        )
