"""Exact Taylor coefficients of one graph at fixed events, with weights that change.

The derivative graph is compiled once, with the weights as inputs. What a fresh compilation folds
into constants, such as the Jacobian rows before the first nonlinearity, the graph computes from
the weights whenever it runs. Weights that a rule had to know by value are frozen: other values of
them need another compilation.

At events on a joint, and where a coefficient is not finite, the limit of both sides is taken, as by
the exact engine (``onnxtaylor.engine.exact.two_sided``), with a second graph whose products have
strong zeros.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.collect import flag_not_finite

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.sums import loose_pieces
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.exact.derive import derive_normal
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.reader import CoefficientReader
from onnxtaylor.engine.exact.structure import float_constants
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start
from onnxtaylor.runtime.sharing import share

__all__ = ["Reweighted"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

CHUNK_BYTES = 2**22  # of the graph's tensors for one chunk of events: they should fit a cache
PART_BYTES = 2**26  # of coefficients that leave the engine at a time


class Reweighted:
    """The exact engine of a function at fixed events, whose weights may change.

    Parameters
    ----------
    normal
        The function in normal form: see ``onnxtaylor.engine.exact.derive.normal_form``.
    indices
        The coefficients, up to order 2.
    x
        Events (B, n).
    weights
        Names of floating-point initializers that ``swap`` may give other values.
    threads
        Number of threads; 0 takes one for each processor.

    Attributes
    ----------
    outputs
        Number of responses, C.
    kinks
        Numbers of piecewise linear nodes by operator.
    frozen
        The weights that the compiler had to read by value.

    Raises
    ------
    ModelError
        An operator has no rule, or the derivative graph cannot be run.
    """

    def __init__(
        self,
        normal: GraphFunction,
        indices: MultiIndices,
        x: Floats,
        weights: Collection[str],
        *,
        threads: int = 0,
    ) -> None:
        self.indices = indices
        self._normal, self._weights = normal, tuple(weights)
        self._values = float_constants(normal)
        self._current = {name: self._values[name] for name in self._weights}
        graph = derive_normal(normal, indices, x, weights)
        self.kinks = dict(graph.kinks)
        self.frozen = graph.frozen
        self._graph = _WeightedGraph(graph, normal)
        self._x = np.ascontiguousarray(x, dtype=normal.dtype)
        self.outputs = int(self._graph.run(self._x[:1], self._current)[0].shape[1])
        n, size = normal.n_features, normal.dtype.itemsize
        widest = max(normal.width, n)
        spread = n * (n + widest) if indices.order > 1 else widest * min(n, self.outputs)
        self._chunk = int(max(1, CHUNK_BYTES // (size * max(1, spread) * self.outputs)))
        self._threads = threads or available_threads()
        each = 8 * self.outputs * len(indices)
        self._part = int(max(self._chunk * self._threads, PART_BYTES // each))
        self._events = np.asarray(x, np.float64)
        self._limits = JointLimits(self._make_two_sided_limits)

    def swap(self, values: Mapping[str, Array]) -> str | None:
        """Gives weights other values.

        Parameters
        ----------
        values
            Arrays by name, of the shapes and formats that the weights have.

        Returns
        -------
        str or None
            None, or the name of a weight whose new value needs another compilation: then no weight
            is changed.
        """
        for name, value in values.items():
            constant = name not in self._weights or name in self.frozen
            if constant and not np.array_equal(value, self._values[name], equal_nan=True):
                return name
        for name in self._current:
            if name in values:
                self._current[name] = np.asarray(values[name], order="C")
        return None

    def coefficients(self) -> Iterator[tuple[slice, BatchCoefficients]]:
        """Computes the coefficients of all events with the present weights, part by part.

        Yields
        ------
        tuple
            The place of a part among the events, and its coefficients, whose arrays are reused.

        Raises
        ------
        ModelError
            The graph fails.
        """
        size = min(self._part, len(self._x))
        responses = np.empty((size, self.outputs))
        terms = np.empty((size, self.outputs, len(self.indices)))
        for first in range(0, len(self._x), size):
            part = slice(first, min(first + size, len(self._x)))
            count = part.stop - part.start
            flagged = np.empty(count, np.bool_)
            self._fill(self._graph, self._x[part], responses[:count], terms[:count], flagged)
            no_derivative = self._limits.take(self._events[part], terms[:count], flagged)
            yield (
                part,
                BatchCoefficients(responses[:count], terms[:count], no_derivative=no_derivative),
            )

    def _make_two_sided_limits(self) -> TwoSidedLimits:
        graph = derive_normal(self._normal, self.indices, self._x, self._weights, strong=True)
        # a weight that only this graph had to read by value may have changed since: then the first
        # graph has to do
        strong = _WeightedGraph(graph, self._normal) if graph.frozen <= self.frozen else self._graph

        def respond(points: Floats) -> Floats:
            rows = np.ascontiguousarray(points, dtype=self._x.dtype)
            chunks = [rows[k : k + self._chunk] for k in range(0, len(rows), self._chunk)]
            parts = [self._graph.run(chunk, self._current)[0] for chunk in chunks]
            return np.concatenate(parts).astype(np.float64)

        def differentiate(points: Floats) -> Floats:
            rows = np.ascontiguousarray(points, dtype=self._x.dtype)
            terms = np.empty((len(rows), self.outputs, len(self.indices)))
            flagged = np.empty(len(rows), np.bool_)
            self._fill(strong, rows, np.empty(terms.shape[:2]), terms, flagged)
            return terms

        digits = DIGITS[str(self._x.dtype)]
        return TwoSidedLimits(self.indices, self._events, digits, respond, differentiate)

    def _fill(
        self,
        graph: _WeightedGraph,
        x: Array,
        responses: Floats,
        terms: Floats,
        flagged: npt.NDArray[np.bool_],
    ) -> None:
        """Fills responses, coefficients and flags of events, shared among the threads."""

        def work(chunk: slice) -> None:
            graph.read(x[chunk], self._current, responses[chunk], terms[chunk], flagged[chunk])

        share(len(x), self._chunk, [work] * self._threads)


class _WeightedGraph:
    """A session of a derivative graph that takes features and values of the weights."""

    def __init__(self, graph: DerivativeGraph, normal: GraphFunction) -> None:
        self._session = start(graph.proto, threads=1, plain=normal.plain)
        self._feed, self._weights = normal.feed, graph.weights
        self._names = [output.name for output in self._session.get_outputs()]
        self._reader = CoefficientReader(
            *loose_pieces(graph), normal.dtype, graph.products, graph.gaps, many=True
        )

    def run(self, rows: Array, values: Mapping[str, Array]) -> list[Array]:
        """Returns the graph's outputs, the responses first. Raises ModelError where it fails."""
        feeds = {self._feed: rows, **{name: values[name] for name in self._weights}}
        try:
            answer: list[Array] = self._session.run(self._names, feeds)
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        return answer

    def read(
        self,
        rows: Array,
        values: Mapping[str, Array],
        responses: Floats,
        terms: Floats,
        flagged: npt.NDArray[np.bool_],
    ) -> None:
        """Fills responses (E, C), terms (E, C, K) and flags (E,).

        Flagged are events on a joint, and those at which a coefficient is not finite.
        """
        answer = dict(zip(self._names, self.run(rows, values), strict=True))
        responses[:] = answer[self._names[0]]
        self._reader.read(answer, terms)
        flag_not_finite.alone(terms, flagged)
        if JOINT_EVENTS in answer:
            flagged |= answer[JOINT_EVENTS][:, 0] > 0
