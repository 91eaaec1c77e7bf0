"""Quantities that a result can hold: Taylor coefficients, or responses to finite steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["DERIVATIVE", "FINITE_STEP", "Quantity", "quantity_of", "quantity_of_rows"]


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
    """

    method: str
    symbol: str
    noun: str
    engines_comparable: bool

    @property
    def mean(self) -> str:
        """Symbol of the mean absolute value over events: ⟨t⟩ or ⟨r⟩."""
        return f"⟨{self.symbol}⟩"

    @property
    def nouns(self) -> str:
        """Name of the quantity in text, in the plural."""
        return f"{self.noun}s"


DERIVATIVE = Quantity("derivative", "t", "coefficient", engines_comparable=True)
FINITE_STEP = Quantity("finite-step", "r", "finite-step response", engines_comparable=False)


def quantity_of(name: str) -> Quantity:
    """Returns the quantity of a saved ``method``, or of an engine: finite-step names both.

    >>> quantity_of("finite-step").mean, quantity_of("exact").mean
    ('⟨r⟩', '⟨t⟩')
    """
    return FINITE_STEP if name == FINITE_STEP.method else DERIVATIVE


def quantity_of_rows(rows: Iterable[Mapping[str, Any]]) -> Quantity:
    """Returns the quantity of tidy rows; without a row, or a ``method`` in it, derivatives."""
    return next((quantity_of(row["method"]) for row in rows if "method" in row), DERIVATIVE)
