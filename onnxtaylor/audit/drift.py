"""Changes of scores and ranks since one baseline, or since several trainings of the same kind.

One baseline gives the uncertainty that the events cause, but not the spread between trainings.

Scores: Δ = ⟨t⟩ − ⟨t⟩_baseline is compared with σ² = σ_new² + σ_baseline², the squares of both SEM.
This holds for independent events; for the same events it is cautious. In units of the features' σ
both are compared per σ of the baseline, whose error is then common to both (see
``onnxtaylor.comparison.moved``).

Ranks: Δ is compared with the widths of both: half the 68 % interval of the bootstrap, half the
number of coefficients that cannot be told apart within the uncertainty of the features' σ
(``onnxtaylor.audit.spread``; the baseline's features are taken to have the shape of the new ones),
and at least half a place.

With several baselines, each of another training, the spread between them counts as well
(``onnxtaylor.audit.retraining``): that of √⟨t⟩, which depends least on the size of ⟨t⟩, and that of
the ranks. The trend of the former has a constant for each order and the logarithm of the mean; that
of the latter has the logarithm of the mean rank. Where all results are of the same events, the SEM
does not count: the events shift all of them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.retraining import Spread, estimate_spread
from onnxtaylor.audit.spread import NORMAL, kurtosis, relative_uncertainties
from onnxtaylor.comparison import compare_results, two_sided
from onnxtaylor.errors import OnnxTaylorError, ResultError, printable
from onnxtaylor.results.taylor import DataSummary, TaylorResult

__all__ = [
    "Changes",
    "Row",
    "add_baseline_values",
    "add_rank_uncertainties",
    "have_same_events",
    "rank_changes",
    "score_changes",
]

OLD, NEW = "a", "b"  # sides of a row of a comparison
DAMPING = 0.02  # share of the largest score; the spread of smaller scores is taken as constant
NEAREST = 0.5  # places, the smallest uncertainty of a rank

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Changes:
    """Changes of R numbers.

    Attributes
    ----------
    before, error
        Values before the change and their errors, (R,).
    z, p
        Significance of each change in σ, and its two-sided p-value, not corrected, (R,).
    spread
        Spread between several trainings; None for one baseline.
    """

    before: Floats
    error: Floats
    z: Floats
    p: Floats
    spread: Spread | None = field(default=None)


def score_changes(rows: Sequence[Row], same_events: bool = False) -> Changes:
    """Compares ⟨t⟩ of R rows with one baseline, or with several.

    Parameters
    ----------
    rows
        Rows of a comparison; for several baselines those of ``add_baseline_values``.
    same_events
        Whether all results are of the same events.
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
    spread = estimate_spread(np.sqrt(scores), np.stack([*columns, np.log(share + DAMPING)], axis=1))
    sem = np.hypot(_error_of_root(mean, sem_old), _error_of_root(new, sem_new))
    z, p = spread.significance(np.sqrt(new), sem * (not same_events))
    return Changes(mean, scores.std(axis=0, ddof=1), z, p, spread)


def rank_changes(rows: Sequence[Row]) -> Changes:
    """Compares the ranks of R rows of ``add_rank_uncertainties`` with one or several baselines.

    With one baseline, every row must have rank intervals on both sides.
    """
    new = _column(rows, "rank_b")
    events = np.hypot(_column(rows, "places_a"), _column(rows, "places_b"))
    if not rows or "ranks" not in rows[0]:
        old = _column(rows, "rank_a")
        z = (new - old) / np.where(events > 0, events, 1.0)
        return Changes(old, _column(rows, "places_a"), z, two_sided(new - old, events))
    ranks = np.array([row["ranks"] for row in rows], np.float64).T
    spread = estimate_spread(
        ranks, np.stack([np.ones(len(rows)), np.log(ranks.mean(axis=0))], axis=1)
    )
    z, p = spread.significance(new, np.maximum(events, hypot(NEAREST, NEAREST)))
    return Changes(spread.mean, ranks.std(axis=0, ddof=1), z, p, spread)


