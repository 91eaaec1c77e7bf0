"""``statistics``: there are enough events for stable scores and ranks.

Compared are N_eff = (Σw)²/Σw² of every group, and the width of the 68 % rank intervals of the
highest ranked coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from onnxtaylor.audit.check import CheckReport, ResponseCheck, option
from onnxtaylor.audit.coefficients import select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.errors import printable

__all__ = ["EnoughStatistics"]

WIDEST = 5  # places, by default


@dataclass(frozen=True, kw_only=True)
class EnoughStatistics(ResponseCheck):
    """There are enough events, and the first ranks are stable."""

    id: ClassVar[str] = "statistics"
    usual_level: ClassVar[str] = "warning"

    min_n_eff: float = option(
        100.0, "smallest effective number of events of every group", minimum=0.0
    )
    max_rank_interval: int | None = option(
        None,
        "largest width of a 68 % rank interval, in places: 5 by default, if there is a bootstrap;"
        " if it is given, there must be a bootstrap",
        minimum=0,
    )
    top: int = option(
        5, "number of highest ranked coefficients whose ranks must be stable", minimum=1
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares N_eff of all groups, and the rank intervals of the highest ranked."""
        groups = evidence.result.data.groups
        outputs = select_matching(self, "output", self.outputs, evidence.result.outputs)
        ranked = evidence.result.rank_low is not None
        widths = list(self._widths(evidence, outputs)) if ranked else []
        findings = [f for f in (self._few(evidence, k) for k in range(len(groups))) if f]
        if not ranked and self.max_rank_interval is not None:
            findings.append(self._no_bootstrap(evidence))
        findings += [finding for _, finding in widths if finding]
        fewest = min(groups, key=lambda group: group.n_eff)
        summary = f"N_eff {fewest.n_eff:.4g} of {quote_name(fewest.name)}"
        if widths:
            summary += f"; the first ranks vary by up to {max(w for w, _ in widths)} places"
        elif not ranked:
            summary += "; rank intervals were not checked: no bootstrap"
        return CheckReport(len(groups) + len(widths), "numbers", tuple(findings), summary)

    def _few(self, evidence: Evidence, k: int) -> Finding | None:
        group = evidence.result.data.groups[k]
        if group.n_eff >= self.min_n_eff:
            return None
        return self.finding(
            Subject("data", evidence.data_file.path, group=group.name),
            evidence.data_file,
            f"N_eff is {group.n_eff:.4g} over the events of {quote_name(group.name)}"
            f" ({group.events} events)",
            quantity="N_eff = (Σw)²/Σw²",
            measured=group.n_eff,
            relation="≥",
            limit=self.min_n_eff,
            certainty="counted",
            remedy="use more events, or find out why few of them carry nearly all of the weight",
        )

    def _no_bootstrap(self, evidence: Evidence) -> Finding:
        return self.finding(
            Subject("data", evidence.data_file.path),
            evidence.data_file,
            "rank intervals were not checked, although the policy limits them: there was no"
            " bootstrap",
            quantity="bootstrap replicates",
            measured=0,
            relation="≥",
            limit=1,
            certainty="exact",
            remedy="ask for replicates (bootstrap=200), or remove max-rank-interval",
        )

    def options(self) -> Mapping[str, Any]:
        """Limits by the policy's keys, with the default of max-rank-interval."""
        return {**super().options(), "max-rank-interval": self.widest}

    @property
    def widest(self) -> int:
        """Largest width of a rank interval, in places."""
        return WIDEST if self.max_rank_interval is None else self.max_rank_interval

    def _widths(
        self, evidence: Evidence, outputs: Sequence[int]
    ) -> Iterator[tuple[int, Finding | None]]:
        """Yields the widths of the rank intervals, each with its finding, if it is too wide."""
        result = evidence.result
        assert result.rank_low is not None
        assert result.rank_high is not None
        for c in outputs:
            for k in np.argsort(result.rank[c, 0], kind="stable")[: self.top].tolist():
                if not result.score[c, 0, k]:
                    continue  # coefficients that vanish share a rank: more events do not help
                low, high = int(result.rank_low[c, 0, k]), int(result.rank_high[c, 0, k])
                yield high - low, self._unstable(evidence, c, k, low, high)

    def _unstable(self, evidence: Evidence, c: int, k: int, low: int, high: int) -> Finding | None:
        if high - low <= self.widest:
            return None
        result = evidence.result
        names = result.indices.names_at(k, result.features)
        label = result.indices.label_at(k, result.features)
        return self.finding(
            Subject("coefficient", label, names, result.outputs[c]),
            evidence.data_file,
            f"rank {result.rank[c, 0, k]} of {printable(label)} of response"
            f" {quote_name(result.outputs[c])} lies anywhere from {low} to {high}",
            quantity="width of the 68 % interval of the rank",
            measured=high - low,
            relation="≤",
            limit=self.widest,
            certainty=f"{result.options.get('bootstrap')} bootstrap replicates",
            remedy="use more events",
        )
