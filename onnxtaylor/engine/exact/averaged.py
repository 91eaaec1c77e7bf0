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
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.averaged.steps import CurvatureSteps
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.exact.batch_size import BatchRequest
from onnxtaylor.engine.exact.blocks import BlockedGraphs
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.exact.softmax import gaps_before_softmax
from onnxtaylor.engine.exact.steps_worker import StepsWorker, steps_bytes
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.errors import OptionError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.progress import Progress
from onnxtaylor.runtime.available import default_bytes
from onnxtaylor.runtime.session import Session
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["Averaged", "make_averaged"]

Floats = npt.NDArray[np.float64]

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
    memory
        Bytes that rows and gradients of the steps may take.

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
        memory: int = 2**30,
    ) -> None:
        self.indices, self.precision = steps.indices, first.precision
        self.exact_responses = first.exact_responses
        self._first, self._steps = first, steps
        session = Session(function, provider=provider, threads=1)
        slopes = first if gaps is None else gaps
        pipelines = slopes.pipelines if provider == "cpu" else slopes.pipelines[:1]
        counts = (len(first.exact_responses), len(slopes.exact_responses))
        most = memory // steps_bytes(function, steps, counts[0])  # events of all threads
        pipelines = pipelines[: max(1, most)]
        events = max(1, most // len(pipelines))
        self._workers = [
            StepsWorker(p, slopes.limits, session, steps, counts, events) for p in pipelines
        ]

    @property
    def graphs(self) -> BlockedGraphs:
        """The derivative graphs of first order, which are run at both ends of each step."""
        return self._first.fit.graphs

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

        def work_of(worker: StepsWorker) -> Callable[[slice], None]:
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
    batch: BatchRequest | None = None,
    memory: int | None = None,
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
    batch
        The run that the engine serves, for the size of its batches; by default one of ``x`` alone.
    memory
        Bytes that everything may take; by default half of what is free. A third of it is for the
        rows and gradients of the steps, fewer threads if necessary, the rest for the graphs.
    progress
        Told what ``Exact`` tells.

    Raises
    ------
    OptionError
        The steps of one event need more memory.
    ModelError
        An operator has no rule, or a graph cannot be run.
    """

    ends = 2 * len(steps.features)  # rows of an event in the graph of first order
    rows = replace((batch or BatchRequest(len(x))).times(ends), fewest=MANY)

    memory = default_bytes() if memory is None else memory

    def of_first_order(function: GraphFunction) -> Exact:
        return Exact(
            function,
            function.indices(1),
            x=x,
            threads=threads,
            provider=provider,
            sums="kernel",
            batch=rows,
            memory=memory // 3,
            progress=progress,
        )

    first, before = of_first_order(function), gaps_before_softmax(function, x, provider=provider)
    each, share = steps_bytes(function, steps, len(first.exact_responses)), memory // 3
    if each > share:
        raise OptionError(
            f"of {memory / 2**30:.2g} GiB is too little: the steps of one event need"
            f' {3 * each / 2**30:.3g} GiB; use curvature="pointwise", order=1, or more memory',
            option="memory",
        )
    gaps = None if before is None else of_first_order(before)
    return Averaged(first, function, steps, gaps=gaps, provider=provider, memory=share)
