"""Compiles kernels, all with the same settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, cast

import numba
from numba.core import event

__all__ = ["Kernel", "inlined", "kernel", "kernel_of_sums", "part_of_sums", "when_compiled"]

P = ParamSpec("P")
R = TypeVar("R")

# what LLVM may do to a sum whose terms may be taken in any order
ANY_ORDER = frozenset({"contract", "reassoc", "nsz"})

# Numba's simplest threading layer ends the process when two threads enter it at once.
_ENTERED = Lock()
# The first call of a kernel fills Numba's tables of types, which are not safe from other threads.
_FIRST = RLock()


class _Entered(Generic[P, R]):
    """A compiled function whose first call keeps those of other kernels out."""

    def __init__(self, function: Callable[P, R]) -> None:
        self._function, self._entered = function, False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function."""
        if self._entered:
            return self._function(*args, **kwargs)
        with _FIRST:
            answer = self._function(*args, **kwargs)
            self._entered = True
        return answer


class Kernel(Generic[P, R]):
    """A function compiled twice: with ``prange`` loops in parallel, and for one thread.

    Calling it runs the parallel version, on all of Numba's threads. ``alone`` runs on the calling
    thread only, for callers that have threads of their own; many may run it at once. Both release
    the GIL and are cached on disk where that is possible. Division by zero follows IEEE 754 instead
    of raising an exception, so that a kernel never stops half-way.
    """

    def __init__(self, function: Callable[P, R], fast: frozenset[str]) -> None:
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self._parallel = _Entered(_compiled(function, parallel=True, fast=fast))
        self.alone = _Entered(_compiled(_renamed(function, "_alone"), parallel=False, fast=fast))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the parallel version."""
        with _ENTERED:
            return self._parallel(*args, **kwargs)


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Compiles a function with parallel loops."""
    return Kernel(function, frozenset())


def kernel_of_sums(function: Callable[P, R]) -> Kernel[P, R]:
    """Compiles a function with parallel loops, whose sums may be taken in any order.

    So a sum fills all lanes of a vector register. Infinities and NaN are kept.
    """
    return Kernel(function, ANY_ORDER)


def part_of_sums(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles a function that a kernel of sums calls."""
    compiled: Callable[P, R] = numba.njit(error_model="numpy", fastmath=set(ANY_ORDER))(function)
    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles a small function that kernels call inside their loops."""
    compiled: Callable[P, R] = numba.njit(inline="always", error_model="numpy")(function)
    return compiled


class _Listener(event.Listener):
    """Calls a function at the first compilation that it hears of."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: Any) -> None:
        """Tells of the compilation that begins, unless one was told before."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()

    def on_end(self, event: Any) -> None:
        """Leaves the end of a compilation untold."""


@contextmanager
def when_compiled(tell: Callable[[], None]) -> Iterator[None]:
    """Calls ``tell`` once if a function is compiled in the block, not if the cache has it."""
    with event.install_listener("numba:compile", _Listener(tell)):
        yield


def _compiled(function: Callable[P, R], *, parallel: bool, fast: frozenset[str]) -> Callable[P, R]:
    """Compiles a function, with a cache on disk where there is a place for it."""

    def compile_it(cache: bool) -> Callable[P, R]:
        decorate = numba.njit(
            parallel=parallel, nogil=True, error_model="numpy", cache=cache, fastmath=set(fast)
        )
        compiled: Callable[P, R] = decorate(function)
        return compiled

    try:
        return compile_it(cache=True)
    except RuntimeError:  # no writable place for the cache, as in a read-only container
        return compile_it(cache=False)


def _renamed(function: Callable[P, R], ending: str) -> Callable[P, R]:
    """Copies a function under another name: Numba's cache distinguishes names, not options."""
    original = cast(Any, function)
    copy = FunctionType(original.__code__, original.__globals__, original.__name__ + ending)
    copy.__qualname__ = original.__qualname__ + ending
    copy.__module__ = original.__module__
    copy.__annotations__ = original.__annotations__
    return cast("Callable[P, R]", copy)
