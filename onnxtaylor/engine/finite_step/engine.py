"""Responses to finite steps, for models that have no derivatives: trees, quantized networks.

With d_i the step of feature i and e_i its direction,

    r_i  = [f(x + d_i e_i) − f(x − d_i e_i)] / 2
    r_ii = [f(x + d_i e_i) − 2 f(x) + f(x − d_i e_i)] / 2
    r_ij = [f(+ +) − f(+ −) − f(− +) + f(− −)] / 4        at x ± d_i e_i ± d_j e_j

in units of the response: by how much it changes, per step. Where f is smooth and steps are small,
r_α = t_α Π d, but for large steps r is no derivative.

Whole numbers stay inside the range of the data. With u and l the places that are left, x itself
where a step would leave the range, s = 1 or 2 the number of steps between them,

    r_i  = [f(u) − f(l)] / s_i
    r_ij = [f(u, u) − f(u, l) − f(l, u) + f(l, l)] / (s_i s_j)

and r_ii is taken about the nearest place from which both steps stay inside. A missing entry has no
place to step from: the responses to its feature are 0 at that event.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.contract import contract
from onnxtaylor_kernels.displace import displace

from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.differences.stencil import build_stencil
from onnxtaylor.engine.finite_step.moves import Moves
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.session import Session
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["FiniteStep"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CHUNK_BYTES = 2**20  # of one layer's activations: about a second-level cache
MIN_ROWS, MAX_ROWS = 32, 4096  # evaluated in one call
BATCH_BYTES = 2**23  # of responses that leave the engine at a time


class FiniteStep:
    """The finite-step responses of one function, for the features that move, up to ``order``.

    ``x`` (B ≥ 1, n) are events of the data, ``absent`` tests which entries of events are missing.
    Steps are taken in the number format that the model is fed: x + d is rounded to it, and d not
    otherwise. Raises ModelError where the model fails, OptionError where no feature moves.
    """

    name = "finite-step"
    quantity: Quantity = "finite-step"
    sums_in_graph = False

    def __init__(
        self,
        function: GraphFunction,
        moves: Moves,
        order: int,
        *,
        x: Floats,
        absent: Callable[[Floats], Mask] | None = None,
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.indices = moves.indices(order)
        self.precision = function.precision
        self.moves = moves
        self._absent = absent
        self._stencil = build_stencil(self.indices, accuracy=2, mixed="four")
        self._session = Session(function, provider=provider, threads=1)
        self._outputs = self._session(x[:1]).shape[1]
        self._workers = 1 if provider != "cpu" else threads or available_threads()
        table = self.indices.table
        second = table[:, 1] if table.shape[1] > 1 else np.full(len(table), -1, np.int32)
        self._pairs = np.stack((table[:, 0], second))
        curved = np.flatnonzero((second == table[:, 0]) & moves.whole[table[:, 0]])
        self._curved = [(int(k), int(table[k, 0])) for k in curved]

    @property
    def points(self) -> int:
        """Evaluations per event, 2n² + 1 for everything up to second order."""
        return self._stencil.points

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """False for every response (C,): finite steps are no derivatives."""
        return np.zeros(self._outputs, np.bool_)

    @property
    def reach(self) -> Floats:
        """Largest displacement (n,) of each feature that may leave the range of its data."""
        return np.where(self.moves.whole, 0.0, self.moves.steps)

    @property
    def batch_events(self) -> int:
        """Number of events whose responses fit the memory limit."""
        together = self._events * self._workers
        per_event = 8 * len(self.indices) * self._outputs
        rounds = max(1, BATCH_BYTES // (per_event * together))
        return int(min(rounds, 2**14 // together + 1) * together)

    @property
    def _events(self) -> int:
        return max(1, self._rows // self.points)

    @property
    def _rows(self) -> int:
        function = self._session.function
        in_cache = CHUNK_BYTES // (function.width * function.dtype.itemsize)
        return int(np.clip(in_cache, MIN_ROWS, MAX_ROWS))

    def describe(self) -> dict[str, object]:
        """Returns the number of evaluations, and the displacements as ``finite_step``."""
        return {"points": self.points, "finite_step": self.moves.describe()}

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: the caller sums the coefficients itself."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes r_α at the events x (B, n)."""
        shape = (len(x), self._outputs, len(self.indices))
        responses, terms = np.empty(shape[:2]), np.empty(shape)
        tally = Tally(len(x) * self.points, watch)

        def work(chunk: slice) -> None:
            self._respond(x[chunk], responses[chunk], terms[chunk], tally.add)

        share(len(x), self._events, [work] * self._workers, tally)
        return BatchCoefficients(responses, terms)

    def _respond(
        self, x: Floats, responses: Floats, terms: Floats, evaluated: Callable[[int], None]
    ) -> None:
        """Fills responses (E, C) and terms (E, C, K); calls ``evaluated`` with counts of rows."""
        stencil, formula = self._stencil, self._stencil.formula
        centres = np.ascontiguousarray(x, self._session.function.dtype)
        steps, ones = self.moves.steps[None], np.ones((1, x.shape[1]))
        values = np.empty((len(x), stencil.points, self._outputs))
        for first in range(0, stencil.points, self._rows):
            size = min(self._rows, stencil.points - first)
            rows = np.empty((len(x), size, x.shape[1]), centres.dtype)
            displace.alone(
                centres,
                steps,
                stencil.features,
                stencil.pairs,
                formula.multiples,
                formula.corners,
                first,
                rows,
            )
            self._hold(rows, centres)
            values[:, first : first + size] = self._evaluate(rows)
            evaluated(len(x) * size)
        responses[:] = values[:, 0]
        contract.alone(
            values,
            ones,  # not divided by the steps
            stencil.features,
            stencil.pairs,
            stencil.axes_of_pairs,
            formula.first,
            formula.second,
            formula.corner,
            formula.ridge,
            stencil.slots_first,
            stencil.slots_second,
            stencil.slots_pairs,
            terms,
        )
        absent = np.zeros(x.shape, np.bool_) if self._absent is None else self._absent(x)
        self._take_sides(x, absent, terms)

    def _hold(self, rows: npt.NDArray[np.floating], centres: Floats) -> None:
        """Takes back the steps that leave the range."""
        bounded = np.flatnonzero(self.moves.whole)
        if len(bounded):
            part = rows[..., bounded]
            outside = (part < self.moves.low[bounded]) | (part > self.moves.high[bounded])
            rows[..., bounded] = np.where(outside, centres[:, None, bounded], part)

    def _evaluate(self, rows: npt.NDArray[np.floating]) -> Floats:
        answer = self._session(rows.reshape(-1, rows.shape[2]))
        return np.asarray(answer.reshape(*rows.shape[:2], -1), np.float64)

    def _take_sides(self, x: Floats, absent: Mask, terms: Floats) -> None:
        """Divides by the number of steps between the two places, s instead of 2, for each feature.

        Where no step is possible, as from a missing entry, the response is 0.
        """
        if not (self.moves.whole.any() or absent.any()):
            return
        d, low, high = self.moves.steps, self.moves.low, self.moves.high
        sides = ((x + d <= high) & ~absent).astype(np.int64) + ((x - d >= low) & ~absent)
        factors = np.divide(2.0, sides, out=np.zeros(x.shape), where=sides > 0)
        padded = np.append(factors, np.ones((len(x), 1)), axis=1)  # index -1 finds the 1
        terms *= padded[:, self._pairs].prod(axis=1)[:, None, :]
        for slot, i in self._curved:
            (events,) = np.nonzero(sides[:, i] == 1)
            if len(events):
                terms[events, :, slot] = self._curvature(x[events], i)

    def _curvature(self, x: Floats, i: int) -> Floats:
        """Computes r_ii (E, C) about the nearest place where both steps stay inside the range."""
        d = self.moves.steps[i]
        centre = np.clip(x[:, i], self.moves.low[i] + d, self.moves.high[i] - d)
        rows = np.repeat(x[:, None, :], 3, axis=1)
        rows[:, :, i] = np.stack((centre - d, centre, centre + d), axis=1)
        below, here, above = self._evaluate(rows).transpose(1, 0, 2)
        return np.asarray(((above - here) + (below - here)) / 2)
