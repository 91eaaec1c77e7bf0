"""A stencil at any number of events: chunks that fit the cache, shared among threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Watcher
from onnxtaylor.engine.differences.noise import ResponseNoise
from onnxtaylor.engine.differences.pipeline import Pipeline
from onnxtaylor.engine.differences.stencil import Stencil
from onnxtaylor.runtime.session import Evaluator
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["ChunkedStencil"]

Floats = npt.NDArray[np.float64]

CHUNK_BYTES = 2**20  # of the widest layer's activations: about a second-level cache
MIN_ROWS, MAX_ROWS = 256, 8192  # of a chunk


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
        session: Evaluator,
        stencil: Stencil,
        steps: Floats,
        *,
        noise: ResponseNoise,
        outputs: int,
        threads: int,
        parallel: bool,
    ) -> None:
        self._stencil, self._outputs, self._threads = stencil, outputs, threads
        self._parallel = parallel
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

        with _numba_threads(self._threads if self._parallel else None):
            share(len(x), self._chunk_events, [worker(p) for p in self._pipelines], tally)
        return BatchCoefficients(responses, terms, error_bounds, kinks)


@contextmanager
def _numba_threads(threads: int | None) -> Iterator[None]:
    """Limits the threads of kernels that this thread runs in parallel; None: it runs none.

    Numba starts its threads when it is asked for their number: not before they are needed, since
    processes that are forked afterwards cannot use them.
    """
    if threads is None:
        yield
        return
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        yield
    finally:
        numba.set_num_threads(before)
