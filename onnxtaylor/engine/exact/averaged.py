"""Second order averaged over steps, from exact gradients at stepped points.

The derivative graph of first order is run at each event, for t_i, and at both ends of a step of
every feature; the original model at the centre and four places of every feature. A kernel contracts
gradients and responses into coefficients: see ``onnxtaylor.engine.averaged.steps`` for the formula.
Responses of the two are compared at the events themselves, which the steps are many times of.
Gradients have no kink to miss: what bends at kinks between the ends of a step is in their
difference. Those of a softmax come from one response less behind it
(``onnxtaylor.engine.exact.softmax``).

Each thread takes a few events through all of this, in the format of the model, so that what it
computes stays in its cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.averaged import average, softmax_gradients, step_rows

from onnxtaylor.engine.averaged.steps import CurvatureSteps, Places
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.pipeline import Pipeline
from onnxtaylor.engine.exact.softmax import gaps_before_softmax
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.graph import GraphFunction
from onnxtaylor.progress import Progress
from onnxtaylor.runtime.session import Session
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["Averaged", "make_averaged"]

Floats = npt.NDArray[np.float64]

VALUE_ROWS = 512  # responses that a thread computes in one call
BATCH_BYTES = 2**24  # of coefficients that leave the engine at a time
BATCH_EVENTS = 2**13
MANY = 128  # rows of a batch: every event has 2n of them


class Averaged:
    """First order at the events, second order averaged over steps, by exact gradients.

    Parameters
    ----------
    first
        The exact engine of t_i of all features.
    function
        Its function.
    steps
        Where the features are stepped to.
    gaps
        The exact engine of t_i of the gaps before a softmax of all responses, where they are one.
    provider
        ``cpu`` or ``cuda``.

    Raises
    ------
    ModelError
        The model cannot be run.
    """

    name = "exact"
    quantity: Quantity = "averaged"
    sums_in_graph = False

    def __init__(
        self,
        first: Exact,
        function: GraphFunction,
        steps: CurvatureSteps,
        *,
        gaps: Exact | None = None,
        provider: str = "cpu",
    ) -> None:
        self.indices, self.precision = steps.indices, first.precision
        self.exact_responses = first.exact_responses
        self._first, self._steps = first, steps
        session = Session(function, provider=provider, threads=1)
        slopes = first if gaps is None else gaps
        pipelines = slopes.pipelines if provider == "cpu" else slopes.pipelines[:1]
        counts = (len(first.exact_responses), len(slopes.exact_responses))
        self._workers = [_Worker(p, slopes.limits, session, steps, counts) for p in pipelines]

    @property
    def points(self) -> int:
        """Evaluations of the model per event: 2n + 1 of its gradient, 4n + 1 of its responses."""
        return 2 + 6 * len(self._steps.features)

    @property
    def reach(self) -> Floats:
        """Largest displacement (n,) of each feature."""
        return self._steps.reach

    @property
    def batch_events(self) -> int:
        """Number of events to be given at a time: what all threads take at once, many times."""
        together = self._workers[0].events * len(self._workers)
        per_event = 8 * len(self.indices) * len(self.exact_responses)
        return max(1, min(BATCH_BYTES // per_event, BATCH_EVENTS) // together) * together

    def describe(self) -> dict[str, object]:
        """Describes the derivative graph of first order, and the steps."""
        return {**self._first.describe(), "curvature_step": self._steps.describe()}

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: sums are made from the coefficients."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n). Raises ModelError where a graph fails."""
        x = np.ascontiguousarray(x, np.float64)
        here = self._first.coefficients(x)
        terms = np.empty((*here.responses.shape, len(self.indices)))
        terms[..., : here.terms.shape[2]] = here.terms
        places, tally = self._steps.places(x), Tally(len(x), watch)

        def work_of(worker: _Worker) -> Callable[[slice], None]:
            def work(part: slice) -> None:
                worker.run(places[part], terms[part])
                tally.add(part.stop - part.start)

            return work

        share(len(x), self._workers[0].events, [work_of(w) for w in self._workers], tally)
        joints = self._of_all_orders(here.no_derivative)
        return BatchCoefficients(here.responses, terms, no_derivative=joints)

    def _of_all_orders(self, joints: NoDerivative | None) -> NoDerivative | None:
        """Adds second order to what has no derivative at the events: it exists everywhere."""
        if joints is None:
            return None
        mask = np.zeros((*joints.mask.shape[:2], len(self.indices)), np.bool_)
        mask[..., : joints.mask.shape[2]] = joints.mask
        return NoDerivative(joints.events, mask)


