"""Sums → numbers: scores, their uncertainties and ranks, for each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, printable
from onnxtaylor.results.taylor import GroupSummary
from onnxtaylor.statistics.bootstrap import Replicates
from onnxtaylor.statistics.moments import CoefficientMoments
from onnxtaylor.statistics.ranks import rank_interval, ranks

__all__ = ["ALL", "ClassSums", "Statistics", "finalize"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ALL = "all"


@dataclass(frozen=True)
class Statistics:
    """The numbers of a result; arrays have shape (C, G, K), group 0 is ``all``.

    Attributes
    ----------
    groups
        Name, events, Σw and N_eff of each group.
    score, sem
        ⟨t⟩ and its standard error.
    signed_mean, rms
        Σ w t / Σ w and √(Σ w t² / Σ w).
    rank
        1 for the largest score of a response and group.
    rank_low, rank_high
        Ends of the rank's interval; None without a bootstrap.
    numerical_error
        Bound of the score's numerical error; None where the engine has none, NaN where some events
        have none.
    """

    groups: tuple[GroupSummary, ...]
    score: Floats
    sem: Floats
    signed_mean: Floats
    rms: Floats
    rank: Integers
    rank_low: Integers | None
    rank_high: Integers | None
    numerical_error: Floats | None = None


@dataclass
class ClassSums:
    """All sums over the events of one class; D = C·K quantities each.

    Attributes
    ----------
    moments
        Weighted sums.
    replicates
        Sums under the bootstrap's weights.
    error_bounds
        Σ abs(w) · bound of abs(t − true), (D,); NaN where some events have no bound.
    """

    moments: CoefficientMoments
    replicates: Replicates
    error_bounds: Floats

    @classmethod
    def zero(cls, size: int, replicates: int) -> ClassSums:
        """Returns the sums over no events."""
        return cls(CoefficientMoments.zero(size), Replicates(replicates, size), np.zeros(size))

    def merge(self, other: ClassSums) -> None:
        """Adds the events of other sums."""
        self.moments.merge(other.moments)
        self.replicates.merge(other.replicates)
        self.error_bounds = self.error_bounds + other.error_bounds


def finalize(
    sums: Sequence[ClassSums],
    classes: Sequence[str],
    shape: tuple[int, int],
    scale: Floats | None = None,
) -> Statistics:
    """Computes the numbers of a result from the sums of all classes.

    Parameters
    ----------
    sums
        The sums of each class; of all events where there are no classes.
    classes
        Names of the classes.
    shape
        Numbers of responses and of coefficients, (C, K).
    scale
        Factors (K,) that the coefficients are multiplied by.

    Raises
    ------
    DataError
        The weights of a group do not sum to a positive number.
    """
    moments, bounds = _over_groups(sums, classes)
    names = (ALL, *classes)
    for name, group in zip(names, moments, strict=True):
        if group.sum_w <= 0:
            raise DataError(
                f"the weights of group '{printable(name)}' sum to {group.sum_w:g}: a"
                " weighted mean needs a positive sum"
            )
    factor = np.ones(shape[1]) if scale is None else scale

    def stack(values: list[Floats]) -> Floats:
        return np.stack([v.reshape(shape) for v in values], axis=1) * factor

    score = stack([m.score for m in moments])
    errors = None
    if not all(np.isnan(bound).all() for bound in bounds):
        errors = stack([b / abs(m.sum_w) for b, m in zip(bounds, moments, strict=True)])
    low, high = _rank_intervals([one.replicates for one in sums], bool(classes), shape, factor)
    return Statistics(
        groups=tuple(
            GroupSummary(name, m.events, m.sum_w, m.n_eff)
            for name, m in zip(names, moments, strict=True)
        ),
        score=score,
        sem=stack([m.sem for m in moments]),
        signed_mean=stack([m.signed_mean for m in moments]),
        rms=stack([m.rms for m in moments]),
        rank=ranks(score),
        rank_low=low,
        rank_high=high,
        numerical_error=errors,
    )


def _over_groups(
    sums: Sequence[ClassSums], classes: Sequence[str]
) -> tuple[list[CoefficientMoments], list[Floats]]:
    """Moments and error bounds of all groups; those of ``all`` merge the classes."""
    moments, bounds = [one.moments for one in sums], [one.error_bounds for one in sums]
    if not classes:
        return moments, bounds
    whole = CoefficientMoments.zero(len(moments[0].absolute))
    for own in moments:
        whole.merge(own)
    return [whole, *moments], [np.sum(bounds, axis=0), *bounds]


def _rank_intervals(
    classes: Sequence[Replicates], labelled: bool, shape: tuple[int, int], factor: Floats
) -> tuple[Integers | None, Integers | None]:
    """Computes the ends of all rank intervals, (C, G, K); None without replicates.

    The replicates of all events are summed one at a time: those of the classes fill the memory.
    """
    if not len(classes[0].sum_w):
        return None, None
    groups = [list(classes), *([one] for one in classes)] if labelled else [list(classes)]
    low = np.empty((shape[0], len(groups), shape[1]), np.int64)
    high = np.empty_like(low)
    for g, group in enumerate(groups):
        sum_w = np.sum([one.sum_w for one in group], axis=0)
        for c in range(shape[0]):
            scores = partial(_replicate_scores, group, sum_w, np.flatnonzero(sum_w > 0), c, factor)
            count = int((sum_w > 0).sum())
            low[c, g], high[c, g] = rank_interval(scores, count, shape[1])
    return low, high


def _replicate_scores(
    group: Sequence[Replicates],
    sum_w: Floats,
    valid: Integers,
    c: int,
    factor: Floats,
    r: int,
    into: Floats,
) -> None:
    """Writes ⟨t⟩ of response c in valid replicate r over the events of some classes, (K,)."""
    part, size = valid[r], len(factor)
    into[:] = group[0].absolute[part, c * size : (c + 1) * size]
    for other in group[1:]:
        into += other.absolute[part, c * size : (c + 1) * size]
    into /= sum_w[part]
    into *= factor
