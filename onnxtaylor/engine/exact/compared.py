"""A derivative graph whose responses are compared with the original model's on every batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DisagreementError, ModelError, ProbeError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.bound import bind
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session

__all__ = ["ComparedGraph", "response_limit"]

Floats = npt.NDArray[np.float64]

COARSEST = 2.0**-4


class ComparedGraph:
    """Runs a derivative graph and compares its responses with the original model's.

    It has buffers of its own, so each thread has one; sessions may be shared.

    Parameters
    ----------
    compiled
        onnxruntime session of a derivative graph, whose first output are the responses.
    original
        The model that was differentiated.
    events
        Number of events in one call of the graph.
    outputs
        Number of responses, C.
    """

    def __init__(self, compiled: Any, original: Session, *, events: int, outputs: int) -> None:
        function = original.function
        self._compiled = compiled
        self._rows = np.zeros((events, function.n_features), function.dtype)
        self._feed = compiled.get_inputs()[0].name
        self._names = [output.name for output in compiled.get_outputs()]
        self._expected = np.zeros((events, outputs), function.dtype)
        # the original model gets the rows in reverse order, which shows whether a response depends
        # on other events; not with a link, which magnifies the round-off that a new order brings
        self._order = slice(None, None, -1 if function.link == "identity" else 1)
        self._turned = np.zeros_like(self._rows)
        self._original = original.bind(self._turned, self._expected)
        self._limit = response_limit(function)
        # tensors of a full batch stay where they are: new ones for each call cost page faults
        self._bound: tuple[Any, list[npt.NDArray[Any]]] | None = None
        self._binds = original.provider == "cpu"

    def run(
        self,
        x: npt.NDArray[np.floating],
        feeds: Mapping[str, npt.NDArray[Any]] | None = None,
        *,
        compare: bool = True,
    ) -> dict[str, Any]:
        """Runs the derivative graph at events x (E, n), E at most ``events``.

        Parameters
        ----------
        x
            Events (E, n).
        feeds
            Further inputs of the graph by name.
        compare
            Whether the responses are compared.

        Returns
        -------
        dict
            The graph's outputs by name, valid until the next call. Where responses are compared
            they have rows for all ``events``: those behind the first E belong to copies of the
            last event.

        Raises
        ------
        ModelError
            A graph fails.
        DisagreementError
            The two graphs respond differently.
        ProbeError
            The response to an event depends on its neighbours.
        """
        count = len(x)
        self._rows[:count] = x
        self._rows[count:] = x[-1]
        try:
            if compare and feeds is None and self._binds:
                answers = self._run_bound()
            else:
                rows = self._rows if compare else self._rows[:count]
                answers = self._compiled.run(self._names, {self._feed: rows, **(feeds or {})})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        if compare:
            answers[0] = self._compare(answers[0])
        return dict(zip(self._names, answers, strict=True))

    def _run_bound(self) -> list[npt.NDArray[Any]]:
        """Runs the graph on all rows; its outputs are in the arrays of the first call."""
        if self._bound is None:
            answers = list(self._compiled.run(self._names, {self._feed: self._rows}))
            binding = self._compiled.io_binding()
            bind(binding.bind_input, self._feed, self._rows)
            for name, answer in zip(self._names, answers, strict=True):
                bind(binding.bind_output, name, answer)
            self._bound = (binding, answers)
        else:
            self._compiled.run_with_iobinding(self._bound[0])
        return list(self._bound[1])

    @property
    def response(self) -> str:
        """Name of the output with the responses."""
        return str(self._names[0])

    def _compare(self, responses: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Compares the derivative graph's responses with the original's, and returns them.

        Where the original's are not finite, as half precision ends earlier, the original's are
        returned.
        """
        expected = self._respond(self._order)
        with np.errstate(invalid="ignore"):  # ∞ − ∞
            limit = self._limit * max(np.abs(expected).max(), 1.0)
            # the usual case in few steps, since these hold Python's lock while other threads wait
            if np.abs(responses - expected).max() <= limit < np.inf:
                return responses
        worst, event = self._deviation(responses, expected)
        if worst:
            # do they agree if the original gets its rows in the same order?
            if not self._deviation(responses, self._respond(slice(None)))[0]:
                raise ProbeError(
                    f"an event responds differently among other events, by {worst:.2g}: the model"
                    " mixes events (does it gather rows of others?): each must be a function of its"
                    " own features"
                )
            by = (
                f"by {worst:.2g}" if np.isfinite(worst) else "where one of them is no finite number"
            )
            raise DisagreementError(
                f"the derivative graph's response differs from the model's {by}: use"
                ' engine="differences", and report this',
                worst,
                self._rows[event].copy(),
            )
        finite = np.isfinite(expected)
        return responses if finite.all() else np.where(finite, responses, expected)

    def _respond(self, order: slice) -> npt.NDArray[Any]:
        """Runs the original model on the rows in this order; returns responses in the rows' own."""
        self._turned[:] = self._rows[order]
        self._original()
        return self._expected[order]

    def _deviation(
        self, responses: npt.NDArray[Any], expected: npt.NDArray[Any]
    ) -> tuple[float, int]:
        """Returns the largest deviation of two arrays of responses, and the event that has it.

        The deviation is 0 where it is no more than round-off, NaN where a response is NaN that
        should be finite.
        """
        finite = np.isfinite(expected)
        scale = np.abs(expected[finite]).max(initial=0.0)
        with np.errstate(invalid="ignore"):
            gap = np.where(finite, np.abs(responses.astype(np.float64) - expected), 0.0)
        worst = gap.max(initial=0.0)  # NaN if one is NaN
        if worst <= self._limit * max(scale, 1.0):
            return 0.0, 0
        event = int(np.nan_to_num(gap, nan=np.inf).max(axis=1).argmax())
        return float(worst), event


def response_limit(function: GraphFunction) -> float:
    """Returns the largest deviation that round-off explains, relative to the largest response.

    Sums may be taken in another order in the two graphs, and in long chains: 2¹⁰ ε, ε the spacing
    of the coarsest format between features and responses. Where that is half precision the
    derivative graph computes in single precision, and 1/16 is allowed, as in
    ``onnxtaylor.runtime.promotion``.

    Parameters
    ----------
    function
        The model's function.
    """
    return float(min(2.0 ** (11 - function.digits), COARSEST))
