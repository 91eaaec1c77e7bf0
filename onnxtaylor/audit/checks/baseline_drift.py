"""``baseline-drift``: ⟨t⟩ and ranks changed since the baseline, beyond their uncertainties.

The uncertainties are those of ``onnxtaylor.audit.drift``. One baseline gives the statistical
uncertainty of the events, but not the spread between trainings, which is usually far larger; so its
findings are warnings by default. With three or more baselines, each of another training, the spread
between them counts as well, and findings are errors by default. They are errors, too, where the
baseline is of the very same model file.

Scores and ranks have half of the significance each, corrected by Holm's method within each half:
the probability of any false alarm of the check is at most ``significance``. A significant change is
a finding only if it is large, too: ``min-change`` of the baseline's score, for scores above
``negligible`` of the largest, or ``min-places`` in rank. Ranks are compared for the first ``top``
coefficients of either ranking.

Of two responses that are mirror images only one is compared. Second derivatives within a one-hot
group are left out, since no event moves along them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.baselines import (
    REMEDY,
    drift_remedy,
    includes_retraining_spread,
    is_same_model_file,
    require_comparable_baselines,
)
from onnxtaylor.audit.categories import one_hot_features
from onnxtaylor.audit.check import CheckReport, CoefficientCheck, FileCheck, option
from onnxtaylor.audit.coefficients import indices_matching, select_matching
from onnxtaylor.audit.compared import (
    ComparedRows,
    add_baseline_values,
    compared_rows,
    interval,
    ranks_before,
    subject,
)
from onnxtaylor.audit.drift import (
    Changes,
    have_same_events,
    largest_of_kind,
    rank_changes,
    rank_uncertainties,
    score_changes,
)
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.mirrored import without_mirror_images
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.comparison import Comparison, compare_results, holm, two_sided
from onnxtaylor.errors import join_names, printable
from onnxtaylor.text.uncertainty import plus_minus

__all__ = ["BaselineDrift"]

LISTED = 100  # scores that get a finding: those that changed most significantly


@dataclass(frozen=True, kw_only=True)
class BaselineDrift(FileCheck, CoefficientCheck):
    """Coefficients and ranks agree with the baseline, within their uncertainties."""

    id: ClassVar[str] = "baseline-drift"
    usual_level: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("baseline",)

    significance: float = option(
        0.01, "largest probability of a false alarm of the check", minimum=1e-12, maximum=0.5
    )
    min_change: float = option(
        0.1, "smallest change of ⟨t⟩ that matters, relative to the baseline", minimum=0.0
    )
    negligible: float = option(
        0.02,
        "scores below this share of the largest score of their order do not matter",
        minimum=0.0,
        maximum=1.0,
    )
    min_places: int = option(5, "smallest change of a rank that matters, in places", minimum=1)
    top: int = option(
        20,
        "number of highest ranked coefficients, of either ranking, whose ranks matter",
        minimum=1,
    )

    def with_level_for(self, evidence: Evidence) -> BaselineDrift:
        """Sets level error if σ includes the spread of retrainings, unless the policy sets one."""
        if self.level_is_given or not includes_retraining_spread(evidence):
            return self
        return replace(self, level="error")

    def validate_files(self, evidence: Evidence) -> None:
        """Raises ResultError for baselines that cannot be compared with the audit."""
        require_comparable_baselines(evidence)

    def run(self, evidence: Evidence) -> CheckReport:
        """Compares all common coefficients; lists names that only one side has."""
        new, old = evidence.result, evidence.baseline
        comparison = compare_results(old, new)
        outputs = [
            new.outputs[c] for c in select_matching(self, "output", self.outputs, new.outputs)
        ]
        select_matching(self, "group", self.groups, comparison.shared.groups)
        select_matching(
            self, "feature", self.features, list(dict.fromkeys((*new.features, *old.features)))
        )
        findings = list(self._missing_names(evidence, "feature", new.features, old.features))
        if len(comparison.shared.outputs) < max(len(old.outputs), len(new.outputs)):
            findings += self._missing_names(evidence, "output", new.outputs, old.outputs)
        kept = without_mirror_images(outputs, evidence.mirror_images)
        one_hot = one_hot_features(
            evidence.source, new, evidence.problem.missing, evidence.problem.filled
        )
        wanted = self._wanted(comparison, kept)
        shared = comparison.shared
        hot = np.array([name in one_hot for name in shared.features])
        within = np.append(hot, False)[shared.indices.table].sum(axis=1) >= 2
        n_one_hot = int(wanted[..., within].sum())
        rows = compared_rows(comparison, wanted & ~within)
        if len(evidence.baselines) > 1:
            rows = add_baseline_values(rows, evidence)
        summary = "nothing to compare"
        notes: tuple[Finding, ...] = ()
        if len(rows):
            scores = score_changes(rows, have_same_events(evidence))
            findings += self._scores(evidence, rows, scores)
            findings += self._ranks(evidence, rows)
            notes = tuple(self._unsure(evidence, rows, scores))
            summary = self._summary(evidence, scores)
        if mirrored := [name for name in outputs if name not in kept]:
            summary += f"; mirror images were left out: {join_names(mirrored)}"
        if n_one_hot:
            summary += f"; {n_one_hot} coefficients within one-hot groups were left out"
        return CheckReport(len(rows), "coefficients", tuple(findings), summary, notes)

    def _summary(self, evidence: Evidence, scores: Changes) -> str:
        """Phrase on the largest change of ⟨t⟩, and the random effects in its σ."""
        largest = float(np.abs(scores.z[np.isfinite(scores.z)]).max(initial=0.0))
        change = f"largest change of ⟨t⟩ {largest:.1f} σ"
        if scores.spread is not None:
            least = scores.spread.significant_from(self.significance / 2 / len(scores.z))
            number = scores.spread.trainings
            return (
                f"{change} of {number} retrainings and the events, significant from {least:.1f} σ"
            )
        if is_same_model_file(evidence):
            return change
        return f"{change} of the events; one baseline does not give the spread between trainings"

    def _wanted(self, comparison: Comparison, outputs: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Flags what is of the responses, and of the chosen groups and features; (C, G, K)."""
        shared = comparison.shared
        c = np.array([theirs in outputs for _, theirs in shared.outputs])
        g, features = np.zeros(len(shared.groups), np.bool_), np.zeros(len(shared.features), bool)
        g[indices_matching(self.groups, shared.groups)] = True
        features[indices_matching(self.features, shared.features)] = True
        return c[:, None, None] & g[:, None] & shared.indices.having(features)

    def _missing_names(
        self, evidence: Evidence, kind: str, new: tuple[str, ...], old: tuple[str, ...]
    ) -> Iterator[Finding]:
        """Yields a finding for every name that only one side has."""
        lost = [(name, "the model lacks", "of the baseline") for name in old if name not in new]
        added = [(name, "the baseline lacks", "of the model") for name in new if name not in old]
        for name, lacking, owner in (*lost, *added):
            yield self.finding(
                Subject(kind, name),
                evidence.model_file,
                f"{lacking} {kind} {quote_name(name)} {owner}",
                quantity=f"{kind}s",
                measured=len(new),
                relation="=",
                limit=len(old),
                certainty="by name",
                remedy=REMEDY,
            )

    def _scores(
        self, evidence: Evidence, rows: ComparedRows, changes: Changes
    ) -> Iterator[Finding]:
        """Yields a finding for every score whose change is significant and large."""
        before, after = changes.before, rows["score_b"]
        negligible = self.negligible * largest_of_kind(rows, np.maximum(before, after))
        change = np.abs(after - before) / np.maximum(np.maximum(before, negligible), 1e-300)
        corrected = holm(changes.p)
        order = np.lexsort((-np.abs(changes.z), corrected))
        large = (corrected < self.significance / 2) & (change > self.min_change)
        places = order[large[order]].tolist()
        for k in places[:LISTED]:
            row = rows.row(k)
            old, new = float(before[k]), float(after[k])
            yield self.finding(
                subject(row),
                evidence.model_file,
                f"⟨t⟩ of {printable(row['label'])} of response {quote_name(row['output_b'])} went"
                f" from {plus_minus(old, float(changes.error[k]))}{_averaged(changes)} to"
                f" {plus_minus(new, row['sem_b'])}{_others(len(places))}",
                quantity="relative change of ⟨t⟩",
                measured=float(change[k]),
                relation="≤",
                limit=self.min_change,
                certainty=_certainty(evidence, changes, k, corrected[k], "coefficients"),
                remedy=drift_remedy(evidence),
            )

    def _unsure(
        self, evidence: Evidence, rows: ComparedRows, changes: Changes
    ) -> Iterator[Finding]:
        """Yields a note on changes that would be findings if the spread were known exactly."""
        if changes.spread is None:
            return
        limit = self.significance / 2
        # p of Student's t, with the few degrees of freedom of the trainings, and p of a normal
        # distribution, which takes the spread for exact
        estimated, exact = holm(changes.p), holm(two_sided(changes.z, np.ones(len(rows))))
        after = rows["score_b"]
        large = np.abs(after - changes.before) > self.min_change * changes.before
        unsure = np.flatnonzero((estimated >= limit) & (exact < limit) & large)
        if not len(unsure):
            return
        k = int(unsure[np.abs(changes.z[unsure]).argmax()])
        row = rows.row(k)
        yield self.note(
            subject(row),
            evidence.model_file,
            f"{len(unsure)} coefficients changed by more than the spread between trainings"
            f" explains, but {changes.spread.trainings} retrainings are too few to know this"
            f" spread: give more of them. Most changed ⟨t⟩ of {printable(row['label'])} of"
            f" response {quote_name(row['output_b'])}: from {changes.before[k]:.4g} to"
            f" {after[k]:.4g}, by {abs(float(changes.z[k])):.1f} σ",
            "open",
            "within chance",
        )

    def _ranks(self, evidence: Evidence, rows: ComparedRows) -> Iterator[Finding]:
        """Yields a finding for every rank whose change is significant and large."""
        # without a spread, only the bootstrap gives the uncertainty of a rank
        if rows.ranks is None and not rows.has_intervals:
            return
        changes = rank_changes(rows, rank_uncertainties(rows, evidence))
        first = np.flatnonzero(np.minimum(changes.before, rows["rank_b"]) <= self.top)
        corrected = holm(changes.p[first])
        moved = np.abs(rows["rank_b"] - changes.before)[first]
        large = (corrected < self.significance / 2) & (moved >= self.min_places)
        for k, p, places in zip(
            first[large].tolist(), corrected[large].tolist(), moved[large].tolist(), strict=True
        ):
            row = rows.row(k)
            yield self.finding(
                subject(row),
                evidence.model_file,
                f"{printable(row['label'])} of response {quote_name(row['output_b'])} went from"
                f" rank {ranks_before(row)} to {row['rank_b']}{interval(row, 'b')}",
                quantity="change of the rank, in places",
                measured=places,
                relation="≤",
                limit=self.min_places - 1,
                certainty=_certainty(evidence, changes, k, p, "ranks", len(first)),
                remedy=drift_remedy(evidence),
            )


def _certainty(
    evidence: Evidence, changes: Changes, k: int, p: float, noun: str, number: int | None = None
) -> str:
    """Phrase on change k: its significance, the random effects in its σ, and its corrected p."""
    z = "no uncertainty"
    if np.isfinite(changes.z[k]):
        z = f"{abs(float(changes.z[k])):.1f} σ"
    number = len(changes.z) if number is None else number
    text = f"{p:.1g}" if p >= 1e-99 else "below 1e-99"
    chance = f"probability of any such change among {number} {noun}: {text}"
    if changes.spread is not None:
        return f"{z} of {changes.spread.trainings} retrainings and the events; {chance}"
    if is_same_model_file(evidence):
        return f"{z}; {chance}"
    return (
        f"{z} of the event statistics alone, without retraining; {chance}, if only the events"
        " changed"
    )


def _others(number: int) -> str:
    """Phrase that says that more scores changed than are listed."""
    if number <= LISTED:
        return ""
    return f" (one of {number} coefficients that changed; the {LISTED} most significant are listed)"


def _averaged(changes: Changes) -> str:
    return "" if changes.spread is None else f" (over {changes.spread.trainings} retrainings)"
