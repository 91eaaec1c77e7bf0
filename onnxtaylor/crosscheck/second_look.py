"""Events at which the engines seem to differ, looked at again with other steps.

An error estimate may be too small at a few events: of the truncation where the response is steep,
of the round-off where it is noisier than elsewhere. Both change with the step, a fault of the exact
engine does not. So where a deviation is beyond its budget, the differences are made again with
steps half and twice as wide, whose truncation and round-off are others by factors of 4 to 64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.differences.engine import Differences

__all__ = ["confirmed_ratio"]

Floats = npt.NDArray[np.float64]

SUSPECT = 4.0  # deviation / budget
FACTORS = (0.5, 2.0)
MOST = 16  # events that are looked at again, the worst ones


def confirmed_ratio(
    differences: Differences,
    x: Floats,
    exact: Floats,
    allowance: Floats,
    ratio: Floats,
    telling: npt.NDArray[np.bool_],
) -> Floats:
    """The least deviation / budget by three widths of the steps, (E, C, K).

    ``exact`` (E, C, K) are the exact engine's coefficients at x (E, n), ``allowance`` what rounding
    may have done to them, ``ratio`` the deviation / budget of the first look. 0 where that was
    small, or nothing was ``telling``.
    """
    found = np.where(telling, ratio, 0.0)
    worst = found.max(axis=(1, 2), initial=0.0)
    order = np.argsort(-worst, kind="stable")[:MOST]
    events = order[worst[order] > SUSPECT]
    found[np.setdiff1d(np.arange(len(x)), events)] = 0.0
    if not len(events):
        return found
    for factor in FACTORS:
        answer = differences.with_other_steps(x[events], factor)
        assert answer.errors is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.abs(exact[events] - answer.terms)
            again = np.where(deviation == 0, 0.0, deviation / (answer.errors + allowance[events]))
        found[events] = np.minimum(found[events], np.nan_to_num(again, nan=0.0, posinf=np.inf))
    return found
