"""Taylor coefficients by finite differences: the original graph, evaluated at stencil points.

It needs nothing of a model but its responses, and shares no derivative code with the exact
engine, whose cross-check it is. Per chunk of events ``displace`` writes the rows of the stencil
into a reused buffer, onnxruntime evaluates that buffer into another, ``contract`` turns the
responses into coefficients, ``bound_errors`` says how wrong they may be. A chunk is as large as
fits the cache.

On CPUs every thread has a chunk of its own, and onnxruntime runs inside it: threads that meet at
every operator and at every kernel cost more than they bring. A GPU is fed by one thread, whose
kernels use all processors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import numba
import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.differences.noise import ResponseNoise, assumed_noise, measure_noise
from onnxtaylor.engine.differences.pipeline import Pipeline
from onnxtaylor.engine.differences.stencil import Stencil, build_stencil
from onnxtaylor.engine.differences.steps import (
    adapt_steps,
    formula_steps,
    pilot_events,
    wide_enough,
)
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress, tell
from onnxtaylor.runtime.session import Session, available_threads
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["Differences"]

Floats = npt.NDArray[np.float64]

CHUNK_BYTES = 2**20  # of one layer's activations: about a second-level cache
MIN_ROWS, MAX_ROWS = 256, 8192
BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time

_NUMBA_THREADS = numba.get_num_threads()


class Differences:
    """The finite-difference engine of one function.

    ``spread`` (n,) and ``largest`` (n,) are each feature's spread and largest abs(x) in the data.
    ``x`` (B, n) are a few events of the data, on which the noise of the responses is measured and
    steps are tried; without them both follow from the number format. ``steps``, (n,) or (2, n) for
    first and second order, replaces the choice, with powers of two, so that displacements are
    exact.

    ``errors`` estimates the error of every coefficient and finds kinks, at the price of a stencil
    that reaches to three steps; ``accuracy`` is 6 then by default. Without errors ``accuracy`` is
    by default 4 in single precision, where wide steps keep the round-off small, and 2 in double.
    ``session`` evaluates the function in one thread, where there is one. ``progress`` is told of
    the trials of steps. Raises OptionError for what is not offered,
    ModelError where the model fails.
    """

    name = "differences"
    quantity: Quantity = "derivative"
    sums_in_graph = False

    def __init__(
        self,
        function: GraphFunction,
        indices: MultiIndices,
        *,
        spread: Floats,
        largest: Floats,
        x: Floats | None = None,
        steps: Floats | None = None,
        errors: bool = True,
        accuracy: int | None = None,
        mixed: str = "two",
        threads: int = 0,
        provider: str = "cpu",
        session: Session | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.indices = indices
        self.precision = function.precision
        self._threads = threads or available_threads()
        self._mixed, self._errors = mixed, errors
        if accuracy is None:
            accuracy = 6 if errors else 2 if function.precision == "float64" else 4
        self._accuracy = accuracy
        self._parallel, self._largest = provider != "cpu", largest
        if steps is not None:
            steps = np.array(np.broadcast_to(steps, (2, function.n_features)), np.float64)
        # before the model is asked anything: what is not offered is refused
        apart = errors if steps is None else bool((steps[0] != steps[1]).any())
        self._stencil = self._build(indices, apart=apart)
        self._session = session or Session(function, provider=provider, threads=1)
        event = np.zeros((1, function.n_features)) if x is None else x[:1]
        self._outputs = self._session(event).shape[1]
        pilot = None if x is None or not errors else pilot_events(x, self._outputs)
        if pilot is not None:
            tell(progress, "step sizes", 0, None)  # the noise comes first, and takes time, too
        self._noise = (
            assumed_noise(self._outputs, function.digits)
            if pilot is None
            else measure_noise(self._session, pilot, spread, digits=function.digits)
        )
        if steps is None:
            steps = self._choose_steps(spread, pilot, progress)
        self.steps = steps
        self._pipelines = self._make(self._stencil, self.steps)

    @property
    def points(self) -> int:
        """Evaluations of the model per event."""
        return self._stencil.points

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """False for every response (C,)."""
        return np.zeros(self._outputs, np.bool_)

    @property
    def accuracy(self) -> int:
        """The stencil's order of accuracy."""
        return self._accuracy

    @property
    def noise(self) -> ResponseNoise:
        """The noise of the responses, as it was measured."""
        return self._noise

    @property
    def reach(self) -> Floats:
        """The largest displacement (n,) of each feature."""
        return np.asarray(self.steps.max(axis=0) * self._stencil.formula.reach)

    @property
    def batch_events(self) -> int:
        """A multiple of the chunks of all threads, bounded by the memory of the coefficients."""
        together = self._events(self._stencil) * len(self._pipelines)
        per_event = 8 * len(self.indices) * self._outputs * (2 if self._errors else 1)
        rounds = max(1, BATCH_BYTES // (per_event * together))
        return int(min(rounds, 2**14 // together + 1) * together)

    def describe(self) -> dict[str, object]:
        """The stencil, for the options of a result; steps of first and of second order."""
        return {
            "accuracy": self._accuracy,
            "mixed": self._mixed,
            "points": self.points,
            "steps": self.steps.tolist(),
        }

    def coefficients(
        self, x: npt.NDArray[np.float64], watch: Watcher | None = None
    ) -> BatchCoefficients:
        """t_α at the events x (B, n), B as large as the caller likes. One call at a time."""
        return self._evaluate(self._stencil, self._pipelines, x, watch)

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: sums are made from the coefficients."""

    def with_other_steps(self, x: Floats, factor: float) -> BatchCoefficients:
        """t_α at the events x (B, n) by steps that are ``factor`` times as wide."""
        steps = self._widen(self.steps * factor)
        return self._evaluate(self._stencil, self._make(self._stencil, steps), x)

    def _widen(self, steps: Floats) -> Floats:
        digits, reach = self._session.function.digits, self._stencil.formula.reach
        return wide_enough(steps, self._largest, reach=reach, digits=digits)

    def _choose_steps(
        self, spread: Floats, pilot: Floats | None, progress: Progress | None
    ) -> Floats:
        digits = self._session.function.digits
        orders = (1, 2) if self._errors else (self.indices.order,) * 2
        start = np.stack(
            [
                formula_steps(spread, digits=digits, order=order, accuracy=self._accuracy)
                for order in orders
            ]
        )

        trials = count(1)

        def trial(indices: MultiIndices, steps: Floats) -> Floats:
            assert pilot is not None
            tell(progress, "step sizes", next(trials), None)
            # all features climb the ladder at once: one that is too high must not spoil the others
            stencil = self._build(indices, apart=True, pooled=False)
            answer = self._evaluate(stencil, self._make(stencil, steps), pilot)
            assert answer.errors is not None
            noise = self._noise.at(answer.responses)[..., None]
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray((answer.errors / noise).reshape(-1, len(indices)))

        if pilot is None:
            return self._widen(start)
        return adapt_steps(trial, self.indices, start, self._widen)

    def _build(self, indices: MultiIndices, *, apart: bool, pooled: bool = True) -> Stencil:
        return build_stencil(
            indices,
            accuracy=self._accuracy,
            mixed=self._mixed,
            errors=self._errors,
            apart=apart,
            pooled=pooled,
        )

    def _rows(self) -> int:
        """Evaluations whose activations fit the cache."""
        function = self._session.function
        in_cache = CHUNK_BYTES // (function.width * function.dtype.itemsize)
        return int(np.clip(in_cache, MIN_ROWS, MAX_ROWS))

    def _events(self, stencil: Stencil) -> int:
        return max(1, self._rows() // stencil.points)

    def _make(self, stencil: Stencil, steps: Floats) -> Sequence[Pipeline]:
        """One pipeline for each thread on a CPU, one for all on a GPU."""
        return [
            Pipeline(
                self._session,
                stencil,
                stencil.steps_of_groups(steps),
                outputs=self._outputs,
                events=self._events(stencil),
                block=min(stencil.points, self._rows()),
                parallel=self._parallel,
                noise=self._noise,
            )
            for _ in range(1 if self._parallel else self._threads)
        ]

    def _evaluate(
        self,
        stencil: Stencil,
        pipelines: Sequence[Pipeline],
        x: Floats,
        watch: Watcher | None = None,
    ) -> BatchCoefficients:
        coefficients = len(stencil.slots_pairs) + sum(
            int((slots >= 0).sum()) for slots in (stencil.slots_first, stencil.slots_second)
        )
        shape = (len(x), self._outputs, coefficients)
        responses, terms = np.empty(shape[:2]), np.empty(shape)
        errors = np.empty(shape) if stencil.gaps is not None else None
        kinks = None if errors is None else np.empty(x.shape, dtype=np.bool_)
        tally = Tally(len(x) * stencil.points, watch)

        def worker(pipeline: Pipeline) -> Callable[[slice], None]:
            def work(chunk: slice) -> None:
                pipeline.run(
                    x[chunk],
                    responses[chunk],
                    terms[chunk],
                    None if errors is None else errors[chunk],
                    None if kinks is None else kinks[chunk],
                    tally.add,
                )

            return work

        # one pipeline alone stays in this thread, and takes all of Numba's threads
        numba.set_num_threads(min(self._threads, _NUMBA_THREADS))
        try:
            share(len(x), self._events(stencil), [worker(p) for p in pipelines], tally)
        finally:
            numba.set_num_threads(_NUMBA_THREADS)
        return BatchCoefficients(responses, terms, errors, kinks)
