"""Choice of columns and arrays, made before the data are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TypeAlias

from onnxtaylor.errors import printable
from onnxtaylor.text.expression import Expression

__all__ = [
    "Beside",
    "ColumnRequest",
    "ContextColumn",
    "InputRequest",
    "Requested",
    "TreeRequest",
    "requested",
]


@dataclass(frozen=True)
class TreeRequest:
    """Choice of trees in files of ROOT, and of groups in files of HDF5.

    Parameters
    ----------
    tree
        Tree or group of the files whose names name none; None for their only one.
    friends
        Names of trees with further columns of the same events: ``FILE:TREE``, as many as there are
        files of data, or ``:TREE`` in each of them.
    """

    tree: str | None = None
    friends: tuple[str, ...] = ()


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
class Beside:
    """Columns that are read of each event beside its row, and what they are for.

    Parameters
    ----------
    factors
        Columns that the weight is multiplied by.
    where
        Holds at the events that are taken; None: all are.
    fold
        Number of the fold of an event; None: there are no folds.
    """

    factors: tuple[str, ...] = ()
    where: Expression | None = None
    fold: Expression | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, each once."""
        own = [one.names for one in (self.where, self.fold) if one is not None]
        return tuple(dict.fromkeys((*self.factors, *(name for names in own for name in names))))

    @property
    def texts(self) -> frozenset[str]:
        """Columns among them that hold texts."""
        own = [one.texts for one in (self.where, self.fold) if one is not None]
        return frozenset().union(*own)

    def leave(self, names: tuple[str, ...], count: int | None) -> tuple[str, ...]:
        """Leaves out these columns where the others are as many as there are features."""
        others = tuple(name for name in names if name not in self.names)
        return others if len(others) == count else names


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
    beside
        Columns that are read beside the row: of a weight that is a product, a selection, folds.
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
    beside: Beside = field(default_factory=Beside)


# the choice of inputs may depend on which columns exist
Requested: TypeAlias = ColumnRequest | Callable[[Sequence[str]], ColumnRequest]


def requested(request: Requested, names: Sequence[str]) -> ColumnRequest:
    """Returns the request for a table with columns, arrays or lists of these names.

    A weight such as ``a,b`` that is no column is the product of the columns a and b.
    """
    asked = request if isinstance(request, ColumnRequest) else request(names)
    if asked.weight is None or asked.weight in names or "," not in asked.weight:
        return asked
    first, *others = (name.strip() for name in asked.weight.split(","))
    factors = (*others, *asked.beside.factors)
    return replace(asked, weight=first, beside=replace(asked.beside, factors=factors))
