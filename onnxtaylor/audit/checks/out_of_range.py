"""``out-of-range``: features take values that the baseline's data never took.

There the model extrapolates, and the ranking says nothing of what it was validated on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.base import Check, Looked, NotApplicableError, option
from onnxtaylor.audit.coefficients import chosen, quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.wording import interval, percent
from onnxtaylor.data import is_missing
from onnxtaylor.result import FeatureSummary

__all__ = ["OutOfRange"]

BATCH = 2**16


@dataclass(frozen=True, kw_only=True)
class OutOfRange(Check):
    """Features stay within the range of the baseline's data."""

    id: ClassVar[str] = "out-of-range"
    needs: ClassVar[tuple[str, ...]] = ("baseline",)

    features: tuple[str, ...] = option(("*",), "names or patterns of the features to look at")
    max_share: float = option(
        0.001, "largest share of the events that may lie outside", minimum=0.0, maximum=1.0
    )
    margin: float = option(
        0.05, "how far the range is widened at both ends, in units of its width", minimum=0.0
    )

    def look(self, evidence: Evidence) -> Looked:
        """All events, along every feature that the baseline has."""
        ours, names = evidence.result.data, evidence.result.features
        known = {feature.name: feature for feature in evidence.baseline.data.features}
        wanted = chosen(self, "feature", self.features, names)
        shared = [i for i in wanted if names[i] in known and not np.isnan(known[names[i]].min)]
        if not shared:
            raise NotApplicableError("the baseline has none of these features")
        low = np.array([known[names[i]].min for i in shared])
        high = np.array([known[names[i]].max for i in shared])
        margin = self.margin * (high - low)
        low, high = low - margin, high + margin
        outside, present = np.zeros(len(shared), np.int64), np.zeros(len(shared), np.int64)
        missing = evidence.options.get("missing")
        for batch in evidence.source.batches(BATCH):
            x = batch.x[:, shared]
            there = ~is_missing(x, missing)
            present += there.sum(axis=0)
            outside += (there & ((x < low) | (x > high))).sum(axis=0)
        share = outside / np.maximum(present, 1)
        findings = [
            self._outside(
                evidence, ours.features[i], known[names[i]], int(outside[j]), int(present[j])
            )
            for j, i in enumerate(shared)
            if share[j] > self.max_share
        ]
        most = int(share.argmax())
        summary = f"most: {percent(share[most])} of the events, {quoted(names[shared[most]])}"
        return Looked(len(shared), "features", tuple(findings), summary)

    def _outside(
        self,
        evidence: Evidence,
        ours: FeatureSummary,
        known: FeatureSummary,
        outside: int,
        present: int,
    ) -> Finding:
        low, high = interval(outside, present)
        return self.finding(
            Subject("feature", ours.name),
            evidence.data_file,
            f"feature {quoted(ours.name)} is out of the baseline's range ({known.min:.6g} …"
            f" {known.max:.6g}) at {outside} of {present} events: it goes from {ours.min:.6g} to"
            f" {ours.max:.6g}",
            quantity="share of the events outside",
            measured=outside / present,
            relation="≤",
            limit=self.max_share,
            certainty=f"{percent(low)} to {percent(high)} (95 %)",
            remedy="see whether units, scaling and missing values (--missing) are those of the"
            " baseline; else validate the model on such data",
        )
