"""The coefficients of a TaylorResult as an Arrow table, made column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxtaylor.indices import RELATIONS, MultiIndices
from onnxtaylor.results.taylor_document import columns_of
from onnxtaylor.results.tidy import arrow_schema

if TYPE_CHECKING:
    import pyarrow

    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["describing_columns", "result_table"]


def result_table(result: TaylorResult) -> pyarrow.Table:
    """Returns the tidy table: outputs, then groups, then coefficients in convention order."""
    import pyarrow

    schema = arrow_schema(columns_of(result))
    columns = describing_columns(
        result.indices, result.features, result.method, result.outputs, result.groups
    )
    size = result.score.size
    for name, values in result.numbers.items():
        kind = schema.field(name).type
        flat = pyarrow.nulls(size, kind) if values is None else pyarrow.array(values.ravel(), kind)
        columns[name] = pyarrow.chunked_array([flat])
    return pyarrow.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def describing_columns(
    indices: MultiIndices,
    features: Sequence[str],
    method: str,
    outputs: Sequence[str],
    groups: Sequence[str],
) -> dict[str, pyarrow.ChunkedArray[Any]]:
    """Returns the columns that say where a row's numbers belong; the blocks share their memory."""
    import pyarrow

    count, blocks = len(indices), len(outputs) * len(groups)
    whose = _of_coefficients(indices, features)
    columns = {name: pyarrow.chunked_array([column] * blocks) for name, column in whose.items()}
    columns["method"] = pyarrow.chunked_array([pyarrow.repeat(method, count)] * blocks)
    columns["output"] = pyarrow.chunked_array(
        [pyarrow.repeat(output, count) for output in outputs for _ in groups]
    )
    by_group = [pyarrow.repeat(group, count) for group in groups]
    columns["group"] = pyarrow.chunked_array(by_group * len(outputs))
    return columns


def _of_coefficients(indices: MultiIndices, features: Sequence[str]) -> dict[str, Any]:
    """Returns the columns that say which coefficient a row holds, (K,)."""
    import pyarrow
    from pyarrow import compute

    names: Any = pyarrow.array(list(features), pyarrow.string())
    places = indices.table[indices.table >= 0]  # row by row
    ends = np.concatenate(([0], np.cumsum(indices.orders)))
    rows = pyarrow.ListArray.from_arrays(pyarrow.array(ends, pyarrow.int32()), names.take(places))
    label: Any = compute.binary_join(rows, ", ")
    if indices.told_apart.any():
        words = pyarrow.array(["", *(f" ({word})" for word in RELATIONS[1:])])
        suffixes: Any = words.take(indices.told_apart)
        label = compute.binary_join_element_wise(label, suffixes, "")
    columns = {"order": pyarrow.array(indices.orders), "label": label, "features": rows}
    if indices.relation is not None:
        columns["relation"] = pyarrow.array([None, *RELATIONS[1:]]).take(indices.relation)
    return columns
