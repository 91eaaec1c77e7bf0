"""Quantities that a result can hold: Taylor coefficients, pointwise or with second order averaged
over steps, or responses to finite steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxtaylor.indices import MultiIndices  # takes NumPy, which the help does without

__all__ = [
    "AVERAGED",
    "DERIVATIVE",
    "FINITE_STEP",
    "Quantity",
    "averaging_words",
    "curvature_of",
    "noun_of",
    "quantity_of",
    "quantity_of_rows",
]

_IN_SIGMA = "sigma"
PAIR, OWN = 0.5, 2.0  # widths to both sides of an event that t_ij and t_ii look


@dataclass(frozen=True)
class Quantity:
    """A quantity of which a result holds the means over events.

    Parameters
    ----------
    method
        Name of the method in saved documents.
    symbol
        Letter of the quantity at one event.
    noun
        Name of the quantity in text, in the singular.
    engines_comparable
        Whether exact and differences can be compared, as both compute it.
    remark
        What a reader must know of its second order, such as ``averaged over ±0.35σ (pairs)
        and ±1.4σ (widths)``; empty for derivatives at the events.
    """

    method: str
    symbol: str
    noun: str
    engines_comparable: bool
    remark: str = ""

    @property
    def mean(self) -> str:
        """Symbol of the mean absolute value over events: ⟨t⟩ or ⟨r⟩."""
        return f"⟨{self.symbol}⟩"

    @property
    def nouns(self) -> str:
        """Name of the quantity in text, in the plural."""
        return f"{self.noun}s"


DERIVATIVE = Quantity("derivative", "t", "coefficient", engines_comparable=True)
AVERAGED = Quantity("averaged", "t", "coefficient", engines_comparable=True)
FINITE_STEP = Quantity("finite-step", "r", "finite-step response", engines_comparable=False)


def quantity_of(name: str, options: Mapping[str, Any] | None = None) -> Quantity:
    """Returns the quantity of a saved ``method``, or of an engine and the options of its result.

    >>> quantity_of("finite-step").mean, quantity_of("exact").mean
    ('⟨r⟩', '⟨t⟩')
    >>> options = {"curvature": "averaged", "curvature_step": {"asked": {"*": "0.7sigma"}}}
    >>> quantity_of("exact", options).remark
    'averaged over ±0.35σ (pairs) and ±1.4σ (widths)'
    """
    if name == FINITE_STEP.method:
        return FINITE_STEP
    if name == AVERAGED.method:
        return AVERAGED
    if options is None or options.get("curvature") != AVERAGED.method:
        return DERIVATIVE
    steps = options.get("curvature_step") or {}
    return replace(AVERAGED, remark=averaging_words(steps.get("asked") or {}))


def noun_of(options: Mapping[str, Any]) -> str:
    """Returns the noun for what a result ranks, from its options: ``feature``, ``variable``, …"""
    return str(options.get("by") or "feature")


def curvature_of(quantity: Quantity, indices: MultiIndices) -> str:
    """Names the kind of second order, ``pointwise`` or ``averaged over …``; empty without any."""
    exists = quantity != FINITE_STEP and bool((indices.orders == 2).any())
    return (quantity.remark or "pointwise") if exists else ""


def averaging_words(asked: Mapping[str, str]) -> str:
    """Says over which steps second order is averaged, from their full widths by feature.

    Pairs t_ij take slopes half a width to both sides, t_ii responses up to two widths (see
    ``onnxtaylor.engine.averaged.steps``).

    >>> averaging_words({"pt": "3", "*": "0.7sigma"})
    'averaged over ±0.35σ (pairs) and ±1.4σ (widths); pt: ±1.5 and ±6'
    """
    reached = {name: (_times(width, PAIR), _times(width, OWN)) for name, width in asked.items()}
    usual = reached.pop("*", None)
    others = ", ".join(f"{name}: {pair} and {own}" for name, (pair, own) in reached.items())
    words = "averaged over {} (pairs) and {} (widths)".format(*usual) if usual else ""
    if words and others:
        return f"{words}; {others}"
    return words or f"averaged over {others or 'steps'}"


def _times(width: str, factor: float) -> str:
    """Returns a multiple of a width as ±0.35σ."""
    number = width.removesuffix(_IN_SIGMA)
    return f"±{factor * float(number):.6g}{'σ' if number != width else ''}"


def quantity_of_rows(rows: Iterable[Mapping[str, Any]]) -> Quantity:
    """Returns the quantity of tidy rows; without a row, or a ``method`` in it, derivatives."""
    return next((quantity_of(row["method"]) for row in rows if "method" in row), DERIVATIVE)
