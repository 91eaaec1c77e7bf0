"""Exact Taylor coefficients: the graph compiled into its derivative graph, run on onnxruntime.

Every thread has a pipeline of its own, whose batch has the size that was fastest in a short trial
(``onnxtaylor.engine.exact.batch_size``). The response that the derivative graph computes on its way
is compared with the original model's, on every batch. At events on a joint, and where a coefficient
is not finite, the limit of both sides is taken (``onnxtaylor.engine.exact.two_sided``).

Where the coefficients would have to come back from a GPU, their sums are made there, by ``sums``.
On a CPU the kernels make them, while the coefficients are in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.sums import sums_graph
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.exact.batch_size import BatchRequest, choose_batch_size, guess_batch_size
from onnxtaylor.engine.exact.compile_blocks import compile_blocks
from onnxtaylor.engine.exact.fit import Planned, fit_memory
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.limit_graph import make_two_sided_limits
from onnxtaylor.engine.exact.pipeline import Pipeline, PipelineParts, SumPipeline
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.runtime.available import default_bytes
from onnxtaylor.runtime.flops import work_of_event
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.session import Session, start
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["Exact"]

Floats = npt.NDArray[np.float64]

SUMS = ("auto", "graph", "kernel")
MOST, MOST_SUMMED = 256, 4096  # events of a batch; more where the graph returns only sums
SUM_BYTES = 5 * 8  # of t, abs(t), t² and the distances from the first event, each a double
BATCH_BYTES = 2**24  # of coefficients that leave the engine at a time
BATCH_EVENTS, BATCH_MOST = 64, 2**27  # at least so many events, if their bytes are no more


class Exact:
    """The exact engine of one function.

    Parameters
    ----------
    function
        f: Rⁿ → R^C as a graph.
    indices
        The coefficients to compute.
    x
        Events (B, n) at which the graph is observed and timed.
    threads
        Number of pipelines; 0 makes one for each processor.
    provider
        ``cpu`` or ``cuda``.
    sums
        Who adds the coefficients up: the ``graph``, the ``kernel``, or, with ``auto``, the graph
        where the provider is cuda and a batch has fewer sums than coefficients, in bytes.
    groups, replicates
        Largest numbers of groups of events and of bootstrap replicates that the graph has to sum.
    batch
        The run that the engine serves, for the size of its batches; by default one of ``x`` alone.
    memory
        Bytes that the engine may take; by default half of what is free.
    progress
        Told that the graph is compiled, and which batch sizes are tried.

    Raises
    ------
    OptionError
        One event, and one feature at a time, need more memory.
    ModelError
        An operator has no rule, or the derivative graph cannot be run.
    """

    name = "exact"
    quantity: Quantity = "derivative"
    reach = None  # no feature is displaced
    points = 1

    def __init__(
        self,
        function: GraphFunction,
        indices: MultiIndices,
        *,
        x: Floats,
        threads: int = 0,
        provider: str = "cpu",
        sums: str = "auto",
        groups: int = 1,
        replicates: int = 0,
        batch: BatchRequest | None = None,
        memory: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        if sums not in SUMS:
            raise ValueError(f"sums must be one of {', '.join(SUMS)}, got {sums!r}")
        self.indices = indices
        # the derivative graph of a function in half precision computes in single precision
        single = function.precision in ("float16", "bfloat16")
        self.precision = "float32" if single else function.precision
        report_progress(progress, "compiling", 0, None)
        summing = sums == "graph" or (sums == "auto" and provider == "cuda")
        self.function, self.provider = function, provider
        self._progress, self._batch = progress, batch or BatchRequest(len(x))
        self.observed = x
        original = Session(function, provider=provider, threads=1)
        self._outputs = original(x[:1]).shape[1]
        self._memory = default_bytes() if memory is None else memory
        self.fit = fit_memory(
            partial(compile_blocks, function, indices, x, joints=True, kernel=not summing),
            Planned.of(function, indices, self._outputs),
            self._memory,
            threads or available_threads(),
        )
        self._threads, self.graph = self.fit.threads, self.fit.graphs.graphs[0]
        run = partial(make_two_sided_limits, provider=provider, threads=self._threads)
        self.limits = JointLimits(partial(run, function, indices, x, memory=self._memory))
        parts = PipelineParts.start(self.fit, function, provider=provider)

        def pipeline(events: int) -> Pipeline:
            return Pipeline(parts, original, events=events, outputs=self._outputs)

        self._sums: SumPipeline | None = None
        if summing and not self.fit.graphs.size:
            self._sums = self._make_summing(original, groups, replicates, always=sums == "graph")
        if self._sums is None:
            self._size = self._choose_size(
                lambda size: pipeline(size).trial(len(indices)), self._threads
            )
        self.pipelines = [pipeline(self._size) for _ in range(self._threads)]

    def _make_summing(
        self, original: Session, groups: int, replicates: int, *, always: bool
    ) -> SumPipeline | None:
        """Makes the graph of sums, and chooses its batch; None where the kernels do better."""
        function = self.function
        session = start(
            sums_graph(self.graph, groups=groups, replicates=replicates),
            provider=self.provider,
            threads=self._threads,
            plain=function.plain,
        )

        def pipeline(events: int) -> SumPipeline:
            shape = {"groups": groups, "replicates": replicates}
            return SumPipeline(session, original, events=events, outputs=self._outputs, **shape)

        self._size = self._choose_size(
            lambda size: pipeline(size).trial(), 1, MOST_SUMMED, SUM_BYTES
        )
        # the sums of many replicates over few events would be more than the coefficients
        ratio = 8 * (5 + replicates) * groups / (function.dtype.itemsize * self._size)
        return pipeline(self._size) if always or ratio < 1 else None

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """True for every response (C,)."""
        return np.ones(self._outputs, np.bool_)

    @property
    def sums_in_graph(self) -> bool:
        """Whether the graph makes sums: then ``sums`` is called in place of ``coefficients``."""
        return self._sums is not None

    @property
    def batch_events(self) -> int:
        """Number of events to be given at a time.

        A few batches for every thread, bounded by the memory of the coefficients; one batch where
        the graph makes the sums.
        """
        if self._sums:
            return self._size
        together, event = self._size * self._threads, 8 * len(self.indices) * self._outputs
        # where one event fills the cache, more than it holds: each batch goes through all sums once
        events = max(BATCH_BYTES // event, min(BATCH_EVENTS, BATCH_MOST // event))
        events = min(events, self._memory // (4 * event), 2**13)
        return int(max(1, events // together) * together)

    @property
    def planned_bytes(self) -> int:
        """Planned peak of its memory: constants, tensors of the graph, a batch of coefficients."""
        waiting = max(0, self.batch_events - self._size * self._threads)
        return self.fit.peak(self._size) + waiting * self.fit.event_bytes

    def describe(self) -> dict[str, object]:
        """Describes the derivative graph: its size, and kinks that second order does not see."""
        return {
            "nodes": len(self.graph.proto.graph.node),
            "piecewise_linear": dict(self.graph.kinks),
        }

    def coefficients(
        self, x: npt.NDArray[np.float64], watch: Watcher | None = None, *, compare: bool = True
    ) -> BatchCoefficients:
        """Computes t_α at events.

        Parameters
        ----------
        x
            Events (B, n), B as large as the caller likes.
        watch
            Called now and then, in the caller's thread, with the share that is done.
        compare
            Whether the derivative graph's responses are compared with the model's.

        Raises
        ------
        ModelError
            A graph fails, or the derivative graph's responses are not the model's.
        """
        responses = np.empty((len(x), self._outputs))
        terms = np.empty((*responses.shape, len(self.indices)))
        flagged, tally = np.empty(len(x), np.bool_), Tally(len(x), watch)

        def worker(pipeline: Pipeline) -> Callable[[slice], None]:
            def work(chunk: slice) -> None:
                arrays = (x[chunk], responses[chunk], terms[chunk], flagged[chunk])
                pipeline.run(*arrays, compare=compare)
                tally.add(chunk.stop - chunk.start)

            return work

        share(len(x), self._size, [worker(pipeline) for pipeline in self.pipelines], tally)
        joints = self.limits.take(x, terms, flagged)
        return BatchCoefficients(responses, terms, no_derivative=joints)

    def sums(
        self,
        x: Floats,
        weights: Floats,
        groups: npt.NDArray[np.int64],
        counts: npt.NDArray[np.uint8],
    ) -> tuple[Floats, Floats] | None:
        """Sums the coefficients of events in the graph, so that only sums leave it.

        Parameters
        ----------
        x
            Events (B, n), B at most ``batch_events``.
        weights
            Weights of the events, (B,).
        groups
            The number of each event's group, (B,).
        counts
            The bootstrap's Poisson counts, (B, R).

        Returns
        -------
        tuple or None
            Moments (5, G, D) and replicates (G, R, D) as ``sums_graph`` defines them, D = C·K. None
            where a number is not finite, an event lies on a joint, or the graph makes no sums: then
            ``coefficients`` serves these events.

        Raises
        ------
        ModelError
            A graph fails, or the derivative graph's responses are not the model's.
        """
        return None if self._sums is None else self._sums.run(x, weights, groups, counts)

    def _choose_size(
        self,
        trial: Callable[[int], Callable[[Floats], object]],
        pipelines: int,
        most: int = MOST,
        extra_bytes: int = 0,
    ) -> int:
        """Chooses the batch size of each of several pipelines, at most ``most``.

        Each coefficient needs ``extra_bytes`` besides the memory of the derivative graph.
        """

        def call(size: int) -> Callable[[], object]:
            return partial(trial(size), np.resize(self.observed, (size, self.observed.shape[1])))

        if extra_bytes:
            each = self.fit.each + extra_bytes * self._outputs * len(self.indices)
            most = min(most, max(1, (self._memory - self.fit.fixed) // each))
        most = int(min(most, self.fit.most))
        work = work_of_event(self.graph.proto, self.function.dtype.itemsize)
        return choose_batch_size(
            call,
            guess_batch_size(work, most=most, provider=self.provider),
            self._batch,
            most=most,
            threads=pipelines,
            progress=self._progress,
        )
