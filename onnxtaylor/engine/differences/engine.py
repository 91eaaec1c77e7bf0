"""Taylor coefficients by finite differences: the original graph, evaluated at stencil points.

It needs nothing of a model but its responses. It checks the exact engine, so it shares no
derivative code with it. For each chunk of events ``displace`` writes the rows of the stencil into a
reused buffer, onnxruntime evaluates that buffer into another one, ``contract`` turns the responses
into coefficients, and ``bound_errors`` computes how wrong they may be. A chunk is as large as fits
the cache.

On CPUs every thread has a chunk of its own, and onnxruntime runs inside that thread: threads that
wait for one another at every operator and every kernel cost more than they gain. A GPU is fed by
one thread, whose kernels use all processors.
"""

from __future__ import annotations

from itertools import count
from typing import Unpack

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.differences.chunks import ChunkedStencil
from onnxtaylor.engine.differences.noise import ResponseNoise, assumed_noise, measure_noise
from onnxtaylor.engine.differences.stencil import Stencil, StencilOptions, build_stencil
from onnxtaylor.engine.differences.steps import (
    adapt_steps,
    formula_steps,
    pilot_events,
    widen_to_grid,
)
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.session import Evaluator, Session

__all__ = ["Differences"]

Floats = npt.NDArray[np.float64]

BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time


