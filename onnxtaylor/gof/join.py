"""Joins goodness of fit with influence: which features to keep, to check, or to drop.

The rule, with a threshold α (0.05):

========================  =========================================================================
badly modelled alone      p_i < α
badly modelled in pairs   of the m pairs with features that are not badly modelled alone, more have
                          p_ij < α than ``max_bad_pairs``, by default the 95 % quantile of a
                          binomial distribution of m trials with probability α; or one has
                          p_ij < α/m, which chance makes as seldom
important                 in one of the coefficients that ``select`` keeps: the upper 5 % by ⟨t⟩
========================  =========================================================================

p_i and p_ij come from the saturated test, or from combine.

The verdicts are ``well modelled``; ``check`` for a feature that is badly modelled and important, so
that it needs attention: the network uses a variable that the simulation describes badly; ``drop``
for one that is badly modelled and not important, so that it costs nothing to leave it out; ``not
tested`` without a p-value. This follows the CMS H → ττ analyses: p-values of one- and
two-dimensional distributions below 5 % count as badly modelled, and the influence of a feature
decides its verdict; the binomial limit and α/m are our choice. A pair with a feature that is badly
modelled alone says nothing about the other feature, so it does not count.

Where no toy reached the data, their p-value is only known to be small. The asymptotic p-value, if
there is one, is then compared with α/m, and decides which pair is the worst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxtaylor.errors import OptionError, ResultError, join_names
from onnxtaylor.gof.result import GoodnessOfFit, PairFit, TestResult
from onnxtaylor.results.selection import FeatureInfluence, Selection

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["THRESHOLD", "JoinedRow", "JoinedTable", "join", "likely_by_chance"]

THRESHOLD = 0.05
SURE = 0.95  # probability that chance makes no more bad pairs than are allowed


@dataclass(frozen=True)
class JoinedRow:
    """One feature: its influence on the response, how well it is modelled, and the verdict.

    ``score`` is ⟨t_i⟩ of first order, ``first_rank`` its place among all coefficients, and
    ``best_rank`` that of the feature's best coefficient, alone or in a pair. ``bad_pairs`` of
    ``pairs`` pairs with features that are well modelled alone have p < α; ``all_bad_pairs`` of
    ``all_pairs`` of any pairs. ``reason`` explains the verdict.
    """

    feature: str
    score: float | None
    sem: float | None
    first_rank: int | None
    best_rank: int
    important: bool
    p: float | None
    p_error: float | None
    bad_pairs: int
    pairs: int
    all_bad_pairs: int
    all_pairs: int
    worst_pair: str | None
    worst_p: float | None
    verdict: str
    reason: str


@dataclass(frozen=True)
class JoinedTable:
    """Features by influence, best first, with the threshold and the limit of bad pairs."""

    threshold: float
    max_bad_pairs: int | None
    rows: tuple[JoinedRow, ...]

    def verdicts(self) -> Mapping[str, tuple[str, ...]]:
        """Returns the names of the features by verdict."""
        kinds = ("well modelled", "check", "drop", "not tested")
        return {k: tuple(r.feature for r in self.rows if r.verdict == k) for k in kinds}

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields of this class, fit for JSON."""
        return asdict(self)


def join(
    result: TaylorResult,
    selection: Selection,
    fit: GoodnessOfFit,
    *,
    threshold: float = THRESHOLD,
    max_bad_pairs: int | None = None,
) -> JoinedTable:
    """Joins the influence of features with their goodness of fit, by the rule of this module.

    Parameters
    ----------
    result, selection
        A result, and its features by influence: see ``select``.
    fit
        Tests of the same features.
    threshold
        α: features and pairs with smaller p-values are badly modelled.
    max_bad_pairs
        Number of badly modelled pairs that a feature may have; by default the number expected by
        chance.

    Raises
    ------
    OptionError
        For a threshold outside (0, 1) or a negative limit.
    ResultError
        Where result and goodness of fit have no feature in common.
    """
    if not 0 < threshold < 1:
        raise OptionError(
            f"must be between 0 and 1, such as 0.05, got {threshold}", option="threshold"
        )
    if max_bad_pairs is not None and max_bad_pairs < 0:
        raise OptionError(f"must be at least 0, got {max_bad_pairs}", option="max_bad_pairs")
    tested = {f.name: f.tests[0] for f in fit.features}
    if not set(tested) & set(result.features):
        raise ResultError(
            f"the result has {join_names(result.features)}, the goodness of fit has"
            f" {join_names(fit.names)}: they have no feature in common"
        )
    bad_alone = {name for name, t in tested.items() if t.p is not None and t.p < threshold}
    first_ranks = _first_ranks(result, selection)
    rows = []
    for influence in selection.features:
        rows.append(
            _row(
                influence,
                first_ranks.get(influence.name),
                tested.get(influence.name),
                fit.pairs_of(influence.name),
                bad_alone,
                threshold,
                max_bad_pairs,
            )
        )
    return JoinedTable(threshold, max_bad_pairs, tuple(rows))