def make_averaged(
    function: GraphFunction,
    steps: CurvatureSteps,
    *,
    x: Floats,
    threads: int = 0,
    provider: str = "cpu",
    progress: Progress | None = None,
) -> Averaged:
    """Compiles the graphs of averaged second order.

    Parameters
    ----------
    function
        f: Rⁿ → R^C as a graph.
    steps
        Where the features are stepped to.
    x
        Events (B, n) at which the graphs are observed and timed.
    threads
        Number of threads; 0 takes one for each processor.
    provider
        ``cpu`` or ``cuda``.
    progress
        Told what ``Exact`` tells.

    Raises
    ------
    ModelError
        An operator has no rule, or a graph cannot be run.
    """

    def of_first_order(function: GraphFunction) -> Exact:
        return Exact(
            function,
            function.indices(1),
            x=x,
            threads=threads,
            provider=provider,
            sums="kernel",
            fewest=MANY,
            progress=progress,
        )

    first, before = of_first_order(function), gaps_before_softmax(function, x, provider=provider)
    gaps = None if before is None else of_first_order(before)
    return Averaged(first, function, steps, gaps=gaps, provider=provider)


class _Worker:
    """The work of one thread: steps of a few events → gradients and responses → second order.

    Parameters
    ----------
    pipeline
        Computes gradients, of the responses or of the gaps before a softmax.
    limits
        Takes the limits of gradients on joints; threads may share it.
    session
        The original model; threads may share it.
    steps
        Where the features are stepped to.
    outputs
        Number of responses, C, and of those that the pipeline has gradients of: C, or C − 1 gaps.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        limits: JointLimits,
        session: Session,
        steps: CurvatureSteps,
        outputs: tuple[int, int],
    ) -> None:
        function, n, moved = session.function, len(steps.moves.steps), len(steps.features)
        self._pipeline, self._limits, self._session = pipeline, limits, session
        self._steps, (self._outputs, sloped) = steps, outputs
        # a model in half precision: its derivative graph computes in single precision
        self._half = function.precision in ("float16", "bfloat16")
        self._dtype = np.dtype(np.float64 if function.precision == "float64" else np.float32)
        self.events = max(1, pipeline.events // (2 * moved))  # that run takes at a time, at most
        self._rows = np.empty((self.events, 2 * moved, n), self._dtype)
        varied = function.n_varied
        self._gradients = np.empty((*self._rows.shape[:2], self._outputs, varied), self._dtype)
        self._slopes = self._gradients
        if sloped < self._outputs:
            self._slopes = np.empty((*self._rows.shape[:2], sloped, varied), self._dtype)
        self._arguments = np.empty((*self._rows.shape[:2], sloped), self._dtype)
        self._value_rows = np.empty((self.events, 1 + 4 * moved, n), self._dtype)
        self._values = np.empty((*self._value_rows.shape[:2], self._outputs), self._dtype)

    def run(self, places: Places, terms: Floats) -> None:
        """Fills second order of terms (E, C, K) at E places. Raises ModelError."""
        count, steps = len(terms), self._steps
        rows, gradients = self._rows[:count], self._gradients[:count]
        step_rows.alone(places.centres, steps.features, places.ends, rows)
        self._differentiate(count)
        rows, values = self._value_rows[:count], self._values[:count]
        step_rows.alone(places.centres, steps.features, places.values, rows)
        self._respond(_flat(rows), _flat(values))
        average.alone(
            gradients,
            places.inverse_widths,
            values,
            steps.weights,
            places.inverse_squares,
            steps.features,
            steps.pairs,
            *steps.slots,
            terms,
        )

    def _differentiate(self, count: int) -> None:
        """Fills the gradients at the rows of ``count`` events, their limits on joints."""
        rows, arguments = _flat(self._rows[:count]), _flat(self._arguments[:count])
        slopes, flagged = _flat(self._slopes[:count]), np.empty(len(rows), np.bool_)
        for part in _parts(len(rows), self._pipeline.events):
            arrays = (rows[part], arguments[part], slopes[part], flagged[part])
            self._pipeline.run(*arrays, compare=False)
        self._limits.take(rows, slopes, flagged)
        if self._slopes is not self._gradients:
            softmax_gradients.alone(arguments, slopes, _flat(self._gradients[:count]))

    def _respond(self, rows: npt.NDArray[Any], responses: npt.NDArray[Any]) -> None:
        """Fills responses (R, C) at rows (R, n)."""
        if not self._half:
            for part in _parts(len(rows), VALUE_ROWS):
                responses[part] = self._session(rows[part])
            return
        for part in _parts(len(rows), self._pipeline.events):
            size = len(rows[part])
            scratch = np.empty((size, *self._gradients.shape[2:]), self._dtype)
            flagged = np.empty(size, np.bool_)
            self._pipeline.run(rows[part], responses[part], scratch, flagged, compare=False)


def _flat(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Joins the first two axes."""
    return array.reshape(-1, *array.shape[2:])


def _parts(count: int, size: int) -> list[slice]:
    return [slice(k, min(k + size, count)) for k in range(0, count, size)]