class Differences:
    """The finite-difference engine of one function.

    Parameters
    ----------
    function
        f: Rⁿ → R^C as a graph.
    indices
        The coefficients to compute, up to second order.
    spread
        The spread of each feature in the data, (n,).
    largest
        The largest abs(x) of each feature in the data, (n,).
    x
        A few events (B, n) of the data, at which the noise of the responses is measured and steps
        are tried. Without them both follow from the number format.
    steps
        Steps that replace the choice, (n,) or, for first and second order, (2, n): powers of two,
        so that displacements are exact.
    threads
        Number of pipelines; 0 makes one for each processor.
    provider
        ``cpu`` or ``cuda``.
    session
        A session of the function in one thread, where there is one already.
    progress
        Called with (stage, trials done, all trials).
    stencil
        See ``StencilOptions``.

    Raises
    ------
    OptionError
        The order, accuracy or mixed formula is not supported.
    ModelError
        The model fails.
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
        threads: int = 0,
        provider: str = "cpu",
        session: Evaluator | None = None,
        progress: Progress | None = None,
        **stencil: Unpack[StencilOptions],
    ) -> None:
        self.indices = indices
        self.precision = function.precision
        self._threads = threads or available_threads()
        self._mixed = stencil.get("mixed", "two")
        self._bounds_errors = stencil.get("error_bounds", True)
        without_bounds = 2 if function.precision == "float64" else 4
        default = 6 if self._bounds_errors else without_bounds
        accuracy = stencil.get("accuracy")
        self._accuracy = default if accuracy is None else accuracy
        self._parallel, self._largest = provider != "cpu", largest
        if steps is not None:
            steps = np.array(np.broadcast_to(steps, (2, function.n_features)), np.float64)
        # before the model is run: options that are not offered are refused here
        separate = self._bounds_errors if steps is None else bool((steps[0] != steps[1]).any())
        self._stencil = self._build(indices, separate_orders=separate)
        self._session: Evaluator = session or Session(function, provider=provider, threads=1)
        event = np.zeros((1, function.n_features)) if x is None else x[:1]
        self._outputs = self._session(event).shape[1]
        pilot = None if x is None or not self._bounds_errors else pilot_events(x, self._outputs)
        if pilot is not None:
            report_progress(progress, "step sizes", 0, None)  # measuring the noise takes time, too
        self._noise = (
            assumed_noise(self._outputs, function.digits)
            if pilot is None
            else measure_noise(
                self._session, pilot, spread, digits=function.digits, varied=function.is_varied
            )
        )
        if steps is None:
            steps = self._choose_steps(spread, pilot, progress)
        self.steps = steps
        self._chunked = self._in_chunks(self._stencil, self.steps)

    @property
    def points(self) -> int:
        """Number of evaluations of the model per event."""
        return self._stencil.points

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """False for every response (C,)."""
        return np.zeros(self._outputs, np.bool_)

    @property
    def accuracy(self) -> int:
        """Order of accuracy of the stencil: 2, 4 or 6."""
        return self._accuracy

    @property
    def digits(self) -> int:
        """Binary digits of the format that the function is evaluated in."""
        return self._session.function.digits

    @property
    def noise(self) -> ResponseNoise:
        """The measured noise of the responses."""
        return self._noise

    @property
    def reach(self) -> Floats:
        """The largest displacement of each feature, (n,), in its units."""
        return np.asarray(self.steps.max(axis=0) * self._stencil.formula.reach)

    @property
    def batch_events(self) -> int:
        """Number of events to be given at a time: chunks for all threads, within 8 MiB."""
        together = self._chunked.events_at_once
        per_event = 8 * len(self.indices) * self._outputs * (2 if self._bounds_errors else 1)
        rounds = max(1, BATCH_BYTES // (per_event * together))
        return int(min(rounds, 2**14 // together + 1) * together)

    def describe(self) -> dict[str, object]:
        """Describes the stencil for the options of a result, steps (2, n) included."""
        return {
            "accuracy": self._accuracy,
            "mixed": self._mixed,
            "points": self.points,
            "steps": self.steps[:, : self._session.function.n_varied].tolist(),
        }

    def coefficients(
        self, x: npt.NDArray[np.float64], watch: Watcher | None = None
    ) -> BatchCoefficients:
        """Computes t_α at events, with error bounds and kinks unless the stencil has none.

        Buffers are reused: one call at a time.

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
        return self._chunked.coefficients(x, watch)

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: the caller sums the coefficients itself."""

    def with_other_steps(self, x: Floats, factor: float) -> BatchCoefficients:
        """Computes t_α at events x (B, n) by steps that are ``factor`` times as wide.

        Parameters
        ----------
        x
            Events (B, n).
        factor
            A power of two, so that displacements stay exact.
        """
        steps = self._widen(self.steps * factor)
        return self._in_chunks(self._stencil, steps).coefficients(x)

    def _widen(self, steps: Floats) -> Floats:
        digits, reach = self._session.function.digits, self._stencil.formula.reach
        wide = widen_to_grid(steps, self._largest, reach=reach, digits=digits)
        return np.where(self._session.function.is_varied, wide, 0.0)

    def _choose_steps(
        self, spread: Floats, pilot: Floats | None, progress: Progress | None
    ) -> Floats:
        """Chooses steps (2, n): by the formula, and by trials where there are pilot events."""
        digits = self._session.function.digits
        orders = (1, 2) if self._bounds_errors else (self.indices.order,) * 2
        start = np.stack(
            [
                formula_steps(spread, digits=digits, order=order, accuracy=self._accuracy)
                for order in orders
            ]
        )

        trials = count(1)

        def trial(indices: MultiIndices, steps: Floats) -> Floats:
            assert pilot is not None
            report_progress(progress, "step sizes", next(trials), None)
            # all features are tried at once: one whose step is too wide must not count for others
            stencil = self._build(indices, separate_orders=True, pooled=False)
            answer = self._in_chunks(stencil, steps).coefficients(pilot)
            assert answer.error_bounds is not None
            noise = self._noise.at(answer.responses)[..., None]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                return np.asarray((answer.error_bounds / noise).reshape(-1, len(indices)))

        if pilot is None:
            return self._widen(start)
        return adapt_steps(trial, self.indices, start, self._widen)

    def _build(
        self, indices: MultiIndices, *, separate_orders: bool, pooled: bool = True
    ) -> Stencil:
        return build_stencil(
            indices,
            accuracy=self._accuracy,
            mixed=self._mixed,
            error_bounds=self._bounds_errors,
            separate_orders=separate_orders,
            pooled=pooled,
        )

    def _in_chunks(self, stencil: Stencil, steps: Floats) -> ChunkedStencil:
        return ChunkedStencil(
            self._session,
            stencil,
            steps,
            noise=self._noise,
            outputs=self._outputs,
            threads=self._threads,
            parallel=self._parallel,
        )
