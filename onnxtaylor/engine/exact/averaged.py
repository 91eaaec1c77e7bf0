"""Second order averaged over steps, from exact gradients at stepped points.

The derivative graph of first order is run at each event, for t_i, and at both ends of a step of
every feature; the original model at the centre and four places of every feature. A kernel contracts
gradients and responses into coefficients: see ``onnxtaylor.engine.averaged.steps`` for the formula.
Responses of the two are compared at the events themselves, which the steps are many times of.
Gradients have no kink to miss: what bends at kinks between the ends of a step is in their
difference.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.averaged import average, step_rows

from onnxtaylor.engine.averaged.steps import CurvatureSteps, Places
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.session import Session
from onnxtaylor.runtime.sharing import share

__all__ = ["Averaged"]

Floats = npt.NDArray[np.float64]

ROWS = 2**13  # gradients that are held at a time
ROW_BYTES = 2**26  # their memory
VALUE_ROWS = 512  # responses that a thread computes in one call
BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time


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
    threads
        Number of threads; 0 takes one for each processor.
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
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.indices, self.precision = steps.indices, first.precision
        self.exact_responses = first.exact_responses
        self._first, self._steps = first, steps
        self._session = Session(function, provider=provider, threads=1)
        self._half = function.precision in ("float16", "bfloat16")
        self._dtype = np.dtype(np.float64 if function.precision == "float64" else np.float32)
        self._threads = (threads or available_threads()) if provider == "cpu" else 1
        moved = len(steps.features)
        self._gradients, self._values = 2 * moved, 1 + 4 * moved

    @property
    def points(self) -> int:
        """Evaluations of the model per event: 2n + 1 of its gradient, 4n + 1 of its responses."""
        return 1 + self._gradients + self._values

    @property
    def reach(self) -> Floats:
        """Largest displacement (n,) of each feature."""
        return self._steps.reach

    @property
    def batch_events(self) -> int:
        """Number of events to be given at a time: as many as are stepped together, or more."""
        per_event = 8 * len(self.indices) * len(self.exact_responses)
        rounds = max(1, BATCH_BYTES // (per_event * self._events))
        return int(min(rounds, 2**13 // self._events + 1) * self._events)

    @property
    def _events(self) -> int:
        row = 8 * len(self.exact_responses) * self.indices.n_features
        rows = min(ROWS, ROW_BYTES // row)
        return max(1, rows // self._gradients)

    def describe(self) -> dict[str, object]:
        """Describes the derivative graph of first order, and the steps."""
        return {**self._first.describe(), "curvature_step": self._steps.describe()}

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: sums are made from the coefficients."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n). Raises ModelError where a graph fails."""
        x = np.ascontiguousarray(x, np.float64)
        shape = (len(x), len(self.exact_responses), len(self.indices))
        responses, terms = np.empty(shape[:2]), np.empty(shape)
        joints = []
        for start in range(0, len(x), self._events):
            part = slice(start, start + self._events)
            answer = self._evaluate(x[part], responses[part], terms[part])
            if answer is not None:
                joints.append(NoDerivative(answer.events + start, answer.mask))
            if watch is not None:
                watch(min(1.0, part.stop / len(x)))
        return BatchCoefficients(responses, terms, no_derivative=_joined(joints))

    def _evaluate(self, x: Floats, responses: Floats, terms: Floats) -> NoDerivative | None:
        """Fills responses (E, C) and terms (E, C, K) of a few events; returns those on joints."""
        places, features = self._steps.places(x), self._steps.features
        run_rows: Callable[..., None] = step_rows.alone if self._threads == 1 else step_rows
        run_average: Callable[..., None] = average.alone if self._threads == 1 else average
        here = self._first.coefficients(x)
        responses[:] = here.responses
        terms[..., : here.terms.shape[2]] = here.terms
        rows = np.empty((len(x), self._gradients, x.shape[1]))
        run_rows(places.centres, features, places.ends, rows)
        ends = self._first.coefficients(rows.reshape(-1, x.shape[1]), compare=False)
        slots_second, slots_pairs = self._steps.slots
        run_average(
            ends.terms.reshape(len(x), self._gradients, responses.shape[1], -1),
            places.inverse_widths,
            self._responses(places),
            self._steps.weights,
            places.inverse_squares,
            features,
            self._steps.pairs,
            slots_second,
            slots_pairs,
            terms,
        )
        return self._of_all_orders(here.no_derivative)

    def _responses(self, places: Places) -> npt.NDArray[np.floating]:
        """Evaluates the responses (E, 1 + 4A, C) that t_ii are made of."""
        centres = places.centres
        rows = np.empty((len(centres), self._values, centres.shape[1]), self._dtype)
        step_rows.alone(centres, self._steps.features, places.values, rows)
        flat = rows.reshape(-1, centres.shape[1])
        if self._half:  # the derivative graph computes in single precision
            answers = self._first.coefficients(flat.astype(np.float64), compare=False).responses
            return answers.reshape(len(centres), self._values, -1)
        answers = np.empty((len(flat), len(self.exact_responses)), self._dtype)

        def work(part: slice) -> None:
            answers[part] = self._session(flat[part])

        share(len(flat), VALUE_ROWS, [work] * self._threads)
        return answers.reshape(len(centres), self._values, -1)

    def _of_all_orders(self, joints: NoDerivative | None) -> NoDerivative | None:
        """Adds second order to what has no derivative at the events: it exists everywhere."""
        if joints is None:
            return None
        mask = np.zeros((*joints.mask.shape[:2], len(self.indices)), np.bool_)
        mask[..., : joints.mask.shape[2]] = joints.mask
        return NoDerivative(joints.events, mask)


def _joined(parts: list[NoDerivative]) -> NoDerivative | None:
    if not parts:
        return None
    return NoDerivative(
        np.concatenate([part.events for part in parts]),
        np.concatenate([part.mask for part in parts]),
    )
