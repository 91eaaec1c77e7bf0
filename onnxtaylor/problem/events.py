"""The data of an analysis: arrays or files, matched with the names that the model carries."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeGuard, cast

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from onnxtaylor import data
from onnxtaylor.data import EventSource
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
from onnxtaylor.options.missing import usual_missing
from onnxtaylor.problem.fed_inputs import present_inputs, requests_of
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.text.expression import parse_expression

__all__ = [
    "FEATURE_KEYS",
    "Events",
    "Paths",
    "column_request",
    "cut_events",
    "events_of",
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
    x: Events | None,
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
    x = events_of(x, options)
    specification = read_inputs(model, model_options)
    columns = column_request(options)
    arrays = {name: getattr(options, name) for name in ("weights", "labels")}
    arrays = {
        name: None if isinstance(v, str) or (name == "weights" and _are_names(v)) else v
        for name, v in arrays.items()
    }
    trees = data.TreeRequest(options.tree, tuple(options.friends or ()))

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

    paths = None if hasattr(x, "batches") else data.file_names(x)
    for name, array in arrays.items():
        if array is not None and paths is not None:
            raise OptionError(
                "is an array, but the events are in files: name one of their columns", option=name
            )
    if hasattr(x, "batches"):
        _refuse_columns(options)
        chosen = cast(EventSource, x)
        if columns.beside.names:
            chosen = data.ChosenEvents(chosen, columns.beside)
        return cut_events(chosen, options, seed, progress)
    if paths is None:
        _refuse_trees(options)
    fed = None
    if specification is not None:
        fed = _fed(choose(model, model_options, derivatives=derivatives), specification)

    def opened(events: Any) -> EventSource:
        if fed is not None:
            return data.open_specified(events, *fed, columns, trees=trees, **arrays)
        if paths is not None:
            return data.open_source(events, request=matched, trees=trees)
        return data.in_memory(events, matched, **arrays)

    source = opened(x) if paths is None else _of_files(paths, opened, options)
    return cut_events(source, options, seed, progress)


def _of_files(
    paths: Sequence[str | os.PathLike[str]],
    opened: Callable[[Any], EventSource],
    options: DataOptions,
) -> EventSource:
    """Opens files as one stream, without those with a fault where that is asked for.

    Raises OptionError for friends whose file would have to be left out as well.
    """
    if not options.skip_bad_files:
        return opened(paths)
    if beside := next((one for one in options.friends or () if not one.startswith(":")), None):
        raise OptionError(
            f"leaves out no friends: write :TREE for a tree in the same file in place of"
            f" '{printable(beside, 60)}', or name the sound files",
            option="skip_bad_files",
        )
    sound, faults = data.sound_files(data.each_file(paths), opened)
    source: Any = opened(sound)
    source.skipped = faults
    return cast(EventSource, source)


def events_of(x: Events | None, options: DataOptions) -> Events:
    """Returns the events, or the files by class that options name in place of them.

    Files by class are taken as they are, too. Raises OptionError where there are both or none.
    """
    if options.files_by_class is None or data.are_class_files(x):
        if x is None:
            raise OptionError("a model needs data: give the events as x")
        opened: Events = data.as_partitions(x)  # of Dask: opened once, whoever reads them
        return opened
    if x is not None and not (isinstance(x, list | tuple) and not x):
        raise OptionError(
            "names the files of all events: leave other data out, or give them a class too",
            option="files_by_class",
        )
    return data.class_files(options.files_by_class)


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
    """Returns the columns that options name; weights and labels given as arrays have no column.

    Raises OptionError for an expression that cannot be read.
    """
    weights = options.weights
    names = [weights] if isinstance(weights, str) else weights if _are_names(weights) else []
    return data.ColumnRequest(
        n_features=None,
        features=None if options.feature_names is None else tuple(options.feature_names),
        label=options.labels if isinstance(options.labels, str) else None,
        weight=next(iter(names), None),
        exclude=tuple(options.exclude or ()),
        missing=usual_missing(options.missing),
        beside=data.Beside(
            factors=tuple(names[1:]),
            where=None if options.where is None else parse_expression(options.where, "where"),
            fold=None if options.fold is None else parse_expression(options.fold, "fold"),
        ),
    )


def _are_names(weights: object) -> TypeGuard[Sequence[str]]:
    """Tests whether weights are several names of columns."""
    if not isinstance(weights, list | tuple) or not weights:
        return False
    return all(isinstance(name, str) for name in weights)


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
    """Counts the events: a sample of unknown size cannot be drawn evenly.

    It takes a pass over them where the files do not tell their number.
    """
    known: int | None = getattr(source, "rows", None)
    if known:
        return known
    total = 0
    for batch in source.batches(2**16):
        total += len(batch)
        report_progress(progress, "counting", total, None)
    return total


def _refuse_columns(options: DataOptions) -> None:
    """Raises OptionError for columns and arrays together with a source, which has its own."""
    for name in ("weights", "labels", "feature_names", "exclude", "tree", "friends"):
        value = getattr(options, name)
        if value is not None and not (name in ("exclude", "friends") and not value):
            raise OptionError(
                "must be left out where the events are a source, which has its own", option=name
            )


def _refuse_trees(options: DataOptions) -> None:
    """Raises OptionError for trees where the events are in memory."""
    for name in ("tree", "friends"):
        if getattr(options, name):
            raise OptionError(
                "names a tree of a file, but the events are in memory: leave it out", option=name
            )
