"""What a program that is compared offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from validation.performance.peers.net import Floats, Net
from validation.performance.taggers.tagger import Tagger

__all__ = ["Compiled", "Program", "Scores", "median_seconds"]

Scores = npt.NDArray[np.float64]


class Program(Protocol):
    """Sums over events, in whole batches."""

    version: str

    def prepare(self, batch: int) -> None:
        """Compiles for a batch size, up to the first answer, and stays with it."""

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩ (C, K) over the events x, a multiple of the batch size."""

    def note(self) -> str:
        """What it chose by itself, in a few words."""


class Compiled:
    """Calls a compiled function batch by batch, and adds what it returns in float64."""

    def __init__(self, net: Net | Tagger) -> None:
        self._net, self._batch = net, 1
        self._calls: dict[int, Callable[[Floats], tuple[Any, Any]]] = {}

    def _compile(self, batch: int) -> Callable[[Floats], tuple[Any, Any]]:
        """A function from x (batch, n) to Σ abs(J) (C, n) and Σ abs(H) (C, n, n)."""
        raise NotImplementedError

    def prepare(self, batch: int) -> None:
        """Compiles, if it has not yet done so for this batch size."""
        self._batch = batch
        if batch not in self._calls:
            self._calls[batch] = self._compile(batch)
            self.scores(self._net.events(3 * batch))  # what compiles anew for new values shows

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩."""
        call, batch = self._calls[self._batch], self._batch
        # all batches are on their way before the first answer is asked for
        answers = [call(x[k : k + batch]) for k in range(0, len(x), batch)]
        first = sum(np.asarray(a, np.float64) for a, _ in answers) / len(x)
        second = sum(np.asarray(b, np.float64) for _, b in answers) / len(x)
        return self._net.scores(first, second)

    def note(self) -> str:
        """Nothing."""
        return ""


def median_seconds(call: Callable[[], object], seconds: float = 0.2) -> float:
    """Time of one call, after a first one, from as many as fit into the time given."""
    call()
    end, times = time.perf_counter() + seconds, []
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))
