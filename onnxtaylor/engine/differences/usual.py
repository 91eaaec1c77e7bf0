"""Cells so far from all others that the numbers around them lie wider apart than the others do.

A step in a feature must not be below the spacing of numbers at its largest value. One cell of 10¹⁸
would make the steps at all events wider than anything that the function does. So steps follow from
the other events; at an event with such a cell nothing can be said about that feature.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Survey

__all__ = ["far_limit", "usual_survey"]

Floats = npt.NDArray[np.float64]

SPARE = 10  # binary digits that are left for a step within the usual range
INNER = (0.16, 0.84)  # quantiles: two σ of a normal distribution


def far_limit(survey: Survey, digits: int) -> Floats:
    """Returns the size (n,) from which on a cell is far from all others, in a format of ``digits``.

    abs(median) + 2^(digits − 10) s, with s half the width of the inner 68 %; infinite where s is 0.
    """
    with np.errstate(all="ignore"):
        low, middle, high = np.quantile(survey.sample, [INNER[0], 0.5, INNER[1]], axis=0)
        limit = np.abs(middle) + np.ldexp((high - low) / 2, digits - SPARE)
    return np.where((high > low) & np.isfinite(limit), limit, np.inf)


def usual_survey(survey: Survey, digits: int) -> Survey:
    """Returns the survey with spread and largest value of the cells that are not far from others.

    It is the survey itself where there are no cells beyond ``far_limit``.
    """
    limit = far_limit(survey, digits)
    odd = survey.largest > limit
    if not odd.any():
        return survey
    size = np.where(np.abs(survey.sample) <= limit, survey.sample, np.nan)
    spread, largest = np.nanstd(size, axis=0), np.nanmax(np.abs(size), axis=0)
    return replace(
        survey,
        spread=np.where(odd, spread, survey.spread),
        largest=np.where(odd, 2 * largest, survey.largest),
    )
