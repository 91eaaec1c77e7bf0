"""``out-of-range``: features take values that the baseline's data never took.

At such values the model extrapolates, beyond the data that it was validated on. Several baselines
have the range of all their data together.

A range in which missing entries were counted as values (−999) ends at such an entry, and nothing
lies outside of it: this is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.check import CheckReport, FileCheck, NotApplicableError, option
from onnxtaylor.audit.coefficients import select_matching
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Location, Subject
from onnxtaylor.audit.phrases import interval, percent, quote_name
from onnxtaylor.data import is_missing
from onnxtaylor.options.missing import missing_of
from onnxtaylor.results.taylor import FeatureSummary, TaylorResult

__all__ = ["OutOfRange"]

BATCH = 2**16


@dataclass(frozen=True, kw_only=True)
class OutOfRange(FileCheck):
    """Features stay within the range of the baseline's data."""

    id: ClassVar[str] = "out-of-range"
    needs: ClassVar[tuple[str, ...]] = ("baseline",)

    features: tuple[str, ...] = option(("*",), "names or patterns of the features to look at")
    max_share: float = option(
        0.001,
        "largest share of the events that may lie outside of the range",
        minimum=0.0,
        maximum=1.0,
    )
    margin: float = option(
        0.05, "widening of the range at both ends, in units of its width", minimum=0.0
    )

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares all events, along every feature that the baseline has."""
        ours = evidence.result.data
        names = [feature.name for feature in ours.features]
        known = _ranges(evidence.baselines)
        wanted = select_matching(self, "feature", self.features, names)
        shared = [i for i in wanted if names[i] in known and not np.isnan(known[names[i]].min)]
        if not shared:
            raise NotApplicableError("the baseline has none of these features")
        low = np.array([known[names[i]].min for i in shared])
        high = np.array([known[names[i]].max for i in shared])
        margin = self.margin * (high - low)
        low, high = low - margin, high + margin
        outside, present = np.zeros(len(shared), np.int64), np.zeros(len(shared), np.int64)
        missing = evidence.problem.missing
        unusable: dict[str, Finding] = {}
        for path, baseline in zip(evidence.baseline_paths, evidence.baselines, strict=True):
            where = Location("baseline", str(path))
            unusable |= self._ends_at_missing(evidence, baseline, where, [names[i] for i in shared])
        for batch in evidence.source.batches(BATCH):
            x = batch.x[:, shared]
            # entries of padded slots are no data
            there = ~is_missing(batch.x, missing)[:, shared]
            there &= evidence.problem.filled(batch.x)[:, shared]
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
        findings += unusable.values()
        notes = tuple(
            self.note(
                Subject("feature", names[i]),
                evidence.baseline_file,
                f"the baseline has no range of feature {quote_name(names[i])}",
                "not compared",
                "compared",
            )
            for i in wanted
            if i not in shared
        )
        most = int(share.argmax())
        summary = f"most: {percent(share[most])} of the events, {quote_name(names[shared[most]])}"
        return CheckReport(len(shared), "features", tuple(findings), summary, notes)

    def _ends_at_missing(
        self, evidence: Evidence, baseline: TaylorResult, where: Location, names: Sequence[str]
    ) -> Iterator[tuple[str, Finding]]:
        """Yields the features whose range in a baseline ends at a value for missing entries."""
        given, before = evidence.options.get("missing"), baseline.options.get("missing")
        suspected = {w.feature for w in baseline.warnings if w.code == "sentinel"}
        for known in baseline.data.features:
            if known.name not in names:
                continue
            ends = [known.min, known.max]
            missing = missing_of(given, known.name)
            same = missing == missing_of(before, known.name)
            if isinstance(missing, int | float) and not same and np.isclose(ends, missing).any():
                why = f"{missing:g} stands for a missing entry"
                certainty = f"by missing={missing:g} of the audit"
            elif known.name in suspected:
                why = "one end seems to stand for a missing entry"
                certainty = "this value is frequent, and far from all others"
            else:
                continue
            yield (
                known.name,
                self.finding(
                    Subject("feature", known.name),
                    where,
                    f"the baseline's range of feature {quote_name(known.name)} ({known.min:.6g} …"
                    f" {known.max:.6g}) is of no use: {why}",
                    quantity="end of the baseline's range",
                    measured="a missing entry",
                    relation="=",
                    limit="a value",
                    certainty=certainty,
                    remedy="make the baseline again with missing=…, which the policy can hold, too"
                    " ([analysis] missing = …); if it is a true value, leave the feature out of"
                    " this check (features = […])",
                ),
            )

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
            f"feature {quote_name(ours.name)} is out of the baseline's range ({known.min:.6g} …"
            f" {known.max:.6g}) at {outside} of {present} events: it goes from {ours.min:.6g} to"
            f" {ours.max:.6g}",
            quantity="share of the events outside",
            measured=outside / present,
            relation="≤",
            limit=self.max_share,
            certainty=f"{percent(low)} to {percent(high)} (95 %)",
            remedy="check that units, scaling and missing values (missing=…) are those of the"
            " baseline; if they are, validate the model on such data",
        )


def _ranges(baselines: Sequence[TaylorResult]) -> dict[str, FeatureSummary]:
    """Features of the baselines by name, with the range of all their data together."""
    known: dict[str, FeatureSummary] = {}
    for baseline in baselines:
        for feature in baseline.data.features:
            other = known.get(feature.name, feature)
            known[feature.name] = replace(
                other,
                min=float(np.fmin(other.min, feature.min)),
                max=float(np.fmax(other.max, feature.max)),
            )
    return known
