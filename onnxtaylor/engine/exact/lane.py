"""One thread's way from events to exact coefficients, or to their sums: run the graph, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.collect import collect, flag_not_finite, multiply

from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.pieces import Piece
from onnxtaylor.compiler.sums import COUNTS, FIRST, GROUPS, MOMENTS, REPLICATES, WEIGHTS
from onnxtaylor.errors import DisagreementError, ModelError, ProbeError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session

__all__ = ["Lane", "Reader", "SumLane", "first_of_slots", "response_limit"]

Floats = npt.NDArray[np.float64]

COARSEST = 2.0**-4
FEW = 20  # events for each run of coefficients, from which on NumPy collects them


class _Compared:
    """Runs ``compiled``, a session of a derivative graph, on ``events`` events at a time, and
    compares its responses with those of ``original``, the model that was differentiated.
    """

    def __init__(self, compiled: Any, original: Session, *, events: int, outputs: int) -> None:
        function = original.function
        self._compiled = compiled
        self._rows = np.zeros((events, function.n_features), function.dtype)
        self._feed = compiled.get_inputs()[0].name
        self._names = [output.name for output in compiled.get_outputs()]
        self._expected = np.zeros((events, outputs), function.dtype)
        # an event must not know its neighbours: the original model gets the rows in reverse order,
        # unless a link makes much of the round-off that comes with it
        self._order = slice(None, None, -1 if function.link == "identity" else 1)
        self._turned = np.zeros_like(self._rows)
        self._original = original.bind(self._turned, self._expected)
        self._limit = response_limit(function)

    def run(self, x: Floats, **feeds: npt.NDArray[Any]) -> dict[str, Any]:
        """Answers by name at x (E, n), filled up to all events of the lane.

        Raises ModelError where a graph fails, DisagreementError where the two disagree on the
        responses, ProbeError where an event's response depends on its neighbours.
        """
        count = len(x)
        self._rows[:count] = x
        self._rows[count:] = x[-1]  # the last batch is filled up
        try:
            answers = self._compiled.run(self._names, {self._feed: self._rows, **feeds})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        answers[0] = self._compared(answers[0])
        return dict(zip(self._names, answers, strict=True))

    @property
    def response(self) -> str:
        """The name of the responses among the answers."""
        return str(self._names[0])

    def _compared(self, found: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The derivative graph's responses, held against the original model's; those that are not
        finite there, where half precision ends earlier, are not finite here.
        """
        expected = self._respond(self._order)
        with np.errstate(invalid="ignore"):  # of two that are infinite
            limit = self._limit * max(np.abs(expected).max(), 1.0)
            if np.abs(found - expected).max() <= limit < np.inf:
                return found  # the usual case, in few steps: threads wait for one another here
        worst, event = self._apart(found, expected)
        if worst:
            if not self._apart(found, self._respond(slice(None)))[0]:
                raise ProbeError(
                    f"an event responds differently among other events, by {worst:.2g}: the model"
                    " mixes events (does it gather rows of others?): each must be a function of its"
                    " own features"
                )
            by = (
                f"by {worst:.2g}" if np.isfinite(worst) else "where one of them is no finite number"
            )
            raise DisagreementError(
                f"the derivative graph's response differs from the model's {by}: use --engine"
                " differences, and report this",
                worst,
                self._rows[event].copy(),
            )
        finite = np.isfinite(expected)
        return found if finite.all() else np.where(finite, found, expected)

    def _respond(self, order: slice) -> npt.NDArray[Any]:
        """The original model's responses, of rows handed to it in this order."""
        self._turned[:] = self._rows[order]
        self._original()
        return self._expected[order]

    def _apart(self, found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> tuple[float, int]:
        """By how much two responses differ at most, 0 where that is no more than round-off, and at
        which event.
        """
        finite = np.isfinite(expected)
        scale = np.abs(expected[finite]).max(initial=0.0)
        with np.errstate(invalid="ignore"):
            gap = np.where(finite, np.abs(found.astype(np.float64) - expected), 0.0)
        worst = gap.max(initial=0.0)  # NaN where one is
        if worst <= self._limit * max(scale, 1.0):
            return 0.0, 0
        event = int(np.nan_to_num(gap, nan=np.inf).max(axis=1).argmax())
        return float(worst), event


def response_limit(function: GraphFunction) -> float:
    """How far the derivative graph's responses may be from a model's, relative to the largest.

    Sums may be taken in another order in the two graphs, and in long chains: 2¹⁰ ε, ε the spacing
    of the coarsest format between features and responses. Where that is half precision the
    derivative graph computes in single precision, and 1/16 is allowed, as for ``promote``.
    """
    return float(min(2.0 ** (11 - function.digits), COARSEST))


class Reader:
    """Puts the tensors of a derivative graph together as coefficients.

    ``pieces`` are its outputs behind the response, ``factors`` (K,) what the coefficients are
    multiplied by, ``dtype`` the format of the graph. ``many`` events may come at a time: where they
    outnumber the runs of coefficients, NumPy collects them in less time than the kernel.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        factors: Floats,
        dtype: npt.DTypeLike,
        *,
        many: bool = False,
    ) -> None:
        self._many = many
        self._pieces = list(zip(pieces, first_of_slots(pieces), strict=True))
        self._slots = np.flatnonzero(factors != 1.0)
        self._factors = factors[self._slots]
        # numbers that the kernels know
        self._dtype = np.float64 if dtype == np.float64 else np.float32

    def read(self, found: Mapping[str, Any], terms: Floats) -> None:
        """Fills the coefficients (E, C, K) of the first E events that a graph has answered."""
        count = len(terms)
        runs = max((len(piece.runs) for piece, _ in self._pieces), default=0)
        put = _collect if self._many and FEW * runs < count else collect.alone
        for piece, first in self._pieces:
            part = found[piece.name][:count].astype(self._dtype, copy=False)
            put(part.reshape(count, terms.shape[1], -1), piece.runs, first, terms)
        multiply.alone(self._slots, self._factors, terms)


class Lane:
    """Coefficients of ``events`` events at a time.

    ``compiled`` is a session of a derivative graph, whose answers ``reader`` puts together.
    ``original`` is the model that was differentiated. Sessions may be shared by lanes.
    """

    def __init__(
        self, compiled: Any, original: Session, reader: Reader, *, events: int, outputs: int
    ) -> None:
        self._graph = _Compared(compiled, original, events=events, outputs=outputs)
        self._reader = reader

    def run(self, x: Floats, responses: Floats, terms: Floats, odd: npt.NDArray[np.bool_]) -> None:
        """Fills responses (E, C) and terms (E, C, K) at x (E, n), E at most ``events``; ``odd``
        (E,) is set for events on a joint, and where a coefficient is not finite.

        Raises ModelError where a graph fails, or the two disagree on the responses.
        """
        count, found = len(x), self._graph.run(x)
        responses[:] = found[self._graph.response][:count]
        self._reader.read(found, terms)
        flag_not_finite.alone(terms, odd)
        if JOINT_EVENTS in found:
            odd |= found[JOINT_EVENTS][:count, 0] > 0


class SumLane:
    """Sums over ``events`` events at a time, made where the coefficients are.

    ``compiled`` is a session of ``sums_graph``, with that many ``groups`` and ``replicates``.
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
        self._graph = _Compared(compiled, original, events=events, outputs=outputs)
        self._weights = np.zeros((groups, events))
        self._groups = np.zeros(events, np.int64)
        self._counts = np.zeros((events, replicates), np.uint8)

    def run(
        self,
        x: Floats,
        weights: Floats,
        groups: npt.NDArray[np.int64],
        counts: npt.NDArray[np.uint8],
    ) -> tuple[Floats, Floats] | None:
        """Moments (5, G, D) and replicates (G, R, D) of the events x (E, n), E at most ``events``;
        None where one of them, or a response, is not finite, and where an event lies on a joint.

        Raises ModelError where a graph fails, or the two disagree on the responses.
        """
        count = len(x)
        self._weights.fill(0.0)  # what fills up the last batch weighs nothing
        self._weights[groups, np.arange(count)] = weights
        self._groups[:count], self._groups[count:] = groups, groups[-1]
        self._counts[:count], self._counts[count:] = counts, 0
        found = self._graph.run(x, **self._feeds(groups))
        if JOINT_EVENTS in found and (found[JOINT_EVENTS][:count] > 0).any():
            return None
        moments = found[MOMENTS]
        replicates = found.get(REPLICATES, np.empty((len(self._weights), 0, moments.shape[2])))
        sums = (found[self._graph.response], moments, replicates)
        return (moments, replicates) if all(np.isfinite(a).all() for a in sums) else None

    def _feeds(self, groups: npt.NDArray[np.int64]) -> Mapping[str, npt.NDArray[Any]]:
        first = np.zeros(len(self._weights), np.int64)
        present, place = np.unique(groups, return_index=True)
        first[present] = place
        feeds = {WEIGHTS: self._weights, GROUPS: self._groups, FIRST: first}
        return {**feeds, COUNTS: self._counts} if self._counts.shape[1] else feeds


def _collect(
    piece: npt.NDArray[Any], runs: npt.NDArray[np.int64], first: bool, out: Floats
) -> None:
    """What the kernel of that name does, for all events at a time."""
    for slot, place, step, length in runs.tolist():
        target = out[:, :, slot : slot + length]
        source = piece[:, :, place : place + step * length : step]
        if first:
            target[:] = source
        else:
            target += source


def first_of_slots(pieces: Sequence[Piece]) -> list[bool]:
    """Whether each piece is the first of its slots; another one may share none or all of them."""
    seen: set[int] = set()
    first = []
    for piece in pieces:
        first.append(seen.isdisjoint(piece.slots))
        seen |= piece.slots
    return first
