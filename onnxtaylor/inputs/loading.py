"""Loads what the data have of each input: one column for each variable, or a whole array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, name_hint, printable
from onnxtaylor.inputs.columns import find_sets, find_values, whole_tensor
from onnxtaylor.inputs.jagged import Jagged, without_empty_ends
from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.nested import is_nested, nested_sets

__all__ = ["LoadedInput", "count_events", "load_input"]


@dataclass(frozen=True)
class LoadedInput:
    """Columns or the array of one input; neither for a mask that is to be made.

    Attributes
    ----------
    one
        The input.
    variables, columns
        Its variables with their columns: sets where it has the axis slot, else arrays (N,).
    whole
        The array of an input of which only the model knows the axes, events first.
    """

    one: InputSpecification
    variables: tuple[Variable, ...] = ()
    columns: tuple[Jagged | npt.NDArray[Any], ...] = ()
    whole: npt.NDArray[Any] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the data have nothing of it."""
        return not self.columns and self.whole is None

    @property
    def sizes_known(self) -> bool:
        """Whether the data tell how many objects each of its sets has."""
        return any(c.sizes_known for c in self.columns if isinstance(c, Jagged))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Sizes of its sets (N,), the same for all variables."""
        return next(c.lengths for c in self.columns if isinstance(c, Jagged))


def load_input(one: InputSpecification, data: Mapping[str, Any]) -> LoadedInput:
    """Finds the columns of an input, or its array.

    Raises DataError where a column is missing, could be one of two, or differs from the others in
    the sizes of its sets.
    """
    if one.axes is None and not one.variables and isinstance(data.get(one.name), np.ndarray):
        return LoadedInput(one, whole=data[one.name])
    whole = whole_tensor(one, data)
    if whole is not None:
        return _split(one, whole)
    if one.has("slot") and one.has("variable") and is_nested(data.get(one.name)):
        slots_first = one.layout.index("slot") < one.layout.index("variable")
        return _named(one, nested_sets(data[one.name], one.name, slots_first=slots_first))
    if not one.own_variables:
        raise DataError(
            f"input '{printable(one.name)}' names no variables, and the data have no array of its"
            f" name with {len(one.layout)} axes"
        )
    columns: list[Jagged | npt.NDArray[Any]] = []
    for variable in one.own_variables:
        search = find_sets if one.has("slot") else find_values
        column = search(one, variable, data)
        if column is None:
            if one.role == "mask" and one.mask_of:
                return LoadedInput(one)
            hint = name_hint(f"{one.called}_{variable.name}", list(data))
            raise DataError(
                f"no column '{printable(variable.name)}' for input '{printable(one.name)}'{hint}"
            )
        columns.append(column)
    _check_sizes(one.own_variables, columns)
    return LoadedInput(one, one.own_variables, _ended(one, columns))


def count_events(loaded: Sequence[LoadedInput]) -> int:
    """Returns the number of events. Raises DataError where two columns differ in it."""
    counts: dict[str, int] = {}
    for load in loaded:
        if load.whole is not None:
            counts[load.one.name] = len(load.whole)
        for variable, column in zip(load.variables, load.columns, strict=True):
            size = len(column.lengths) if isinstance(column, Jagged) else len(column)
            counts[f"{load.one.called}.{variable.name}"] = size
    if not counts:
        return 0
    (name, events), *others = counts.items()
    for other, count in others:
        if count != events:
            raise DataError(
                f"'{printable(name)}' has {events} events, but '{printable(other)}' has {count}"
            )
    return events


def _split(one: InputSpecification, whole: npt.NDArray[Any]) -> LoadedInput:
    """Takes the array of a whole input, events first, as its variables."""
    rest = [axis for axis in one.layout if axis != "batch"]
    by_variable = (
        np.moveaxis(whole, 1 + rest.index("variable"), -1)
        if one.has("variable")
        else whole[..., None]
    )  # (N, slots, variables) or (N, variables)
    columns: list[Jagged | npt.NDArray[Any]] = []
    for k in range(by_variable.shape[-1]):
        values = by_variable[..., k]
        columns.append(Jagged.of_table(values) if one.has("slot") else values)
    return _named(one, columns)


def _named(one: InputSpecification, columns: Sequence[Jagged | npt.NDArray[Any]]) -> LoadedInput:
    """Gives the columns of a whole input the names of its variables."""
    width, named = len(columns), one.own_variables
    if named and width != len(named):
        raise DataError(
            f"array '{printable(one.name)}' has {width} variables, but the specification names"
            f" {len(named)}"
        )
    variables = named or tuple(Variable(f"{one.name}_{k}") for k in range(width))
    return LoadedInput(one, variables, _ended(one, columns))


def _ended(
    one: InputSpecification, columns: Sequence[Jagged | npt.NDArray[Any]]
) -> tuple[Jagged | npt.NDArray[Any], ...]:
    """Returns the columns of features without the empty slots at the ends of tables."""
    sets = [column for column in columns if isinstance(column, Jagged)]
    return tuple(without_empty_ends(sets) if sets and one.role == "features" else columns)


def _check_sizes(
    variables: Sequence[Variable], columns: Sequence[Jagged | npt.NDArray[Any]]
) -> None:
    """Raises DataError where two variables of an input have sets of different sizes."""
    sets = [
        (v.name, c.lengths)
        for v, c in zip(variables, columns, strict=True)
        if isinstance(c, Jagged)
    ]
    for name, lengths in sets[1:]:
        first_name, first = sets[0]
        if len(first) != len(lengths):
            continue  # told with the numbers of events
        different = np.flatnonzero(first != lengths)
        if different.size:
            k = int(different[0])
            raise DataError(
                f"'{printable(first_name)}' has {first[k]} values at event {k}, but"
                f" '{printable(name)}' has {lengths[k]}"
            )
