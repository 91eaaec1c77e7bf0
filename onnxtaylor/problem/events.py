"""The data of an analysis: arrays or files, matched with the names that the model carries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy.typing as npt

from onnxtaylor import data
from onnxtaylor.data import EventSource
from onnxtaylor.errors import OptionError
from onnxtaylor.graph import Choice, LoadedModel, ModelRequest, choose, stored_names
from onnxtaylor.graph.layout import feature_count
from onnxtaylor.options.analysis import DataRequest
from onnxtaylor.progress import Progress, tell

__all__ = ["FEATURE_KEYS", "Paths", "Progress", "feature_names_of", "open_data", "tell"]

FEATURE_KEYS = ("feature_names", "features", "input_names", "columns")

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def feature_names_of(model: LoadedModel, choice: Choice) -> list[str] | None:
    """The features' names that a model carries: in its metadata, or as names of its inputs where
    each of several holds one feature, as those of scikit-learn pipelines do.
    """
    inputs = choice.features
    if (stored := stored_names(model.proto, FEATURE_KEYS)) is not None:
        return stored
    if len(inputs) > 1 and all(feature_count(p) == 1 for p in inputs):
        return [p.name for p in inputs]
    return None


def open_data(
    model: LoadedModel,
    request: ModelRequest,
    x: npt.ArrayLike | EventSource | Paths,
    wanted: DataRequest,
    *,
    missing: float | None = None,
    arrays: tuple[Any, Any] = (None, None),
    seed: int = 0,
    progress: Progress | None = None,
) -> EventSource:
    """The events of an array, a data frame or files, cut to those that are wanted.

    The names of the columns of files and frames are matched with those that the model carries. A
    column that is called as an input that is held is no feature unless it is asked for.
    """
    weights, labels = (None if isinstance(given, str) else given for given in arrays)
    columns = data.ColumnRequest(
        n_features=None,
        features=wanted.features,
        label=wanted.label,
        weight=wanted.weight,
        exclude=wanted.exclude,
        missing=missing,
    )

    def matched() -> data.ColumnRequest:
        choice = choose(model, request)
        offered = feature_names_of(model, choice)
        return replace(
            columns,
            n_features=choice.n_features,
            offered=None if offered is None else tuple(offered),
            held=tuple(port.name for port, _ in choice.held),
        )

    source: EventSource
    if hasattr(x, "batches"):
        _refuse_columns(wanted, weights, labels)
        source = cast(EventSource, x)
    elif (paths := data.file_names(x)) is not None:
        _refuse_arrays(weights, labels)
        source = data.open_source(paths, request=matched())
    else:
        chosen = columns if data.column_names(x) is None else matched()
        source = data.in_memory(x, chosen, weights=weights, labels=labels)
    if wanted.events is not None:
        source = data.first_events(source, wanted.events)
    if wanted.sample is not None:
        # one pass counts: a sample of unknown size cannot be drawn evenly
        total = 0
        for batch in source.batches(2**16):
            total += len(batch)
            tell(progress, "counting", total, None)
        source = data.sample_events(source, total, wanted.sample, seed)
    return source


def _refuse_columns(wanted: DataRequest, weights: object, labels: object) -> None:
    """Raises OptionError for columns and arrays beside a source, which has them itself."""
    given: dict[str, object] = {
        "weights": weights if wanted.weight is None else wanted.weight,
        "labels": labels if wanted.label is None else wanted.label,
        "feature_names": wanted.features,
        "exclude": wanted.exclude or None,
    }
    for name, value in given.items():
        if value is not None:
            raise OptionError(f"{name}: x is a source of events, which has them: leave it out")


def _refuse_arrays(weights: object, labels: object) -> None:
    """Raises OptionError for arrays beside files."""
    for name, value in (("weights", weights), ("labels", labels)):
        if value is not None:
            raise OptionError(f"{name} is an array, but x are files: name a column of theirs")
