"""Choice of columns and arrays, made before the data are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

from onnxtaylor.errors import printable

__all__ = ["ColumnRequest", "ContextColumn", "InputRequest", "Requested", "requested"]


@dataclass(frozen=True)
class ContextColumn:
    """Column that is fed to the model event by event and not differentiated.

    Parameters
    ----------
    name
        Name of the column.
    text
        Whether it holds texts, which become codes 0, 1, … in the order of first appearance. Else
        it holds numbers or booleans (0 and 1).
    """

    name: str
    text: bool = False


@dataclass(frozen=True)
class InputRequest:
    """Input of a model that is fed from an array, a column of lists, or columns named like it.

    Parameters
    ----------
    name
        Name of the input.
    shape
        Sizes of its axes behind the batch: whole numbers, or a symbol or None for a size that the
        data determine. Inputs that have a symbol in common have that size in common.
    context
        Whether it is context, which is not differentiated; else it is features.
    text
        Whether it takes texts; it is then context.
    slot
        Axis behind the batch, counted from 0, along which lists may be shorter than a fixed size:
        they are padded to it. Elsewhere a fixed size must be that of every event.
    columns
        Columns, arrays or lists that feed it, one for each variable; empty if they are found by
        the input's name.
    variable
        Axis behind the batch along which ``columns`` are stacked.
    """

    name: str
    shape: tuple[int | str | None, ...]
    context: bool = False
    text: bool = False
    slot: int | None = None
    columns: tuple[str, ...] = ()
    variable: int = 0

    @property
    def held_back(self) -> bool:
        """Whether its columns are context."""
        return self.context or self.text

    @property
    def width(self) -> int | None:
        """Number of its columns; None if a size is free."""
        sizes = [size for size in self.shape if isinstance(size, int)]
        return prod(sizes) if len(sizes) == len(self.shape) else None

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the arrays or lists that feed it, if it is read as a whole."""
        return self.columns or (self.name,)

    @property
    def parts(self) -> tuple[InputRequest, ...]:
        """Requests for each of these arrays or lists."""
        if not self.columns:
            return (self,)
        shape = self.shape[: self.variable] + self.shape[self.variable + 1 :]
        slot = self.slot
        if slot is not None and slot > self.variable:
            slot -= 1
        return tuple(
            replace(self, name=name, shape=shape, slot=slot, columns=()) for name in self.columns
        )

    @property
    def described(self) -> str:
        """Its name and shape, for messages."""
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"'{printable(self.name, 60)}' [{sizes}]"

    @property
    def single(self) -> bool:
        """Whether it takes one number or text per event."""
        return self.width == 1


@dataclass(frozen=True)
class ColumnRequest:
    """Choice of columns, before the table is known.

    Parameters
    ----------
    n_features
        Number of the model's inputs; None if the model takes any number.
    features
        Columns that the user names as features: each must exist.
    label, weight
        Columns of the class labels and of the event weights; None if there are none.
    exclude
        Columns that are no features.
    offered
        Names of features in the model's metadata, used if all of them are columns. Otherwise all
        remaining columns are the features, and their number must fit.
    held
        Names of the model's inputs that are held at a value: columns of these names are not
        counted as features.
    missing
        Value that stands for a missing entry. NaN in a feature is an error unless this is NaN.
    context
        Columns that are context, in the order in which they stand behind the features.
    inputs
        Inputs of the model, in the order of the row, which are looked for by name: as arrays, as
        columns of lists, or as columns whose names begin with the input's. Without inputs all
        features are columns.
    """

    n_features: int | None
    features: tuple[str, ...] | None = None
    label: str | None = None
    weight: str | None = None
    exclude: tuple[str, ...] = ()
    offered: tuple[str, ...] | None = None
    held: tuple[str, ...] = ()
    missing: float | None = None
    context: tuple[ContextColumn, ...] = ()
    inputs: tuple[InputRequest, ...] = ()


# the choice of inputs may depend on which columns exist
Requested: TypeAlias = ColumnRequest | Callable[[Sequence[str]], ColumnRequest]


def requested(request: Requested, names: Sequence[str]) -> ColumnRequest:
    """Returns the request for a table with columns, arrays or lists of these names."""
    return request if isinstance(request, ColumnRequest) else request(names)
