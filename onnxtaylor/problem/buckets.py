"""Models on sets of varying size without a mask: one function for each size, made when it is met.

A row holds all slots of the longest set, and the numbers of filled slots last. The function of a
size has the columns of its filled slots alone; responses are put together event by event.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ModelError, OnnxTaylorError, ProbeError, printable
from onnxtaylor.graph import Choice, GraphFunction, InputData, LoadedModel, choose
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.jagged import Jagged, Size, SizesSeen, find_jagged
from onnxtaylor.problem.opening import OpenModel, open_model
from onnxtaylor.problem.own_inputs import OwnInputs
from onnxtaylor.problem.slots import Slots, add_lengths, find_slots
from onnxtaylor.runtime.session import varying_width
from onnxtaylor.supervision.work import opening_model

__all__ = ["BucketedSession", "Buckets", "open_by_size"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def open_by_size(
    model: LoadedModel,
    options: ModelOptions,
    x: Floats,
    *,
    data: InputData,
    provider: str = "cpu",
    derivatives: bool = True,
    seen: SizesSeen | None = None,
) -> OpenModel:
    """Opens a model, by size where the data have sets of varying size that no mask covers.

    Parameters are those of ``open_model``; ``seen`` has the sizes of all events. Raises as
    ``open_model`` does, and ProbeError, with the size and the number of its events, for a size with
    which the model fails.
    """
    choice = choose(model, options, derivatives=derivatives, data=data)
    jagged = find_jagged(model, choice)
    if jagged is None or not jagged.sets:
        kind: dict[str, Any] = {"provider": provider, "derivatives": derivatives, "data": data}
        return open_model(model, options, x, **kind)
    if seen is None:
        raise ModelError("events of varying size need their sizes: open them as a Problem").located(
            model.path
        )
    buckets = Buckets(model, options, choice, jagged, seen, provider, derivatives)
    buckets.require_all()
    usual = buckets.opened(buckets.usual)
    function = replace(
        usual.function,
        # of the graph of one size: nothing else can run it by mistake
        n_features=jagged.n_columns,
        n_context=len(data.columns),
    )
    inverted = {mask.name: mask.inverted for mask in usual.slots.masks}
    found = find_slots(model, choice)
    masks = tuple(replace(m, inverted=inverted.get(m.name, m.inverted)) for m in found.masks)
    slots = add_lengths(Slots(masks), jagged.lengths)
    count = len(buckets.sizes)
    return replace(
        usual,
        choice=choice,
        session=BucketedSession(function, buckets),
        batch=f"{usual.batch}; a function for each of {count} sizes",
        slots=slots,
        buckets=buckets,
    )


class Buckets:
    """The functions of a model by size.

    Parameters
    ----------
    model, options, choice
        The model, and the choice of its inputs at their largest sizes.
    jagged
        The sets of varying size.
    seen
        Sizes of all events.
    provider, derivatives
        As for ``open_model``.
    """

    def __init__(
        self,
        model: LoadedModel,
        options: ModelOptions,
        choice: Choice,
        jagged: Jagged,
        seen: SizesSeen,
        provider: str,
        derivatives: bool,
    ) -> None:
        self.jagged, self.provider = jagged, provider
        self._model, self._options, self._choice = model, options, choice
        self._derivatives = derivatives
        self._counts, self._rows = seen.of(jagged)
        self._open: dict[Size, OpenModel] = {}

    @property
    def sizes(self) -> tuple[Size, ...]:
        """All sizes of the data, the most frequent first."""
        return tuple(sorted(self._counts, key=lambda size: (-self._counts[size], size)))

    @property
    def usual(self) -> Size:
        """The most frequent size, by which engines are chosen; sets without objects tell less."""
        return min(self.sizes, key=lambda size: size.count(0))  # the first of the least

    def columns(self, size: Size) -> Integers:
        """Columns of the row that the function of a size has, in its order."""
        return self.jagged.columns(size)

    def events(self, size: Size) -> int:
        """Number of events of a size in the data."""
        return self._counts.get(size, 0)

    def rows(self, size: Size) -> Floats:
        """The first events of a size, of its own columns."""
        return np.ascontiguousarray(self._rows[size][:, self.columns(size)])

    def opened(self, size: Size) -> OpenModel:
        """Opens the model for events of a size. Raises as ``open_model`` does."""
        if size not in self._open:
            with self.located(size), opening_model(self._model.path, anew=True):
                if size not in self._rows:
                    raise ProbeError("no event of the data has this size").located(self._model.path)
                self._open[size] = open_model(
                    self._model,
                    self._options,
                    self.rows(size),
                    provider=self.provider,
                    derivatives=self._derivatives,
                    data=self.jagged.data_of(size),
                )
            if self._open[size].response_names != self._open[self.usual].response_names:
                counts = [len(self._open[s].response_names) for s in (self.usual, size)]
                raise varying_width(
                    self._open[size].function, f"{counts[0]} and {counts[1]}"
                ).located(self._model.path)
        return self._open[size]

    @contextmanager
    def located(self, size: Size) -> Iterator[None]:
        """Puts the size, and the number of its events, behind messages of errors."""
        try:
            yield
        except OnnxTaylorError as error:
            told = copy(error)
            told.message = f"{error.message} [at {self._phrase(size)}]"
            raise told from None

    def require_all(self) -> None:
        """Runs the model as it is in the file at an event of every size.

        Raises ProbeError, with the size and the number of its events, where it fails or no response
        is finite.
        """
        own = None
        for size in self.sizes:
            if not (self.columns(size) < self._n_features).any():
                self._refuse(size, "there is no feature")
            data = self.jagged.data_of(size)
            choice = choose(self._model, self._options, derivatives=self._derivatives, data=data)
            row = self.rows(size)[0]
            if own is None or choice.held:  # of which some have the size of the sets
                own = self._own(choice, len(row))
            try:
                answers = own.run(own.event(row, choice))
            except ModelError as error:
                self._refuse(size, str(error))
            if not any(np.isfinite(answer).any() for answer in answers):
                self._refuse(size, "no response is finite")

    @property
    def _n_features(self) -> int:
        return self.jagged.n_columns - len(self.jagged.data.columns)

    def _own(self, choice: Choice, n_columns: int) -> OwnInputs:
        try:
            return OwnInputs(self._model, choice, n_columns)
        except ModelError as error:
            raise error.located(self._model.path) from None

    def _refuse(self, size: Size, why: str) -> None:
        raise ProbeError(
            f"{printable(self._model.path)}: the model cannot be used at {self._phrase(size)}:"
            f" {why}: leave these events out"
        )

    def _phrase(self, size: Size) -> str:
        total, count = sum(self._counts.values()), self._counts.get(size, 0)
        return f"{self.jagged.phrase(size)} ({count} of {total} events)"


class BucketedSession:
    """A function that can be called on rows of all sizes; it has the interface of a ``Session``.

    Parameters
    ----------
    function
        The function: its columns are those of the longest sets, its graph is that of one size.
    buckets
        The functions by size.
    """

    def __init__(self, function: GraphFunction, buckets: Buckets) -> None:
        self.function, self.provider, self._buckets = function, buckets.provider, buckets

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the responses (R, C) at the rows (R, n); padded slots are not looked at."""
        jagged, answer = self._buckets.jagged, None
        for size, events in jagged.groups(np.asarray(rows)):
            session = self._buckets.opened(size).session
            with self._buckets.located(size):
                part = session(rows[np.ix_(events, self._buckets.columns(size))])
            if answer is None:
                answer = np.empty((len(rows), part.shape[1]), part.dtype)
            answer[events] = part
        return np.empty((0, 0)) if answer is None else answer
