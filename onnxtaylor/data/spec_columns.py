"""Columns of a table that a specification of inputs takes, and names of the entries of tensors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from onnxtaylor.data.columns import Columns, Places, locate_columns
from onnxtaylor.data.context import Coded
from onnxtaylor.data.formats import Piece, Table
from onnxtaylor.data.request import Beside, ContextColumn, InputRequest
from onnxtaylor.data.rows import element_names
from onnxtaylor.errors import DataError
from onnxtaylor.inputs import InputSpecification, Specification
from onnxtaylor.inputs.needed import needed_columns

__all__ = ["SpecifiedColumns", "find_columns", "tensor_names", "with_positions"]


@dataclass(frozen=True)
class SpecifiedColumns:
    """Columns that the inputs take.

    Parameters
    ----------
    taken
        Columns by input.
    features, context
        Single columns of features, and of context.
    wholes
        Arrays and columns of lists.
    """

    taken: Mapping[str, tuple[str, ...]]
    features: tuple[str, ...]
    context: tuple[ContextColumn, ...]
    wholes: tuple[str, ...]

    def places(
        self,
        table: Table,
        label: str | None = None,
        weight: str | None = None,
        *,
        beside: Beside | None = None,
        cells: int,
    ) -> Places:
        """Finds the columns in a table. Raises DataError for a missing or repeated name."""
        for name in self.wholes:
            if name not in table.wholes:
                raise DataError(f"has no array or lists '{name}'").located(table.file)
        columns = Columns(
            self.features, label, weight, context=self.context, beside=beside or Beside()
        )
        places = locate_columns(table.file, table.names, columns)
        return replace(places, wholes=self.wholes, cells=cells)

    def of(self, inputs: Collection[str]) -> SpecifiedColumns:
        """Returns the columns of some inputs alone."""
        own = {name for key in inputs for name in self.taken.get(key, ())}
        return SpecifiedColumns(
            {key: names for key, names in self.taken.items() if key in inputs},
            tuple(name for name in self.features if name in own),
            tuple(column for column in self.context if column.name in own),
            tuple(name for name in self.wholes if name in own),
        )

    def values(self, piece: Piece) -> dict[str, Any]:
        """Returns the columns of a piece by name, in the forms that ``tensors`` takes."""
        values: dict[str, Any] = {name: _plain(raw) for name, raw in piece.wholes.items()}
        values |= dict(zip(self.features, piece.x.T, strict=True))
        for column, cells in zip(self.context, piece.context, strict=True):
            texts = isinstance(cells, Coded)
            values[column.name] = _texts(cells) if isinstance(cells, Coded) and texts else cells
        return values


def find_columns(
    table: Table, specification: Specification, texts: Collection[str]
) -> SpecifiedColumns:
    """Finds the columns of a table that a specification takes.

    ``texts`` are the inputs that take texts. Raises DataError for a column that is missing, or
    could be one of two.
    """
    names: dict[str, int | None] = dict.fromkeys(table.names, 0)
    names |= {name: None if s is None else len(s) for name, s in table.wholes.items()}
    try:
        taken = needed_columns(specification, names)
    except DataError as error:
        raise error.located(table.file) from None
    features: dict[str, None] = {}
    context: dict[str, ContextColumn] = {}
    wholes: dict[str, None] = {}
    for key, own in taken.items():
        for name in own:
            if name in table.wholes:
                wholes[name] = None
            elif specification.input(key).role == "features":
                features[name] = None
            else:
                context[name] = ContextColumn(name, key in texts)
    return SpecifiedColumns(
        taken,
        tuple(features),
        tuple(column for name, column in context.items() if name not in features),
        tuple(wholes),
    )


def with_positions(
    table: Table, specification: Specification, without: Collection[str | None]
) -> Specification:
    """Returns a specification for a table without names: variables are columns in their order.

    That is clear of an only input without slots, if their number agrees. Raises DataError
    otherwise.
    """
    fed = [one for one in specification.inputs if one.role != "fixed"]
    if len(fed) == 1 and not fed[0].has("slot"):
        left = [name for name in table.candidates if name not in without]
        own = fed[0].own_variables
        if len(left) == len(own):
            pairs = zip(own, left, strict=True)
            variables = tuple(replace(variable, column=name) for variable, name in pairs)
            inputs = [
                replace(one, variables=variables) if one is fed[0] else one
                for one in specification.inputs
            ]
            return replace(specification, inputs=tuple(inputs))
    raise DataError(
        "has no names of columns, by which the specification of inputs finds its variables: name"
        " them, or give a dictionary or .npz with one array per variable or input"
    ).located(table.file)


def tensor_names(one: InputSpecification, shape: Sequence[int]) -> list[str]:
    """Returns the names of the entries of an input of context, in C order.

    >>> tensor_names(InputSpecification("m", "mask", ("batch", "slot"), max_length=2), (2,))
    ['m[0]', 'm[1]']
    """
    own = one.own_variables
    axes = [axis for axis in one.layout if axis != "batch"]
    width = shape[axes.index("variable")] if "variable" in axes and len(axes) == len(shape) else 1
    if len(axes) != len(shape) or (own and len(own) != width):
        return element_names(InputRequest(one.name, tuple(shape)), shape)
    known = [v.name for v in own] or [one.called if width == 1 else str(k) for k in range(width)]
    known = [name if name == one.called else f"{one.called}.{name}" for name in known]
    names = []
    for place in product(*(range(size) for size in shape)):
        at = dict(zip(axes, place, strict=True))
        slot = f"[{at['slot']}]" if "slot" in at else ""
        names.append(known[at.get("variable", 0)] + slot)
    return names


def _texts(cells: Coded) -> Any:
    return np.array(cells.values, dtype=object)[cells.codes]


def _plain(raw: Any) -> Any:
    """Returns lists of one fixed length as an array."""
    if hasattr(raw, "flatten") and hasattr(raw, "type") and hasattr(raw.type, "list_size"):
        flat = raw.flatten()
        if len(flat) == len(raw) * raw.type.list_size and not hasattr(flat.type, "value_type"):
            return flat.to_numpy(zero_copy_only=False).reshape(len(raw), -1)
    return raw
