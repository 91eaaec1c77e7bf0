"""The time that a call takes, as short a measurement as is reliable."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import numpy as np

__all__ = ["least_seconds"]


def least_seconds(run: Callable[[], object], trial_seconds: float) -> float:
    """Measures the least time that a call takes.

    Other work on the machine only adds time, so the smallest of several measurements is the best.

    Parameters
    ----------
    run
        The call.
    trial_seconds
        Time after which the measurement ends, if there were three calls; without them it ends after
        twice that time.

    Returns
    -------
    float
        Seconds.
    """
    run()  # the first run allocates memory and is slower
    spent, fewest = 0.0, np.inf
    for calls in count():
        if (calls >= 3 and spent > trial_seconds) or spent > 2 * trial_seconds:
            return fewest
        begin = time.perf_counter()
        run()
        took = time.perf_counter() - begin
        spent, fewest = spent + took, min(fewest, took)
    raise AssertionError  # count() has no end
