"""``baseline-drift``: ⟨t⟩ and ranks changed since the baseline, beyond their uncertainties.

Scores: Δ = ⟨t⟩ − ⟨t⟩_baseline against σ² = σ_new² + σ_baseline², as of different events; of the
same events that is cautious. Either has its SEM. In units of the features' σ both are compared per
σ of the baseline, whose error is then common to them (see ``onnxtaylor.comparison.moved``).

Ranks: Δ against the widths of both: half the 68 % interval of the bootstrap, half the number of
coefficients that are nearer than the features' σ tell them apart (``onnxtaylor.audit.spread``; the
baseline's features are taken to have the shape of the new ones), and half a place at least. Only
the first ``top`` coefficients of either ranking are asked.

Scores and ranks share the significance half and half; among those of either it is corrected by
Holm's method, so that the probability of any false alarm of the check is at most ``significance``.
What is significant must also be large: ``min-change`` of the baseline's score, of scores above
``negligible`` of the largest, and ``min-places`` of ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.base import CoefficientCheck, FileCheck, Looked, option
from onnxtaylor.audit.coefficients import chosen, matching, quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.spread import kurtosis, relative_errors
from onnxtaylor.comparison import compare_results, holm, two_sided
from onnxtaylor.errors import ResultError, printable
from onnxtaylor.result import TaylorResult
from onnxtaylor.uncertainty import uncertain

__all__ = ["BaselineDrift"]

REMEDY = (
    "look at both with `onnxtaylor compare`: a change of the data, of the training, or a fault; if"
    " it is wanted, make this result the new baseline"
)
OLD, NEW = "a", "b"  # sides of a row of a comparison
FINITE = "finite-step"

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class BaselineDrift(FileCheck, CoefficientCheck):
    """Coefficients and ranks are those of the baseline, within their uncertainties."""

    id: ClassVar[str] = "baseline-drift"
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

    def ready(self, evidence: Evidence) -> None:
        """Raises ResultError for a baseline whose coefficients have other units or links."""
        old, (method, scale, link) = evidence.baseline, evidence.measure
        theirs, ours = (
            "responses to finite steps" if one == FINITE else "coefficients"
            for one in (old.method, method)
        )
        per = old.options.get("scale")
        same = old.options.get("link", "identity")
        where = f"baseline {printable(evidence.baseline_path)}: it holds"
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

    def look(self, evidence: Evidence) -> Looked:
        """All coefficients that both have, and features and responses that only one has."""
        new, old = evidence.result, evidence.baseline
        compared = compare_results(old, new)
        chosen(self, "output", self.outputs, new.outputs)
        chosen(self, "group", self.groups, compared.shared.groups)
        chosen(self, "feature", self.features, list(dict.fromkeys((*new.features, *old.features))))
        findings = list(self._lost(evidence, "feature", new.features, old.features))
        if len(compared.shared.outputs) < max(len(old.outputs), len(new.outputs)):
            findings += self._lost(evidence, "output", new.outputs, old.outputs)
        wanted = [row for row in compared.rows() if self._wanted(row)]
        rows = _with_errors(wanted, evidence)
        findings += self._scores(evidence, rows)
        findings += self._ranks(evidence, rows)
        largest = max((abs(row["z"]) for row in rows if row["z"] is not None), default=0.0)
        return Looked(
            len(rows), "coefficients", tuple(findings), f"largest change of ⟨t⟩ {largest:.1f} σ"
        )

    def _wanted(self, row: Row) -> bool:
        return bool(
            matching(self.outputs, [row["output_b"]])
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

    def _scores(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Finding]:
        largest: dict[tuple[str, str, int], float] = {}
        for row in rows:
            key = (row["output"], row["group"], row["order"])
            largest[key] = max(largest.get(key, 0.0), row["score_a"], row["score_b"])
        family = holm(two_sided([row["change"] for row in rows], [row["sigma"] for row in rows]))
        for row, chance in zip(rows, family, strict=True):
            floor = self.negligible * largest[row["output"], row["group"], row["order"]]
            change = abs(row["change"]) / max(row["score_a"], floor, 1e-300)
            if chance >= self.significance / 2 or change <= self.min_change:
                continue
            before, after = (uncertain(row[f"score_{s}"], row[f"sem_{s}"]) for s in (OLD, NEW))
            z = "" if row["z"] is None else f"{abs(row['z']):.1f} σ; "
            yield self.finding(
                _subject(row),
                evidence.model_file,
                f"⟨t⟩ of {printable(row['label'])} of response {quoted(row['output_b'])} went from"
                f" {before} to {after}",
                quantity="relative change of ⟨t⟩",
                measured=change,
                relation="≤",
                limit=self.min_change,
                certainty=f"{z}chance of any such change among {len(rows)} coefficients"
                f" {chance:.1g}",
                remedy=REMEDY,
            )

    def _ranks(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Finding]:
        first = [
            row
            for row in rows
            if min(row["rank_a"], row["rank_b"]) <= self.top
            and row["rank_low_a"] is not None
            and row["rank_low_b"] is not None
        ]
        sigma = [hypot(row["places_a"], row["places_b"]) for row in first]
        places = [row["rank_b"] - row["rank_a"] for row in first]
        family = holm(two_sided(places, sigma))
        for row, by, error, chance in zip(first, places, sigma, family, strict=True):
            if chance >= self.significance / 2 or abs(by) < self.min_places:
                continue
            yield self.finding(
                _subject(row),
                evidence.model_file,
                f"{printable(row['label'])} of response {quoted(row['output_b'])} went from rank"
                f" {row['rank_a']} ({row['rank_low_a']}–{row['rank_high_a']}) to {row['rank_b']}"
                f" ({row['rank_low_b']}–{row['rank_high_b']})",
                quantity="change of the rank, in places",
                measured=abs(by),
                relation="≤",
                limit=self.min_places - 1,
                certainty=f"{abs(by) / error:.1f} σ of the ranks; chance of any such change among"
                f" {len(first)} ranks {chance:.1g}",
                remedy=REMEDY,
            )


def _with_errors(rows: Sequence[Row], evidence: Evidence) -> list[Row]:
    """The rows with the errors of the ranks on both sides."""
    new, old = evidence.result, evidence.baseline
    kappa = dict(
        zip(
            new.features,
            kurtosis(evidence.source, new, evidence.options.get("missing")),
            strict=True,
        )
    )
    relative = {}
    for side, result in ((OLD, old), (NEW, new)):
        known = np.array([kappa.get(name, 3.0) for name in result.features])
        keys = (tuple(sorted(names)) for names in result.indices.names(result.features))
        relative[side] = dict(zip(keys, relative_errors(result, known), strict=True))
    made = []
    for row in rows:
        more: Row = {}
        for side, result in ((OLD, old), (NEW, new)):
            share = float(relative[side][tuple(sorted(row["features"]))])
            more[f"places_{side}"] = _places(row, side, result, share)
        made.append({**row, **more})
    return made


def _places(row: Row, side: str, result: TaylorResult, share: float) -> float:
    """What stands for the standard error of a rank; 0 where there is no interval."""
    if row[f"rank_low_{side}"] is None:
        return 0.0
    output = row["output"] if side == OLD else row["output_b"]
    c, g = result.position(output, row["group"])
    scores: npt.NDArray[np.float64] = result.score[c, g]
    # in the result's own units, in which it was ranked: those of the row are the baseline's
    own = scores[result.rank[c, g] == row[f"rank_{side}"]][0]
    near = np.abs(scores - own) <= share * own
    return max(
        hypot((row[f"rank_high_{side}"] - row[f"rank_low_{side}"]) / 2, (int(near.sum()) - 1) / 2),
        0.5,
    )


def _subject(row: Row) -> Subject:
    names = tuple(row["features"])
    return Subject("coefficient", row["label"], names, row["output_b"], row["group"])
