"""How scores and ranks changed since one baseline, or since several trainings of the same kind.

One baseline knows what the events make of a score; what another training makes of it, it does not.

Scores: Δ = ⟨t⟩ − ⟨t⟩_baseline against σ² = σ_new² + σ_baseline², as of different events; of the
same events that is cautious. Either has its SEM. In units of the features' σ both are compared per
σ of the baseline, whose error is then common to them (see ``onnxtaylor.comparison.moved``).

Ranks: Δ against the widths of both: half the 68 % interval of the bootstrap, half the number of
coefficients that are nearer than the features' σ tell them apart (``onnxtaylor.audit.spread``; the
baseline's features are taken to have the shape of the new ones), and half a place at least.

Of several baselines, each of another training, the spread between them counts as well
(``onnxtaylor.audit.retraining``): of √⟨t⟩, whose spread depends least on its size, and of ranks.
Its trend has a constant for each order, and the logarithm of the mean; that of ranks the logarithm
of the mean rank. Where all were made of the same events, to which no number is a stranger, the SEM
stays out: what the events do is done to all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.retraining import Spread, spread_of
from onnxtaylor.audit.spread import kurtosis, relative_errors
from onnxtaylor.comparison import compare_results, two_sided
from onnxtaylor.errors import OnnxTaylorError, ResultError, printable
from onnxtaylor.results.taylor import DataSummary, TaylorResult

__all__ = [
    "Changes",
    "Row",
    "changed_ranks",
    "changed_scores",
    "of_the_same_events",
    "with_errors",
    "with_retrainings",
]

OLD, NEW = "a", "b"  # sides of a row of a comparison
DAMPING = 0.02  # of the largest score: below it the spread does not depend on the mean
NEAREST = 0.5  # places, by which any rank is uncertain

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Changes:
    """Of R numbers: before, with an error, the significance z of the change, and its p by itself.

    ``spread`` is that of several trainings; None of one.
    """

    before: Floats
    error: Floats
    z: Floats
    p: Floats
    spread: Spread | None = field(default=None)


def changed_scores(rows: Sequence[Row], same_events: bool = False) -> Changes:
    """⟨t⟩ of the rows against one baseline, or against several where the rows have them.

    ``same_events``: all results are of the same ones.
    """
    old, new = _column(rows, "score_a"), _column(rows, "score_b")
    sem_old, sem_new = _column(rows, "sem_a"), _column(rows, "sem_b")
    if not rows or "scores" not in rows[0]:
        change, sigma = _column(rows, "change"), _column(rows, "sigma")
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(change == 0, 0.0, change / sigma)
        return Changes(old, sem_old, z, two_sided(change, sigma))
    scores = np.array([row["scores"] for row in rows]).T
    mean = scores.mean(axis=0)
    largest = np.zeros(len(rows))
    keys = [(row["output"], row["group"], row["order"]) for row in rows]
    for key in set(keys):
        same = [k for k, other in enumerate(keys) if other == key]
        largest[same] = mean[same].max()
    share = mean / np.maximum(largest, 1e-300)
    orders = np.array([row["order"] for row in rows])
    columns = [(orders == order).astype(float) for order in np.unique(orders)]
    spread = spread_of(np.sqrt(scores), np.stack([*columns, np.log(share + DAMPING)], axis=1))
    errors = np.hypot(_of_the_root(mean, sem_old), _of_the_root(new, sem_new))
    z, p = spread.chances(np.sqrt(new), errors * (not same_events))
    return Changes(mean, scores.std(axis=0, ddof=1), z, p, spread)


def changed_ranks(rows: Sequence[Row]) -> Changes:
    """Likewise the ranks of the rows; of one baseline both sides must have their intervals."""
    new = _column(rows, "rank_b")
    events = np.hypot(_column(rows, "places_a"), _column(rows, "places_b"))
    if not rows or "ranks" not in rows[0]:
        old = _column(rows, "rank_a")
        z = (new - old) / np.where(events > 0, events, 1.0)
        return Changes(old, _column(rows, "places_a"), z, two_sided(new - old, events))
    ranks = np.array([row["ranks"] for row in rows], np.float64).T
    spread = spread_of(ranks, np.stack([np.ones(len(rows)), np.log(ranks.mean(axis=0))], axis=1))
    z, p = spread.chances(new, np.maximum(events, hypot(NEAREST, NEAREST)))
    return Changes(spread.mean, ranks.std(axis=0, ddof=1), z, p, spread)


def with_retrainings(rows: Sequence[Row], evidence: Evidence) -> list[Row]:
    """The rows with ``scores`` and ``ranks`` of all baselines, in the units of the first one.

    Raises ResultError where a baseline lacks one of the coefficients.
    """
    first, *others = evidence.baselines
    known = []
    for path, other in zip(evidence.baseline_paths[1:], others, strict=True):
        try:
            theirs = {_key(row): row for row in compare_results(first, other).rows()}
        except OnnxTaylorError as error:
            raise ResultError(f"baseline {printable(path)}: {error}") from None
        for row in rows:
            if _key(row) not in theirs:
                raise ResultError(
                    f"baseline {printable(path)}: has no coefficient of {printable(row['label'])},"
                    f" response '{printable(row['output'])}', group '{printable(row['group'])}',"
                    f" which {printable(evidence.baseline_paths[0])} has: make all baselines alike"
                )
        known.append(theirs)
    return [
        {
            **row,
            "scores": [row["score_a"], *(theirs[_key(row)]["score_b"] for theirs in known)],
            "ranks": [row["rank_a"], *(theirs[_key(row)]["rank_b"] for theirs in known)],
        }
        for row in rows
    ]


def with_errors(rows: Sequence[Row], evidence: Evidence) -> list[Row]:
    """The rows with the errors of the ranks on both sides, as far as the events make them."""
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
    scores: Floats = result.score[c, g]
    # in the result's own units, in which it was ranked: those of the row are the baseline's
    own = scores[result.rank[c, g] == row[f"rank_{side}"]][0]
    near = np.abs(scores - own) <= share * own
    return max(
        hypot((row[f"rank_high_{side}"] - row[f"rank_low_{side}"]) / 2, (int(near.sum()) - 1) / 2),
        NEAREST,
    )


def of_the_same_events(evidence: Evidence) -> bool:
    """Whether the result and all baselines are of the same events, by the moments of the data."""
    ours = evidence.result.data
    return all(
        (other.events, other.sum_weight, other.n_eff) == (ours.events, ours.sum_weight, ours.n_eff)
        and _moments(other) == _moments(ours)
        for other in (baseline.data for baseline in evidence.baselines)
    )


def _moments(data: DataSummary) -> list[str]:
    """Of every feature; as text, since a NaN is not equal to itself."""
    return sorted(f"{f.name}: {f.mean:.12g} {f.std:.12g} {f.min} {f.max}" for f in data.features)


def _of_the_root(score: Floats, sem: Floats) -> Floats:
    """The standard error of √score, finite where the score is 0."""
    return np.asarray(sem / np.maximum(np.sqrt(score) + np.sqrt(score + sem), 1e-300))


def _column(rows: Sequence[Row], name: str) -> Floats:
    return np.array([row[name] for row in rows], np.float64)


def _key(row: Row) -> tuple[str, ...]:
    return row["output"], row["group"], *sorted(row["features"])
