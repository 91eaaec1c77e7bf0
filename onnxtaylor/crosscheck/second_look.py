"""A second look with other steps, at events where the engines seem to differ.

The differences engine's error bound may be too small at a few events: for the truncation where the
response is steep, for the round-off where it is noisier than elsewhere. Both errors change with the
step; a fault of the exact engine does not. So where a deviation exceeds its budget, the differences
are computed again with steps half and twice as wide, at which truncation and round-off differ by
factors of 4 to 64.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients

__all__ = ["confirmed_ratio"]

Floats: TypeAlias = npt.NDArray[np.float64]


class Stepped(Protocol):
    """Differences whose steps can be changed."""

    def with_other_steps(self, x: Floats, factor: float) -> BatchCoefficients:
        """Computes coefficients at events x (E, n) by steps ``factor`` times as wide."""


SUSPECT = 4.0  # deviation / budget
FACTORS = (0.5, 2.0)
MOST = 16  # events with the largest ratios that are computed again


def confirmed_ratio(
    differences: Stepped,
    x: Floats,
    exact: Floats,
    allowance: Floats,
    ratio: Floats,
    conclusive: npt.NDArray[np.bool_],
) -> Floats:
    """Computes the least deviation / budget over three widths of the steps.

    Parameters
    ----------
    differences
        The engine whose steps are changed.
    x
        Events (E, n).
    exact
        The exact engine's coefficients there, (E, C, K).
    allowance
        The round-off allowed to them, (E, C, K).
    ratio
        Deviation / budget by the first steps, (E, C, K).
    conclusive
        True for comparisons that are neither kinks nor undecided, (E, C, K).

    Returns
    -------
    array
        The least ratio, (E, C, K); 0 at events without a large one, and for comparisons that are
        not conclusive.
    """
    least = np.where(conclusive, ratio, 0.0)
    worst = least.max(axis=(1, 2), initial=0.0)
    order = np.argsort(-worst, kind="stable")[:MOST]
    events = order[worst[order] > SUSPECT]
    least[np.setdiff1d(np.arange(len(x)), events)] = 0.0
    if not len(events):
        return least
    for factor in FACTORS:
        answer = differences.with_other_steps(x[events], factor)
        assert answer.error_bounds is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.abs(exact[events] - answer.terms)
            again = np.where(
                deviation == 0, 0.0, deviation / (answer.error_bounds + allowance[events])
            )
        least[events] = np.minimum(least[events], np.nan_to_num(again, nan=0.0, posinf=np.inf))
    return least
