"""Coefficients that a few events make: (Σ w abs(t))² / Σ w² t² events have as large an error.

They may come from what the response is at these events, or from round-off there: a sample of events
that is checked is not likely to hold one of them. So they are told, and where nothing else looks at
these events, the check does not agree (``onnxtaylor.run.doubt``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import printable
from onnxtaylor.results.summaries import Notice

__all__ = ["FEW_EVENTS", "inspect_few_events"]

Floats = npt.NDArray[np.float64]

FEW_EVENTS = "few-events"  # the code of the notice
ENOUGH = 100.0  # N_eff of a sample that has a few and others
FEW, SHARE = 5.0, 1e-3  # events that make a coefficient: in all, and of N_eff
WORTH = 0.01  # of the largest coefficient of the same response


def inspect_few_events(
    score: Floats, rms: Floats, n_eff: float, name: Callable[[int], str]
) -> list[Notice]:
    """Finds coefficients that a few events make, among those that are worth a look.

    Parameters
    ----------
    score, rms
        ⟨t⟩ and √⟨t²⟩ of all events (C, K).
    n_eff
        Effective number of the events, (Σ w)² / Σ w².
    name
        Gives the name of coefficient k.

    >>> few = inspect_few_events(np.array([[0.5, 0.2]]), np.array([[0.6, 9.0]]), 2e3, str)
    >>> [notice.code for notice in few]
    ['few-events']
    """
    if not n_eff >= ENOUGH:
        return []
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        events = n_eff * np.square(score / rms)
    largest = np.max(score, axis=1, keepdims=True, initial=0.0)
    few = (events < max(FEW, SHARE * n_eff)) & (score > WORTH * largest)
    if not few.any():
        return []
    count = int(few.any(axis=0).sum())
    first = int(np.argmin(np.where(few, events, np.inf).min(axis=0)))
    number = float(np.where(few, events, np.inf).min())
    makes = "makes" if round(number) <= 1 else "make"
    others = f" and {count - 1} more" if count > 1 else ""
    return [
        Notice(
            FEW_EVENTS,
            None,
            f"about {max(1, round(number))} of N_eff = {n_eff:.0f} events {makes} most of ⟨t⟩ of"
            f" {printable(name(first))}{others}, by what the response is there, or by round-off."
            " The check may not have seen them: compare with precision='float64'",
        )
    ]
