"""Whether arrays that were saved can be the sums of an analysis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["require_sums"]

EXACT = 1e-9  # relative
MOST = 2**53  # events: larger numbers are not exact
LARGEST = 1e150  # of a mean whose square is computed
COUNTED = ("kinks", "joints")  # of each feature; empty where nothing is counted
MAYBE_NAN = "errors/"


def require_sums(
    own: Mapping[str, npt.NDArray[np.float64]], arrays: Mapping[str, npt.NDArray[np.float64]]
) -> None:
    """Checks saved sums against those of an accumulator that they are to fill.

    Parameters
    ----------
    own
        ``Accumulator.state`` of that accumulator.
    arrays
        The saved arrays.

    Raises
    ------
    KeyError
        An array is missing.
    ValueError
        An array has another shape or type; numbers are not finite; a count is no count; weights
        have (Σw)² > N Σw², which no weights have.
    """
    for name, expected in own.items():
        array = arrays[name]
        if array.dtype != np.float64:
            raise ValueError(f"{name} holds {array.dtype}, no numbers of double precision")
        if name in COUNTED:
            if array.ndim != 1:
                raise ValueError(f"{name} must be a list")
        elif array.shape != expected.shape:
            raise ValueError(f"{name} has the shape {array.shape}, not {expected.shape}")
        unsound = np.isinf(array) if name.startswith(MAYBE_NAN) else ~np.isfinite(array)
        if unsound.any():
            raise ValueError(f"{name} has a number that is not finite")
    total = 0.0
    for name in own:
        if not name.endswith("/events"):
            continue
        stem = name.removesuffix("events")
        events, sum_w, sum_w2 = (float(arrays[stem + end]) for end in ("events", "sum_w", "sum_w2"))
        if not 0 <= events <= MOST or events != int(events):
            raise ValueError(f"{name} is {events}, no number of events")
        if sum_w2 < 0 or sum_w**2 > events * sum_w2 * (1 + EXACT):
            raise ValueError(f"{stem}sum_w is {sum_w}, which no {events:.0f} weights have")
        for end, size in (("mean_w2", 1.0), ("absolute", abs(sum_w)), ("signed", abs(sum_w))):
            if (np.abs(arrays[stem + end]) > LARGEST * size).any():
                raise ValueError(f"{stem}{end} is too large: squares of means are no numbers")
        if (arrays[f"{stem}spread_w2"] < 0).any():
            raise ValueError(f"{stem}spread_w2 is negative")
        total += events
    for name in COUNTED:
        if ((arrays[name] < 0) | (arrays[name] > total)).any():
            raise ValueError(f"{name} counts more events than there are")
