"""``statistics``: there are enough events for what is said of them.

N_eff = (Σw)²/Σw² of every group, and the width of the 68 % rank intervals of the first
coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from onnxtaylor.audit.check import Looked, ResponseCheck, option
from onnxtaylor.audit.coefficients import chosen, quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.errors import printable
from onnxtaylor.indices import label

__all__ = ["EnoughStatistics"]

WIDEST = 5  # places


@dataclass(frozen=True, kw_only=True)
class EnoughStatistics(ResponseCheck):
    """There are enough events, and the first ranks are stable."""

    id: ClassVar[str] = "statistics"
    usual_level: ClassVar[str] = "warning"

    min_n_eff: float = option(100.0, "least effective number of events of every group", minimum=0.0)
    max_rank_interval: int | None = option(
        None,
        "most places by which a rank may vary in 68 % of the replicates: by default 5, where there"
        " is a bootstrap; where it is given, there must be one",
        minimum=0,
    )
    top: int = option(5, "how many coefficients are asked for stable ranks", minimum=1)

    def look(self, evidence: Evidence) -> Looked:
        """All groups, and the first coefficients over all events."""
        groups = evidence.result.data.groups
        outputs = chosen(self, "output", self.outputs, evidence.result.outputs)
        ranked = evidence.result.rank_low is not None
        widths = list(self._widths(evidence, outputs)) if ranked else []
        findings = [f for f in (self._few(evidence, k) for k in range(len(groups))) if f]
        if not ranked and self.max_rank_interval is not None:
            findings.append(self._no_bootstrap(evidence))
        findings += [found for _, found in widths if found]
        fewest = min(groups, key=lambda group: group.n_eff)
        summary = f"N_eff {fewest.n_eff:.4g} of {quoted(fewest.name)}"
        if widths:
            summary += f"; the first ranks vary by up to {max(w for w, _ in widths)} places"
        elif not ranked:
            summary += "; rank intervals were not looked at: no bootstrap"
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

    def _no_bootstrap(self, evidence: Evidence) -> Finding:
        return self.finding(
            Subject("data", evidence.data_file.path),
            evidence.data_file,
            "rank intervals were not looked at, though the policy limits them: no bootstrap was"
            " made",
            quantity="bootstrap replicates",
            measured=0,
            relation="≥",
            limit=1,
            certainty="exact",
            remedy="ask for replicates (--bootstrap 200), or leave max-rank-interval out",
        )

    def options(self) -> Mapping[str, Any]:
        """Its limits by the policy's keys, that by default among them."""
        return {**super().options(), "max-rank-interval": self.widest}

    @property
    def widest(self) -> int:
        """The limit of rank intervals."""
        return WIDEST if self.max_rank_interval is None else self.max_rank_interval

    def _widths(
        self, evidence: Evidence, outputs: Sequence[int]
    ) -> Iterator[tuple[int, Finding | None]]:
        result = evidence.result
        assert result.rank_low is not None
        assert result.rank_high is not None
        for c in outputs:
            for k in np.argsort(result.rank[c, 0], kind="stable")[: self.top].tolist():
                if not result.score[c, 0, k]:
                    continue  # coefficients that vanish share a rank, however many events there are
                low, high = int(result.rank_low[c, 0, k]), int(result.rank_high[c, 0, k])
                yield high - low, self._unstable(evidence, c, k, low, high)

    def _unstable(self, evidence: Evidence, c: int, k: int, low: int, high: int) -> Finding | None:
        if high - low <= self.widest:
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
            limit=self.widest,
            certainty=f"{result.options.get('bootstrap')} bootstrap replicates",
            remedy="use more events",
        )
