"""``expected-top``: what is known to matter is among the highest ranked coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.check import CoefficientCheck, Looked, option
from onnxtaylor.audit.coefficients import Block, blocks, chosen, matching, quoted, with_coefficients
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject

__all__ = ["ExpectedTop"]


@dataclass(frozen=True, kw_only=True)
class ExpectedTop(CoefficientCheck):
    """The features that are known to matter are among the highest ranked."""

    id: ClassVar[str] = "expected-top"
    by_default: ClassVar[bool] = False

    features: tuple[str, ...] = option(
        ..., "names or patterns; a feature of each must be in one of the first coefficients"
    )
    top: int = option(10, "how many coefficients, of any order, are the first", minimum=1)

    def look(self, evidence: Evidence) -> Looked:
        """The best rank of every pattern."""
        names = evidence.result.features
        with_coefficients(evidence.result, chosen(self, "feature", self.features, names))
        findings: list[Finding] = []
        worst, number = (0, ""), 0
        for block in blocks(evidence.result, self):
            for pattern in self.features:
                number += 1
                places = matching([pattern], names)
                mine = np.any([block.having(i) for i in places], axis=0)
                k = int(np.flatnonzero(mine)[block.rank[mine].argmin()])
                worst = max(worst, (int(block.rank[k]), quoted(pattern)))
                if block.rank[k] > self.top:
                    findings.append(self._low(evidence, block, pattern, k))
        summary = f"lowest: {worst[1]}, rank {worst[0]}" if worst[0] else ""
        return Looked(number, "expectations", tuple(findings), summary)

    def _low(self, evidence: Evidence, block: Block, pattern: str, k: int) -> Finding:
        rank = int(block.rank[k])
        sure = "no bootstrap, no rank interval"
        if block.low is not None and block.high is not None:
            sure = f"68 % of the bootstrap replicates: rank {block.low[k]} to {block.high[k]}"
        return self.finding(
            Subject("feature", pattern, block.names[k], block.output, block.group),
            evidence.model_file,
            f"{quoted(pattern)} is not among the first {self.top} coefficients {block.of}: its best"
            f" is {block.label(k)} on rank {rank} of {len(block.rank)}",
            quantity="best rank",
            measured=rank,
            relation="≤",
            limit=self.top,
            certainty=sure,
            remedy="see whether its column and its scaling are those of the training; else the"
            " training did not find what is known",
        )
