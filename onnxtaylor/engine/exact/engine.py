"""Exact Taylor coefficients: the graph compiled into its derivative graph, run on onnxruntime.

Every thread has a pipeline of its own, whose batch has the size that was fastest in a short
measurement. The response that the derivative graph computes on its way is compared with the
original model's, on every batch. At events on a joint, and where a coefficient is not finite, the
limit of both sides is taken (``onnxtaylor.engine.exact.two_sided``).

Where the coefficients would have to come back from a GPU, their sums are made there, by ``sums``.
On a CPU the kernels make them, while the coefficients are in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.sums import loose_pieces, sums_graph
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.limit_graph import make_two_sided_limits
from onnxtaylor.engine.exact.pipeline import Pipeline, SumPipeline
from onnxtaylor.engine.exact.reader import CoefficientReader
from onnxtaylor.engine.exact.timing import least_seconds
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.session import Session, start
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["Exact"]

Floats = npt.NDArray[np.float64]

SUMS = ("auto", "graph", "kernel")
BATCHES = (8, 16, 32, 64, 128, 256)
LARGE = (512, 1024, 2048, 4096)  # worth their memory where the graph returns only sums
SUM_BYTES = 5 * 8  # of t, abs(t), t² and the distances from the first event, each a double
TRIAL_SECONDS = 0.04  # for each batch size that is tried
BATCH_BYTES = 2**24  # of coefficients that leave the engine at a time
BATCH_EVENTS, BATCH_MOST = 64, 2**27  # at least so many events, if their bytes are no more
WORK_BYTES = 2**28  # of products (C·n, n) and weighted rows that a thread may hold


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
    groups
        Largest number of groups of events that the graph has to sum.
    replicates
        Largest number of bootstrap replicates that the graph has to sum.
    fewest
        Smallest batch that is tried, where its tensors fit: for callers with many events at a time.
    progress
        Told that the graph is compiled, and which batch sizes are tried.

    Raises
    ------
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
        fewest: int = 1,
        progress: Progress | None = None,
    ) -> None:
        if sums not in SUMS:
            raise ValueError(f"sums must be one of {', '.join(SUMS)}, got {sums!r}")
        self.indices = indices
        # the derivative graph of a function in half precision computes in single precision
        single = function.precision in ("float16", "bfloat16")
        self.precision = "float32" if single else function.precision
        report_progress(progress, "compiling", 0, None)
        self.graph = derive(function, indices, x, loose=True, joints=True)
        self._function, self._provider = function, provider
        self._threads = threads or available_threads()
        self._progress, self._fewest = progress, fewest
        self._observed = x
        self.limits = JointLimits(self._make_two_sided_limits)
        original = Session(function, provider=provider, threads=1)
        self._outputs = original(x[:1]).shape[1]
        compiled = start(self.graph.proto, provider=provider, threads=1, plain=function.plain)
        reader = CoefficientReader(*loose_pieces(self.graph), function.dtype)

        def pipeline(events: int) -> Pipeline:
            return Pipeline(compiled, original, reader, events=events, outputs=self._outputs)

        self._groups, self._replicates = groups, replicates
        self._sums: SumPipeline | None = None
        if sums == "graph" or (sums == "auto" and provider == "cuda"):
            proto = sums_graph(self.graph, groups=groups, replicates=replicates)
            summing = start(proto, provider=provider, threads=self._threads, plain=function.plain)

            def sum_pipeline(events: int) -> SumPipeline:
                shape = {"groups": groups, "replicates": replicates}
                return SumPipeline(summing, original, events=events, outputs=self._outputs, **shape)

            def try_sums(size: int) -> Callable[[Floats], object]:
                return self._sum_trial(sum_pipeline(size), size)

            self._size = self._fastest(try_sums, x, (*BATCHES, *LARGE), SUM_BYTES)
            # the sums of many replicates over few events would be more than the coefficients
            ratio = 8 * (5 + replicates) * groups / (function.dtype.itemsize * self._size)
            if sums == "graph" or ratio < 1:
                self._sums = sum_pipeline(self._size)
        if self._sums is None:
            self._size = self._fastest(lambda size: self._trial(pipeline(size), size), x)
        self.pipelines = [pipeline(self._size) for _ in range(self._threads)]

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
        return int(max(1, min(events, 2**13) // together) * together)

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
        responses, terms = np.empty((len(x), self._outputs)), np.empty(self._shape(len(x)))
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

    def _make_two_sided_limits(self) -> TwoSidedLimits:
        return make_two_sided_limits(
            self._function,
            self.indices,
            self._observed,
            provider=self._provider,
            threads=self._threads,
        )

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

    def _trial(self, pipeline: Pipeline, size: int) -> Callable[[Floats], object]:
        shape = self._shape(size)
        responses, terms, flagged = np.empty(shape[:2]), np.empty(shape), np.empty(size, np.bool_)
        return lambda x: pipeline.run(x, responses, terms, flagged)

    def _sum_trial(self, pipeline: SumPipeline, size: int) -> Callable[[Floats], object]:
        groups = np.arange(size) % self._groups
        counts = np.ones((size, self._replicates), np.uint8)
        return lambda x: pipeline.run(x, np.ones(size), groups, counts)

    def _fastest(
        self,
        trial: Callable[[int], Callable[[Floats], object]],
        x: Floats,
        sizes: Sequence[int] = BATCHES,
        extra_bytes: int = 0,
    ) -> int:
        """Finds the batch size with the most events per second in one pipeline.

        Each coefficient needs ``extra_bytes`` besides the memory of the derivative graph.
        """
        best, rate = 1, 0.0
        each = self._event_bytes() + extra_bytes * self._outputs * len(self.indices)
        fewest = min(self._fewest, 32 * len(x), WORK_BYTES // (2 * each))
        for size in (1, *sizes):
            if size > 1 and (size * each > WORK_BYTES or size > 64 * len(x)):
                break
            if size < fewest:
                continue
            report_progress(self._progress, "batch size", size, None)
            run = partial(trial(size), np.resize(x, (size, x.shape[1])))
            current = size / least_seconds(run, TRIAL_SECONDS)
            if current > rate:
                best, rate = size, current
            elif current < 0.7 * rate:  # well beyond the best: larger ones are slower still
                break
        return best

    def _event_bytes(self) -> int:
        """Estimates the memory of the derivative graph's largest tensors for one event."""
        n, size = self._function.n_features, self._function.dtype.itemsize
        widest = max(self._function.width, n)
        if self.indices.order == 1:
            return int(size * max(n, self._outputs) * widest)
        return int(size * self._outputs * n * (n + widest))

    def _shape(self, events: int) -> tuple[int, int, int]:
        return (events, self._outputs, len(self.indices))
