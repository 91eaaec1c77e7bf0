"""Weighted mean and standard deviation of a stream, for weights of either sign.

About a pivot p near the data the sums

    S0 = Σ w        S1 = Σ w (x − p)        S2 = Σ w (x − p)²

give μ = p + S1/S0 and σ² = S2/S0 − (S1/S0)² without cancellation, and they can be moved to another
pivot and added: with d = p − q,

    S1(q) = S1 + d S0        S2(q) = S2 + 2 d S1 + d² S0.

The pivot is the mean weighted with abs(w): for weights of one sign this is the merging of Chan,
Golub, LeVeque (Am. Stat. 37 (1983) 242), and it divides by no sum that could cancel to zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.values import Floats

__all__ = ["FeatureMoments"]


@dataclass(frozen=True, eq=False)
class FeatureMoments:
    """Sums over the events of n features; all arrays have shape (n,).

    Parameters
    ----------
    pivot
        The point p that is subtracted from all values before they are summed.
    mass
        Σ abs(w).
    s0, s1, s2
        The sums S0, S1 and S2 of the module's formulas.
    """

    pivot: Floats
    mass: Floats
    s0: Floats
    s1: Floats
    s2: Floats

    @classmethod
    def of(cls, x: Floats, w: Floats, valid: npt.NDArray[np.bool_] | None) -> FeatureMoments:
        """Returns the sums of one batch.

        Parameters
        ----------
        x
            Features, shape (B, n).
        w
            Weights, shape (B,).
        valid
            Mask of the entries that count, shape (B, n); None if all count.
        """
        absolute = np.abs(w)
        if valid is None:
            kept = x
            mass, s0 = np.full(x.shape[1], absolute.sum()), np.full(x.shape[1], w.sum())
        else:
            kept = np.where(valid, x, 0.0)
            mask = valid.astype(np.float64)
            mass, s0 = absolute @ mask, w @ mask
        pivot = np.divide(absolute @ kept, mass, out=np.zeros_like(mass), where=mass > 0)
        centred = x - pivot
        if valid is not None:
            centred[~valid] = 0.0
        # a second time: the mean of large numbers is rounded, the mean of the small rest is not
        shift = np.divide(absolute @ centred, mass, out=np.zeros_like(mass), where=mass > 0)
        moved = pivot + shift
        centred -= moved - pivot
        if valid is not None:
            centred[~valid] = 0.0
        return cls(moved, mass, s0, w @ centred, w @ np.square(centred))

    def merge(self, other: FeatureMoments) -> FeatureMoments:
        """Returns the sums over the events of both."""
        mass = self.mass + other.mass
        share = np.divide(other.mass, mass, out=np.zeros_like(mass), where=mass > 0)
        pivot = self.pivot + (other.pivot - self.pivot) * share
        a, b = self._about(pivot), other._about(pivot)
        return FeatureMoments(pivot, mass, a.s0 + b.s0, a.s1 + b.s1, a.s2 + b.s2)

    def mean(self) -> Floats:
        """Weighted mean μ (n,); NaN where Σw ≤ 0."""
        return self.pivot + self._ratio(self.s1)

    def variance(self) -> Floats:
        """Weighted variance σ² (n,), NaN where Σw ≤ 0; negative if negative weights make it so."""
        return self._ratio(self.s2) - np.square(self._ratio(self.s1))

    def _ratio(self, s: Floats) -> Floats:
        return np.divide(s, self.s0, out=np.full_like(s, np.nan), where=self.s0 > 0)

    def _about(self, pivot: Floats) -> FeatureMoments:
        d = self.pivot - pivot
        s1 = self.s1 + d * self.s0
        s2 = self.s2 + 2 * d * self.s1 + np.square(d) * self.s0
        return FeatureMoments(pivot, self.mass, self.s0, s1, s2)
