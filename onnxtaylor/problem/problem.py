"""This model on these data, opened once: every verb of the package takes a ``Problem``.

>>> problem = Problem.open("model.onnx", "events.parquet")    # doctest: +SKIP
>>> result = onnxtaylor.analyze(problem, order=1)             # doctest: +SKIP
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.data import ArraySource, EventSource, Survey, survey
from onnxtaylor.graph import InputData, LoadedModel, build_function, choose, read_model
from onnxtaylor.graph.specified import read_inputs
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.problem.buckets import open_by_size
from onnxtaylor.problem.events import Events, events_of, feature_names_of, open_data
from onnxtaylor.problem.fed_inputs import default_names, input_data, present_without_data
from onnxtaylor.problem.jagged import Size, SizesSeen
from onnxtaylor.problem.looked import FIRST_EVENTS, KnownSurvey, look_again, look_at, missing_in
from onnxtaylor.problem.opening import OpenModel, fields_of
from onnxtaylor.problem.rounding import require_held
from onnxtaylor.problem.specified import settle_options
from onnxtaylor.problem.standins import NO_DATA, NOT_FINITE, open_at_standins
from onnxtaylor.problem.whole_numbers import require_whole
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.results.classes import agree_with_labels
from onnxtaylor.results.taylor import FeatureSummary
from onnxtaylor.runtime.bounded import opening
from onnxtaylor.runtime.provider import choose_provider

__all__ = ["FIRST_EVENTS", "ModelSource", "Problem"]

ModelSource: TypeAlias = str | os.PathLike[str] | bytes | onnx.ModelProto


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem(OpenModel):
    """A model and the events that it is analyzed on, opened, surveyed and probed.

    Parameters that are not listed are described at ``OpenModel``.

    Parameters
    ----------
    model_options, data_options
        Choice of inputs, responses, columns and events.
    source
        The events, which can be read again and again.
    survey
        Count, weights, moments and ranges of the data, from one pass over them.
    first_events
        The first 64 events (B, n), or all if there are fewer.
    derivatives
        Whether the model has been opened for derivatives, or for responses to finite steps.
    stand_ins
        Remark on the stand-ins for events where there are no data; empty with data.
    sizes_seen
        Sizes of sets of all events.
    """

    model_options: ModelOptions
    data_options: DataOptions
    source: EventSource
    survey: Survey
    first_events: npt.NDArray[np.float64]
    derivatives: bool = True
    stand_ins: str = ""
    sizes_seen: SizesSeen | None = None

    @classmethod
    @opening()
    def open(
        cls,
        model: ModelSource | LoadedModel,
        data: Events | None,
        model_options: ModelOptions | None = None,
        data_options: DataOptions | None = None,
        *,
        derivatives: bool = True,
        provider: str = "auto",
        seed: int = 0,
        known: KnownSurvey | None = None,
        progress: Progress | None = None,
    ) -> Problem:
        """Reads a model, opens the data and surveys them in one pass, and probes the function.

        Parameters
        ----------
        model
            An ONNX file, its bytes, or an ``onnx.ModelProto``.
        data
            Events as ``analyze`` takes them; None where options name the files by class.
        model_options, data_options
            Choice of inputs, responses, columns and events; by default everything that fits.
        derivatives
            False where responses to finite steps are wanted: inputs may then be whole numbers, and
            responses may vary in steps.
        provider, seed
            Device that evaluates the model; random seed of a sample of the events.
        known
            A survey of these data that was made before: they are not read.
        progress
            Called with (stage, events done, events in all).

        Raises
        ------
        ModelError, ProbeError
            The model cannot be read or run, is random, or mixes its events.
        DataError
            The data cannot be read or do not fit the model.
        OptionError
            An option names what does not exist, or makes no sense.
        """
        loaded = model if isinstance(model, LoadedModel) else read_model(model)
        of_data = data_options or DataOptions()
        data = events_of(data, of_data)
        of_model, of_data = settle_options(loaded, data, model_options or ModelOptions(), of_data)
        source = open_data(
            loaded, of_model, data, of_data, derivatives=derivatives, seed=seed, progress=progress
        )
        return cls.of_source(
            loaded,
            source,
            of_model,
            of_data,
            derivatives=derivatives,
            provider=provider,
            known=known,
            progress=progress,
        )

    @classmethod
    def of_source(
        cls,
        model: LoadedModel,
        source: EventSource,
        model_options: ModelOptions,
        data_options: DataOptions,
        *,
        derivatives: bool = True,
        provider: str = "auto",
        known: KnownSurvey | None = None,
        progress: Progress | None = None,
    ) -> Problem:
        """Surveys and probes a model on a source that has been opened with these options.

        Raises as ``open`` does.
        """
        looked = look_at(source, data_options, progress, known)
        surveyed, seen = looked.survey, looked.seen
        inputs = input_data(model, source, no_batch=model_options.no_batch)
        choice = choose(model, model_options, derivatives=derivatives, data=inputs)
        require_held(model, choice.features, source, surveyed)
        require_whole(model, choice, source, surveyed)
        device = choose_provider(provider)
        report_progress(progress, "probing", 0, None)
        opened = open_by_size(
            model,
            model_options,
            looked.first,
            provider=device,
            derivatives=derivatives,
            data=inputs,
            seen=seen,
        )
        if opened.slots and (known is None or not known.padded):  # their entries are no data
            surveyed = look_again(source, data_options, opened.slots, known)
        agree_with_labels(opened.nodes, list(surveyed.classes))
        return cls(
            **fields_of(opened),
            model_options=model_options,
            data_options=data_options,
            source=source,
            survey=surveyed,
            first_events=looked.first,
            derivatives=derivatives,
            sizes_seen=seen,
        )

    @classmethod
    @opening()
    def open_without_data(
        cls,
        model: ModelSource | LoadedModel,
        model_options: ModelOptions | None = None,
        *,
        n_features: int | None = None,
        provider: str = "auto",
    ) -> Problem:
        """Opens a model without data, and probes it at random numbers in place of events.

        ``n_features`` is needed where the model takes any number of them. Raises as ``open`` does.
        """
        loaded = model if isinstance(model, LoadedModel) else read_model(model)
        chosen = model_options or ModelOptions()
        chosen = replace(chosen, inputs=read_inputs(loaded, chosen))  # a file is read once
        inputs = InputData(present=present_without_data(loaded))
        choice = choose(loaded, chosen, data=inputs)
        n = choice.n_features or n_features
        if n is None:
            build_function(loaded, choice)  # raises the line that says which size is free
        context = (choice.n_columns or 0) - (choice.n_features or choice.n_columns or 0)
        opened, x, finite = open_at_standins(
            loaded, chosen, n or 1, context, provider=choose_provider(provider), data=inputs
        )
        return cls(
            **fields_of(opened),
            model_options=chosen,
            data_options=DataOptions(),
            source=(source := ArraySource(x)),
            survey=survey(source),
            first_events=x,
            stand_ins=NO_DATA if finite else NOT_FINITE,
        )

    def with_model(self, model: LoadedModel) -> Problem:
        """Returns another model on the same events, probed at the first of them.

        The data are not read again. Raises as ``open`` does.
        """
        no_batch = self.model_options.no_batch
        inputs = input_data(model, self.source, no_batch=no_batch)
        choice = choose(model, self.model_options, derivatives=self.derivatives, data=inputs)
        require_held(model, choice.features, self.source, self.survey)
        require_whole(model, choice, self.source, self.survey)
        opened = open_by_size(
            model,
            self.model_options,
            self.first_events,
            provider=self.provider,
            derivatives=self.derivatives,
            data=inputs,
            seen=self.sizes_seen,
        )
        agree_with_labels(opened.nodes, list(self.survey.classes))
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return Problem(**{**own, **fields_of(opened)})

    def of_size(self, size: Size) -> Problem:
        """Returns the problem of the events of one size: its columns are those of filled slots.

        Its data cannot be read, its first events are those of this size. Requires ``buckets``.
        """
        assert self.buckets is not None
        columns, rows = self.buckets.columns(size), self.buckets.rows(size)
        sample = self.survey.sample
        events = self.buckets.jagged.sizes(sample) == np.array(size)
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        opened = self.buckets.opened(size)
        names = np.array(self.column_names, dtype=object)[columns].tolist()
        n = opened.function.n_varied
        mine = sample[events.all(axis=1)][:, columns]
        changed = {
            "source": ArraySource(rows[:, :n], feature_names=names[:n]),
            "survey": self.survey.of_columns(columns, mine if len(mine) else rows),
            "first_events": rows,
        }
        return Problem(**{**own, **fields_of(opened), **changed})

    @property
    def features(self) -> tuple[FeatureSummary, ...]:
        """Name, moments and range of each feature, in the order of the model's input."""
        s = self.survey
        columns = zip(self.column_names, s.mean, s.std, s.min, s.max, s.missing, strict=True)
        everything = tuple(
            FeatureSummary(name, float(a), float(b), float(c), float(d), int(e))
            for name, a, b, c, d, e in columns
        )
        return everything[: self.function.n_varied]

    @property
    def feature_names(self) -> list[str]:
        """Names of the n features: those of the data, else of the model, else ``x0``, ``x1``, …"""
        n = self.function.n_varied
        names = self.source.feature_names or feature_names_of(self.model, self.choice)
        if not names or len(names) != n:
            return default_names(self.choice, n)
        return self.buckets.jagged.named(names) if self.buckets else list(names)

    def filled(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether the features (B, n) of events x are in filled slots."""
        return ~self.slots.padded(x)[:, : self.function.n_varied]

    @property
    def column_names(self) -> list[str]:
        """Names of the columns of the fed row: the features, then the context."""
        known = self.choice.data.columns
        context = [f"context[{k}]" for k in range(self.function.n_context)]
        return [*self.feature_names, *(known if len(known) == len(context) else context)]

    @property
    def missing(self) -> float | npt.NDArray[np.float64] | None:
        """Value of missing entries in the data, or one for each column."""
        return missing_in(self.source, self.data_options)
