"""What is measured of coefficients and of the estimates of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["COVERED", "LARGEST_RATIO", "Measures", "largest_error", "measure"]

Floats = npt.NDArray[np.float64]

COVERED = 0.99
LARGEST_RATIO = 20.0
# median relative errors of t_i and of t_ii, t_ij
_ACCURACY = {"float32": (1e-4, 1e-2), "float64": (1e-10, 1e-7)}


def largest_error(dtype: npt.DTypeLike, order: int) -> float:
    """The limit of the median relative error, of coefficients of order 1 or 2."""
    return _ACCURACY[np.dtype(dtype).name][order - 1]


@dataclass(frozen=True)
class Measures:
    """Of coefficients of one order; NaN where all of them are zero.

    ``accuracy`` is the median relative error, ``coverage`` the share whose estimate is not below
    the error, ``of_medians`` the median estimate by the median error, ``median_ratio`` the median
    of estimate by error. ``zeros`` is the share of true zeros, of which only coverage speaks, and
    ``with_zeros`` is ``of_medians`` with them.
    """

    accuracy: float
    coverage: float
    of_medians: float
    median_ratio: float
    zeros: float
    with_zeros: float


def measure(terms: Floats, errors: Floats, truth: Floats, keep: Any = True) -> Measures:
    """Of coefficients, their estimates and the truth, of one shape; only those to ``keep``."""
    keep = np.broadcast_to(keep, truth.shape)
    terms, errors, truth = terms[keep], errors[keep], truth[keep]
    error, size = abs(terms - truth), abs(truth)
    some = size > 0
    # an error of zero is one that is not seen: what is above it is infinitely far above
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error > 0, errors / error, np.where(errors > 0, np.inf, 1.0))
        return Measures(
            accuracy=_median((error / np.where(some, size, 1.0))[some]),
            coverage=float((errors >= error).mean()) if error.size else np.nan,
            of_medians=_of_medians(errors[some], error[some]),
            median_ratio=_median(ratio[some]),
            zeros=float(1 - some.mean()) if error.size else np.nan,
            with_zeros=_of_medians(errors, error),
        )


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else np.nan


def _of_medians(estimates: Floats, errors: Floats) -> float:
    found = _median(errors)
    return _median(estimates) / found if found != 0 else np.inf
