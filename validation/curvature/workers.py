"""Tasks in processes of one thread each: nets as small as these do not fill two processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

__all__ = ["in_processes"]

T = TypeVar("T")
MOST = 4  # each holds TensorFlow, and the events of a training
ONE_THREAD = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


def in_processes(function: Callable[..., T], tasks: Sequence[tuple[Any, ...]]) -> list[T]:
    """Calls a function of a module with each tuple of arguments; answers in the order of tasks."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # processes that are started inherit them
    try:
        count = min(os.cpu_count() or 1, MOST, len(tasks))
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            return list(pool.map(function, *zip(*tasks, strict=True)))
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
