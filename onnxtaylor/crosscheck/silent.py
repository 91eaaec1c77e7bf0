"""Responses whose coefficients all vanish at the events that were compared.

Zero equals zero whatever an engine does: where a response does not vary, there is nothing to
compare, and agreement would be claimed for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import listed
from onnxtaylor.problem.unvarying import SPACINGS
from onnxtaylor.runtime.promotion import ROUNDINGS

__all__ = ["silence_of", "silent"]

Floats = npt.NDArray[np.float64]


def silent(
    exact: Floats,
    differences: Floats,
    budget: Floats,
    responses: Floats,
    units: Floats,
    digits: int,
) -> npt.NDArray[np.bool_]:
    """Which responses (C,) have no coefficient that is anything but 0, as far as can be told.

    Either none is beyond its budget of 0 at any event, or ``responses`` (E, C), of so many binary
    ``digits``, are the same at all events but for rounding, and no coefficient moves them by more
    than they may be rounded; ``units`` (K,) are products of spreads. The other arrays have shape
    (E, C, K).
    """
    size = np.maximum(np.abs(exact), np.abs(differences))
    with np.errstate(invalid="ignore"):  # of two that are infinite
        largest = np.abs(responses).max(axis=0)
        apart = responses.max(axis=0) - responses.min(axis=0)
        epsilon = 2.0 ** (1 - digits)
        same = apart <= SPACINGS * epsilon * largest
        still = (size * units <= ROUNDINGS * epsilon * largest[:, None]).all(axis=(0, 2))
    return np.asarray((size <= budget).all(axis=(0, 2)) | (same & still))


def silence_of(names: Sequence[str]) -> str:
    """Why these responses are undecided, in words."""
    own = "all coefficients of response" + "s" * (len(names) > 1)
    return f"{own} {listed(names)} are 0 to within rounding: there is nothing to compare"
