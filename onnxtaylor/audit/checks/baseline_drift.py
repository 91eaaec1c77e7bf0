"""``baseline-drift``: ⟨t⟩ and ranks changed since the baseline, beyond their uncertainties.

What the uncertainties are, ``onnxtaylor.audit.drift`` has. One baseline knows the statistics of the
events and nothing of what another training makes of ⟨t⟩, which is usually far more; so its findings
are warnings by default. With three baselines or more, each of another training, the spread between
them counts as well, and findings are errors by default; as they are where the baseline is of the
very same model file.

Scores and ranks share the significance half and half; among those of either it is corrected by
Holm's method, so that the probability of any false alarm of the check is at most ``significance``.
What is significant must also be large: ``min-change`` of the baseline's score, of scores above
``negligible`` of the largest, and ``min-places`` of ranks. Only the first ``top`` coefficients of
either ranking are asked for their rank.

Of responses that are mirror images one is looked at. Coefficients that derive twice along one-hot
groups, which cannot move, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from onnxtaylor.audit.categories import one_hot_features
from onnxtaylor.audit.check import CoefficientCheck, FileCheck, Looked, option
from onnxtaylor.audit.coefficients import chosen, matching, quoted
from onnxtaylor.audit.drift import (
    Changes,
    Row,
    changed_ranks,
    changed_scores,
    of_the_same_events,
    with_errors,
    with_retrainings,
)
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.mirrored import distinct
from onnxtaylor.audit.retraining import FEWEST
from onnxtaylor.comparison import compare_results, holm, two_sided
from onnxtaylor.errors import ResultError, listed, printable
from onnxtaylor.results.quantity import FINITE_STEP, quantity_of
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.text.uncertainty import uncertain

__all__ = ["BaselineDrift"]

REMEDY = (
    "look at both with `onnxtaylor compare`: a change of the data, of the training, or a fault; if"
    " it is wanted, make this result the new baseline"
)
RETRAIN = (
    "; name the results of three retrainings or more as baselines (--baseline, several times), and"
    " what another training changes counts as well"
)


@dataclass(frozen=True, kw_only=True)
class BaselineDrift(FileCheck, CoefficientCheck):
    """Coefficients and ranks are those of the baseline, within their uncertainties."""

    id: ClassVar[str] = "baseline-drift"
    usual_level: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("baseline",)

    significance: float = option(
        0.01, "largest probability of a false alarm of the check", minimum=1e-12, maximum=0.5
    )
    min_change: float = option(
        0.1, "least change of ⟨t⟩ that matters, in units of the baseline's", minimum=0.0
    )
    negligible: float = option(
        0.02,
        "scores below this share of the largest of their order do not matter",
        minimum=0.0,
        maximum=1.0,
    )
    min_places: int = option(5, "least change of a rank that matters, in places", minimum=1)
    top: int = option(20, "of which coefficients the ranks matter, of either ranking", minimum=1)

    def settled(self, evidence: Evidence) -> BaselineDrift:
        """Of level error where σ holds all that changes by chance, unless the policy says else."""
        complete = len(evidence.baselines) > 1 or _of_the_same_file(evidence)
        return self if self.level_is_given or not complete else replace(self, level="error")

    def ready(self, evidence: Evidence) -> None:
        """Raises ResultError for a baseline whose coefficients have other units or links.

        And for several that are no three, or not of different trainings.
        """
        for path, old in zip(evidence.baseline_paths, evidence.baselines, strict=True):
            _measures_the_same(evidence, f"baseline {printable(path)}: it holds", old)
        number = len(evidence.baselines)
        if 1 < number < FEWEST:
            raise ResultError(
                f"{number} baselines: they tell next to nothing of the spread between trainings:"
                f" name one, or those of {FEWEST} trainings at least"
            )
        hashes = [old.model.sha256 for old in evidence.baselines]
        for k, sha256 in enumerate(hashes):
            if sha256 in hashes[:k]:
                paths = evidence.baseline_paths[hashes.index(sha256)], evidence.baseline_paths[k]
                raise ResultError(
                    f"baselines {' and '.join(map(printable, paths))}: are of the same model file:"
                    " name one of them, and results of other trainings"
                )

    def look(self, evidence: Evidence) -> Looked:
        """All coefficients that both have, and features and responses that only one has."""
        new, old = evidence.result, evidence.baseline
        compared = compare_results(old, new)
        outputs = [new.outputs[c] for c in chosen(self, "output", self.outputs, new.outputs)]
        chosen(self, "group", self.groups, compared.shared.groups)
        chosen(self, "feature", self.features, list(dict.fromkeys((*new.features, *old.features))))
        findings = list(self._lost(evidence, "feature", new.features, old.features))
        if len(compared.shared.outputs) < max(len(old.outputs), len(new.outputs)):
            findings += self._lost(evidence, "output", new.outputs, old.outputs)
        kept = distinct(outputs, evidence.mirror_images)
        wanted = [row for row in compared.rows() if self._wanted(row, kept)]
        fixed = one_hot_features(evidence.source, new, evidence.options.get("missing"))
        rows = [row for row in wanted if sum(name in fixed for name in row["features"]) < 2]
        still = len(wanted) - len(rows)
        if len(evidence.baselines) > 1:
            rows = with_retrainings(rows, evidence)
        rows = with_errors(rows, evidence)
        summary = "nothing to compare"
        notes: tuple[Finding, ...] = ()
        if rows:
            scores = changed_scores(rows, of_the_same_events(evidence))
            findings += self._scores(evidence, rows, scores)
            findings += self._ranks(evidence, rows)
            notes = tuple(self._unsure(evidence, rows, scores))
            summary = self._summary(evidence, scores)
        if mirrored := [name for name in outputs if name not in kept]:
            summary += f"; mirror images were looked at once, without {listed(mirrored)}"
        if still:
            summary += f"; {still} coefficients within one-hot groups were left out"
        return Looked(len(rows), "coefficients", tuple(findings), summary, notes)

    def _summary(self, evidence: Evidence, scores: Changes) -> str:
        largest = float(np.abs(scores.z[np.isfinite(scores.z)]).max(initial=0.0))
        said = f"largest change of ⟨t⟩ {largest:.1f} σ"
        if scores.spread is not None:
            least = scores.spread.least(self.significance / 2 / len(scores.z))
            number = scores.spread.trainings
            return f"{said} of {number} retrainings and the events, found from {least:.1f} σ on"
        if _of_the_same_file(evidence):
            return said
        return f"{said} of the events; of what a retraining changes one baseline does not know"

    def _wanted(self, row: Row, outputs: Sequence[str]) -> bool:
        return bool(
            row["output_b"] in outputs
            and matching(self.groups, [row["group"]])
            and matching(self.features, row["features"])
        )

    def _lost(
        self, evidence: Evidence, kind: str, new: tuple[str, ...], old: tuple[str, ...]
    ) -> Iterator[Finding]:
        """Names that only one of the two has."""
        gone = [(name, "the model lacks", "of the baseline") for name in old if name not in new]
        came = [(name, "the baseline lacks", "of the model") for name in new if name not in old]
        for name, who, whose in (*gone, *came):
            yield self.finding(
                Subject(kind, name),
                evidence.model_file,
                f"{who} {kind} {quoted(name)} {whose}",
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
        largest: dict[tuple[str, str, int], float] = {}
        keys = [(row["output"], row["group"], row["order"]) for row in rows]
        for key, row, before in zip(keys, rows, changes.before, strict=True):
            largest[key] = max(largest.get(key, 0.0), float(before), row["score_b"])
        family = holm(changes.p)
        for k in np.lexsort((-np.abs(changes.z), family)).tolist():
            key, row = keys[k], rows[k]
            old, new = float(changes.before[k]), float(row["score_b"])
            change = abs(new - old) / max(old, self.negligible * largest[key], 1e-300)
            if family[k] >= self.significance / 2 or change <= self.min_change:
                continue
            yield self.finding(
                _subject(row),
                evidence.model_file,
                f"⟨t⟩ of {printable(row['label'])} of response {quoted(row['output_b'])} went from"
                f" {uncertain(old, float(changes.error[k]))}{_whose(changes)} to"
                f" {uncertain(new, row['sem_b'])}",
                quantity="relative change of ⟨t⟩",
                measured=change,
                relation="≤",
                limit=self.min_change,
                certainty=_certainty(evidence, changes, k, family[k], "coefficients"),
                remedy=_remedy(evidence),
            )

    def _unsure(
        self, evidence: Evidence, rows: Sequence[Row], changes: Changes
    ) -> Iterator[Finding]:
        """A note on what would be a finding, were the spread of the trainings known better."""
        if changes.spread is None:
            return
        limit = self.significance / 2
        sure, known = holm(changes.p), holm(two_sided(changes.z, np.ones(len(rows))))
        after = np.array([row["score_b"] for row in rows])
        large = np.abs(after - changes.before) > self.min_change * changes.before
        open_ = np.flatnonzero((sure >= limit) & (known < limit) & large)
        if not len(open_):
            return
        k = int(open_[np.abs(changes.z[open_]).argmax()])
        yield self.note(
            _subject(rows[k]),
            evidence.model_file,
            f"{len(open_)} coefficients changed by more than chance would explain, were the spread"
            f" between trainings known; {changes.spread.trainings} retrainings tell it too badly to"
            f" be sure: name more of them. Most changed ⟨t⟩ of {printable(rows[k]['label'])} of"
            f" response {quoted(rows[k]['output_b'])}: from {changes.before[k]:.4g} to"
            f" {after[k]:.4g}, by {abs(float(changes.z[k])):.1f} σ",
            "open",
            "within chance",
        )

    def _ranks(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Finding]:
        several = len(evidence.baselines) > 1
        if not several:  # which has no spread: the bootstrap tells how sure a rank is
            rows = [row for row in rows if row["rank_low_a"] and row["rank_low_b"]]
        if not rows:
            return
        changes = changed_ranks(rows)
        first = [
            k for k, row in enumerate(rows) if min(changes.before[k], row["rank_b"]) <= self.top
        ]
        family = holm(changes.p[first])
        for k, chance in zip(first, family, strict=True):
            row, by = rows[k], abs(float(rows[k]["rank_b"] - changes.before[k]))
            if chance >= self.significance / 2 or by < self.min_places:
                continue
            yield self.finding(
                _subject(row),
                evidence.model_file,
                f"{printable(row['label'])} of response {quoted(row['output_b'])} went from rank"
                f" {_ranks_before(row)} to {row['rank_b']}{_interval(row, 'b')}",
                quantity="change of the rank, in places",
                measured=by,
                relation="≤",
                limit=self.min_places - 1,
                certainty=_certainty(evidence, changes, k, chance, "ranks", len(first)),
                remedy=_remedy(evidence),
            )


def _measures_the_same(evidence: Evidence, where: str, old: TaylorResult) -> None:
    """Raises ResultError for a baseline whose coefficients have other units or links."""
    method, scale, link = evidence.measure
    theirs, ours = (
        "responses to finite steps" if quantity_of(one) == FINITE_STEP else "coefficients"
        for one in (old.method, method)
    )
    per = old.options.get("scale")
    same = old.options.get("link", "identity")
    if old.method != method:
        raise ResultError(
            f"{where} {theirs}, and the audit computes {ours}: make it with the audit's"
            " --finite-step, or without"
        )
    if per != scale:
        way = "`analyze --scale sigma`" if scale == "sigma" else f"`analyze --scale {scale}`"
        raise ResultError(
            f"{where} {theirs} per {printable(per)}, and the audit computes them per {scale}:"
            f" make it with `onnxtaylor audit … -o`, or {way}"
        )
    if same != link:
        raise ResultError(
            f"{where} {theirs} of the link {printable(same)}, and the audit's is {link}: make"
            f" it with --link {link}"
        )


def _of_the_same_file(evidence: Evidence) -> bool:
    """Whether the one baseline is of the model file that is audited: nothing was trained anew."""
    alone = len(evidence.model_hashes) == 1  # weights in another file may have changed
    return alone and evidence.baseline.model.sha256 == evidence.model.sha256


def _certainty(
    evidence: Evidence,
    changes: Changes,
    k: int,
    chance: float,
    noun: str,
    number: int | None = None,
) -> str:
    """How sure a change is, and what its σ includes."""
    known = bool(np.isfinite(changes.z[k]))
    z = f"{abs(float(changes.z[k])):.1f} σ" if known else "no uncertainty"
    p = f"{chance:.1g}" if chance >= 1e-99 else "below 1e-99"
    number = len(changes.z) if number is None else number
    among = f"chance of any such change among {number} {noun} {p}"
    if changes.spread is not None:
        return f"{z} of {changes.spread.trainings} retrainings and the events; {among}"
    if _of_the_same_file(evidence):
        return f"{z}; {among}"
    return (
        f"{z} of event statistics only, not of retraining; {among}, if nothing but the events"
        " changed"
    )


def _remedy(evidence: Evidence) -> str:
    complete = len(evidence.baselines) > 1 or _of_the_same_file(evidence)
    return REMEDY if complete else REMEDY + RETRAIN


def _whose(changes: Changes) -> str:
    return "" if changes.spread is None else f" (over {changes.spread.trainings} retrainings)"


def _ranks_before(row: Row) -> str:
    if "ranks" in row:
        return f"{listed([str(rank) for rank in sorted(row['ranks'])], 12)} of the retrainings"
    return f"{row['rank_a']}{_interval(row, 'a')}"


def _interval(row: Row, side: str) -> str:
    low, high = row[f"rank_low_{side}"], row[f"rank_high_{side}"]
    return "" if low is None else f" ({low}–{high})"


def _subject(row: Row) -> Subject:
    names = tuple(row["features"])
    return Subject("coefficient", row["label"], names, row["output_b"], row["group"])
