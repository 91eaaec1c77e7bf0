"""Follows a model while a framework trains it: its graph is exported once, its weights are read.

    variables of the framework → numbers of the graph's constants → weights of the compiled graph

The map is found by value (``variables``) and proved by response: at the start, after 1, 4, 16, …
recorded steps and at the end the graph with the present weights must respond as the framework's
model does. Some exporters fold variables together, so that their numbers are not in the graph; then
the model is exported again at every step.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from onnxtaylor.engine.exact.structure import FLOATS
from onnxtaylor.errors import ModelError, OnnxTaylorWarning, join_names
from onnxtaylor.graph import read_model
from onnxtaylor.problem import Problem
from onnxtaylor.runtime.session import start
from onnxtaylor.tracking.agreement import require_same
from onnxtaylor.tracking.tracker import Measured, Tracker
from onnxtaylor.tracking.variables import Variables, with_constants

if TYPE_CHECKING:
    from onnxtaylor.tracking.learning import LearningProgress

__all__ = ["Follower", "TrainedModel"]

Array = npt.NDArray[Any]

PROVED = 16  # events at which graph and framework must respond alike
ATTEMPTS = 2  # at drawing numbers that no other constant of the graph has


class TrainedModel(Protocol):
    """A model that a framework trains."""

    @property
    def name(self) -> str:
        """Name of the framework in messages."""

    def variables(self) -> Sequence[tuple[str, tuple[int, ...]]]:
        """Returns names and shapes of the model's floating-point variables."""

    def read(self) -> list[Array]:
        """Returns the values of the variables, in the order of ``variables``."""

    def export(self, values: Sequence[Array] | None) -> onnx.ModelProto:
        """Returns the model's ONNX graph in inference mode, with ``values`` as its variables if
        given.

        The model itself is afterwards as it was before.
        """

    def respond(self, x: Array) -> Array:
        """Returns the model's responses in inference mode at the events x (B, n): (B, …)."""


class Follower:
    """Records the steps of one model in a ``LearningProgress``."""

    def __init__(self, progress: LearningProgress, model: TrainedModel) -> None:
        self._progress, self._model = progress, model
        self._count = 0
        self._proved_at = self._next_proof = 0
        self._proto: onnx.ModelProto | None = None
        self._places: Mapping[str, Any] = {}
        self._raw: Mapping[str, Any] = {}
        self._variables: Variables | None = None
        self._opened: Problem | None = None  # the model whose weights the graph has
        self._every_time = False

    def record(self, step: int | float) -> None:
        """Records the present model. Raises ModelError if the map of its weights is wrong."""
        name = f"{self._model.name} at step {step:g}"
        if self._count == 0:
            self._begin()
        if self._every_time or self._variables is None:
            self._progress.record(step, self._model.export(None), name)
            self._count += 1
            return
        flat = self._flat()
        proved = self._count >= self._next_proof  # 1, 4, 16, …
        if proved:
            self._prove(flat)
            self._next_proof *= 4
        # another model may have been recorded in between: the compiled graph is then that model's
        ours = self._places and self._tracker.problem is self._opened
        quick = ours and self._tracker.swap(self._variables.constants(self._places, flat))
        if quick:
            assert self._tracker.problem is not None
            reference = self._tracker.open(read_model(self._now(flat))) if proved else None
            scores = self._tracker.scores(None if reference is None else reference.function)
            opened = self._tracker.problem
            precision = opened.function.precision
            measured = Measured(scores, opened, "swapped", "exact", precision, None)
            self._progress.keep(step, name, measured)
        else:
            self._progress.record(step, self._now(flat), name)
            self._follow()
        self._count += 1

    def finish(self) -> None:
        """Proves the map once more, after the last step."""
        if self._proto is not None and not self._every_time:
            self._prove(self._flat())

    @property
    def _tracker(self) -> Tracker:
        return self._progress.tracker

    def _flat(self) -> Array:
        """The numbers of all variables, one after another."""
        arrays = self._model.read()
        return np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.empty(0)

    def _begin(self) -> None:
        """Exports the model with distinct numbers as weights, locates them in the graph, and
        verifies that the graph with the present weights responds as the model does.
        """
        for seed in range(ATTEMPTS):
            if not self._exported(seed):
                return
            try:
                self._prove(self._flat())
                self._next_proof = 1
                return
            except ModelError:
                # a constant of the graph may happen to be one of the numbers: draw others
                if seed < ATTEMPTS - 1:
                    continue
                try:
                    self._prove(self._flat(), self._model.export(None))
                except ModelError:
                    pass  # the map is right, and the export is wrong
                else:
                    self._export_every_time("the exporter folds variables that are used again")
                    return
                raise

    def _exported(self, seed: int) -> bool:
        """Exports the model; returns whether all numbers are in the graph."""
        named = self._model.variables()
        try:
            self._variables = Variables([shape for _, shape in named], seed)
        except ModelError as error:
            self._export_every_time(str(error))
            return False
        self._proto = self._model.export(self._variables.values)
        tensors = [t for t in self._proto.graph.initializer if t.data_type in FLOATS]
        self._raw = self._variables.locate({t.name: numpy_helper.to_array(t) for t in tensors})
        missing = [named[k][0] for k in self._variables.missing(self._raw)]
        if missing:
            self._export_every_time(f"the exporter folds the variables {join_names(missing, 3)}")
        return not missing

    def _export_every_time(self, why: str) -> None:
        self._every_time = True
        warnings.warn(
            f"{self._model.name} is exported again at every recorded step, which takes long:"
            f" {why}; record fewer steps with a larger every=…",
            OnnxTaylorWarning,
            stacklevel=2,
        )

    def _follow(self) -> None:
        """Locates the weights of the compiled graph among the variables."""
        assert self._variables is not None
        opened = self._opened = self._tracker.problem
        if opened is None:
            return
        known = self._variables.constants(self._raw, self._variables.flat)
        marked = opened.function.with_proto(with_constants(opened.function.proto, known))
        constants = self._tracker.constants(marked)
        self._places = {} if constants is None else self._variables.locate(constants)

    def _now(self, flat: Array) -> onnx.ModelProto:
        """The exported graph with the present weights."""
        assert self._proto is not None
        assert self._variables is not None
        return with_constants(self._proto, self._variables.constants(self._raw, flat))

    def _prove(self, flat: Array, proto: onnx.ModelProto | None = None) -> None:
        """Compares the exported graph with the present weights, or another graph, with the
        framework's model. Raises ModelError where they respond differently.
        """
        x = self._progress.some_events(PROVED)
        expected = np.asarray(self._model.respond(x))
        session = start(proto or self._now(flat), threads=1)
        feed = session.get_inputs()[0]
        kind = np.float64 if "double" in feed.type else np.float32
        rows = x.astype(kind).reshape(len(x), *expected_shape(feed.shape))
        responses = session.run(None, {feed.name: rows})[0]
        require_same(
            responses.reshape(len(x), -1),
            expected.reshape(len(x), -1),
            f"{self._model.name}: the exported graph with the weights of this step responds"
            " differently from the model, by {}: its weights were not all found in the graph; use"
            f" record(step, model) with exported models (what was recorded up to"
            f" {self._proved_at} steps is right)",
        )
        self._proved_at = self._count


def expected_shape(shape: Sequence[int | str | None]) -> tuple[int, ...]:
    """Returns the shape of one event of an input, fit for ``reshape``: -1 for a free size."""
    return tuple(d if isinstance(d, int) and d > 0 else -1 for d in shape[1:])
