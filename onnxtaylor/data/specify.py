"""Opens files or data in memory by a specification of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onnxtaylor.data.formats import Table
from onnxtaylor.data.frames import column_names, refuse_other_index
from onnxtaylor.data.memory import ArrowFrame, MappingTable, WithArrays
from onnxtaylor.data.open_tables import open_tables
from onnxtaylor.data.partitions import Partitions
from onnxtaylor.data.request import ColumnRequest, TreeRequest, requested
from onnxtaylor.data.source import EventSource
from onnxtaylor.data.specified import FedInput, SpecifiedSource
from onnxtaylor.data.table import file_names
from onnxtaylor.errors import DataError, OptionError, join_names, printable
from onnxtaylor.inputs import Specification

__all__ = ["list_columns", "open_specified"]


def open_specified(
    x: Any,
    specification: Specification,
    fed: Sequence[FedInput],
    request: ColumnRequest,
    *,
    weights: Any = None,
    labels: Any = None,
    trees: TreeRequest | None = None,
) -> EventSource:
    """Opens the events that a specification describes.

    Parameters
    ----------
    x
        File names; a data frame; a dictionary with an array for each variable or input, which may
        be jagged; or, where the model is fed one input alone, its array.
    specification
        What the inputs are, held against the model.
    fed
        The inputs in the order of the row, features first.
    request
        Columns of label and weight, and the value of missing entries.
    weights, labels
        Arrays (N,), if they are no columns.
    trees
        Choice of trees in files of ROOT and HDF5.

    Raises
    ------
    DataError
        A column is missing, or does not fit the others.
    OptionError
        Columns are chosen by options that the specification chooses.
    """
    _refuse_choice(specification, request)
    paths = file_names(x)
    refuse_other_index(x, weights=weights, labels=labels)
    tables = _in_memory(x, fed) if paths is None else open_tables(paths, trees)
    request = requested(request, tables[0].names)
    source = SpecifiedSource(
        tables,
        specification,
        fed,
        label=request.label,
        weight=request.weight,
        missing=request.missing,
        beside=request.beside,
        origins=None if paths is not None else ("array",),
    )
    for name in request.exclude:
        takers = [key for key, columns in source.taken.items() if name in columns]
        if takers:
            raise OptionError(
                f"names the column '{printable(name)}', which {printable(specification.origin)}"
                f" gives to '{printable(takers[0])}'",
                option="exclude",
            )
    if weights is None and labels is None:
        return source
    return WithArrays(source, source.count, weights, labels)


def list_columns(x: Any) -> tuple[str, ...]:
    """Lists the columns, lists and arrays of data by name; none for an array without names.

    Raises DataError for files that cannot be read.
    """
    paths = file_names(x)
    if paths is None:
        return column_names(x) or ()
    table = open_tables(paths)[0]
    if table.positional:
        return tuple(table.wholes)
    elements = tuple(f"{name}[" for name in table.wholes)
    own = [name for name in table.names if not (elements and name.startswith(elements))]
    return tuple(dict.fromkeys((*own, *table.wholes)))


def _refuse_choice(specification: Specification, request: ColumnRequest) -> None:
    """Raises OptionError for options that the transforms and columns of a specification exclude."""
    if request.features is not None:
        raise OptionError(
            f"cannot be given with {printable(specification.origin)}, which names the columns of"
            " the features: leave one of them out",
            option="feature_names",
        )
    moved = [
        f"{one.name}.{variable.name}"
        for one in specification.inputs
        if one.role == "features"
        for variable in one.own_variables
        if (variable.transform.subtract, variable.transform.scale) != (0.0, 1.0)
    ]
    if request.missing is not None and not np.isnan(request.missing) and moved:
        raise OptionError(
            f"is a value of the variables, but {printable(specification.origin)} transforms"
            f" {join_names(moved, 3)}: write expand-transforms = true, by which coefficients are"
            " per unit of the variables",
            option="missing",
        )


def _in_memory(x: Any, fed: Sequence[FedInput]) -> list[Table]:
    """Returns data in memory as a table."""
    if isinstance(x, Mapping):
        table = MappingTable(x)
        for name, fault in table.faults.items():
            if name in {one.name for one in fed}:
                raise fault
        return [table]
    if isinstance(x, Partitions):
        return list(x.tables)
    if column_names(x) is not None:
        return [ArrowFrame(x)]
    if len(fed) == 1:
        return [MappingTable({fed[0].name: x})]
    raise DataError(
        "x is one array, which has no column names: give a dictionary with an array for each"
        f" variable or input ({join_names([one.name for one in fed], 3)}), or a data frame"
    )
