"""Coefficients that moved from A to B: changes, their uncertainties, family-wise significance.

    Δ_α = ⟨t_α⟩_B − ⟨t_α⟩_A        z_α = Δ_α / σ_α        p_α = erfc(abs(z_α) / √2)

Two results of different events are independent: σ² = SEM_A² + SEM_B². For the same events this σ is
too large, as both scores vary together; ``compare_models`` computes σ from the events themselves.
With hundreds of coefficients some are always 3 σ off: each p is corrected by Holm's method, so that
the probability of any false alarm is at most the given significance.

Coefficients per σ of the features are compared per σ of A on both sides: the σ of either data set
is an estimate, whose error is not part of the SEM of a score, and a common unit cancels it. By
variable, by input and by groups each side keeps its own σ, and the error of σ is part of σ_α.

A coefficient has moved if its corrected p is below the significance, abs(Δ) is at least ``least``
times the largest score of its output and group, and abs(Δ) exceeds the numerical error of both
scores. The second condition leaves out differences that are significant but of no consequence.

Source of the correction: Holm, Scand. J. Statist. 6 (1979) 65.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.comparison.document import comparison_head, comparison_text
from onnxtaylor.comparison.match import Match, match
from onnxtaylor.comparison.paired import ResponseDifference
from onnxtaylor.comparison.units import common_units, error_of_units
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.displays import HtmlDisplay
from onnxtaylor.results.rows import coefficient_lists
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["Comparison", "compare_results", "holm", "two_sided"]

SIGNIFICANCE, LEAST = 0.01, 0.01

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def holm(p: npt.ArrayLike) -> Floats:
    """Returns Holm's family-wise p-values: max over j ≤ i of (m − j + 1) p_(j), at most 1.

    Shapes are (…) → (…).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    flat = np.asarray(p, np.float64).ravel()
    order = np.argsort(flat, kind="stable")
    stepped = np.maximum.accumulate(flat[order] * np.arange(len(flat), 0, -1))
    corrected = np.empty_like(flat)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected.reshape(np.shape(p))