def likely_by_chance(trials: int, threshold: float) -> int:
    """Returns the 95 % quantile of a binomial distribution: chance seldom makes more bad pairs.

    >>> likely_by_chance(29, 0.05), likely_by_chance(0, 0.05)
    (4, 0)
    """
    from scipy.special import bdtrc  # slow to import, and an audit seldom needs it

    k = 0
    while k < trials and bdtrc(k, trials, threshold) > 1 - SURE:
        k += 1
    return k


def _row(
    influence: FeatureInfluence,
    first_rank: int | None,
    test: TestResult | None,
    pairs: Sequence[PairFit],
    bad_alone: set[str],
    threshold: float,
    max_bad_pairs: int | None,
) -> JoinedRow:
    name = influence.name
    judged = [pair for pair in pairs if pair.p is not None]
    counted = [pair for pair in judged if not bad_alone & ({*pair.features} - {name})]
    bad = [pair for pair in counted if _p(pair) < threshold]
    worst = min(counted, key=_order, default=None)
    limit = likely_by_chance(len(counted), threshold) if max_bad_pairs is None else max_bad_pairs
    if name in bad_alone:
        reasons = [f"p < {threshold:g}"]  # its pairs are bad because it is
    else:
        reasons = _bad_in_pairs(name, len(bad), counted, worst, limit, threshold)
    if test is None or test.p is None:
        verdict = "not tested"
        reasons = ["no p-value" if test is None or not test.reason else test.reason]
    elif not reasons:
        verdict = "well modelled"
    else:
        verdict = "check" if influence.influential else "drop"
    return JoinedRow(
        feature=name,
        score=influence.first_order,
        sem=influence.sem,
        first_rank=first_rank,
        best_rank=influence.best_rank,
        important=influence.influential,
        p=None if test is None else test.p,
        p_error=None if test is None else test.p_error,
        bad_pairs=len(bad),
        pairs=len(counted),
        all_bad_pairs=sum(_p(pair) < threshold for pair in judged),
        all_pairs=len(judged),
        worst_pair=None if worst is None else next(f for f in worst.features if f != name),
        worst_p=None if worst is None else worst.p,
        verdict=verdict,
        reason="; ".join(reasons),
    )


def _bad_in_pairs(
    name: str,
    bad: int,
    counted: Sequence[PairFit],
    worst: PairFit | None,
    limit: int,
    threshold: float,
) -> list[str]:
    reasons = []
    if bad > limit:
        reasons.append(f"{bad} of {len(counted)} pairs bad, at most {limit} allowed")
    if worst is not None and _smallest(worst.tests[0]) < threshold / len(counted):
        partner = next(f for f in worst.features if f != name)
        reasons.append(f"pair with {partner}: p < {threshold:g}/{len(counted)}")
    return reasons


def _p(pair: PairFit) -> float:
    return 1.0 if pair.p is None else pair.p


def _smallest(test: TestResult) -> float:
    """The p-value, or the asymptotic one where no toy reached the data."""
    assert test.p is not None
    reached = test.toys and test.p > 1.5 / (test.toys + 1)
    return test.p if reached or test.p_asymptotic is None else min(test.p, test.p_asymptotic)


def _order(pair: PairFit) -> tuple[float, ...]:
    """Sorting key of pairs, the worst first; the asymptotic p-value decides among equal ones."""
    return _smallest(pair.tests[0]), *pair.tests[0].badness


def _first_ranks(result: TaylorResult, selection: Selection) -> dict[str, int]:
    """Best rank of each t_i among all coefficients, over the outputs of the selection."""
    first = np.flatnonzero(result.indices.orders == 1)
    best: dict[str, int] = {}
    for cut in selection.cuts:
        c, g = result.position(cut.output, cut.group)
        for k in first:
            name = result.features[result.indices.table[k, 0]]
            rank = int(result.rank[c, g, k])
            best[name] = min(best.get(name, rank), rank)
    return best
