"""Taylor coefficients by finite differences: the original graph, evaluated at stencil points.

It needs nothing of a model but its responses, and shares no derivative code with the exact
engine, whose cross-check it is. Three steps per chunk of events: ``displace`` writes the rows of
the stencil into a reused buffer, onnxruntime evaluates that buffer into another, ``contract`` turns
the responses into coefficients. A chunk is as large as fits the cache.
"""

from __future__ import annotations

import threading
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.contract import contract
from onnxtaylor_kernels.displace import displace, round_to_grid

from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.session import BoundCall, Session, available_threads
from onnxtaylor.engine.stencil import build_stencil, choose_steps
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices

__all__ = ["Differences"]

Floats = npt.NDArray[np.float64]

CHUNK_BYTES = 2**20  # of one layer's activations, per thread: about a second-level cache
MIN_ROWS, MAX_ROWS = 256, 8192
BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time

# Numba's simplest threading layer allows one parallel region at a time.
_PARALLEL = threading.Lock()
_NUMBA_THREADS = numba.get_num_threads()


class Differences:
    """The finite-difference engine of one function.

    ``spread`` (n,) and ``largest`` (n,) are each feature's spread and largest abs(x) in the data,
    by which steps are chosen; ``steps`` (n,) replaces that choice. ``accuracy`` is 2 or 4; by
    default 4 in single precision, where wide steps keep the round-off small, and 2 in double.
    Raises OptionError for what is not offered, ModelError where the model fails.
    """

    name = "differences"

    def __init__(
        self,
        function: GraphFunction,
        indices: MultiIndices,
        *,
        spread: Floats,
        largest: Floats,
        steps: Floats | None = None,
        accuracy: int | None = None,
        mixed: str = "two",
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.indices = indices
        self.precision = function.precision
        self._function = function
        self._threads = threads or available_threads()
        if accuracy is None:
            accuracy = 2 if function.precision == "float64" else 4
        self._stencil = build_stencil(indices, accuracy=accuracy, mixed=mixed)
        self._mixed = mixed
        self.steps = (
            choose_steps(
                self._stencil, spread, largest, digits=function.digits, order=indices.order
            )
            if steps is None
            else np.asarray(steps, dtype=np.float64)
        )
        self._session = Session(function, provider=provider, threads=self._threads)
        outputs = self._session(np.zeros((1, function.n_features))).shape[1]
        rows_in_cache = CHUNK_BYTES * self._threads // (function.width * function.dtype.itemsize)
        rows = int(np.clip(rows_in_cache, MIN_ROWS, MAX_ROWS))
        self._events = max(1, rows // self._stencil.points)
        self._block = min(rows, self._stencil.points) if self._events == 1 else self._stencil.points
        self._centres = np.empty((self._events, function.n_features), function.dtype)
        self._rows = np.empty((self._events, self._block, function.n_features), function.dtype)
        self._responses = np.empty((self._events, self._stencil.points, outputs), function.dtype)
        self._calls: dict[tuple[int, int, int], BoundCall] = {}

    @property
    def points(self) -> int:
        """Evaluations of the model per event."""
        return self._stencil.points

    @property
    def batch_events(self) -> int:
        """A multiple of the chunk, bounded by the memory of the coefficients."""
        per_event = 8 * len(self.indices) * self._responses.shape[2]
        chunks = max(1, BATCH_BYTES // (per_event * self._events))
        return int(min(chunks * self._events, 2**14))

    def describe(self) -> dict[str, object]:
        """The stencil, for the options of a result."""
        return {
            "accuracy": self._stencil.formula.accuracy,
            "mixed": self._mixed,
            "points": self.points,
            "steps": [float(h) for h in self.steps],
        }

    def coefficients(self, x: npt.NDArray[np.float64]) -> BatchCoefficients:
        """t_α at the events x (B, n), B as large as the caller likes."""
        outputs = self._responses.shape[2]
        responses = np.empty((len(x), outputs))
        terms = np.empty((len(x), outputs, len(self.indices)))
        with _PARALLEL:
            before = numba.get_num_threads()
            numba.set_num_threads(min(self._threads, _NUMBA_THREADS))
            try:
                for start in range(0, len(x), self._events):
                    stop = min(start + self._events, len(x))
                    self._chunk(x[start:stop], responses[start:stop], terms[start:stop])
            finally:
                numba.set_num_threads(before)
        return BatchCoefficients(responses, terms)

    def _chunk(self, x: Floats, responses: Floats, terms: Floats) -> None:
        """One chunk of events; where a single stencil is too large, block by block of points."""
        stencil, count = self._stencil, len(x)
        weights = stencil.formula
        centres = self._centres[:count]
        round_to_grid(
            np.ascontiguousarray(x), self.steps, weights.reach, self._function.digits, centres
        )
        for first in range(0, stencil.points, self._block):
            size = min(self._block, stencil.points - first)
            displace(
                centres,
                self.steps,
                stencil.features,
                stencil.pairs,
                weights.multiples,
                weights.corners,
                first,
                self._rows[:count, :size],
            )
            self._call(count, first, size)()
        found = self._responses[:count]
        responses[:] = found[:, 0]
        contract(
            found,
            self.steps,
            stencil.features,
            stencil.pairs,
            stencil.axes_of_pairs,
            weights.first,
            weights.second,
            weights.corner,
            weights.ridge,
            stencil.slots_first,
            stencil.slots_second,
            stencil.slots_pairs,
            terms,
        )

    def _call(self, events: int, first: int, size: int) -> BoundCall:
        """The bound call from the rows of this chunk into its place among the responses."""
        key = (events, first, size)
        if key not in self._calls:
            rows: npt.NDArray[Any] = self._rows[:events, :size]
            targets = self._responses[:events, first : first + size]
            self._calls[key] = self._session.bind(
                rows.reshape(-1, rows.shape[2]), targets.reshape(-1, targets.shape[2])
            )
        return self._calls[key]