@dataclass(frozen=True, eq=False)
class Comparison(HtmlDisplay):
    """Two results side by side. Arrays have shape (output, group, K), in the order of A.

    ``unit`` (K,) are the factors that bring the scores of B to the units of A. ``p`` is family-wise
    over all coefficients. ``paired`` is True if σ comes from the same events on both sides.
    """

    a: TaylorResult
    b: TaylorResult
    shared: Match
    unit: Floats
    change: Floats
    sigma: Floats
    p: Floats
    paired: bool
    significance: float
    least: float
    responses: tuple[ResponseDifference, ...] = ()

    def __repr__(self) -> str:
        """Returns both sides, and the number of scores and responses that moved."""
        sides = " and ".join(printable(side.model.path) for side in (self.a, self.b))
        how = "event by event" if self.paired else "as independent results"
        moved = f"{int(self.moved.sum())} of {self.change.size} scores"
        responses = f", {len(self.moved_responses)} responses" if self.responses else ""
        return f"Comparison of {sides}, {how}: {moved}{responses} moved"

    @property
    def indices(self) -> MultiIndices:
        """Coefficients that both results have."""
        return self.shared.indices

    @property
    def score_a(self) -> Floats:
        """⟨t⟩ of A."""
        return self.a.score[np.ix_(*self.shared.a)]

    @property
    def score_b(self) -> Floats:
        """⟨t⟩ of B, in the units of A."""
        return self.b.score[np.ix_(*self.shared.b)] * self.unit

    @property
    def sem_a(self) -> Floats:
        """Standard errors of ``score_a``."""
        return self.a.sem[np.ix_(*self.shared.a)]

    @property
    def sem_b(self) -> Floats:
        """Standard errors of ``score_b``."""
        return self.b.sem[np.ix_(*self.shared.b)] * self.unit

    @property
    def moved(self) -> npt.NDArray[np.bool_]:
        """Flags of coefficients that changed significantly and by at least ``least``."""
        largest = np.maximum(self.score_a, self.score_b).max(axis=2, keepdims=True)
        size = np.abs(self.change)
        return np.asarray(
            (self.p < self.significance) & (size >= self.least * largest) & (size > self._rounding)
        )

    @property
    def moved_responses(self) -> tuple[ResponseDifference, ...]:
        """Responses whose RMS difference is more than ``least`` of the response's spread."""
        return tuple(r for r in self.responses if r.rms > self.least * r.spread)

    @property
    def passed(self) -> bool:
        """Whether nothing moved."""
        return not self.moved.any() and not self.moved_responses

    @property
    def _rounding(self) -> Floats:
        """Bound of the numerical error of Δ; 0 where the engines estimate none."""
        total = np.zeros(self.change.shape)
        sides = ((self.a, self.shared.a, 1.0), (self.b, self.shared.b, self.unit))
        for result, places, unit in sides:
            if result.numerical_error is not None:
                total += np.nan_to_num(result.numerical_error[np.ix_(*places)]) * unit
        return total

    def rows(self, *, moved: bool = False, count: int | None = None) -> list[dict[str, Any]]:
        """Returns tidy rows, the most significant first; with ``moved`` only those that moved.

        ``count`` is the number of rows at most.
        """
        places = self.by_significance(np.flatnonzero(self.moved) if moved else None)[:count]
        columns = self._columns(places)
        rows = zip(*columns.values(), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def by_significance(self, chosen: Places | None = None) -> Places:
        """Returns places in the ravelled arrays, of all or of these, most significant first."""
        places = np.arange(self.change.size) if chosen is None else chosen
        size, sigma = (a.ravel()[places] for a in (np.abs(self.change), self.sigma))
        z = size / np.where(sigma > 0, sigma, np.inf)
        return places[np.lexsort((-size, -z, self.p.ravel()[places]))]

    def _columns(self, places: Places) -> dict[str, list[Any]]:
        """Columns of the rows at these places of the ravelled arrays."""
        c, g, k = np.unravel_index(places, self.change.shape)
        outputs = self.shared.outputs
        columns: dict[str, list[Any]] = {
            "output": [outputs[i][0] for i in c.tolist()],
            "output_b": [outputs[i][1] for i in c.tolist()],
            "group": [self.shared.groups[i] for i in g.tolist()],
            **coefficient_lists(self.indices, self.shared.features, k),
        }
        for name, values in self.numbers(c, g, k).items():
            columns[name] = [None] * len(places) if values is None else values.tolist()
        columns["z"] = [None if isnan(z) else z for z in columns["z"]]
        return columns

    def numbers(self, c: Places, g: Places, k: Places) -> dict[str, npt.NDArray[Any] | None]:
        """Returns the columns of numbers of the rows at these outputs, groups and coefficients.

        z is NaN without an uncertainty; columns of intervals are None without a bootstrap.
        """
        numbers = self.sides(c, g, k)
        low_a, high_a, low_b, high_b = (
            numbers[f"rank_{end}_{side}"] for side in "ab" for end in ("low", "high")
        )
        apart = None
        if low_a is not None and low_b is not None:
            apart = (low_a > high_b) | (low_b > high_a)
        change, sigma = self.change[c, g, k], self.sigma[c, g, k]
        return {
            **numbers,
            "change": change,
            "sigma": sigma,
            "z": np.divide(change, sigma, out=np.full(len(c), np.nan), where=sigma > 0),
            "p": self.p[c, g, k],
            "moved": self.moved[c, g, k],
            "ranks_apart": apart,
        }

    def sides(self, c: Places, g: Places, k: Places) -> dict[str, npt.NDArray[Any] | None]:
        """Returns score, SEM and rank of both sides at these outputs, groups and coefficients.

        All are (R,), with names such as ``score_a``; None for intervals without a bootstrap.
        """
        sides: dict[str, npt.NDArray[Any] | None] = {}
        for side, result, places in (("a", self.a, self.shared.a), ("b", self.b, self.shared.b)):
            at = places[0][c], places[1][g], places[2][k]
            unit = 1.0 if side == "a" else self.unit[k]
            sides[f"score_{side}"] = result.score[at] * unit
            sides[f"sem_{side}"] = result.sem[at] * unit
            sides[f"rank_{side}"] = result.rank[at]
            for end in ("low", "high"):
                ranks = getattr(result, f"rank_{end}")
                sides[f"rank_{end}_{side}"] = None if ranks is None else ranks[at]
        return sides

    def to_dict(self) -> dict[str, Any]:
        """Returns the document that ``to_json`` writes."""
        return {**comparison_head(self), "coefficients": self.rows()}

    def to_json(self) -> str:
        """Returns one JSON document of the schema ``onnxtaylor.comparison/1``."""
        return comparison_text(self)


def compare_results(
    a: TaylorResult,
    b: TaylorResult,
    *,
    significance: float = SIGNIFICANCE,
    least: float = LEAST,
    change: tuple[Floats, Floats] | None = None,
    responses: Sequence[ResponseDifference] = (),
) -> Comparison:
    """Compares every coefficient of B with the same coefficient of A.

    Parameters
    ----------
    a, b
        Two results.
    significance
        Probability of any false alarm.
    least
        Smallest change that counts, as a share of the largest score of an output and group.
    change
        Δ and σ, each (output, group, K), if they are known from the events; by default they follow
        from scores and SEM, as for independent events.
    responses
        Differences of the responses, if they are known from the events.

    Raises
    ------
    ResultError
        Where the two hold different quantities, or have no coefficient in common.
    OptionError
        For ``significance`` or ``least`` outside (0, 1), and for no output in common.
    """
    for name, value in (("significance", significance), ("least", least)):
        if not 0 < value < 1:
            raise OptionError(f"must be between 0 and 1, got {value}", option=name)
    shared = match(a, b)
    unit = common_units(a, b, shared)
    if change is None:
        at_a, at_b = np.ix_(*shared.a), np.ix_(*shared.b)
        delta = b.score[at_b] * unit - a.score[at_a]
        sigma = np.hypot(b.sem[at_b] * unit, a.sem[at_a])
        if a.data.variables and a.options.get("scale") == "sigma":
            for side, at in ((a, at_a), (b, at_b)):
                sigma = np.hypot(sigma, error_of_units(side, shared) * side.score[at])
    else:
        delta, sigma = change
    return Comparison(
        a=a,
        b=b,
        shared=shared,
        unit=unit,
        change=delta,
        sigma=sigma,
        p=holm(two_sided(delta, sigma)),
        paired=change is not None,
        significance=significance,
        least=least,
        responses=tuple(responses),
    )


def two_sided(change: npt.ArrayLike, sigma: npt.ArrayLike) -> Floats:
    """Returns the two-sided p-value erfc(abs(Δ)/(√2 σ)); for σ = 0 it is 0, or 1 if Δ = 0 too."""
    from scipy.special import erfc

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(change) / np.asarray(sigma, np.float64)
    return np.asarray(erfc(np.where(np.isnan(z), 0.0, z) / np.sqrt(2.0)))
