"""``expected-top``: features that are known to matter are among the highest ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.check import CheckReport, CoefficientCheck, option
from onnxtaylor.audit.coefficients import (
    Block,
    blocks,
    indices_matching,
    require_coefficients,
    select_matching,
)
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import quote_name

__all__ = ["ExpectedTop"]


@dataclass(frozen=True, kw_only=True)
class ExpectedTop(CoefficientCheck):
    """The features that are known to matter are among the highest ranked."""

    id: ClassVar[str] = "expected-top"
    by_default: ClassVar[bool] = False

    features: tuple[str, ...] = option(
        ..., "names or patterns; a feature of each must be in one of the first coefficients"
    )
    top: int = option(
        10, "number of highest ranked coefficients, of any order, that are searched", minimum=1
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares the best rank of every pattern."""
        names = evidence.result.features
        require_coefficients(
            evidence.result, select_matching(self, "feature", self.features, names)
        )
        findings: list[Finding] = []
        worst, number = (0, ""), 0
        for block in blocks(evidence.result, self):
            for pattern in self.features:
                number += 1
                places = indices_matching([pattern], names)
                mine = np.any([block.contains(i) for i in places], axis=0)
                k = int(np.flatnonzero(mine)[block.rank[mine].argmin()])
                worst = max(worst, (int(block.rank[k]), quote_name(pattern)))
                if block.rank[k] > self.top:
                    findings.append(self._low(evidence, block, pattern, k))
        summary = f"lowest: {worst[1]}, rank {worst[0]}" if worst[0] else ""
        return CheckReport(number, "expectations", tuple(findings), summary)

    def _low(self, evidence: Evidence, block: Block, pattern: str, k: int) -> Finding:
        rank = int(block.rank[k])
        certainty = "no bootstrap, no rank interval"
        if block.low is not None and block.high is not None:
            certainty = f"68 % of the bootstrap replicates: rank {block.low[k]} to {block.high[k]}"
        return self.finding(
            Subject("feature", pattern, block.names(k), block.output, block.group),
            evidence.model_file,
            f"{quote_name(pattern)} is not among the first {self.top} coefficients"
            f" {block.location_phrase}: its best is {block.label(k)} on rank {rank} of"
            f" {len(block.rank)}",
            quantity="best rank",
            measured=rank,
            relation="≤",
            limit=self.top,
            certainty=certainty,
            remedy="check that its column and its scaling are those of the training; if they are,"
            " the training did not learn what is known",
        )
