"""``statistics``: there are enough events for what is said of them.

N_eff = (Σw)²/Σw² of every group, and the width of the 68 % rank intervals of the first
coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.base import Looked, ResponseCheck, option
from onnxtaylor.audit.coefficients import chosen, quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.errors import printable
from onnxtaylor.indices import label

__all__ = ["EnoughStatistics"]


@dataclass(frozen=True, kw_only=True)
class EnoughStatistics(ResponseCheck):
    """There are enough events, and the first ranks are stable."""

    id: ClassVar[str] = "statistics"
    usual_level: ClassVar[str] = "warning"

    min_n_eff: float = option(100.0, "least effective number of events of every group", minimum=0.0)
    max_rank_interval: int = option(
        5, "most places by which a rank may vary in 68 % of the replicates", minimum=0
    )
    top: int = option(5, "how many coefficients are asked for stable ranks", minimum=1)

    def look(self, evidence: Evidence) -> Looked:
        """All groups, and the first coefficients over all events."""
        groups = evidence.result.data.groups
        widths = list(self._widths(evidence))
        findings = [f for f in (self._few(evidence, k) for k in range(len(groups))) if f]
        findings += [found for _, found in widths if found]
        fewest = min(groups, key=lambda group: group.n_eff)
        summary = f"N_eff {fewest.n_eff:.4g} of {quoted(fewest.name)}"
        if widths:
            summary += f"; the first ranks vary by up to {max(w for w, _ in widths)} places"
        return Looked(len(groups) + len(widths), "numbers", tuple(findings), summary)

    def _few(self, evidence: Evidence, k: int) -> Finding | None:
        group = evidence.result.data.groups[k]
        if group.n_eff >= self.min_n_eff:
            return None
        return self.finding(
            Subject("data", evidence.data_file.path, group=group.name),
            evidence.data_file,
            f"N_eff is {group.n_eff:.4g} over the events of {quoted(group.name)}"
            f" ({group.events} events)",
            quantity="N_eff = (Σw)²/Σw²",
            measured=group.n_eff,
            relation="≥",
            limit=self.min_n_eff,
            certainty="counted",
            remedy="use more events, or see why few of them carry nearly all of the weight",
        )

    def _widths(self, evidence: Evidence) -> Iterator[tuple[int, Finding | None]]:
        result = evidence.result
        if result.rank_low is None or result.rank_high is None:
            return
        for c in chosen(self, "output", self.outputs, result.outputs):
            for k in np.argsort(result.rank[c, 0])[: self.top].tolist():
                low, high = int(result.rank_low[c, 0, k]), int(result.rank_high[c, 0, k])
                yield high - low, self._unstable(evidence, c, k, low, high)

    def _unstable(self, evidence: Evidence, c: int, k: int, low: int, high: int) -> Finding | None:
        if high - low <= self.max_rank_interval:
            return None
        result = evidence.result
        names = result.indices.names(result.features)[k]
        return self.finding(
            Subject("coefficient", label(names), names, result.outputs[c]),
            evidence.data_file,
            f"rank {result.rank[c, 0, k]} of {printable(label(names))} of response"
            f" {quoted(result.outputs[c])} lies anywhere from {low} to {high}",
            quantity="width of the 68 % interval of the rank",
            measured=high - low,
            relation="≤",
            limit=self.max_rank_interval,
            certainty=f"{result.options.get('bootstrap')} bootstrap replicates",
            remedy="use more events",
        )
