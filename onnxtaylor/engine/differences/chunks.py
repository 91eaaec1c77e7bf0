"""A stencil at any number of events: chunks that fit the cache, shared among threads."""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Watcher
from onnxtaylor.engine.differences.noise import ResponseNoise
from onnxtaylor.engine.differences.pipeline import Pipeline
from onnxtaylor.engine.differences.stencil import Stencil
from onnxtaylor.runtime.session import Session
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["ChunkedStencil"]

Floats = npt.NDArray[np.float64]

CHUNK_BYTES = 2**20  # of the widest layer's activations: about a second-level cache
MIN_ROWS, MAX_ROWS = 256, 8192  # of a chunk

_NUMBA_THREADS = numba.get_num_threads()


class ChunkedStencil:
    """Evaluates a stencil with its steps at events, chunk by chunk.

    Parameters
    ----------
    session
        The original model.
    stencil
        Points and weights.
    steps
        Steps of first and second order, (2, n), in units of the features.
    noise
        Noise of the responses.
    outputs
        Number of responses, C.
    threads
        Number of threads.
    parallel
        Whether one pipeline computes all events, with kernels on all threads, as for a GPU.
        Otherwise each thread has its own pipeline.
    """

    def __init__(
        self,
        session: Session,
        stencil: Stencil,
        steps: Floats,
        *,
        noise: ResponseNoise,
        outputs: int,
        threads: int,
        parallel: bool,
    ) -> None:
        self._stencil, self._outputs, self._threads = stencil, outputs, threads
        width = session.function.width * session.function.dtype.itemsize
        rows = int(np.clip(CHUNK_BYTES // width, MIN_ROWS, MAX_ROWS))
        self._chunk_events = max(1, rows // stencil.points)
        self._pipelines = [
            Pipeline(
                session,
                stencil,
                stencil.steps_of_groups(steps),
                outputs=outputs,
                events=self._chunk_events,
                block=min(stencil.points, rows),
                parallel=parallel,
                noise=noise,
            )
            for _ in range(1 if parallel else threads)
        ]

    @property
    def events_at_once(self) -> int:
        """Number of events that occupy all threads, one chunk each."""
        return self._chunk_events * len(self._pipelines)

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at events, with error bounds and kinks unless the stencil has none.

        Parameters
        ----------
        x
            Events (B, n), B as large as the caller likes.
        watch
            Called now and then, in the caller's thread, with the share that is done.

        Raises
        ------
        ModelError
            The model fails.
        """
        stencil = self._stencil
        coefficients = len(stencil.slots_pairs) + sum(
            int((slots >= 0).sum()) for slots in (stencil.slots_first, stencil.slots_second)
        )
        shape = (len(x), self._outputs, coefficients)
        responses, terms = np.empty(shape[:2]), np.empty(shape)
        error_bounds = np.empty(shape) if stencil.error_weights is not None else None
        kinks = None if error_bounds is None else np.empty(x.shape, dtype=np.bool_)
        tally = Tally(len(x) * stencil.points, watch)

        def worker(pipeline: Pipeline) -> Callable[[slice], None]:
            def work(chunk: slice) -> None:
                pipeline.run(
                    x[chunk],
                    responses[chunk],
                    terms[chunk],
                    None if error_bounds is None else error_bounds[chunk],
                    None if kinks is None else kinks[chunk],
                    tally.add,
                )

            return work

        # a single pipeline runs in this thread, and its kernels on as many of Numba's
        numba.set_num_threads(min(self._threads, _NUMBA_THREADS))
        try:
            share(len(x), self._chunk_events, [worker(p) for p in self._pipelines], tally)
        finally:
            numba.set_num_threads(_NUMBA_THREADS)
        return BatchCoefficients(responses, terms, error_bounds, kinks)
