"""One thread's way from the steps of a few events to second order averaged over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.averaged import average, softmax_gradients, step_rows

from onnxtaylor.engine.averaged.steps import CurvatureSteps, Places
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.pipeline import Pipeline
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.session import Session

__all__ = ["StepsWorker", "steps_bytes"]

Floats = npt.NDArray[np.float64]

VALUE_ROWS = 512  # responses that a thread computes in one call


def steps_bytes(function: GraphFunction, steps: CurvatureSteps, outputs: int) -> int:
    """Counts the bytes of one event's rows, gradients and responses at all steps."""
    moved, n, sloped = len(steps.features), len(steps.moves.steps), function.n_varied
    rows, values = 2 * moved, 1 + 4 * moved
    numbers = rows * (n + 2 * outputs * sloped + outputs) + values * (n + outputs)
    return max(4, function.dtype.itemsize) * numbers


class StepsWorker:
    """The work of one thread: steps of a few events → gradients and responses → second order.

    Parameters
    ----------
    pipeline
        Computes gradients, of the responses or of the gaps before a softmax.
    limits
        Takes the limits of gradients on joints; threads may share it.
    session
        The original model; threads may share it.
    steps
        Where the features are stepped to.
    outputs
        Number of responses, C, and of those that the pipeline has gradients of: C, or C − 1 gaps.
    most
        Largest number of events at a time.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        limits: JointLimits,
        session: Session,
        steps: CurvatureSteps,
        outputs: tuple[int, int],
        most: int,
    ) -> None:
        function, n, moved = session.function, len(steps.moves.steps), len(steps.features)
        self._pipeline, self._limits, self._session = pipeline, limits, session
        self._steps, (self._outputs, sloped) = steps, outputs
        # a model in half precision: its derivative graph computes in single precision
        self._half = function.precision in ("float16", "bfloat16")
        self._dtype = np.dtype(np.float64 if function.precision == "float64" else np.float32)
        # that run takes at a time
        self.events = min(most, max(1, pipeline.events // (2 * moved)))
        self._rows = np.empty((self.events, 2 * moved, n), self._dtype)
        varied = function.n_varied
        self._gradients = np.empty((*self._rows.shape[:2], self._outputs, varied), self._dtype)
        self._slopes = self._gradients
        if sloped < self._outputs:
            self._slopes = np.empty((*self._rows.shape[:2], sloped, varied), self._dtype)
        self._arguments = np.empty((*self._rows.shape[:2], sloped), self._dtype)
        self._value_rows = np.empty((self.events, 1 + 4 * moved, n), self._dtype)
        self._values = np.empty((*self._value_rows.shape[:2], self._outputs), self._dtype)

    def run(self, places: Places, terms: Floats) -> None:
        """Fills second order of terms (E, C, K) at E places. Raises ModelError."""
        count, steps = len(terms), self._steps
        rows, gradients = self._rows[:count], self._gradients[:count]
        step_rows.alone(places.centres, steps.features, places.ends, rows)
        self._differentiate(count)
        rows, values = self._value_rows[:count], self._values[:count]
        step_rows.alone(places.centres, steps.features, places.values, rows)
        self._respond(_flat(rows), _flat(values))
        average.alone(
            gradients,
            places.inverse_widths,
            values,
            steps.weights,
            places.inverse_squares,
            steps.features,
            steps.pairs,
            *steps.slots,
            terms,
        )

    def _differentiate(self, count: int) -> None:
        """Fills the gradients at the rows of ``count`` events, their limits on joints."""
        rows, arguments = _flat(self._rows[:count]), _flat(self._arguments[:count])
        slopes, flagged = _flat(self._slopes[:count]), np.empty(len(rows), np.bool_)
        for part in _parts(len(rows), self._pipeline.events):
            arrays = (rows[part], arguments[part], slopes[part], flagged[part])
            self._pipeline.run(*arrays, compare=False)
        self._limits.take(rows, slopes, flagged)
        if self._slopes is not self._gradients:
            softmax_gradients.alone(arguments, slopes, _flat(self._gradients[:count]))

    def _respond(self, rows: npt.NDArray[Any], responses: npt.NDArray[Any]) -> None:
        """Fills responses (R, C) at rows (R, n)."""
        if not self._half:
            for part in _parts(len(rows), VALUE_ROWS):
                responses[part] = self._session(rows[part])
            return
        for part in _parts(len(rows), self._pipeline.events):
            size = len(rows[part])
            scratch = np.empty((size, *self._gradients.shape[2:]), self._dtype)
            flagged = np.empty(size, np.bool_)
            self._pipeline.run(rows[part], responses[part], scratch, flagged, compare=False)


def _flat(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Joins the first two axes."""
    return array.reshape(-1, *array.shape[2:])


def _parts(count: int, size: int) -> list[slice]:
    return [slice(k, min(k + size, count)) for k in range(0, count, size)]
