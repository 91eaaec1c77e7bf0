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
from onnxtaylor.audit.drift import (
    Changes,
    Row,
    add_baseline_values,
    add_rank_uncertainties,
    have_same_events,
    rank_changes,
    score_changes,
)
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.mirrored import without_mirror_images
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.comparison import compare_results, holm, two_sided
from onnxtaylor.errors import join_names, printable
from onnxtaylor.text.uncertainty import plus_minus

__all__ = ["BaselineDrift"]


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
        wanted = [row for row in comparison.rows() if self._wanted(row, kept)]
        one_hot = one_hot_features(
            evidence.source, new, evidence.options.get("missing"), evidence.problem.filled
        )
        rows = [row for row in wanted if sum(name in one_hot for name in row["features"]) < 2]
        n_one_hot = len(wanted) - len(rows)
        if len(evidence.baselines) > 1:
            rows = add_baseline_values(rows, evidence)
        rows = add_rank_uncertainties(rows, evidence)
        summary = "nothing to compare"
        notes: tuple[Finding, ...] = ()
        if rows:
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

    def _wanted(self, row: Row, outputs: Sequence[str]) -> bool:
        """Whether a row is of one of the responses, and of the chosen groups and features."""
        return bool(
            row["output_b"] in outputs
            and indices_matching(self.groups, [row["group"]])
            and indices_matching(self.features, row["features"])
        )

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
        self, evidence: Evidence, rows: Sequence[Row], changes: Changes
    ) -> Iterator[Finding]:
        """Yields a finding for every score whose change is significant and large."""
        largest: dict[tuple[str, str, int], float] = {}
        keys = [(row["output"], row["group"], row["order"]) for row in rows]
        for key, row, before in zip(keys, rows, changes.before, strict=True):
            largest[key] = max(largest.get(key, 0.0), float(before), row["score_b"])
        corrected = holm(changes.p)
        for k in np.lexsort((-np.abs(changes.z), corrected)).tolist():
            key, row = keys[k], rows[k]
            old, new = float(changes.before[k]), float(row["score_b"])
            change = abs(new - old) / max(old, self.negligible * largest[key], 1e-300)
            if corrected[k] >= self.significance / 2 or change <= self.min_change:
                continue
            yield self.finding(
                _subject(row),
                evidence.model_file,
                f"⟨t⟩ of {printable(row['label'])} of response {quote_name(row['output_b'])} went"
                f" from {plus_minus(old, float(changes.error[k]))}{_averaged(changes)} to"
                f" {plus_minus(new, row['sem_b'])}",
                quantity="relative change of ⟨t⟩",
                measured=change,
                relation="≤",
                limit=self.min_change,
                certainty=_certainty(evidence, changes, k, corrected[k], "coefficients"),
                remedy=drift_remedy(evidence),
            )

    def _unsure(
        self, evidence: Evidence, rows: Sequence[Row], changes: Changes
    ) -> Iterator[Finding]:
        """Yields a note on changes that would be findings if the spread were known exactly."""
        if changes.spread is None:
            return
        limit = self.significance / 2
        # p of Student's t, with the few degrees of freedom of the trainings, and p of a normal
        # distribution, which takes the spread for exact
        estimated, exact = holm(changes.p), holm(two_sided(changes.z, np.ones(len(rows))))
        after = np.array([row["score_b"] for row in rows])
        large = np.abs(after - changes.before) > self.min_change * changes.before
        unsure = np.flatnonzero((estimated >= limit) & (exact < limit) & large)
        if not len(unsure):
            return
        k = int(unsure[np.abs(changes.z[unsure]).argmax()])
        yield self.note(
            _subject(rows[k]),
            evidence.model_file,
            f"{len(unsure)} coefficients changed by more than the spread between trainings"
            f" explains, but {changes.spread.trainings} retrainings are too few to know this"
            f" spread: give more of them. Most changed ⟨t⟩ of {printable(rows[k]['label'])} of"
            f" response {quote_name(rows[k]['output_b'])}: from {changes.before[k]:.4g} to"
            f" {after[k]:.4g}, by {abs(float(changes.z[k])):.1f} σ",
            "open",
            "within chance",
        )

    def _ranks(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Finding]:
        """Yields a finding for every rank whose change is significant and large."""
        several = len(evidence.baselines) > 1
        if not several:  # without a spread, only the bootstrap gives the uncertainty of a rank
            rows = [row for row in rows if row["rank_low_a"] and row["rank_low_b"]]
        if not rows:
            return
        changes = rank_changes(rows)
        first = [
            k for k, row in enumerate(rows) if min(changes.before[k], row["rank_b"]) <= self.top
        ]
        corrected = holm(changes.p[first])
        for k, p in zip(first, corrected, strict=True):
            row, places = rows[k], abs(float(rows[k]["rank_b"] - changes.before[k]))
            if p >= self.significance / 2 or places < self.min_places:
                continue
            yield self.finding(
                _subject(row),
                evidence.model_file,
                f"{printable(row['label'])} of response {quote_name(row['output_b'])} went from"
                f" rank {_ranks_before(row)} to {row['rank_b']}{_interval(row, 'b')}",
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


def _averaged(changes: Changes) -> str:
    return "" if changes.spread is None else f" (over {changes.spread.trainings} retrainings)"


def _ranks_before(row: Row) -> str:
    if "ranks" in row:
        return f"{join_names([str(rank) for rank in sorted(row['ranks'])], 12)} of the retrainings"
    return f"{row['rank_a']}{_interval(row, 'a')}"


def _interval(row: Row, side: str) -> str:
    low, high = row[f"rank_low_{side}"], row[f"rank_high_{side}"]
    return "" if low is None else f" ({low}–{high})"


def _subject(row: Row) -> Subject:
    names = tuple(row["features"])
    return Subject("coefficient", row["label"], names, row["output_b"], row["group"])
