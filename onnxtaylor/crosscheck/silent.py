"""Responses whose coefficients all vanish at the compared events.

0 equals 0 whatever an engine does: where a response does not vary there is nothing to compare, and
agreement would mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import join_names
from onnxtaylor.problem.unvarying import SPACINGS
from onnxtaylor.runtime.promotion import ROUNDINGS

__all__ = ["silence_reason", "silent_responses"]

Floats = npt.NDArray[np.float64]


def silent_responses(
    exact: Floats,
    differences: Floats,
    budget: Floats,
    responses: Floats,
    units: Floats,
    digits: int,
) -> npt.NDArray[np.bool_]:
    """Finds the responses whose coefficients cannot be distinguished from 0.

    A response is silent if no coefficient is beyond its budget of 0 at any event. It is silent,
    too, if it is the same at all events but for rounding, and no coefficient changes it by more
    than its rounding.

    Parameters
    ----------
    exact, differences
        Coefficients of the two engines, (E, C, K).
    budget
        Deviation allowed between them, (E, C, K).
    responses
        Responses (E, C).
    units
        Products of the features' spreads, (K,).
    digits
        Binary digits of the responses' format.

    Returns
    -------
    array
        True for silent responses, (C,).
    """
    size = np.maximum(np.abs(exact), np.abs(differences))
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        largest = np.abs(responses).max(axis=0)
        extent = responses.max(axis=0) - responses.min(axis=0)
        epsilon = 2.0 ** (1 - digits)
        same = extent <= SPACINGS * epsilon * largest
        still = (size * units <= ROUNDINGS * epsilon * largest[:, None]).all(axis=(0, 2))
    return np.asarray((size <= budget).all(axis=(0, 2)) | (same & still))


def silence_reason(names: Sequence[str]) -> str:
    """Phrase for the reason why the responses with these names are undecided."""
    own = "all coefficients of response" + "s" * (len(names) > 1)
    return f"{own} {join_names(names)} are 0 to within rounding: there is nothing to compare"
