"""The data of an analysis: arrays or files, matched with the names that the model carries."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from onnxtaylor import data
from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.graph import (
    Choice,
    InputData,
    LoadedModel,
    choose,
    input_ports,
    stored_names,
)
from onnxtaylor.graph.layout import feature_count
from onnxtaylor.graph.specified import read_inputs, specified_names
from onnxtaylor.inputs import Specification, from_metadata
from onnxtaylor.inputs.expanded import raw_specification
from onnxtaylor.inputs.gnn_config import KEY
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.problem.fed_inputs import present_inputs, requests_of
from onnxtaylor.progress import Progress, report_progress

__all__ = [
    "FEATURE_KEYS",
    "Events",
    "FirstRows",
    "Paths",
    "column_request",
    "cut_events",
    "feature_names_of",
    "open_data",
    "rows_of",
]

FEATURE_KEYS = ("feature_names", "features", "input_names", "columns")

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Events: TypeAlias = npt.ArrayLike | EventSource | Paths | Mapping[str, Any]


def feature_names_of(model: LoadedModel, choice: Choice) -> list[str] | None:
    """Names of the features by a specification, or that a model carries: in its metadata, or as
    names of its inputs where each of several holds one feature, as those of scikit-learn pipelines
    do.
    """
    inputs = choice.features
    specification = choice.specification or _exported(model)
    if specification is not None and (names := specified_names(specification, inputs)):
        return names
    if (stored := stored_names(model.proto, FEATURE_KEYS)) is not None:
        return stored
    if len(inputs) > 1 and all(feature_count(p) == 1 for p in inputs):
        return [p.name for p in inputs]
    return None


def _exported(model: LoadedModel) -> Specification | None:
    """Reads what an exporter wrote of the inputs; None where there is nothing, or it is damaged."""
    metadata = {entry.key: entry.value for entry in model.proto.metadata_props}
    if KEY not in metadata:
        return None
    try:
        ports = input_ports(model.proto.graph)
        return from_metadata({KEY: metadata[KEY]}, ports, printable(model.path))
    except OptionError:
        return None


def open_data(
    model: LoadedModel,
    model_options: ModelOptions,
    x: Events,
    options: DataOptions,
    *,
    derivatives: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> EventSource:
    """Opens the events of an array, a data frame or files, cut to the requested ones.

    The names of the columns of files and frames are matched with those that the model carries. A
    column with the name of a held input is no feature unless it is requested. Raises DataError for
    what cannot be read, OptionError for options that do not fit the kind of data.
    """
    specification = read_inputs(model, model_options)
    columns = column_request(options)
    arrays = {name: getattr(options, name) for name in ("weights", "labels")}
    arrays = {name: None if isinstance(v, str) else v for name, v in arrays.items()}

    def matched(names: Sequence[str]) -> data.ColumnRequest:
        present = present_inputs(model, names, no_batch=model_options.no_batch)
        inputs = InputData(present=present)
        choice = choose(model, model_options, derivatives=derivatives, data=inputs)
        offered = feature_names_of(model, choice)
        return replace(
            columns,
            n_features=choice.n_features,
            offered=None if offered is None else tuple(offered),
            held=tuple(port.name for port, _ in choice.held),
            inputs=requests_of(choice),
        )

    source: EventSource
    paths = None if hasattr(x, "batches") else data.file_names(x)
    for name, array in arrays.items():
        if array is not None and paths is not None:
            raise OptionError(
                "is an array, but the events are in files: name one of their columns", option=name
            )
    if hasattr(x, "batches"):
        _refuse_columns(options)
        source = cast(EventSource, x)
    elif specification is not None:
        choice = choose(model, model_options, derivatives=derivatives)
        source = data.open_specified(x, *_fed(choice, specification), columns, **arrays)
    elif paths is not None:
        source = data.open_source(paths, request=matched)
    else:
        source = data.in_memory(x, matched, **arrays)
    return cut_events(source, options, seed, progress)


def _fed(choice: Choice, specification: Specification) -> tuple[Specification, list[data.FedInput]]:
    """Returns the specification of the rows, and the inputs in their order."""
    if specification.expand_transforms:
        specification = raw_specification(specification)
    features = len(choice.features)
    return specification, [
        data.FedInput(port.name, place < features, port.type == TensorProto.STRING)
        for place, port in enumerate((*choice.features, *choice.context))
    ]


def rows_of(
    model: LoadedModel, choice: Choice, options: ModelOptions, x: Mapping[str, Any]
) -> npt.NDArray[np.float64]:
    """Returns the rows (B, n) of events that are given as one array per input.

    Raises DataError for what does not fit, and for texts that the function does not know.
    """
    source = open_data(model, options, x, DataOptions())
    rows = np.concatenate([batch.x for batch in source.batches(2**16)])
    first = rows.shape[1] - len(choice.data.texts)
    own: Mapping[str, Sequence[str]] = getattr(source, "texts", {})
    for k, (name, known) in enumerate(zip(choice.data.columns, choice.data.texts, strict=True)):
        if known:
            code = {text: number for number, text in enumerate(known)}
            new = [text for text in own.get(name, ()) if text not in code]
            if new:
                raise DataError(
                    f"{printable(name)} has the text '{printable(new[0], 40)}', which the data"
                    " that the model was opened with do not have"
                )
            table = np.array([code[text] for text in own[name]], np.float64)
            rows[:, first + k] = table[rows[:, first + k].astype(np.int64)]
    return rows


def column_request(options: DataOptions) -> data.ColumnRequest:
    """Returns the columns that options name; weights and labels given as arrays have no column."""
    return data.ColumnRequest(
        n_features=None,
        features=None if options.feature_names is None else tuple(options.feature_names),
        label=options.labels if isinstance(options.labels, str) else None,
        weight=options.weights if isinstance(options.weights, str) else None,
        exclude=tuple(options.exclude or ()),
        missing=options.missing,
    )


def cut_events(
    source: EventSource, options: DataOptions, seed: int, progress: Progress | None = None
) -> EventSource:
    """Returns a source of the first events or of a random sample, or the whole source."""
    if options.events is not None:
        source = data.first_events(source, options.events)
    if options.sample is not None:
        source = data.sample_events(source, _count(source, progress), options.sample, seed)
    return source


def _count(source: EventSource, progress: Progress | None) -> int:
    """Counts the events in one pass: a sample of unknown size cannot be drawn evenly."""
    total = 0
    for batch in source.batches(2**16):
        total += len(batch)
        report_progress(progress, "counting", total, None)
    return total


def _refuse_columns(options: DataOptions) -> None:
    """Raises OptionError for columns and arrays together with a source, which has its own."""
    for name in ("weights", "labels", "feature_names", "exclude"):
        value = getattr(options, name)
        if value is not None and not (name == "exclude" and not value):
            raise OptionError(
                "must be left out where the events are a source, which has its own", option=name
            )


class FirstRows(DerivedSource):
    """A source that keeps the first ``count`` events that pass, as ``x`` (B, n)."""

    def __init__(self, source: EventSource, count: int) -> None:
        super().__init__(source)
        self._left = count
        self._parts: list[npt.NDArray[np.float64]] = []

    @property
    def x(self) -> npt.NDArray[np.float64]:
        """The events that have passed, at most ``count``."""
        return np.concatenate(self._parts)

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the source, at most ``size`` events at a time."""
        for batch in self._source.batches(size):
            if self._left:
                self._parts.append(batch.x[: self._left].copy())
                self._left -= len(self._parts[-1])
            yield batch
