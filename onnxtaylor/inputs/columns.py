"""Finds the values of a variable in the data: by the name of a column, never by counting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, name_hint, printable
from onnxtaylor.inputs.jagged import Jagged, jagged
from onnxtaylor.inputs.model_input import InputSpecification, Variable

__all__ = ["column_names", "find_sets", "find_values", "whole_tensor"]

Data = Mapping[str, Any]


def find_values(one: InputSpecification, variable: Variable, data: Data) -> npt.NDArray[Any] | None:
    """Returns the values (N,) of a variable without slots, None where no column is there.

    Raises DataError where several columns could be meant, or where the column holds sets.
    """
    name = _column(one, variable, data, flat=False)
    if name is None:
        return None
    values = np.asarray(data[name])
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or (values.dtype == object and any(map(_is_set, values[:1]))):
        raise DataError(
            f"column '{printable(name)}' has more than one value for each event, but input"
            f" '{printable(one.name)}' has no axis slot"
        )
    return values


def find_sets(one: InputSpecification, variable: Variable, data: Data) -> Jagged | None:
    """Returns the values of a variable in the slots of an input, None where no column is there.

    They are in one column of lists, or in flat columns ``name_0``, ``name_1``, …, which do not tell
    the sizes of the sets. Raises DataError as ``find_values`` does.
    """
    name = _column(one, variable, data, flat=True)
    if name is None:
        return None
    if name in data:
        return jagged(data[name], name)
    parts = _flat_columns(name, data)
    return jagged(np.stack([np.asarray(data[part]) for part in parts], axis=1), name)


def column_names(one: InputSpecification, variable: Variable, data: Data) -> tuple[str, ...] | None:
    """Returns the columns of a variable by their names alone, None where no column is there.

    Raises DataError where several columns could be meant.
    """
    name = _column(one, variable, data, flat=one.has("slot"))
    if name is None:
        return None
    return (name,) if name in data else tuple(_flat_columns(name, data))


def whole_tensor(one: InputSpecification, data: Data) -> npt.NDArray[Any] | None:
    """Returns the array that the data have under the name of an input, with events first.

    It has the axes of the input in their order, and that of events in front where the input has no
    axis batch. None where there is no array of that name and number of axes.
    """
    if one.name not in data or not hasattr(data[one.name], "ndim"):
        return None
    axes = one.layout if one.has("batch") else ("batch", *one.layout)
    if int(data[one.name].ndim) != len(axes) or not isinstance(data[one.name], np.ndarray):
        return None
    array: npt.NDArray[Any] = data[one.name]
    if array.dtype == object and array.size and _is_set(array.flat[0]):
        return None
    return np.moveaxis(array, axes.index("batch"), 0)


def _column(one: InputSpecification, variable: Variable, data: Data, flat: bool) -> str | None:
    """Returns the name of a variable's column, or the first part of its flat columns'."""
    if variable.column is not None:
        names, given = [variable.column], True
    else:
        prefixes = dict.fromkeys((one.called, one.name))
        names = [f"{prefix}{dot}{variable.name}" for prefix in prefixes for dot in "_."]
        names = list(dict.fromkeys([*names, variable.name]))
        given = False
    found = [n for n in names if n in data or (flat and _flat_columns(n, data))]
    if len(found) > 1:
        shown = " and ".join(f"'{printable(name)}'" for name in found)
        raise DataError(
            f"{shown} could both be '{printable(variable.name)}' of input"
            f" '{printable(one.name)}': write its column = …"
        )
    if given and not found:
        hint = name_hint(names[0], list(data))
        raise DataError(f"no column '{printable(names[0])}'{hint}")
    if not found:
        return None
    if found[0] in data and flat and _flat_columns(found[0], data):
        raise DataError(
            f"the data have '{printable(found[0])}' and '{printable(found[0])}_0': leave one out"
        )
    return found[0]


def _flat_columns(name: str, data: Data) -> list[str]:
    """Returns ``name_0``, ``name_1``, … of the data. Raises DataError where one is left out."""
    if f"{name}_0" not in data:
        return []
    pattern = re.compile(re.escape(name) + r"_(0|[1-9]\d*)")
    numbers = sorted(int(m[1]) for key in data if (m := pattern.fullmatch(key)))
    missing = next((k for k, number in enumerate(numbers) if k != number), None)
    if missing is not None:
        raise DataError(
            f"there is no column '{printable(name)}_{missing}', but '{printable(name)}"
            f"_{numbers[-1]}': flat columns of slots are counted from 0, none left out"
        )
    return [f"{name}_{k}" for k in numbers]


def _is_set(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)
