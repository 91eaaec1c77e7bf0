"""Our two engines, as ``onnxtaylor.analyze`` runs them: from arrays through an accumulator."""

from __future__ import annotations

import numpy as np

import onnxtaylor
from onnxtaylor.engine.averaged.steps import CurvatureSteps
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact.averaged import make_averaged
from onnxtaylor.engine.exact.batch_size import BatchRequest
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.finite_step.moves import Moves
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.statistics import Accumulator
from validation.performance.peers.net import STEP, Floats, Net
from validation.performance.peers.program import Scores
from validation.performance.taggers.tagger import Tagger

__all__ = ["ExactEngine", "Stencil"]

OBSERVED = 64  # events that an analysis shows to the engine before it begins


class _Ours:
    """An engine on the events of an array."""

    version = onnxtaylor.__version__

    def __init__(self, net: Net | Tagger, threads: int) -> None:
        self._net, self._threads = net, threads
        self._indices = MultiIndices.full(net.features, net.order)
        self._engine: Engine | None = None

    def _open(self, function: GraphFunction) -> Engine:
        raise NotImplementedError

    def prepare(self, batch: int) -> None:
        """Builds the engine from the model's file, up to the first answer."""
        model = read_model(self._net.model().SerializeToString())
        self._engine = self._open(build_function(model, choose(model)))
        self.scores(self._net.events(1))

    def scores(self, x: Floats) -> Scores:
        """⟨t⟩ without weights and bootstrap."""
        assert self._engine is not None
        sums = Accumulator(self._net.outputs, len(self._indices), threads=self._threads)
        numbers, weights = np.arange(len(x)), np.ones(len(x))
        for start in range(0, len(x), self._engine.batch_events):
            part = slice(start, start + self._engine.batch_events)
            terms = self._engine.coefficients(x[part].astype(np.float64)).terms
            sums.update(terms, weights[part], numbers[part])
        return sums.finalize().score[:, 0]


class ExactEngine(_Ours):
    """The exact engine; its time to compile includes its own search for a batch size."""

    def _open(self, function: GraphFunction) -> Engine:
        x = self._net.events(OBSERVED).astype(np.float64)
        if not self._net.averaged:
            return Exact(function, self._indices, x=x, threads=self._threads, batch=BatchRequest())
        n = self._net.features
        no_end = np.full(n, np.inf)
        moves = Moves(np.full(n, STEP / 2), -no_end, no_end, np.zeros(n, np.bool_), {})
        steps = CurvatureSteps(moves, function.digits)
        return make_averaged(function, steps, x=x, threads=self._threads, batch=BatchRequest())

    def note(self) -> str:
        """Its batch."""
        assert self._engine is not None
        return f"{self._engine.batch_events} events a call"


class Stencil(_Ours):
    """The differences engine, evaluating the net in its own float32 as the others do."""

    def _open(self, function: GraphFunction) -> Engine:
        x = self._net.events(OBSERVED).astype(np.float64)
        spread = np.ones(self._net.features)
        return Differences(
            function, self._indices, spread=spread, largest=4 * spread, x=x, threads=self._threads
        )

    def note(self) -> str:
        """Its number of evaluations."""
        assert isinstance(self._engine, Differences)
        return f"{self._engine.points} evaluations an event"
