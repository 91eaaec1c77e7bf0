"""⟨t⟩ along a training: of checkpoints, or after every gradient step without writing files.

>>> progress = LearningProgress(x, feature_names=["pt", "eta"])     # doctest: +SKIP
>>> model.fit(x, y, callbacks=[progress.keras()])                   # doctest: +SKIP
>>> progress.plot(log=True)                                         # doctest: +SKIP
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.metadata import version
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.data import in_memory
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.graph import LoadedModel, read_model
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.problem import Problem
from onnxtaylor.problem.calls import refuse_beside_problem
from onnxtaylor.problem.events import Events, column_request, cut_events, open_data
from onnxtaylor.problem.looked import missing_in
from onnxtaylor.progress import Progress
from onnxtaylor.results.documents import json_missing
from onnxtaylor.results.summaries import DataSummary
from onnxtaylor.tracking.events import Scores, TrackedEvents, read_events
from onnxtaylor.tracking.result import ProgressResult
from onnxtaylor.tracking.step import TrackedStep
from onnxtaylor.tracking.tracker import Measured, Tracker

if TYPE_CHECKING:
    from typing import Unpack

    from matplotlib.axes import Axes

    from onnxtaylor.options.keywords import TrackKeywords

__all__ = ["EVENTS", "LearningProgress"]

EVENTS = 1000  # tracked by default: SEM of a few per cent, and as cheap as a gradient step


@with_options("LearningProgress")
class LearningProgress:
    """Records ⟨t⟩, its standard error and the signed mean of all coefficients, step by step.

    Parameters
    ----------
    x
        Events: an array (N, n), a data frame, one or several file names, or an ``EventSource``; or
        a ``Problem``, whose events and choices of inputs and responses are taken. They are the same
        at every step.
    sample
        Number of events that are tracked, drawn at random; None takes all.
    **options
        A choice of those of ``analyze``. Derivatives of order 3 are compiled anew at each step.
    progress
        Called with (stage, events done, events in all) while the data are read.

    Raises
    ------
    OnnxTaylorError
        As ``analyze`` does: the data are read with the first model that is recorded.
    """

    def __init__(
        self,
        x: Events | Problem,
        *,
        sample: int | None = EVENTS,
        progress: Progress | None = None,
        **options: Unpack[TrackKeywords],
    ) -> None:
        of_model, of_data, of_engine, of_statistics = read_keywords(
            "LearningProgress",
            options,
            ModelOptions,
            DataOptions,
            EngineOptions,
            StatisticsOptions,
        )
        if isinstance(x, Problem):
            refuse_beside_problem(None, options)
            of_model, of_data = x.model_options, x.data_options
        self._x = x
        self._model_options, self._data_options = of_model, replace(of_data, sample=sample)
        self._engine_options = replace(of_engine, provider="cpu")
        self._statistics = replace(of_statistics, bootstrap=0, check=0)
        self._progress = progress
        self._events: TrackedEvents | None = None
        self._tracker: Tracker | None = None
        self._summary: DataSummary | None = None
        self._outputs: tuple[str, ...] = ()
        self._steps: list[TrackedStep] = []
        self._recorded: set[int | float] = set()
        self._scores: list[Scores] = []

    def __repr__(self) -> str:
        """Returns the number of recorded steps, and the name of the model."""
        if not self._steps:
            return "LearningProgress: nothing was recorded yet"
        return repr(self.result()).replace("ProgressResult", "LearningProgress", 1)

    def _repr_html_(self) -> str | None:
        """Returns the HTML that a notebook shows; None before the first step."""
        return self.result()._repr_html_() if self._steps else None

    @property
    def steps(self) -> tuple[TrackedStep, ...]:
        """Steps that have been recorded, in this order."""
        return tuple(self._steps)

    def record(
        self,
        step: int | float,
        model: str | os.PathLike[str] | bytes | onnx.ModelProto | LoadedModel,
        name: str | None = None,
    ) -> TrackedStep:
        """Records a model: an ONNX file, its bytes, or a ``ModelProto``.

        ``name`` is what the step is called, its file by default. Raises OptionError for a step
        that was recorded before or is no finite number, ModelError for another kind of model.
        """
        self._check_step(step)
        loaded = model if isinstance(model, LoadedModel) else read_model(model)
        self._begin(loaded)
        return self.keep(step, name or loaded.path, self.tracker.measure(loaded), loaded.sha256)

    def keep(
        self, step: int | float, name: str, measured: Measured, sha256: str | None = None
    ) -> TrackedStep:
        """Adds the scores of a step that the caller computed."""
        self._check_step(step)
        if self._summary is None:
            assert self._events is not None
            self._summary = self._events.summary(measured.problem)
            self._outputs = measured.problem.response_names
        kept = TrackedStep(
            step,
            name,
            measured.how,
            measured.engine,
            measured.precision,
            sha256,
            measured.note,
        )
        self._scores.append(measured.scores)
        self._steps.append(kept)
        self._recorded.add(step)
        return kept

    def keras(self, every: int = 1) -> Any:
        """A Keras callback: records the model before the first gradient step, and after each
        ``every``-th. Keras must be able to export the model to ONNX once (tf2onnx).

        Steps are counted over all calls of ``fit`` that the callback is given to.
        """
        from onnxtaylor.tracking.with_keras import keras_callback

        return keras_callback(self, _checked_every(every))

    def torch(self, model: Any, every: int = 1, example: Any = None) -> Any:
        """Records a PyTorch module as step 0, and returns a recorder: its ``step()``, called after
        each gradient step, records the module at each ``every``-th.

        ``example`` is an input of the module for its export, two tracked events by default.
        """
        from onnxtaylor.tracking.with_torch import TorchSteps

        return TorchSteps(self, model, _checked_every(every), example)

    def result(self) -> ProgressResult:
        """Returns the recorded steps, in their order.

        Raises OptionError if there is none.
        """
        if not self._steps or self._summary is None:
            raise OptionError("nothing was recorded yet: record(step, model), or a callback")
        order = sorted(range(len(self._steps)), key=lambda k: self._steps[k].step)

        def stacked(name: str) -> npt.NDArray[np.float64]:
            return np.stack([getattr(self._scores[k], name) for k in order])

        order_of, scale = self._engine_options.order, self._statistics.scale
        curvature, widths = self.tracker.curvature
        return ProgressResult(
            outputs=self._outputs,
            data=self._summary,
            options={
                "order": order_of,
                "link": self._model_options.link,
                "scale": scale,
                "sample": self._data_options.sample,
                "seed": self._statistics.seed,
                "missing": json_missing(self._data_options.missing),
                "piecewise_linear": dict(self.tracker.kinks),
                "curvature": curvature,
                "curvature_step": widths,
            },
            indices=self.tracker.indices,
            steps=tuple(self._steps[k] for k in order),
            score=stacked("score"),
            sem=stacked("sem"),
            signed_mean=stacked("signed_mean"),
            version=version("onnxtaylor"),
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        output: str | int | None = None,
        group: str | None = None,
        top: int = 8,
        log: bool = False,
    ) -> Axes:
        """Draws ⟨t⟩ against the step: see ``onnxtaylor.views.plot.progress.plot_progress``."""
        return self.result().plot(ax, output=output, group=group, top=top, log=log)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the steps recorded so far as JSON: see ``ProgressResult.load``."""
        self.result().save(path)

    @property
    def tracker(self) -> Tracker:
        """Measures models, once the data are read."""
        if self._tracker is None:
            raise OptionError("nothing was recorded yet: record(step, model), or a callback")
        return self._tracker

    def some_events(self, count: int) -> npt.NDArray[np.float64]:
        """Returns the first of the tracked events (≤ count, n).

        The events must be an array or data frame where no model was recorded yet: which columns of
        a file are features, its model says.
        """
        if self._events is not None:
            return self._events.x[:count]
        if isinstance(self._x, Problem):
            return self._x.first_events[:count]
        if _names_files(self._x) or hasattr(self._x, "batches"):
            raise OptionError(
                "callbacks need the events as an array or data frame: which columns of a file are"
                " features is not known before a model is exported"
            )
        for batch in in_memory(self._x, column_request(self._data_options)).batches(count):
            return batch.x
        raise DataError("there are no events to track")

    def _begin(self, model: LoadedModel) -> None:
        if self._tracker is not None:
            return
        x, options, seed = self._x, self._data_options, self._statistics.seed
        if isinstance(x, Problem):
            source = cut_events(x.source, DataOptions(sample=options.sample), seed, self._progress)
        else:
            source = open_data(
                model, self._model_options, x, options, seed=seed, progress=self._progress
            )
        self._events = read_events(source, missing_in(source, options))
        self._tracker = Tracker(
            self._events, self._model_options, options, self._engine_options, self._statistics
        )

    def _check_step(self, step: int | float) -> None:
        if not isinstance(step, int | float) or not isfinite(step):
            raise OptionError(f"must be a finite number, got {printable(step)}", option="step")
        if step in self._recorded:
            raise OptionError(f"step {step:g} was recorded already: give each step its own number")


def _checked_every(every: int) -> int:
    if every < 1:
        raise OptionError(f"must be at least 1, got {printable(every)}", option="every")
    return every


def _names_files(x: object) -> bool:
    first = x[0] if isinstance(x, list | tuple) and x else x
    return isinstance(first, str | os.PathLike)
