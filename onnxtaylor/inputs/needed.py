"""Columns that a specification takes of data, and sizes of sets, found before values are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from onnxtaylor.errors import DataError, name_hint, printable
from onnxtaylor.inputs.columns import column_names
from onnxtaylor.inputs.loading import LoadedInput, load_input
from onnxtaylor.inputs.model_input import InputSpecification
from onnxtaylor.inputs.specification import Specification

__all__ = ["SetSizes", "measure_sets", "needed_columns", "slot_sizes"]


@dataclass(frozen=True)
class SetSizes:
    """Sizes of the sets of an input: the shortest and longest, and whether the data tell them.

    Flat columns and arrays tell them where they end in NaN.
    """

    shortest: int
    longest: int
    told: bool

    def merge(self, other: SetSizes) -> SetSizes:
        """Returns the sizes of both together; NaN in some events tells the sizes of all."""
        return SetSizes(
            min(self.shortest, other.shortest),
            max(self.longest, other.longest),
            self.told or other.told,
        )


def needed_columns(
    specification: Specification, names: Mapping[str, int | None]
) -> dict[str, tuple[str, ...]]:
    """Finds the columns that each input takes, by their names alone.

    Parameters
    ----------
    specification
        What the inputs are.
    names
        Columns of the data with their number of axes behind the events, None for lists.

    Returns
    -------
    dict
        Columns by input, fixed ones left out; none for a mask that is to be made.

    Raises
    ------
    DataError
        A column is missing, or could be one of two.
    """
    return {one.name: _needed(one, names) for one in specification.inputs if one.role != "fixed"}


def _needed(one: InputSpecification, names: Mapping[str, int | None]) -> tuple[str, ...]:
    axes = sum(axis != "batch" for axis in one.layout)
    unknown = one.axes is None and not one.variables
    if one.name in names and (unknown or (axes > 0 and names[one.name] == axes)):
        return (one.name,)
    found: list[str] = []
    for variable in one.own_variables:
        own = column_names(one, variable, names)
        if own is None and names.get(one.name, 0) is None and axes > 1:
            return (one.name,)  # lists of lists: all variables at once
        if own is None and one.role == "mask" and one.mask_of:
            return ()
        if own is None:
            hint = name_hint(f"{one.called}_{variable.name}", list(names))
            raise DataError(
                f"no column '{printable(variable.name)}' for input '{printable(one.name)}'{hint}"
            )
        found += own
    if not found:
        hint = name_hint(one.name, list(names))
        raise DataError(
            f"input '{printable(one.name)}' names no variables, and there is no array of its name"
            f" with {axes} axes behind the events{hint}"
        )
    return tuple(dict.fromkeys(found))


def measure_sets(specification: Specification, data: Mapping[str, Any]) -> dict[str, SetSizes]:
    """Measures the sets of each input with slots for which the data have columns.

    Parameters and errors are those of ``tensors``.
    """
    sizes = {}
    for one in specification.inputs:
        if one.role == "fixed" or not one.has("slot"):
            continue
        load = load_input(one, data)
        if load.columns:
            sizes[one.name] = _measured(load)
    return sizes


def _measured(load: LoadedInput) -> SetSizes:
    lengths = load.lengths
    longest = int(lengths.max(initial=0))
    shortest = int(lengths.min()) if len(lengths) else np.iinfo(np.int64).max
    return SetSizes(int(shortest), longest, load.sizes_known)


def slot_sizes(specification: Specification, longest: Mapping[str, int]) -> dict[str, int]:
    """Returns the number of slots of each input's tensor; masks have that of their inputs.

    ``longest`` is the size of the longest set by input.
    """
    most = dict(longest)
    for one in specification.inputs:  # inputs that share a mask are equally long
        if one.mask_of:
            together = [name for name in (one.name, *one.mask_of) if name in longest]
            size = max((most[name] for name in together), default=0)
            most |= dict.fromkeys((one.name, *one.mask_of), size)
    return {name: specification.input(name).length(size) for name, size in most.items()}
