"""Calls in processes of one thread each: nets as small as these do not fill two processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

__all__ = ["Call", "in_processes"]

Call = tuple[Callable[..., Any], tuple[Any, ...]]  # a function of a module, and its arguments
MOST = 4  # processes: each holds TensorFlow, and the events of a training
ONE_THREAD = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


def in_processes(calls: Sequence[Call]) -> list[Any]:
    """Makes calls, as many at a time as there are processors; answers stand in their order."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # processes that are started inherit them
    try:
        count = min(os.cpu_count() or 1, MOST, len(calls))
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(function, *arguments) for function, arguments in calls]
            return [one.result() for one in waiting]
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
