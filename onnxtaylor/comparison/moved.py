"""Which coefficients moved from A to B: changes, their uncertainties, family-wise significance.

    Δ_α = ⟨t_α⟩_B − ⟨t_α⟩_A        z_α = Δ_α / σ_α        p_α = erfc(abs(z_α) / √2)

Two results of different events are independent: σ² = SEM_A² + SEM_B². Of the same events that is
too large, as both scores vary together; ``compare_models`` has σ from the events themselves. With
hundreds of coefficients some are always 3 σ off: the p of each is corrected by Holm's method, so
that the probability of any false alarm is at most the significance that is asked for.

Coefficients per σ of the features are compared per σ of A: the σ of either data set is an estimate,
whose error the SEM of a score does not know, and the same unit on both sides leaves it out.

A coefficient has moved where that p is below the significance, and abs(Δ) is at least ``least`` of
the largest score of its output and group, and beyond the numerical error of both scores. The second
is what keeps differences without any consequence out, however significant they are.

Source of the correction: Holm, Scand. J. Statist. 6 (1979) 65.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.comparison.match import Match, match
from onnxtaylor.comparison.paired import ResponseDifference
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.indices import MultiIndices, label
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["SCHEMA", "Comparison", "compare_results", "holm", "two_sided"]

SCHEMA = "onnxtaylor.comparison/1"
SIGNIFICANCE, LEAST = 0.01, 0.01

Floats = npt.NDArray[np.float64]


def holm(p: npt.ArrayLike) -> Floats:
    """Holm's family-wise p-values, in the shape of p: max over j ≤ i of (m − j + 1) p_(j), ≤ 1.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    flat = np.asarray(p, np.float64).ravel()
    order = np.argsort(flat, kind="stable")
    stepped = np.maximum.accumulate(flat[order] * np.arange(len(flat), 0, -1))
    found = np.empty_like(flat)
    found[order] = np.minimum(stepped, 1.0)
    return found.reshape(np.shape(p))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two results side by side. Arrays have shape (output, group, K), in the order of A.

    ``unit`` (K,) brings the scores of B to the units of A. ``p`` is family-wise over all of them.
    ``paired`` tells that σ comes from the same events.
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
        """Both sides, and how much moved."""
        sides = " and ".join(printable(side.model.path) for side in (self.a, self.b))
        how = "event by event" if self.paired else "as independent results"
        moved = f"{int(self.moved.sum())} of {self.change.size} scores"
        responses = f", {len(self.moved_responses)} responses" if self.responses else ""
        return f"Comparison of {sides}, {how}: {moved}{responses} moved"

    @property
    def indices(self) -> MultiIndices:
        """The coefficients that both have."""
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
        """The standard errors of ``score_a``."""
        return self.a.sem[np.ix_(*self.shared.a)]

    @property
    def sem_b(self) -> Floats:
        """The standard errors of ``score_b``."""
        return self.b.sem[np.ix_(*self.shared.b)] * self.unit

    @property
    def moved(self) -> npt.NDArray[np.bool_]:
        """Which coefficients changed, significantly and by as much as asked for."""
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
        """The bound of the numerical error of Δ; 0 where the engines have none to tell."""
        total = np.zeros(self.change.shape)
        sides = ((self.a, self.shared.a, 1.0), (self.b, self.shared.b, self.unit))
        for result, places, unit in sides:
            if result.numerical_error is not None:
                total += np.nan_to_num(result.numerical_error[np.ix_(*places)]) * unit
        return total

    def rows(self, *, moved: bool = False) -> list[dict[str, Any]]:
        """Tidy rows, the most significant first; ``moved`` leaves out those that have not."""
        which = self.moved
        chosen = np.argwhere(which if moved else np.ones(self.change.shape, bool))
        z = np.abs(self.change) / np.where(self.sigma > 0, self.sigma, np.inf)
        size = np.abs(self.change)
        order = np.lexsort((-size[tuple(chosen.T)], -z[tuple(chosen.T)], self.p[tuple(chosen.T)]))
        places = (tuple(map(int, chosen[k])) for k in order)
        return [self._row(*place, moved=bool(which[place])) for place in places]

    def _row(self, c: int, g: int, k: int, *, moved: bool) -> dict[str, Any]:
        names = [self.shared.features[i] for i in self.indices.table[k] if i >= 0]
        change, sigma = float(self.change[c, g, k]), float(self.sigma[c, g, k])
        sides: dict[str, Any] = {}
        for side, result, places in (("a", self.a, self.shared.a), ("b", self.b, self.shared.b)):
            at = tuple(int(p[i]) for p, i in zip(places, (c, g, k), strict=True))
            unit = 1.0 if side == "a" else float(self.unit[k])
            sides[f"score_{side}"] = float(result.score[at]) * unit
            sides[f"sem_{side}"] = float(result.sem[at]) * unit
            sides[f"rank_{side}"] = int(result.rank[at])
            for end in ("low", "high"):
                ranks = getattr(result, f"rank_{end}")
                sides[f"rank_{end}_{side}"] = None if ranks is None else int(ranks[at])
        return {
            "output": self.shared.outputs[c][0],
            "output_b": self.shared.outputs[c][1],
            "group": self.shared.groups[g],
            "order": len(names),
            "label": label(names),
            "features": names,
            **sides,
            "change": change,
            "sigma": sigma,
            "z": change / sigma if sigma > 0 else None,
            "p": float(self.p[c, g, k]),
            "moved": moved,
            "ranks_apart": _apart(sides),
        }

    def to_dict(self) -> dict[str, Any]:
        """What ``to_json`` writes."""
        return {
            "schema": SCHEMA,
            "version": self.b.version,
            "passed": self.passed,
            "paired": self.paired,
            "significance": self.significance,
            "least": self.least,
            "notes": list(self.shared.notes),
            **{
                side: {"model": asdict(result.model), "events": result.data.events}
                for side, result in (("a", self.a), ("b", self.b))
            },
            "responses": [asdict(r) for r in self.responses],
            "coefficients": self.rows(),
        }

    def to_json(self) -> str:
        """One JSON document of the schema ``onnxtaylor.comparison/1``."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def compare_results(
    a: TaylorResult,
    b: TaylorResult,
    *,
    significance: float = SIGNIFICANCE,
    least: float = LEAST,
    change: tuple[Floats, Floats] | None = None,
    responses: Sequence[ResponseDifference] = (),
) -> Comparison:
    """Every coefficient of B beside that of A; ``change`` (Δ, σ) where the events tell them.

    Raises ResultError where the two do not measure the same thing, OptionError for a significance
    or size outside of (0, 1).
    """
    for name, value in (("significance", significance), ("least", least)):
        if not 0 < value < 1:
            raise OptionError(f"{name} {value}: it lies between 0 and 1")
    shared = match(a, b)
    unit = _unit(a, b, shared)
    if change is None:
        at_a, at_b = np.ix_(*shared.a), np.ix_(*shared.b)
        delta = b.score[at_b] * unit - a.score[at_a]
        sigma = np.hypot(b.sem[at_b] * unit, a.sem[at_a])
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


def _unit(a: TaylorResult, b: TaylorResult, shared: Match) -> Floats:
    """Π σ_A,i / σ_B,i of every coefficient in σ units, (K,): what takes B to the units of A.

    1 in other units, and for features without a σ.
    """
    if a.options.get("scale") != "sigma":
        return np.ones(len(shared.indices))
    in_b = {feature.name: feature.std for feature in b.data.features}
    ratio = np.ones(len(a.data.features))
    for i, feature in enumerate(a.data.features):
        std = in_b.get(feature.name, 0.0)
        if std > 0 and feature.std > 0:
            ratio[i] = feature.std / std
    return shared.indices.scale(ratio)


def two_sided(change: npt.ArrayLike, sigma: npt.ArrayLike) -> Floats:
    """erfc(abs(Δ)/(√2 σ)); without any variance a change is certain, and no change is none."""
    from scipy.special import erfc

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(change) / np.asarray(sigma, np.float64)
    return np.asarray(erfc(np.where(np.isnan(z), 0.0, z) / np.sqrt(2.0)))


def _apart(sides: dict[str, Any]) -> bool | None:
    """Whether the two rank intervals have no rank in common; None where there are none."""
    if sides["rank_low_a"] is None or sides["rank_low_b"] is None:
        return None
    return bool(
        sides["rank_low_a"] > sides["rank_high_b"] or sides["rank_low_b"] > sides["rank_high_a"]
    )
