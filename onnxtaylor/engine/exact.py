"""Exact Taylor coefficients: the graph compiled into its derivative graph, run on onnxruntime.

Every thread has a lane of its own, whose batch has the size that was fastest in a short
measurement. The response that the derivative graph computes on its way is compared with the
original model's, on every batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler import TERMS
from onnxtaylor.compiler.pieces import Piece, runs
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.derive import derive
from onnxtaylor.engine.lane import Lane
from onnxtaylor.engine.session import Session, available_threads, start
from onnxtaylor.engine.sharing import share
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices

__all__ = ["Exact", "derive"]

Floats = npt.NDArray[np.float64]

BATCHES = (8, 16, 32, 64, 128, 256)
TRIAL_SECONDS = 0.04  # for each batch size that is tried
BATCH_BYTES = 2**24  # of coefficients that leave the engine at a time
WORK_BYTES = 2**28  # of products (C·n, n) and weighted rows that a thread may hold


class Exact:
    """The exact engine of one function.

    ``x`` (B, n) are events at which the graph is observed and timed. Raises ModelError where an
    operator has no rule or the derivative graph cannot be run.
    """

    name = "exact"

    def __init__(
        self,
        function: GraphFunction,
        indices: MultiIndices,
        *,
        x: Floats,
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.indices = indices
        self.precision = function.precision
        self.graph = derive(function, indices, x, loose=True)
        self._function = function
        self._threads = threads or available_threads()
        original = Session(function, provider=provider, threads=1)
        self._outputs = original(x[:1]).shape[1]
        compiled = start(self.graph.proto, provider=provider, threads=1)
        slots = np.arange(len(indices))
        pieces = self.graph.pieces or (Piece(TERMS, len(slots), runs(slots, slots)),)
        # what a graph leaves loose, it leaves without 1/α! too
        factors = indices.inverse_factorials if self.graph.pieces else np.ones(len(indices))

        def lane(events: int) -> Lane:
            return Lane(compiled, original, pieces, factors, events=events, outputs=self._outputs)

        self._size = self._fastest(lane, x)
        self._lanes = [lane(self._size) for _ in range(self._threads)]

    @property
    def batch_events(self) -> int:
        """A few batches for every thread, bounded by the memory of the coefficients."""
        together = self._size * self._threads
        rounds = max(1, BATCH_BYTES // (8 * len(self.indices) * self._outputs * together))
        return int(min(rounds, max(1, 2**13 // together)) * together)

    def describe(self) -> dict[str, object]:
        """The size of the derivative graph, and the kinks that second order does not see."""
        return {
            "nodes": len(self.graph.proto.graph.node),
            "piecewise_linear": dict(self.graph.kinks),
        }

    def coefficients(self, x: npt.NDArray[np.float64]) -> BatchCoefficients:
        """t_α at the events x (B, n). Raises ModelError where the responses disagree."""
        responses, terms = np.empty((len(x), self._outputs)), np.empty(self._shape(len(x)))

        def worker(lane: Lane) -> Callable[[slice], None]:
            return lambda chunk: lane.run(x[chunk], responses[chunk], terms[chunk])

        share(len(x), self._size, [worker(lane) for lane in self._lanes])
        return BatchCoefficients(responses, terms)

    def _fastest(self, lane: Callable[[int], Lane], x: Floats) -> int:
        """The batch size with the most events per second on one thread."""
        best, rate = 1, 0.0
        for size in (1, *BATCHES):
            if size > 1 and (size * self._event_bytes() > WORK_BYTES or size > 64 * len(x)):
                break
            found = size / _seconds(lane(size), np.resize(x, (size, x.shape[1])), self._shape(size))
            if found > rate:
                best, rate = size, found
            elif found < 0.7 * rate:
                break
        return best

    def _event_bytes(self) -> int:
        """Numbers that one event may need at a time, in bytes."""
        n, size = self._function.n_features, self._function.dtype.itemsize
        widest = max(self._function.width, n)
        if self.indices.order == 1:
            return int(size * max(n, self._outputs) * widest)
        return int(size * self._outputs * n * (n + widest))

    def _shape(self, events: int) -> tuple[int, int, int]:
        return (events, self._outputs, len(self.indices))


def _seconds(lane: Lane, x: Floats, shape: tuple[int, int, int]) -> float:
    """The least time that a lane takes for the events x (B, n)."""
    responses, terms = np.empty(shape[:2]), np.empty(shape)
    lane.run(x, responses, terms)  # memory is laid out
    spent, fewest = 0.0, np.inf
    for calls in count():
        if (calls >= 3 and spent > TRIAL_SECONDS) or spent > 2 * TRIAL_SECONDS:
            return fewest
        begin = time.perf_counter()
        lane.run(x, responses, terms)
        took = time.perf_counter() - begin
        spent, fewest = spent + took, min(fewest, took)
    raise AssertionError  # count() has no end
