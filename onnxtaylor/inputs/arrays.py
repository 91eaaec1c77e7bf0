"""Makes the tensors of a model of the columns of data: transformed, cut off, padded, masked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.inputs.jagged import Jagged
from onnxtaylor.inputs.loading import LoadedInput, count_events, load_input
from onnxtaylor.inputs.model_input import InputSpecification
from onnxtaylor.inputs.needed import slot_sizes
from onnxtaylor.inputs.specification import Specification

__all__ = ["Tensors", "tensors"]

Filled = npt.NDArray[np.bool_]  # (N, slots)


@dataclass(frozen=True)
class Tensors:
    """Tensors of a model for N events.

    Attributes
    ----------
    values
        Tensor of each input, with its axes in their order. Of an input without the axis batch
        events come first: the tensor of event k is ``values[name][k]``. Features and masks are
        float64, context has the type of its columns. Fixed inputs are not among them.
    filled
        Of each input with slots, (N, slots): which slots hold an object.
    """

    values: Mapping[str, npt.NDArray[Any]]
    filled: Mapping[str, Filled]

    def lengths(self, name: str) -> npt.NDArray[np.int64]:
        """Returns the number of filled slots (N,) of an input."""
        counts: npt.NDArray[np.int64] = self.filled[name].sum(axis=1, dtype=np.int64)
        return counts


def tensors(
    specification: Specification,
    data: Mapping[str, Any],
    slots: Mapping[str, int] | None = None,
    *,
    told: Collection[str] = (),
) -> Tensors:
    """Makes the tensors of all inputs that are fed.

    Variables are found by name: ``column`` of the specification, else the columns
    ``input_variable`` and ``variable``; in slots, a column of lists or flat columns ``name_0``, …,
    ``name_49``. An array under the name of an input, with its axes, is taken as all its variables.
    Transforms are applied to either. A mask without a column tells the sizes of the sets of its
    features input; one with a column decides which slots of that are filled. In flat columns and
    arrays, slots at the end that are NaN in all variables of an input hold no object.

    Parameters
    ----------
    specification
        What the inputs are.
    data
        Columns by name: arrays (N,) or (N, slots), sequences of N lists, list arrays of Arrow,
        ``awkward.Array``; or arrays of whole inputs.
    slots
        Number of slots by input, where it is not to be that of the longest set.
    told
        Inputs whose empty slots are NaN in other events of the same data: without NaN in these
        events, their sets are complete.

    Raises
    ------
    DataError
        A column is missing, could be one of two, or does not fit the others; in one line.
    """
    loaded = {
        one.name: load_input(one, data) for one in specification.inputs if one.role != "fixed"
    }
    events = count_events(list(loaded.values()))
    sizes = _sizes(specification, loaded, slots or {})
    filled: dict[str, Filled] = {
        name: np.arange(sizes[name]) < load.lengths[:, None]
        for name, load in loaded.items()
        if load.one.has("slot") and load.columns
    }
    for load in loaded.values():
        if load.one.role == "mask" and load.columns and load.one.has("slot"):
            _apply_mask(load, filled, sizes)
    values: dict[str, npt.NDArray[Any]] = {}
    for name, load in loaded.items():
        if load.is_empty:
            _check_told(load.one, loaded, told)
            filled[name] = _shared(load.one, filled)
            column = filled[name].reshape(events, -1) == bool(load.one.filled)
            values[name] = _laid_out(load.one, [column.astype(np.float64)])
        else:
            values[name] = _tensor(load, filled.get(name), sizes.get(name, 0))
    return Tensors(values, filled)


def _sizes(
    specification: Specification, loaded: Mapping[str, LoadedInput], slots: Mapping[str, int]
) -> dict[str, int]:
    """Returns the number of slots of each input with slots; masks have that of their inputs."""
    longest = {
        name: int(load.lengths.max(initial=0))
        for name, load in loaded.items()
        if load.one.has("slot") and load.columns
    }
    sizes = {**slot_sizes(specification, longest), **slots}
    for name in list(sizes):
        one, size = specification.input(name), sizes[name]
        if not one.min_length <= size <= (size if one.max_length is None else one.max_length):
            raise OptionError(
                f"{size} slots of input '{printable(name)}' are not between its min-length and"
                " max-length"
            )
    return sizes


def _apply_mask(load: LoadedInput, filled: dict[str, Filled], sizes: Mapping[str, int]) -> None:
    """Leaves out of the filled slots of the masked inputs those where a mask is not ``filled``."""
    mask = load.columns[0]
    assert isinstance(mask, Jagged)
    tells = (mask.padded(sizes[load.one.name]) != 0) == bool(load.one.filled)
    tells &= filled[load.one.name]
    filled[load.one.name] = tells
    for name in load.one.mask_of:
        if filled[name].shape != tells.shape:
            raise DataError(
                f"mask '{printable(load.one.name)}' has {tells.shape[1]} slots, but"
                f" '{printable(name)}' has {filled[name].shape[1]}"
            )
        filled[name] = filled[name] & tells


def _check_told(
    mask: InputSpecification, loaded: Mapping[str, LoadedInput], told: Collection[str]
) -> None:
    """Raises DataError where a mask is to be made of tables that may be padded with anything."""
    for name in mask.mask_of:
        if loaded[name].columns and not (loaded[name].sizes_known or name in told):
            raise DataError(
                f"the data do not tell which slots of '{printable(name)}' are filled: they need a"
                f" column for the mask '{printable(mask.name)}', lists, or NaN in empty slots"
            )


def _shared(mask: InputSpecification, filled: Mapping[str, Filled]) -> Filled:
    """Returns the filled slots that all inputs of a mask share."""
    first, *others = mask.mask_of
    for name in others:
        if not np.array_equal(filled[first], filled[name]):
            raise DataError(
                f"'{printable(first)}' and '{printable(name)}' have sets of different sizes, but"
                f" share the mask '{printable(mask.name)}'"
            )
    return filled[first]


def _tensor(load: LoadedInput, filled: Filled | None, size: int) -> npt.NDArray[Any]:
    """Returns the tensor of an input: transformed, cut off and padded."""
    one = load.one
    if load.whole is not None:
        return load.whole.astype(np.float64) if one.role == "features" else load.whole
    columns = []
    for variable, column in zip(load.variables, load.columns, strict=True):
        values = column.padded(size) if isinstance(column, Jagged) else column
        if one.role in ("features", "mask") or not variable.transform.is_identity:
            try:
                values = variable.transform.apply(values)
            except (TypeError, ValueError):
                raise DataError(
                    f"'{printable(variable.name)}' of input '{printable(one.name)}' does not hold"
                    " numbers"
                ) from None
        if filled is not None:
            padding = one.padding if variable.padding is None else variable.padding
            if one.role == "mask":
                padding = 1 - one.filled
            empty = padding if values.dtype.kind not in "USO" else ""
            values = np.where(filled, values, np.asarray(empty, dtype=values.dtype))
        columns.append(values)
    if len({values.dtype.kind in "USO" for values in columns}) > 1:
        raise DataError(
            f"input '{printable(one.name)}' has columns of texts and of numbers: a tensor has one"
            " type"
        )
    return _laid_out(one, columns)


def _laid_out(one: InputSpecification, columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Stacks the variables, each (N,) or (N, slots), in the order of the input's axes."""
    order = one.layout if one.has("batch") else ("batch", *one.layout)
    sizes = dict(zip(("batch", "slot"), columns[0].shape, strict=False), variable=len(columns))
    tensor = np.empty([sizes[axis] for axis in order], np.result_type(*columns))
    # the same memory with the axis of the variables in front, then events, then slots
    places = [order.index(axis) for axis in ("variable", "batch", "slot") if axis in order]
    view = tensor.transpose(places)
    if one.has("variable"):
        for k, column in enumerate(columns):
            view[k] = column
    else:
        view[...] = columns[0]
    return tensor
