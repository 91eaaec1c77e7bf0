"""Taylor coefficients by finite differences: the original graph, evaluated at stencil points.

It needs nothing of a model but its responses, and shares no derivative code with the exact
engine, whose cross-check it is. Per chunk of events ``displace`` writes the rows of the stencil
into a reused buffer, onnxruntime evaluates that buffer into another, ``contract`` turns the
responses into coefficients. A chunk is as large as fits the cache.

On CPUs every thread has a chunk of its own, and onnxruntime runs inside it: threads that meet at
every operator and at every kernel cost more than they bring. A GPU is fed by one thread, whose
kernels use all processors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.pipeline import Pipeline
from onnxtaylor.engine.session import Session, available_threads
from onnxtaylor.engine.sharing import share
from onnxtaylor.engine.stencil import build_stencil, choose_steps
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices

__all__ = ["Differences"]

Floats = npt.NDArray[np.float64]

CHUNK_BYTES = 2**20  # of one layer's activations: about a second-level cache
MIN_ROWS, MAX_ROWS = 256, 8192
BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time

_NUMBA_THREADS = numba.get_num_threads()


class Differences:
    """The finite-difference engine of one function.

    ``spread`` (n,) and ``largest`` (n,) are each feature's spread and largest abs(x) in the data,
    by which steps are chosen; ``steps`` (n,) replaces that choice, with powers of two, so that
    displacements are exact. ``accuracy`` is 2 or 4; by
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
        self._threads = threads or available_threads()
        self._mixed = mixed
        if accuracy is None:
            accuracy = 2 if function.precision == "float64" else 4
        self._stencil = build_stencil(indices, accuracy=accuracy, mixed=mixed)
        self.steps = (
            choose_steps(
                self._stencil, spread, largest, digits=function.digits, order=indices.order
            )
            if steps is None
            else np.asarray(steps, dtype=np.float64)
        )
        self._parallel = provider != "cpu"
        session = Session(function, provider=provider, threads=1)
        self._outputs = session(np.zeros((1, function.n_features))).shape[1]
        in_cache = CHUNK_BYTES // (function.width * function.dtype.itemsize)
        rows = int(np.clip(in_cache, MIN_ROWS, MAX_ROWS))
        self._events = max(1, rows // self._stencil.points)
        self._pipelines: Sequence[Pipeline] = [
            Pipeline(
                session,
                self._stencil,
                self.steps,
                outputs=self._outputs,
                events=self._events,
                block=min(self._stencil.points, rows),
                parallel=self._parallel,
            )
            for _ in range(1 if self._parallel else self._threads)
        ]

    @property
    def points(self) -> int:
        """Evaluations of the model per event."""
        return self._stencil.points

    @property
    def batch_events(self) -> int:
        """A multiple of the chunks of all threads, bounded by the memory of the coefficients."""
        together = self._events * len(self._pipelines)
        per_event = 8 * len(self.indices) * self._outputs
        rounds = max(1, BATCH_BYTES // (per_event * together))
        return int(min(rounds, 2**14 // together + 1) * together)

    def describe(self) -> dict[str, object]:
        """The stencil, for the options of a result."""
        return {
            "accuracy": self._stencil.formula.accuracy,
            "mixed": self._mixed,
            "points": self.points,
            "steps": [float(h) for h in self.steps],
        }

    def coefficients(self, x: npt.NDArray[np.float64]) -> BatchCoefficients:
        """t_α at the events x (B, n), B as large as the caller likes. One call at a time."""
        responses = np.empty((len(x), self._outputs))
        terms = np.empty((len(x), self._outputs, len(self.indices)))

        def worker(pipeline: Pipeline) -> Callable[[slice], None]:
            return lambda chunk: pipeline.run(x[chunk], responses[chunk], terms[chunk])

        # one pipeline alone stays in this thread, and takes all of Numba's threads
        numba.set_num_threads(min(self._threads, _NUMBA_THREADS))
        try:
            share(len(x), self._events, [worker(p) for p in self._pipelines])
        finally:
            numba.set_num_threads(_NUMBA_THREADS)
        return BatchCoefficients(responses, terms)
