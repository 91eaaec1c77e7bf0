"""The data of an analysis: arrays or files, matched with the names that the model carries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

import numpy.typing as npt

from onnxtaylor import data
from onnxtaylor.bars import Progress, tell
from onnxtaylor.data import EventSource
from onnxtaylor.errors import OptionError, printable
from onnxtaylor.graph import LoadedModel, ModelRequest, choose, stored_names
from onnxtaylor.settings import DataRequest

__all__ = ["FEATURE_KEYS", "Paths", "Progress", "open_data", "tell"]

FEATURE_KEYS = ("feature_names", "features", "input_names", "columns")

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


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

    The names of a file's columns are matched with those that the model carries.
    """
    offered = stored_names(model.proto, FEATURE_KEYS)
    source: EventSource
    if hasattr(x, "batches"):
        source = cast(EventSource, x)
    elif (paths := _paths(x)) is not None:
        source = data.open_source(
            paths,
            request=data.ColumnRequest(
                n_features=choose(model, request).n_features,
                features=wanted.features,
                offered=None if offered is None else tuple(offered),
                label=wanted.label,
                weight=wanted.weight,
                exclude=wanted.exclude,
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
