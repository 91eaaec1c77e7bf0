"""Exact Taylor coefficients: the graph compiled into its derivative graph, run on onnxruntime.

Every thread has a batch of its own of the size that was fastest in a short measurement. The
response that the derivative graph computes on its way is compared with the original model's, on
every batch.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler import TERMS, DerivativeGraph, compile_terms
from onnxtaylor.compiler.facts import GraphFacts
from onnxtaylor.compiler.third import as_function, collect
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.observe import observe
from onnxtaylor.engine.session import Session, available_threads, reason, start
from onnxtaylor.engine.sharing import share
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize import OPSET, conditions, modernize, simplify, take_branches
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES

__all__ = ["Exact", "derive"]

Floats = npt.NDArray[np.float64]

NESTED = 8  # branches inside branches
BATCHES = (8, 16, 32, 64, 128, 256)
TRIAL_SECONDS = 0.15  # for each batch size that is tried
BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time
WORK_BYTES = 2**28  # of products (C·n, n) and weighted rows that a thread may hold


def derive(
    function: GraphFunction, indices: MultiIndices, x: Floats | None = None
) -> DerivativeGraph:
    """Normalizes a function's graph, observes it and compiles its derivative graph.

    Raises ModelError, naming the operator and node, where that cannot be done.
    """
    if function.fixed_batch:
        raise ModelError(
            f"its batch is fixed to {function.fixed_batch}: the derivative graph needs a free one"
        )
    normal = function.with_proto(simplify(_branched(function, x).proto, RULES))
    if indices.order <= 2:
        return _compiled(normal, indices, x)
    once = _compiled(normal, MultiIndices.full(indices.n_features, 1), x)
    pairs = MultiIndices.full(indices.n_features, 2)
    twice = _compiled(as_function(normal, once), pairs, x, normal.response)
    return replace(collect(normal, twice, normal.response, indices), kinks=once.kinks)


def _branched(function: GraphFunction, x: Floats | None) -> GraphFunction:
    """The modernized function with the branches taken whose conditions do not vary."""
    modern = function.with_proto(modernize(function.proto))
    for _ in range(NESTED):
        waiting = conditions(modern.proto)
        if not waiting:
            break
        seen = observe(modern, x)
        fixed = GraphFacts(modern, seen, OPSET).e.constants
        known = {name: bool(fixed[name]) for name in waiting if name in fixed}
        if not known:
            break
        modern = modern.with_proto(take_branches(modern.proto, known))
    return modern


def _compiled(
    function: GraphFunction, indices: MultiIndices, x: Floats | None, *keep: str
) -> DerivativeGraph:
    opset = max(
        [e.version for e in function.proto.opset_import if e.domain in ("", "ai.onnx")],
        default=OPSET,
    )
    seen = observe(function, x)
    try:
        return compile_terms(function, indices, seen, opset, keep=keep)
    except (AssertionError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        # a rule met a form of its operator that it does not know
        raise ModelError(f"the compiler fails: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {printable(error)}".strip()


class Exact:
    """The exact engine of one function.

    ``x`` (B, n) are events at which the graph is observed and timed. Raises ModelError where an
    operator has no rule or the derivative graph cannot be run.
    """

    name = "exact"

    def __init__(
        self,
        function: GraphFunction,
        indices: MultiIndices,
        *,
        x: Floats,
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.indices = indices
        self.precision = function.precision
        self.graph = derive(function, indices, x)
        self._function = function
        self._threads = threads or available_threads()
        self._original = Session(function, provider=provider, threads=self._threads)
        self._session = start(self.graph.proto, provider=provider, threads=1)
        self._response = self.graph.proto.graph.output[0].name
        self._outputs = self._original(x[:1]).shape[1]
        self._size = self._fastest(x)

    @property
    def batch_events(self) -> int:
        """A few batches for every thread, bounded by the memory of the coefficients."""
        together = self._size * self._threads
        rounds = max(1, BATCH_BYTES // (8 * len(self.indices) * self._outputs * together))
        return int(min(rounds, max(1, 2**13 // together)) * together)

    def describe(self) -> dict[str, object]:
        """The size of the derivative graph, and the kinks that second order does not see."""
        return {
            "nodes": len(self.graph.proto.graph.node),
            "piecewise_linear": dict(self.graph.kinks),
        }

    def coefficients(self, x: npt.NDArray[np.float64]) -> BatchCoefficients:
        """t_α at the events x (B, n). Raises ModelError where the responses disagree."""
        rows = np.ascontiguousarray(x, dtype=self._function.dtype)
        responses = np.empty((len(x), self._outputs))
        terms = np.empty((len(x), self._outputs, len(self.indices)))

        def work(chunk: slice) -> None:
            self._run(rows[chunk], responses[chunk], terms[chunk])

        share(len(x), self._size, [work] * self._threads)
        self._compare(rows, responses)
        return BatchCoefficients(responses, terms)

    def _run(self, rows: npt.NDArray[Any], responses: Floats, terms: Floats) -> None:
        try:
            found = self._session.run([self._response, TERMS], {self._function.feed: rows})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        responses[:], terms[:] = found

    def _compare(self, rows: npt.NDArray[Any], responses: Floats) -> None:
        """The primal output of the derivative graph against the original model."""
        expected = self._original(rows).astype(np.float64)
        scale = np.abs(expected).max(initial=1e-30)
        # sums may be taken in another order in the two graphs, and in long chains
        limit = 2**10 * np.finfo(self._function.dtype).eps * max(scale, 1.0)
        worst = np.abs(responses - expected).max(initial=0.0)
        if not worst <= limit and np.isfinite(expected).all():
            raise ModelError(
                f"the derivative graph's response differs from the model's by {worst:.2g}: use"
                " --engine differences, and report this"
            )

    def _fastest(self, x: Floats) -> int:
        """The batch size with the most events per second on one thread."""
        n, best, rate = self._function.n_features, 1, 0.0
        widest = max(self._function.width, n)
        per_event = self._function.dtype.itemsize * self._outputs * n * (n + widest)
        if self.indices.order == 1:
            per_event = self._function.dtype.itemsize * max(n, self._outputs) * widest
        for size in (1, *BATCHES):
            if size > 1 and (size * per_event > WORK_BYTES or size > 64 * len(x)):
                break
            rows = np.resize(x, (size, n)).astype(self._function.dtype)
            responses = np.empty((size, self._outputs))
            terms = np.empty((size, self._outputs, len(self.indices)))
            self._run(rows, responses, terms)  # memory is laid out
            spent, calls, fewest = 0.0, 0, np.inf
            while calls < 3 or (spent < TRIAL_SECONDS and calls < 50):
                begin = time.perf_counter()
                self._run(rows, responses, terms)
                took = time.perf_counter() - begin
                spent, calls, fewest = spent + took, calls + 1, min(fewest, took)
                if spent > 2 * TRIAL_SECONDS:
                    break
            if size / fewest > rate:
                best, rate = size, size / fewest
            elif size / fewest < 0.7 * rate:
                break
        return best
