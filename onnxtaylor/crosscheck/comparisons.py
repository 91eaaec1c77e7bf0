"""Comparisons of the two engines at events, and of the responses of their two graphs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Comparisons", "Responses"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Responses:
    """The derivative graph's own responses compared with the original model's.

    Attributes
    ----------
    agree
        Whether the deviation is explained by rounding at all events.
    largest
        The largest deviation in units of its budget.
    deviation
        That deviation in units of the response.
    event
        Number of the event that has it.
    """

    agree: bool
    largest: float
    deviation: float
    event: int


@dataclass(frozen=True, eq=False)
class Comparisons:
    """The comparisons at events; all arrays but the first have shape (E, C, K).

    Attributes
    ----------
    numbers
        Numbers of the events in the data, (E,).
    exact, differences
        Coefficients by the two engines.
    budget
        Deviation allowed: error bound of the differences plus round-off of the exact engine.
    ratio
        Deviation / budget.
    codes
        Verdicts as places in ``VERDICTS``.
    """

    numbers: npt.NDArray[np.int64]
    exact: Floats
    differences: Floats
    budget: Floats
    ratio: Floats
    codes: npt.NDArray[np.int8]