def add_baseline_values(rows: Sequence[Row], evidence: Evidence) -> list[Row]:
    """Adds ``scores`` and ``ranks`` of all baselines to the rows, in the units of the first one.

    Raises
    ------
    ResultError
        Where a baseline lacks one of the coefficients.
    """
    first, *others = evidence.baselines
    values = []
    for path, other in zip(evidence.baseline_paths[1:], others, strict=True):
        try:
            theirs = {_key(row): row for row in compare_results(first, other).rows()}
        except OnnxTaylorError as error:
            raise ResultError(f"baseline {printable(path)}: {error}") from None
        for row in rows:
            if _key(row) not in theirs:
                raise ResultError(
                    f"baseline {printable(path)} has no coefficient of {printable(row['label'])},"
                    f" response '{printable(row['output'])}', group '{printable(row['group'])}',"
                    f" which {printable(evidence.baseline_paths[0])} has: make all baselines alike"
                )
        values.append(theirs)
    return [
        {
            **row,
            "scores": [row["score_a"], *(theirs[_key(row)]["score_b"] for theirs in values)],
            "ranks": [row["rank_a"], *(theirs[_key(row)]["rank_b"] for theirs in values)],
        }
        for row in rows
    ]


def add_rank_uncertainties(rows: Sequence[Row], evidence: Evidence) -> list[Row]:
    """Adds the statistical errors of the ranks on both sides, in places, to the rows."""
    new, old = evidence.result, evidence.baseline
    kappa = dict(
        zip(
            (feature.name for feature in new.data.features),
            kurtosis(
                evidence.source, new, evidence.options.get("missing"), evidence.problem.filled
            ),
            strict=True,
        )
    )
    relative = {}
    for side, result in ((OLD, old), (NEW, new)):
        kappas = np.array([kappa.get(feature.name, NORMAL) for feature in result.data.features])
        keys = result.indices.keys(result.features)
        relative[side] = dict(zip(keys, relative_uncertainties(result, kappas), strict=True))
    completed = []
    for row in rows:
        more: Row = {}
        for side, result in ((OLD, old), (NEW, new)):
            share = float(relative[side][_alpha(row)])
            more[f"places_{side}"] = _places(row, side, result, share)
        completed.append({**row, **more})
    return completed


def _places(row: Row, side: str, result: TaylorResult, share: float) -> float:
    """Standard error of a rank, in places; 0 where there is no interval."""
    if row[f"rank_low_{side}"] is None:
        return 0.0
    output = row["output"] if side == OLD else row["output_b"]
    c, g = result.position(output, row["group"])
    scores: Floats = result.score[c, g]
    # the score in the result's own units, in which it was ranked; the row has the baseline's units
    own = scores[result.rank[c, g] == row[f"rank_{side}"]][0]
    near = np.abs(scores - own) <= share * own
    return max(
        hypot((row[f"rank_high_{side}"] - row[f"rank_low_{side}"]) / 2, (int(near.sum()) - 1) / 2),
        NEAREST,
    )


def have_same_events(evidence: Evidence) -> bool:
    """Whether the result and all baselines are of the same events, by the moments of the data."""
    ours = evidence.result.data
    return all(
        (other.events, other.sum_weight, other.n_eff) == (ours.events, ours.sum_weight, ours.n_eff)
        and _moments(other) == _moments(ours)
        for other in (baseline.data for baseline in evidence.baselines)
    )


def _moments(data: DataSummary) -> list[str]:
    """Moments of every feature, as text: a NaN would not be equal to itself."""
    return sorted(f"{f.name}: {f.mean:.12g} {f.std:.12g} {f.min} {f.max}" for f in data.features)


def _error_of_root(score: Floats, sem: Floats) -> Floats:
    """Standard error of √score, finite where the score is 0."""
    return np.asarray(sem / np.maximum(np.sqrt(score) + np.sqrt(score + sem), 1e-300))


def _column(rows: Sequence[Row], name: str) -> Floats:
    return np.array([row[name] for row in rows], np.float64)


def _key(row: Row) -> tuple[str, ...]:
    return row["output"], row["group"], *_alpha(row)


def _alpha(row: Row) -> tuple[str, ...]:
    """Key of the coefficient of a row, as of ``MultiIndices.keys``."""
    return row.get("relation") or "", *sorted(row["features"])
