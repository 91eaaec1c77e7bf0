"""Sums over the values of each feature, for its mean, standard deviation and range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.moments import FeatureMoments
from onnxtaylor.data.source import Batch
from onnxtaylor.data.values import Floats

__all__ = ["FeatureSums"]


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """Number of values, range and moments of n features; arrays have shape (n,).

    Parameters
    ----------
    count
        Number of values that are not missing.
    low, high
        Smallest and largest value of each feature; +Inf and −Inf if it has no value yet.
    largest
        Largest abs(x) of all entries: missing ones too, since they are fed to the model as they
        are, but not NaN.
    weighted, plain
        Weighted and unweighted moments of the values that are not missing.
    """

    count: npt.NDArray[np.int64]
    low: Floats
    high: Floats
    largest: Floats
    weighted: FeatureMoments
    plain: FeatureMoments

    @classmethod
    def of(cls, batch: Batch, absent: npt.NDArray[np.bool_]) -> FeatureSums:
        """Returns the sums of one batch; ``absent`` (B, n) are the missing entries."""
        x, w = batch.x, batch.weights
        valid = ~absent if absent.any() else None
        if valid is None:
            low, high = x.min(axis=0), x.max(axis=0)
        else:
            low = np.where(valid, x, np.inf).min(axis=0)
            high = np.where(valid, x, -np.inf).max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):  # the survey reports Inf at its end
            plain = FeatureMoments.of(x, np.ones_like(w), valid)
            weighted = plain if (w == 1.0).all() else FeatureMoments.of(x, w, valid)
        return cls(
            count=len(x) - absent.sum(axis=0, dtype=np.int64),
            low=low,
            high=high,
            largest=np.nan_to_num(np.fmax.reduce(np.abs(x), axis=0), nan=0.0),
            weighted=weighted,
            plain=plain,
        )

    def merge(self, other: FeatureSums) -> FeatureSums:
        """Returns the sums over the events of both."""
        with np.errstate(over="ignore", invalid="ignore"):
            return FeatureSums(
                self.count + other.count,
                np.minimum(self.low, other.low),
                np.maximum(self.high, other.high),
                np.maximum(self.largest, other.largest),
                self.weighted.merge(other.weighted),
                self.plain.merge(other.plain),
            )

    def location(self) -> Floats:
        """Weighted mean (n,); unweighted where Σw ≤ 0, NaN without a value."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean, plain = self.weighted.mean(), self.plain.mean()
        return np.where(self._constant, self.low, np.where(np.isnan(mean), plain, mean))

    def deviation(self, *, negative: bool) -> Floats:
        """Weighted standard deviation (n,); unweighted where negative weights leave no positive σ².

        ``negative`` says whether any weight is negative.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            variance = self.weighted.variance()
        unsound = np.isnan(variance) | ((variance <= 0) & negative)
        std = np.where(unsound, self._plain_deviation(), np.sqrt(np.maximum(variance, 0.0)))
        return np.where(self._constant, 0.0, std)

    def spread(self) -> Floats:
        """Size of a step (n,), never 0: the unweighted σ, or max abs(x) if σ is 0, or 1."""
        size = np.where(self.count > 0, np.maximum(np.abs(self.low), np.abs(self.high)), 0.0)
        std = np.where(self.count > 1, self._plain_deviation(), 0.0)
        return np.where(std > 0, std, np.where(size > 0, size, 1.0))

    def _plain_deviation(self) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            variance = self.plain.variance()
        # a constant must give 0, without what rounding leaves
        return np.where(self._constant, 0.0, np.sqrt(np.maximum(variance, 0.0)))

    @property
    def _constant(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.low == self.high)
