"""Transforms that are part of the function: the data keep raw variables, the graph does the rest.

What is not finite is replaced in the data, in units of the variable: an entry that is replaced
counts as one of that value. Padding is chosen in units of the variable, so that the transform of it
is the padding that the model takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, nextafter, prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.specification import Specification
from onnxtaylor.inputs.transform import Transform

__all__ = ["RowTransforms", "raw_specification", "row_transforms"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowTransforms:
    """Numbers of the transforms of each entry of a row of n features, (n,) each."""

    subtract: Floats
    scale: Floats
    lower: Floats
    upper: Floats


def row_transforms(
    inputs: Sequence[InputSpecification], sizes: Sequence[tuple[int, ...]]
) -> RowTransforms:
    """Lists the transforms of the entries of a row.

    Parameters
    ----------
    inputs
        The inputs of features, in the order of the row.
    sizes
        Shape of each behind the batch axis: its entries stand in C order.
    """
    columns = [_of_input(one, shape) for one, shape in zip(inputs, sizes, strict=True)]
    return RowTransforms(*np.concatenate(columns, axis=1))


def raw_specification(specification: Specification) -> Specification:
    """Returns the specification of the rows that a function with transforms takes.

    Features keep the replacement of what is not finite alone. Raises OptionError for a padding that
    is no value of the transform.
    """
    inputs = []
    for one in specification.inputs:
        if one.role == "features":
            raw = tuple(_raw(specification, one, variable) for variable in one.own_variables)
            one = replace(one, variables=raw)
        inputs.append(one)
    return replace(specification, inputs=tuple(inputs), expand_transforms=False)


def _of_input(one: InputSpecification, shape: tuple[int, ...]) -> Floats:
    """Returns the four numbers of each entry of one input, (4, n)."""
    own = [variable.transform for variable in one.own_variables] or [Transform()]
    table = np.array([[t.subtract, t.scale, t.lower, t.upper] for t in own]).T
    axes = [axis for axis in one.layout if axis != "batch"]
    if len(own) > 1:
        place = axes.index("variable")
        target = [len(own) if k == place else 1 for k in range(len(shape))]
    else:
        target = [1] * len(shape)
    spread = np.broadcast_to(table.reshape(4, *target), (4, *shape))
    return spread.reshape(4, prod(shape))


def _raw(specification: Specification, one: InputSpecification, variable: Variable) -> Variable:
    """Returns a variable as the row has it: not transformed, and padded in its own units."""
    transform = variable.transform
    raw = replace(variable, transform=Transform(replace=transform.replace))
    if transform.is_identity or not one.has("slot"):
        return raw
    padding = one.padding if variable.padding is None else variable.padding
    close = transform.subtract + padding / transform.scale
    for value in (close, nextafter(close, -inf), nextafter(close, inf)):
        if transform.apply(value) == padding:
            return replace(raw, padding=value)
    raise OptionError(
        f"expand-transforms: the padding {padding:g} of '{printable(variable.name)}' of input"
        f" '{printable(one.name)}' is no value of its transform: choose another padding, or leave"
        " expand-transforms out"
    ).located(specification.origin)
