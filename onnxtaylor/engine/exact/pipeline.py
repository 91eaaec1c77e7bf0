"""One thread's pipeline from events to exact coefficients, or to their sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.collect import flag_not_finite

from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.sums import (
    COUNTS,
    FIRST,
    GROUPS,
    MOMENTS,
    REPLICATES,
    WEIGHTS,
    loose_pieces,
)
from onnxtaylor.engine.exact.blocks import BlockedGraphs
from onnxtaylor.engine.exact.compared import ComparedGraph
from onnxtaylor.engine.exact.fit import Fit
from onnxtaylor.engine.exact.reader import CoefficientReader
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.session import Session, start

__all__ = ["Pipeline", "PipelineParts", "SumPipeline"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PipelineParts:
    """Graphs, sessions and readers that the pipelines of all threads share.

    Attributes
    ----------
    blocks
        The derivative graphs and their runs.
    sessions
        onnxruntime sessions of the graphs.
    readers
        Put the graphs' outputs together.
    """

    blocks: BlockedGraphs
    sessions: tuple[Any, ...]
    readers: tuple[CoefficientReader, ...]

    @classmethod
    def start(
        cls, fit: Fit, function: GraphFunction, *, provider: str, threads: int = 1
    ) -> PipelineParts:
        """Starts the sessions, with ``threads`` threads each. Raises ModelError."""
        kind: dict[str, Any] = {"provider": provider, "threads": threads, "lean": fit.lean}
        graphs = fit.graphs.graphs
        sessions = [start(g.proto, plain=function.plain, **kind) for g in graphs]
        readers = [
            CoefficientReader(*loose_pieces(g), function.dtype, g.products, g.gaps) for g in graphs
        ]
        return cls(fit.graphs, tuple(sessions), tuple(readers))


class Pipeline:
    """The work of one thread from events to coefficients: run the graphs, compare, collect.

    Parameters
    ----------
    parts
        The derivative graphs; threads share them.
    original
        The model that was differentiated; threads may share it.
    events
        Number of events in one call of a graph.
    outputs
        Number of responses, C.
    """

    def __init__(
        self, parts: PipelineParts, original: Session, *, events: int, outputs: int
    ) -> None:
        self.events = events
        self._parts, self._outputs = parts, outputs
        self._graphs = [
            ComparedGraph(session, original, events=events, outputs=outputs)
            for session in parts.sessions
        ]

    def trial(self, coefficients: int) -> Callable[[Floats], object]:
        """Returns a call at ``events`` events with buffers for their K coefficients."""
        responses = np.empty((self.events, self._outputs))
        terms = np.empty((*responses.shape, coefficients))
        flagged = np.empty(self.events, np.bool_)
        return lambda x: self.run(x, responses, terms, flagged)

    def run(
        self,
        x: npt.NDArray[np.floating],
        responses: npt.NDArray[np.floating],
        terms: npt.NDArray[np.floating],
        flagged: npt.NDArray[np.bool_],
        *,
        compare: bool = True,
    ) -> None:
        """Computes the coefficients of up to ``events`` events.

        Parameters
        ----------
        x
            Events (E, n).
        responses
            Filled with their responses, (E, C).
        terms
            Filled with their coefficients, (E, C, K).
        flagged
            Filled with flags of the events on a joint, and of those at which a coefficient is not
            finite, (E,).
        compare
            Whether the responses are compared with the model's.

        Raises
        ------
        ModelError
            A graph fails, or the two disagree on the responses.
        """
        count, blocks = len(x), self._parts.blocks
        for number, run in enumerate(blocks.runs):
            graph, reader = self._graphs[run.graph], self._parts.readers[run.graph]
            answer = graph.run(x, blocks.feeds(run), compare=compare and not number)
            if not number:
                responses[:] = answer[graph.response][:count]
                flagged[:] = False
                if JOINT_EVENTS in answer:
                    flagged |= answer[JOINT_EVENTS][:count, 0] > 0
            blocks.put(run, partial(reader.read, answer), terms)
        infinite = np.empty(count, np.bool_)
        flag_not_finite.alone(terms, infinite)
        flagged |= infinite


class SumPipeline:
    """The work of one thread from events to sums over them, which the graph itself computes.

    Parameters
    ----------
    compiled
        onnxruntime session of a ``sums_graph``.
    original
        The model that was differentiated.
    events
        Number of events in one call of the graph.
    outputs
        Number of responses, C.
    groups, replicates
        Numbers of groups of events, G, and of bootstrap replicates, R, that the graph was made for.
    """

    def __init__(
        self,
        compiled: Any,
        original: Session,
        *,
        events: int,
        outputs: int,
        groups: int,
        replicates: int,
    ) -> None:
        self._graph = ComparedGraph(compiled, original, events=events, outputs=outputs)
        self._weights = np.zeros((groups, events))
        self._groups = np.zeros(events, np.int64)
        self._counts = np.zeros((events, replicates), np.uint8)

    def trial(self) -> Callable[[Floats], object]:
        """Returns a call at as many events as fit, of all groups in turn."""
        events = len(self._groups)
        groups, counts = np.arange(events) % len(self._weights), np.ones_like(self._counts)
        return lambda x: self.run(x, np.ones(events), groups, counts)

    def run(
        self,
        x: Floats,
        weights: Floats,
        groups: npt.NDArray[np.int64],
        counts: npt.NDArray[np.uint8],
    ) -> tuple[Floats, Floats] | None:
        """Sums over up to ``events`` events.

        Parameters
        ----------
        x
            Events (E, n).
        weights
            Weights of the events, (E,).
        groups
            The number of each event's group, (E,).
        counts
            The bootstrap's Poisson counts, (E, R).

        Returns
        -------
        tuple or None
            Moments (5, G, D) and replicates (G, R, D). None where a sum or a response is not
            finite, or an event lies on a joint: such events need ``Pipeline``.

        Raises
        ------
        ModelError
            A graph fails, or the two disagree on the responses.
        """
        count = len(x)
        self._weights.fill(0.0)  # copies that fill up the last batch weigh nothing
        self._weights[groups, np.arange(count)] = weights
        self._groups[:count], self._groups[count:] = groups, groups[-1]
        self._counts[:count], self._counts[count:] = counts, 0
        answer = self._graph.run(x, self._feeds(groups))
        if JOINT_EVENTS in answer and (answer[JOINT_EVENTS][:count] > 0).any():
            return None
        moments = answer[MOMENTS]
        replicates = answer.get(REPLICATES, np.empty((len(self._weights), 0, moments.shape[2])))
        sums = (answer[self._graph.response], moments, replicates)
        return (moments, replicates) if all(np.isfinite(a).all() for a in sums) else None

    def _feeds(self, groups: npt.NDArray[np.int64]) -> Mapping[str, npt.NDArray[Any]]:
        """Collects the inputs of the graph besides the features."""
        first = np.zeros(len(self._weights), np.int64)
        present, place = np.unique(groups, return_index=True)
        first[present] = place
        feeds = {WEIGHTS: self._weights, GROUPS: self._groups, FIRST: first}
        return {**feeds, COUNTS: self._counts} if self._counts.shape[1] else feeds
