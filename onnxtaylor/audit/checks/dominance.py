"""``dominance``: one coefficient has too large a share of its order.

A response of many inputs that depends mostly on one of them often has a leak: that input knows the
truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.check import CheckReport, CoefficientCheck, NotApplicableError, option
from onnxtaylor.audit.coefficients import ORDERS, Block, blocks, select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import percent, sigmas_beyond

__all__ = ["Dominance"]

LISTED = 100  # coefficients of a response and group that get a finding: the largest shares
FEWEST = 3  # features; of two features one has at least half of ⟨t⟩ anyway


@dataclass(frozen=True, kw_only=True)
class Dominance(CoefficientCheck):
    """No single feature or pair carries most of the response."""

    id: ClassVar[str] = "dominance"
    usual_level: ClassVar[str] = "warning"

    max_share: float = option(
        0.5,
        "largest share of ⟨t⟩ of its order that one coefficient may have",
        minimum=0.0,
        maximum=1.0,
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the share of every coefficient of the chosen features."""
        result = evidence.result
        if len(result.features) < FEWEST:
            raise NotApplicableError(f"fewer than {FEWEST} features: one of them dominates anyway")
        wanted = select_matching(self, "feature", self.features, result.features)
        flags = np.zeros(len(result.features), np.bool_)
        flags[wanted] = True
        listed = result.indices.having(flags)
        findings: list[Finding] = []
        largest, number = (0.0, ""), 0
        for block in blocks(result, self):
            number += int(listed.sum())
            for k in np.flatnonzero(listed & (block.share >= block.share.max())).tolist():
                largest = max(largest, (float(block.share[k]), block.label(k)))
            beyond = np.flatnonzero(listed & (block.share > self.max_share))
            first = np.argsort(-block.share[beyond], kind="stable")[:LISTED]
            for k in np.sort(beyond[first]).tolist():
                findings.append(self._dominates(evidence, block, k))
        summary = f"largest share: {percent(largest[0])}, of {largest[1]}" if largest[1] else ""
        return CheckReport(number, "coefficients", tuple(findings), summary)

    def _dominates(self, evidence: Evidence, block: Block, k: int) -> Finding:
        names, share = block.names(k), float(block.share[k])
        order = ORDERS[len(names)]
        return self.finding(
            Subject("coefficient", ", ".join(names), names, block.output, block.group),
            evidence.model_file,
            f"{block.label(k)} has {percent(share)} of {order}-order ⟨t⟩ {block.location_phrase}",
            quantity=f"share of {order}-order ⟨t⟩",
            measured=share,
            relation="≤",
            limit=self.max_share,
            certainty=sigmas_beyond(share, self.max_share, float(block.share_error[k])),
            remedy="check whether it reveals what the model is to predict (a leak), or is scaled"
            " otherwise than in training",
        )
