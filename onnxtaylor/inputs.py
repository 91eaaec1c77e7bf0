"""The data of an analysis: arrays or files, matched with the names that the model carries."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy.typing as npt

from onnxtaylor import data
from onnxtaylor.data import EventSource
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.graph import Choice, LoadedModel, ModelRequest, choose, stored_names
from onnxtaylor.graph.layout import feature_count
from onnxtaylor.settings import DataRequest

__all__ = ["FEATURE_KEYS", "Paths", "Progress", "feature_names_of", "open_data", "tell"]

FEATURE_KEYS = ("feature_names", "features", "input_names", "columns")

Progress = Callable[[str, int, int | None], None]  # stage, events done, events in all
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
    """The events of an array or of files, cut to those that are wanted.

    The names of a file's columns are matched with those that the model carries. A column that is
    called as an input that is held is no feature unless it is asked for.
    """
    source: EventSource
    if hasattr(x, "batches"):
        source = cast(EventSource, x)
    elif (paths := _paths(x)) is not None:
        choice = choose(model, request)
        offered = feature_names_of(model, choice)
        source = data.open_source(
            paths,
            request=data.ColumnRequest(
                n_features=choice.n_features,
                features=wanted.features,
                offered=None if offered is None else tuple(offered),
                label=wanted.label,
                weight=wanted.weight,
                exclude=wanted.exclude,
                held=tuple(port.name for port, _ in choice.fixed),
                missing=missing,
            ),
        )
    else:
        for name, value in (("labels", wanted.label), ("weights", wanted.weight)):
            if value is not None:
                raise OptionError(f"{name}='{printable(value)}' names a column, but x is an array")
        weights, labels = arrays
        source = data.ArraySource(
            x, weights=weights, labels=labels, feature_names=wanted.features, missing=missing
        )
    if wanted.events is not None:
        source = data.first_events(source, wanted.events)
    if wanted.sample is not None:
        # one pass counts: a sample of unknown size cannot be drawn evenly
        total = 0
        for batch in source.batches(2**16):
            total += len(batch)
            tell(progress, "counting", total, None)
        source = data.sampled(source, total, wanted.sample, seed)
    return source


def _paths(x: object) -> list[str | os.PathLike[str]] | None:
    """File names, or None for what is data itself."""
    if isinstance(x, str | os.PathLike):
        return [x]
    if isinstance(x, list | tuple) and x and all(isinstance(p, str | os.PathLike) for p in x):
        return list(x)
    return None


def tell(progress: Progress | None, stage: str, done: int, total: int | None) -> None:
    """Reports progress to whoever looks."""
    if progress is not None:
        progress(stage, done, total)
