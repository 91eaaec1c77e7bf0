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

from dataclasses import dataclass, field
from math import hypot

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.compared import ComparedRows
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.retraining import Spread, estimate_spread
from onnxtaylor.audit.spread import NORMAL, kurtosis, relative_uncertainties
from onnxtaylor.comparison import two_sided
from onnxtaylor.results.taylor import DataSummary, TaylorResult

__all__ = [
    "Changes",
    "have_same_events",
    "largest_of_kind",
    "rank_changes",
    "rank_uncertainties",
    "score_changes",
]

OLD, NEW = "a", "b"  # sides of a row of a comparison
DAMPING = 0.02  # share of the largest score; the spread of smaller scores is taken as constant
NEAREST = 0.5  # places, the smallest uncertainty of a rank

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


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


def score_changes(rows: ComparedRows, same_events: bool = False) -> Changes:
    """Compares ⟨t⟩ of R rows with one baseline, or with several.

    Parameters
    ----------
    rows
        Rows of a comparison; for several baselines those of ``add_baseline_values``.
    same_events
        Whether all results are of the same events.
    """
    new, sem_old, sem_new = rows["score_b"], rows["sem_a"], rows["sem_b"]
    if rows.scores is None:
        change, sigma = rows["change"], rows["sigma"]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(change == 0, 0.0, change / sigma)
        return Changes(rows["score_a"], sem_old, z, two_sided(change, sigma))
    mean = rows.scores.mean(axis=0)
    share = mean / np.maximum(largest_of_kind(rows, mean), 1e-300)
    columns = [(rows.orders == order).astype(float) for order in np.unique(rows.orders)]
    trend = np.stack([*columns, np.log(share + DAMPING)], axis=1)
    spread = estimate_spread(np.sqrt(rows.scores), trend)
    sem = np.hypot(_error_of_root(mean, sem_old), _error_of_root(new, sem_new))
    z, p = spread.significance(np.sqrt(new), sem * (not same_events))
    return Changes(mean, rows.scores.std(axis=0, ddof=1), z, p, spread)


def largest_of_kind(rows: ComparedRows, values: Floats) -> Floats:
    """Returns, for each of R rows, the largest value of its response, group and order; at least 0.

    ``values`` are (R,).
    """
    kinds = rows.kinds
    largest = np.zeros(kinds.max(initial=-1) + 1)
    np.maximum.at(largest, kinds, values)
    return np.asarray(largest[kinds])


def rank_changes(rows: ComparedRows, places: tuple[Floats, Floats]) -> Changes:
    """Compares the ranks of R rows with one or several baselines.

    ``places`` are from ``rank_uncertainties``. With one baseline, every row must have rank
    intervals on both sides.
    """
    new, events = rows["rank_b"], np.hypot(*places)
    if rows.ranks is None:
        old = rows["rank_a"]
        z = (new - old) / np.where(events > 0, events, 1.0)
        return Changes(old, places[0], z, two_sided(new - old, events))
    trend = np.stack([np.ones(len(rows)), np.log(rows.ranks.mean(axis=0))], axis=1)
    spread = estimate_spread(rows.ranks, trend)
    z, p = spread.significance(new, np.maximum(events, hypot(NEAREST, NEAREST)))
    return Changes(spread.mean, rows.ranks.std(axis=0, ddof=1), z, p, spread)


def rank_uncertainties(rows: ComparedRows, evidence: Evidence) -> tuple[Floats, Floats]:
    """Computes the statistical errors of the ranks in the baseline and in the audit, in places.

    Both are (R,).
    """
    new, old = evidence.result, evidence.baseline
    missing = evidence.problem.missing
    found = kurtosis(evidence.source, new, missing, evidence.problem.filled).tolist()
    kappa = dict(zip((feature.name for feature in new.data.features), found, strict=True))
    shared = rows.comparison.shared
    errors = []
    for side, result, common in ((OLD, old, shared.a), (NEW, new, shared.b)):
        kappas = np.array([kappa.get(feature.name, NORMAL) for feature in result.data.features])
        relative = relative_uncertainties(result, kappas)
        errors.append(_places(rows, side, result, common, relative))
    return errors[0], errors[1]


def _places(
    rows: ComparedRows,
    side: str,
    result: TaylorResult,
    common: tuple[Integers, Integers, Integers],
    relative: Floats,
) -> Floats:
    """Standard errors of the ranks, in places, (R,); 0 where there is no interval.

    ``common`` are the places in the result of what both results have, ``relative`` (K,) the
    relative uncertainties of its scores.
    """
    if f"rank_low_{side}" not in rows.columns:
        return np.zeros(len(rows))
    c, g, k = (whole[part] for whole, part in zip(common, rows.at, strict=True))
    # the score in the result's own units, in which it was ranked; the row has the baseline's units
    own, share = result.score[c, g, k], relative[k]
    near = np.empty(len(rows))
    block = c * len(result.groups) + g
    for number in np.unique(block):
        mine = block == number
        scores = np.sort(result.score[divmod(int(number), len(result.groups))])
        apart = share[mine] * own[mine]
        end = np.searchsorted(scores, own[mine] + apart, side="right")
        near[mine] = end - np.searchsorted(scores, own[mine] - apart, side="left")
    width = rows[f"rank_high_{side}"] - rows[f"rank_low_{side}"]
    return np.maximum(np.hypot(width / 2, (near - 1) / 2), NEAREST)


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
