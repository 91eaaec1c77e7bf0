"""Weighted sums over the events of one group, for D quantities at once.

With weights w of either sign and values t,

    score  ⟨t⟩ = Σ w abs(t) / Σ w       signed mean  Σ w t / Σ w       RMS  √(Σ w t² / Σ w)
    SEM    √(Σ w² (abs(t) − ⟨t⟩)²) / abs(Σ w)                          N_eff  (Σ w)² / Σ w²

The sum under the SEM's root is kept as the mean m of abs(t) under the weights w² and the squares
about that mean, M = Σ w² (abs(t) − m)², so that nearly constant coefficients lose no digits:
Σ w² (abs(t) − ⟨t⟩)² = M + (m − ⟨t⟩)² Σ w².
Source: T. Chan, G. Golub, R. LeVeque, Algorithms for Computing the Sample Variance, Am. Stat. 37
(1983) 242, for the merging of M.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.moments import moments

from onnxtaylor.errors import ModelError
from onnxtaylor.runtime.sharing import share

__all__ = ["CoefficientMoments"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEWEST = 512  # quantities of a thread: fewer are summed before it has started


@dataclass
class CoefficientMoments:
    """Weighted sums over events for D quantities; all arrays have shape (D,).

    Update and merge give the same numbers, up to round-off, in any order.
    """

    events: int
    sum_w: float
    sum_w2: float
    absolute: Floats  # Σ w abs(t)
    signed: Floats  # Σ w t
    square: Floats  # Σ w t²
    mean_w2: Floats  # m = Σ w² abs(t) / Σ w²
    spread_w2: Floats  # M = Σ w² (abs(t) − m)²

    @classmethod
    def zero(cls, size: int) -> CoefficientMoments:
        """Returns the sums of D = ``size`` quantities over no events."""
        return cls(0, 0.0, 0.0, *(np.zeros(size) for _ in range(5)))

    def update(
        self,
        values: Floats,
        weights: Floats,
        events: Integers | None = None,
        *,
        threads: int = 1,
    ) -> None:
        """Adds events.

        Parameters
        ----------
        values
            Values t of the events, (B, D).
        weights
            Weights of the events, (B,).
        events
            Numbers of the rows to add; all by default.
        threads
            Number of threads that share the D quantities.
        """
        events = np.arange(len(values)) if events is None else events
        if not len(events):
            return
        size = values.shape[1]
        own, sums, values = weights[events], np.empty((5, size)), np.ascontiguousarray(values)

        def work(columns: slice) -> None:
            part = np.empty((5, columns.stop - columns.start))
            # not parallel: there Numba compiles the inner loops without vector instructions
            moments.alone(values, weights, events, columns.start, part)
            sums[:, columns] = part

        share(size, max(FEWEST, -(-size // threads)), [work] * threads)
        self.merge(CoefficientMoments(len(events), float(own.sum()), float((own**2).sum()), *sums))

    def merge(self, other: CoefficientMoments) -> None:
        """Adds the events of other sums. Raises ModelError where squares of values overflow."""
        total = self.sum_w2 + other.sum_w2
        if other.sum_w2:
            share = other.sum_w2 / total
            gap = other.mean_w2 - self.mean_w2
            self.mean_w2 += share * gap
            with np.errstate(over="ignore", invalid="ignore"):  # see below
                gap *= gap
                gap *= share * self.sum_w2
                self.spread_w2 += other.spread_w2
                self.spread_w2 += gap
        self.events += other.events
        self.sum_w += other.sum_w
        self.sum_w2 = total
        self.absolute += other.absolute
        self.signed += other.signed
        self.square += other.square
        if np.isinf(self.square).any() or np.isinf(self.spread_w2).any():
            largest = np.max(self.absolute / abs(self.sum_w or 1.0), initial=0.0)
            raise ModelError(
                f"coefficients have sizes of {largest:.1g}, and no number is large enough for sums"
                " of their squares: divide the response in the model by a constant"
            )

    @property
    def n_eff(self) -> float:
        """(Σw)² / Σw²: the number of equally weighted events that would be as precise."""
        return self.sum_w**2 / self.sum_w2 if self.sum_w2 else 0.0

    @property
    def score(self) -> Floats:
        """⟨t⟩, shape (D,)."""
        return self.absolute / self.sum_w

    @property
    def signed_mean(self) -> Floats:
        """Σ w t / Σ w, shape (D,)."""
        return self.signed / self.sum_w

    @property
    def rms(self) -> Floats:
        """√(Σ w t² / Σ w), shape (D,); NaN where negative weights make the mean square negative."""
        mean_square = self.square / self.sum_w
        return np.sqrt(np.where(mean_square >= 0, mean_square, np.nan))

    @property
    def sem(self) -> Floats:
        """Standard error of the score, shape (D,)."""
        about_score = self.spread_w2 + (self.mean_w2 - self.score) ** 2 * self.sum_w2
        return np.asarray(np.sqrt(about_score) / abs(self.sum_w), dtype=np.float64)

    def state(self) -> dict[str, Floats]:
        """Returns the sums as arrays by name, to be saved."""
        return {f.name: np.asarray(getattr(self, f.name), np.float64) for f in fields(self)}

    @classmethod
    def from_state(cls, state: dict[str, Floats]) -> CoefficientMoments:
        """Returns the sums whose ``state`` is given. Raises KeyError where an array is missing."""
        numbers = (int(state["events"]), float(state["sum_w"]), float(state["sum_w2"]))
        arrays = (np.array(state[f.name]) for f in fields(cls)[3:])
        return cls(*numbers, *arrays)
