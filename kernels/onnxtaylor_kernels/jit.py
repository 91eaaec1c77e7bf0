"""The one way in which kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

__all__ = ["kernel"]

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles a function for parallel loops, without the GIL, cached on disk where allowed.

    Division by zero follows IEEE 754 instead of raising, so that a kernel never stops half way.
    """
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # no writable place for the cache, as in a read-only container
        return _compiled(function, cache=False)


def _compiled(function: Callable[P, R], *, cache: bool) -> Callable[P, R]:
    decorate = numba.njit(parallel=True, nogil=True, error_model="numpy", cache=cache)
    compiled: Callable[P, R] = decorate(function)
    return compiled


def helper(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles a small function that kernels call inside their loops."""
    compiled: Callable[P, R] = numba.njit(inline="always", error_model="numpy")(function)
    return compiled
