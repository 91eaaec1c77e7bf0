"""⟨t⟩ along a training: of checkpoints, or after every gradient step without writing files.

>>> progress = LearningProgress(x, feature_names=["pt", "eta"])     # doctest: +SKIP
>>> model.fit(x, y, callbacks=[progress.keras()])                   # doctest: +SKIP
>>> progress.plot(log=True)                                         # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.data import ColumnRequest, EventSource, in_memory
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.graph import LoadedModel, ModelRequest, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options.analysis import AnalysisOptions, DataRequest
from onnxtaylor.problem.events import Paths, Progress
from onnxtaylor.results.documents import json_number
from onnxtaylor.results.summaries import DataSummary
from onnxtaylor.tracking.events import Scores, TrackedEvents, read_events
from onnxtaylor.tracking.result import ProgressResult, TrackedStep
from onnxtaylor.tracking.tracker import Measured, Tracker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EVENTS", "LearningProgress"]

EVENTS = 1000  # tracked by default: SEM of a few per cent, and as cheap as a gradient step


class LearningProgress:
    """Records ⟨t⟩, its standard error and the signed mean of all coefficients, step by step.

    Parameters
    ----------
    x
        Events: an array (N, n), a data frame, one or several file names, or an ``EventSource``.
        They are the same at every step.
    feature_names, weights, labels, exclude, missing
        As for ``analyze``.
    sample
        The number of events that are tracked, drawn at random; None takes all.
    order, link, scale, engine, input, output, output_names, classes, fix, seed, threads
        As for ``analyze``. Derivatives of order 3 are compiled anew at each step.
    progress
        Called with (stage, events done, events in all) while the data are read.

    The data are read with the first model that is recorded. Raises as ``analyze`` does.
    """

    def __init__(
        self,
        x: npt.ArrayLike | EventSource | Paths,
        *,
        feature_names: Sequence[str] | None = None,
        weights: npt.ArrayLike | str | None = None,
        labels: npt.ArrayLike | str | None = None,
        exclude: Sequence[str] = (),
        missing: float | None = None,
        sample: int | None = EVENTS,
        order: int = 2,
        input: str | Sequence[str] | None = None,
        output: str | Sequence[str] | None = None,
        fix: Mapping[str, npt.ArrayLike] | None = None,
        output_names: Iterable[object] | None = None,
        classes: Iterable[object] | None = None,
        link: str = "identity",
        scale: str = "sigma",
        engine: str = "auto",
        seed: int = 0,
        threads: int = 0,
        progress: Progress | None = None,
    ) -> None:
        if sample is not None and sample < 1:
            raise OptionError(f"sample {sample}: one event at least is needed")
        self._options = AnalysisOptions(
            order=order,
            link=link,
            scale=scale,
            engine=engine,
            seed=seed,
            threads=threads,
            missing=missing,
            bootstrap=0,
            check=0,
            provider="cpu",
        )
        self._request = ModelRequest.of(
            input, output, fix, link, output_names=output_names, classes=classes
        )
        self._x, self._arrays = x, (weights, labels)
        self._wanted = DataRequest(
            features=None if feature_names is None else tuple(feature_names),
            label=labels if isinstance(labels, str) else None,
            weight=weights if isinstance(weights, str) else None,
            exclude=tuple(exclude),
            sample=sample,
        )
        self._told = progress
        self._events: TrackedEvents | None = None
        self._tracker: Tracker | None = None
        self._summary: DataSummary | None = None
        self._outputs: tuple[str, ...] = ()
        self._steps: list[TrackedStep] = []
        self._recorded: set[int | float] = set()
        self._scores: list[Scores] = []

    def __repr__(self) -> str:
        """How many steps of what."""
        if not self._steps:
            return "LearningProgress: nothing was recorded yet"
        return repr(self.result()).replace("ProgressResult", "LearningProgress", 1)

    @property
    def steps(self) -> tuple[TrackedStep, ...]:
        """What has been recorded, in this order."""
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
        self, step: int | float, name: str, found: Measured, sha256: str | None = None
    ) -> TrackedStep:
        """Adds what a step gave. For those who measure by themselves."""
        self._check_step(step)
        if self._summary is None:
            assert self._events is not None
            self._summary = self._events.summary(found.opened)
            self._outputs = found.opened.response_names
        kept = TrackedStep(step, name, found.how, found.engine, found.precision, sha256, found.note)
        self._scores.append(found.scores)
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
        """Records a PyTorch module now, as step 0; ``step()`` of what it returns, called after
        each gradient step, records it at each ``every``-th.

        ``example`` is an input of the module for its export, two tracked events by default.
        """
        from onnxtaylor.tracking.with_torch import TorchSteps

        return TorchSteps(self, model, _checked_every(every), example)

    def result(self) -> ProgressResult:
        """All that was recorded, in the order of the steps. Raises OptionError if nothing was."""
        if not self._steps or self._summary is None:
            raise OptionError("nothing was recorded yet: record(step, model), or a callback")
        order = sorted(range(len(self._steps)), key=lambda k: self._steps[k].step)
        n = len(self._summary.features)

        def stacked(name: str) -> npt.NDArray[np.float64]:
            return np.stack([getattr(self._scores[k], name) for k in order])

        options = self._options
        return ProgressResult(
            outputs=self._outputs,
            data=self._summary,
            options={
                "order": options.order,
                "link": options.link,
                "scale": options.scale,
                "sample": self._wanted.sample,
                "seed": options.seed,
                "missing": json_number(options.missing),
                "piecewise_linear": dict(self.tracker.kinks),
            },
            indices=MultiIndices.full(n, options.order),
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
        """⟨t⟩ against the step: see ``onnxtaylor.views.plot.progress.plot_progress``."""
        return self.result().plot(ax, output=output, group=group, top=top, log=log)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes what was recorded so far as JSON: see ``ProgressResult.load``."""
        self.result().save(path)

    @property
    def tracker(self) -> Tracker:
        """What measures models, once the data are read."""
        if self._tracker is None:
            raise OptionError("nothing was recorded yet: record(step, model), or a callback")
        return self._tracker

    def some_events(self, count: int) -> npt.NDArray[np.float64]:
        """The first of the tracked events (≤ count, n). x must be an array or data frame where no
        model was recorded yet: which columns of a file are features, its model says.
        """
        if self._events is not None:
            return self._events.x[:count]
        if _names_files(self._x) or hasattr(self._x, "batches"):
            raise OptionError(
                "callbacks need the events as an array or data frame: which columns of a file are"
                " features is not known before a model is exported"
            )
        wanted = self._wanted
        columns = ColumnRequest(
            None,
            features=wanted.features,
            label=wanted.label,
            weight=wanted.weight,
            exclude=wanted.exclude,
            missing=self._options.missing,
        )
        for batch in in_memory(self._x, columns).batches(count):
            return batch.x
        raise DataError("there are no events to track")

    def _begin(self, model: LoadedModel) -> None:
        if self._tracker is not None:
            return
        self._events = read_events(
            model,
            self._request,
            self._x,
            self._wanted,
            missing=self._options.missing,
            arrays=self._arrays,
            seed=self._options.seed,
            progress=self._told,
        )
        self._tracker = Tracker(self._request, self._events, self._options)

    def _check_step(self, step: int | float) -> None:
        if not isinstance(step, int | float) or not isfinite(step):
            raise OptionError(f"step {printable(step)}: a finite number is needed")
        if step in self._recorded:
            raise OptionError(f"step {step:g} was recorded already: give each step its own number")


def _checked_every(every: int) -> int:
    if every < 1:
        raise OptionError(f"every {every}: 1 records each gradient step")
    return every


def _names_files(x: object) -> bool:
    first = x[0] if isinstance(x, list | tuple) and x else x
    return isinstance(first, str | os.PathLike)
