"""Data frames in memory: which of their columns are features, label and weight.

A frame of pandas or polars, or a table of pyarrow, is asked for its columns as a file is: by name
where the features are named, by the names that the model carries, or by counting those that are
left. None of these libraries is imported for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from onnxtaylor.data.arrays import ArraySource
from onnxtaylor.data.columns import ColumnRequest, Places, choose, locate
from onnxtaylor.errors import DataError, OptionError, printable

__all__ = ["in_memory", "names_of"]

FRAME = "the data frame"
KEYWORDS = {"--features": "feature_names", "--exclude": "exclude"}  # of a call from Python


def names_of(x: Any) -> tuple[str, ...] | None:
    """Names of the columns of a data frame, as text; None of an array."""
    if _is_arrow(x):
        return tuple(map(str, x.column_names))
    if hasattr(x, "columns") and hasattr(x, "dtypes"):
        return tuple(map(str, x.columns))
    return None


def in_memory(
    x: Any, request: ColumnRequest, *, weights: Any = None, labels: Any = None
) -> ArraySource:
    """Events of an array or a data frame.

    Of a data frame, ``request`` names the columns that hold weight and label, those that are left
    out, and the features; features that are no columns are new names for those that are left.
    ``weights`` and ``labels`` are arrays (N,), where they are no columns.

    Raises DataError as ``columns.choose`` and ``ArraySource`` do, OptionError where columns of an
    array are named.
    """
    names = names_of(x)
    if names is None:
        _refuse_names(request)
        return ArraySource(
            x,
            weights=weights,
            labels=labels,
            feature_names=request.features,
            missing=request.missing,
        )
    features = request.features
    renamed = features is not None and not set(features) & set(names)
    with _words_of_python():
        columns = choose(FRAME, names, names, _asked(request, renamed, names))
        places = locate(FRAME, names, columns)
        rows, own_weights, own_labels = (_of_pandas if hasattr(x, "iloc") else _of_arrow)(x, places)
    return ArraySource(
        rows,
        weights=weights if own_weights is None else own_weights,
        labels=labels if own_labels is None else own_labels,
        feature_names=features if renamed else columns.features,
        missing=request.missing,
    )


def _asked(request: ColumnRequest, renamed: bool, names: Sequence[str]) -> ColumnRequest:
    """The request; new names for all columns that are left do not choose among them."""
    taken = {request.label, request.weight, *request.exclude}
    left = [name for name in names if name not in taken]
    if renamed and request.features is not None and len(request.features) == len(left):
        return replace(request, features=None, offered=None)
    return request


def _refuse_names(request: ColumnRequest) -> None:
    named = {"labels": request.label, "weights": request.weight}
    named |= {"exclude": next(iter(request.exclude), None)}
    for option, name in named.items():
        if name is not None:
            raise OptionError(
                f"{option}='{printable(name)}' names a column, but x is an array: it takes a data"
                " frame or a file"
            )


@contextmanager
def _words_of_python() -> Iterator[None]:
    """Advice that names options of the command line names arguments instead."""
    try:
        yield
    except DataError as error:
        said = re.sub("|".join(KEYWORDS), lambda found: KEYWORDS[found[0]], str(error))
        raise DataError(said) from None


def _is_arrow(x: Any) -> bool:
    return hasattr(x, "column_names") and hasattr(x, "schema")


def _of_pandas(x: Any, places: Places) -> tuple[Any, Any, Any]:
    """Features, weight and label; all columns as they are, without a copy."""
    whole = places.features == tuple(range(x.shape[1]))
    rows = x if whole else x.iloc[:, list(places.features)]
    weight, label = (None if k is None else x.iloc[:, k] for k in (places.weight, places.label))
    return rows, weight, label


def _of_arrow(x: Any, places: Places) -> tuple[Any, Any, Any]:
    """Features, weight and label of a table of pyarrow, or of a frame of polars made one."""
    from onnxtaylor.data.arrow import arrow_piece  # pyarrow is slow to import

    table = x if _is_arrow(x) else x.to_arrow()

    def column(place: int) -> Any:
        found = table.column(place)
        return found.combine_chunks() if hasattr(found, "combine_chunks") else found

    piece = arrow_piece(FRAME, table.column_names, places, column, 0)
    return piece.x, piece.weights, piece.labels
