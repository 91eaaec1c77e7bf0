"""Exact Taylor coefficients: the graph compiled into its derivative graph, run on onnxruntime.

Every thread has a lane of its own, whose batch has the size that was fastest in a short
measurement. The response that the derivative graph computes on its way is compared with the
original model's, on every batch. Events on a joint, and those at which a coefficient is not finite,
are looked at from both sides (``engine.joints``).

Where the coefficients would have to come back from a GPU, ``sums`` makes their sums there. On a CPU
the kernels do that, on the coefficients that are in the cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.sums import loose_pieces, sums_graph
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.joints import Limits, Sides
from onnxtaylor.engine.exact.lane import Lane, Reader, SumLane
from onnxtaylor.engine.exact.sides import two_sides
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress, tell
from onnxtaylor.runtime.session import Session, available_threads, start
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["Exact"]

Floats = npt.NDArray[np.float64]

SUMS = ("auto", "graph", "kernel")
BATCHES = (8, 16, 32, 64, 128, 256)
LARGE = (512, 1024, 2048, 4096)  # worth their memory where a batch leaves sums alone
SUM_BYTES = 5 * 8  # of t, abs(t), t² and the distances from the first event, in double precision
TRIAL_SECONDS = 0.04  # for each batch size that is tried
BATCH_BYTES = 2**24  # of coefficients that leave the engine at a time
BATCH_EVENTS, BATCH_MOST = 64, 2**27  # or so many events, while they have no more bytes
WORK_BYTES = 2**28  # of products (C·n, n) and weighted rows that a thread may hold


class Exact:
    """The exact engine of one function.

    ``x`` (B, n) are events at which the graph is observed and timed. ``sums`` says who adds the
    coefficients of the given number of ``groups`` and bootstrap ``replicates``: the ``graph``, the
    ``kernel``, or (``auto``) the graph where ``provider`` is cuda and a batch has fewer sums than
    coefficients, in bytes. ``progress`` is told that the graph is compiled, and which batch sizes
    are tried. Raises ModelError where an operator has no rule or the derivative graph cannot be
    run.
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
        progress: Progress | None = None,
    ) -> None:
        if sums not in SUMS:
            raise ValueError(f"sums {sums!r}: {', '.join(SUMS)} are offered")
        self.indices = indices
        # of half precision the derivative graph makes single
        single = function.precision in ("float16", "bfloat16")
        self.precision = "float32" if single else function.precision
        tell(progress, "compiling", 0, None)
        self.graph = derive(function, indices, x, loose=True, joints=True)
        self._function, self._provider = function, provider
        self._threads = threads or available_threads()
        self._progress = progress
        self._observed = x
        self._limits = Limits(self._both_sides)
        original = Session(function, provider=provider, threads=1)
        self._outputs = original(x[:1]).shape[1]
        compiled = start(self.graph.proto, provider=provider, threads=1, plain=function.plain)
        reader = Reader(*loose_pieces(self.graph), function.dtype)

        def lane(events: int) -> Lane:
            return Lane(compiled, original, reader, events=events, outputs=self._outputs)

        self._groups, self._replicates = groups, replicates
        self._sums: SumLane | None = None
        if sums == "graph" or (sums == "auto" and provider == "cuda"):
            proto = sums_graph(self.graph, groups=groups, replicates=replicates)
            summing = start(proto, provider=provider, threads=self._threads, plain=function.plain)

            def sum_lane(events: int) -> SumLane:
                shape = {"groups": groups, "replicates": replicates}
                return SumLane(summing, original, events=events, outputs=self._outputs, **shape)

            self._size = self._fastest(
                lambda size: self._sum_trial(sum_lane(size), size), x, (*BATCHES, *LARGE), SUM_BYTES
            )
            # many replicates of few events would be more than the coefficients themselves
            leaving = 8 * (5 + replicates) * groups / (function.dtype.itemsize * self._size)
            if sums == "graph" or leaving < 1:
                self._sums = sum_lane(self._size)
        if self._sums is None:
            self._size = self._fastest(lambda size: self._trial(lane(size), size), x)
        self._lanes = [lane(self._size) for _ in range(self._threads)]

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """True for every response (C,)."""
        return np.ones(self._outputs, np.bool_)

    @property
    def sums_in_graph(self) -> bool:
        """Whether ``sums`` is to be asked before ``coefficients``."""
        return self._sums is not None

    @property
    def batch_events(self) -> int:
        """A few batches for every thread, bounded by the memory of the coefficients; one batch
        where the graph makes the sums.
        """
        if self._sums:
            return self._size
        together, event = self._size * self._threads, 8 * len(self.indices) * self._outputs
        # of large coefficients more than a cache holds: each batch costs a pass through all sums
        events = max(BATCH_BYTES // event, min(BATCH_EVENTS, BATCH_MOST // event))
        return int(max(1, min(events, 2**13) // together) * together)

    def describe(self) -> dict[str, object]:
        """The size of the derivative graph, and the kinks that second order does not see."""
        return {
            "nodes": len(self.graph.proto.graph.node),
            "piecewise_linear": dict(self.graph.kinks),
        }

    def coefficients(
        self, x: npt.NDArray[np.float64], watch: Watcher | None = None
    ) -> BatchCoefficients:
        """t_α at the events x (B, n). Raises ModelError where the responses disagree."""
        responses, terms = np.empty((len(x), self._outputs)), np.empty(self._shape(len(x)))
        odd, tally = np.empty(len(x), np.bool_), Tally(len(x), watch)

        def worker(lane: Lane) -> Callable[[slice], None]:
            def work(chunk: slice) -> None:
                lane.run(x[chunk], responses[chunk], terms[chunk], odd[chunk])
                tally.add(chunk.stop - chunk.start)

            return work

        share(len(x), self._size, [worker(lane) for lane in self._lanes], tally)
        return BatchCoefficients(responses, terms, apart=self._limits.take(x, terms, odd))

    def _both_sides(self) -> Sides:
        return two_sides(
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
        """Sums over the events x (B, n), B at most ``batch_events``, that never leave the graph.

        Events have weights (B,), groups (B,) and Poisson counts (B, R). Returns moments (5, G, D)
        and replicates (G, R, D) as ``sums_graph`` has them, or None where a number is not finite or
        the graph makes no sums: ``coefficients`` will tell. Raises ModelError where the responses
        disagree.
        """
        return None if self._sums is None else self._sums.run(x, weights, groups, counts)

    def _trial(self, lane: Lane, size: int) -> Callable[[Floats], object]:
        shape = self._shape(size)
        responses, terms, odd = np.empty(shape[:2]), np.empty(shape), np.empty(size, np.bool_)
        return lambda x: lane.run(x, responses, terms, odd)

    def _sum_trial(self, lane: SumLane, size: int) -> Callable[[Floats], object]:
        groups = np.arange(size) % self._groups
        counts = np.ones((size, self._replicates), np.uint8)
        return lambda x: lane.run(x, np.ones(size), groups, counts)

    def _fastest(
        self,
        trial: Callable[[int], Callable[[Floats], object]],
        x: Floats,
        sizes: Sequence[int] = BATCHES,
        beside: int = 0,
    ) -> int:
        """The batch size with the most events per second in one lane; ``beside`` are bytes that
        each coefficient needs more.
        """
        best, rate = 1, 0.0
        each = self._event_bytes() + beside * self._outputs * len(self.indices)
        for size in (1, *sizes):
            if size > 1 and (size * each > WORK_BYTES or size > 64 * len(x)):
                break
            tell(self._progress, "batch size", size, None)
            found = size / _seconds(trial(size), np.resize(x, (size, x.shape[1])))
            if found > rate:
                best, rate = size, found
            elif found < 0.7 * rate:
                break
        return best

    def _event_bytes(self) -> int:
        """Numbers that one event may need at a time, in bytes."""
        n, size = self._function.n_features, self._function.dtype.itemsize
        widest = max(self._function.width, n)
        if self.indices.order == 1:
            return int(size * max(n, self._outputs) * widest)
        return int(size * self._outputs * n * (n + widest))

    def _shape(self, events: int) -> tuple[int, int, int]:
        return (events, self._outputs, len(self.indices))


def _seconds(run: Callable[[Floats], object], x: Floats) -> float:
    """The least time that a lane takes for the events x (B, n)."""
    run(x)  # memory is laid out
    spent, fewest = 0.0, np.inf
    for calls in count():
        if (calls >= 3 and spent > TRIAL_SECONDS) or spent > 2 * TRIAL_SECONDS:
            return fewest
        begin = time.perf_counter()
        run(x)
        took = time.perf_counter() - begin
        spent, fewest = spent + took, min(fewest, took)
    raise AssertionError  # count() has no end
