"""Sets of varying size without a mask: which columns of a row belong to which slot.

The data pad them to the longest, and have a column with the number of filled slots of each. A model
without a mask would take padded slots for objects: it must see the filled ones alone. So events of
the same sizes are evaluated together, by a function of their columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import Choice, InputData, LoadedModel, Port, input_ports
from onnxtaylor.graph.layout import sizes_after_batch

__all__ = ["Jagged", "Size", "SizesSeen", "find_jagged"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Size: TypeAlias = tuple[int, ...]  # numbers of filled slots of the jagged inputs

KEPT = 8  # events of each size


@dataclass(frozen=True)
class _Input:
    """An input of features or context in the row: its first column, shape, and axis of slots.

    ``axis`` is None where every event fills all; ``length`` is the column with the filled slots.
    A ``masked`` one shares its slots with a set that has a mask: the model knows which are padded.
    """

    name: str
    start: int
    shape: tuple[int, ...]
    axis: int | None = None
    length: int = -1
    masked: bool = False

    @property
    def columns(self) -> Integers:
        """Its columns in the row, in C order."""
        return self.start + np.arange(prod(self.shape))

    @property
    def slots(self) -> Integers:
        """Slot of each of its columns."""
        assert self.axis is not None
        along = np.arange(self.shape[self.axis])
        along = along.reshape([-1 if k == self.axis else 1 for k in range(len(self.shape))])
        return np.broadcast_to(along, self.shape).ravel().astype(np.int64)


@dataclass(frozen=True, eq=False)
class Jagged:
    """All inputs of a row, J of which are sets of varying size that no mask covers.

    Parameters
    ----------
    inputs
        Features and context, in the order of the row.
    data
        What the data say about the inputs at their largest sizes.
    n_columns
        Number of columns of a row; those with lengths are the last.
    """

    inputs: tuple[_Input, ...]
    data: InputData
    n_columns: int

    @property
    def sets(self) -> tuple[_Input, ...]:
        """The J sets of varying size without a mask."""
        return tuple(one for one in self.inputs if one.axis is not None and not one.masked)

    @property
    def lengths(self) -> list[tuple[Integers, Integers, int]]:
        """Columns of each set of varying size, their slots, and the column of its length."""
        sets = (one for one in self.inputs if one.axis is not None)
        return [(one.columns, one.slots, one.length) for one in sets]

    def sizes(self, x: Floats) -> Integers:
        """Numbers (B, J) of filled slots at events x (B, n)."""
        lengths = x[:, [one.length for one in self.sets]]
        # beside an event a length may be displaced by round-off
        return np.rint(lengths).astype(np.int64)

    def groups(self, x: Floats) -> Iterator[tuple[Size, Integers]]:
        """Yields each size among events x (B, n), with the numbers of its events."""
        sizes, place = np.unique(self.sizes(x), axis=0, return_inverse=True)
        for k, size in enumerate(sizes.tolist()):
            yield tuple(size), np.flatnonzero(place.ravel() == k)

    def columns(self, size: Size) -> Integers:
        """Columns of the row that events of a size have, without lengths."""
        filled = dict(zip((one.name for one in self.sets), size, strict=True))
        parts = [
            one.columns[one.slots < filled[one.name]] if one.name in filled else one.columns
            for one in self.inputs
        ]
        return np.concatenate(parts)

    def data_of(self, size: Size) -> InputData:
        """Returns what the data say about the inputs of events of a size."""
        shapes = dict(self.data.sizes)
        for one, filled in zip(self.sets, size, strict=True):
            shape = list(one.shape)
            shape[one.axis or 0] = filled
            shapes[one.name] = tuple(shape)
        first = self.n_columns - len(self.data.columns)
        kept = [k - first for k in self.columns(size).tolist() if k >= first]
        return replace(
            self.data,
            sizes=shapes,
            columns=tuple(self.data.columns[k] for k in kept),
            texts=tuple(self.data.texts[k] for k in kept) if self.data.texts else (),
            lengths={},
        )

    def named(self, names: Sequence[str]) -> list[str]:
        """Returns names (n,) of features in which ``x[2,1]`` of a set is ``x.v1[2]``: variable 1 of
        slot 2. Other names stay.
        """
        told = list(names)
        for one in self.inputs:
            for column, place in zip(one.columns.tolist(), np.ndindex(one.shape), strict=True):
                if one.axis is None or column >= len(told):
                    break
                if told[column] != f"{one.name}[{','.join(map(str, place))}]":
                    continue
                rest = [str(k) for axis, k in enumerate(place) if axis != one.axis]
                variable = f".v{'_'.join(rest)}" if rest else ""
                told[column] = f"{one.name}{variable}[{place[one.axis]}]"
        return told

    def phrase(self, size: Size) -> str:
        """Phrase such as ``3 of 'tracks' and 0 of 'vertices'``."""
        named = zip(self.sets, size, strict=True)
        return " and ".join(f"{count} of '{printable(one.name)}'" for one, count in named)


def find_jagged(model: LoadedModel, choice: Choice) -> Jagged | None:
    """Finds the sets of varying size beside those with a mask; None where all sizes are the same.

    Raises ModelError for an input with more than one free size, of which it is not clear which one
    varies.
    """
    data = choice.data
    if not data.lengths:
        return None
    ports = (*choice.features, *choice.context)
    declared = {p.name: p for p in input_ports(model.proto.graph)}
    covered = {*choice.masks, *(one for owners in choice.masks.values() for one in owners)}
    symbols = {
        d for name in covered for d in _free(declared[name], ports).values() if d is not None
    }
    inputs, start = [], 0
    for port in ports:
        shape = tuple(d for d in sizes_after_batch(port) if isinstance(d, int))
        one = _Input(port.name, start, shape)
        start += prod(shape)
        if port.name in data.lengths and port.name not in covered:
            free = _free(declared[port.name], ports)
            if len(free) != 1:
                raise ModelError(
                    f"{printable(model.path)}: input '{printable(port.name)}'"
                    f" {printable(declared[port.name].shape_text)} has {len(free)} free sizes, and"
                    " lists of varying length for one of them: fix the others in the file"
                    " (python -m onnxruntime.tools.make_dynamic_shape_fixed)"
                )
            ((axis, symbol),) = free.items()
            one = replace(one, axis=axis, masked=symbol in symbols)
        inputs.append(one)
    n_columns = start + len(data.lengths)
    first = n_columns - len(data.columns)
    named = {name: first + data.columns.index(column) for name, column in data.lengths.items()}
    inputs = [one if one.axis is None else replace(one, length=named[one.name]) for one in inputs]
    return Jagged(tuple(inputs), data, n_columns)


def _free(declared: Port, ports: Sequence[Port]) -> dict[int, str | None]:
    """Symbols of the free sizes of an input as it is declared, by their axes behind the batch."""
    (port,) = (p for p in ports if p.name == declared.name)
    sizes = sizes_after_batch(replace(declared, batch_axis=port.batch_axis))
    return {k: d for k, d in enumerate(sizes) if not isinstance(d, int)}


class SizesSeen(DerivedSource):
    """A source that keeps the first events of each combination of lengths that pass, and counts.

    Parameters
    ----------
    source
        The source that is read.
    """

    def __init__(self, source: EventSource) -> None:
        super().__init__(source)
        names = tuple(getattr(source, "context_names", ()))
        self._behind = [names.index(column) - len(names) for column in self.lengths.values()]
        self._rows: dict[Size, list[Floats]] = {}
        self._counts: dict[Size, int] = {}

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the source, at most ``size`` events at a time."""
        for batch in self._source.batches(size):
            self.add(batch.x)
            yield batch

    def add(self, x: Floats) -> None:
        """Counts events x (B, n), and keeps the first of each size."""
        if not self._behind:
            return
        lengths = x[:, self._behind].astype(np.int64)
        sizes, place, counts = np.unique(lengths, axis=0, return_inverse=True, return_counts=True)
        place = place.ravel()
        for k, key in enumerate(map(tuple, sizes.tolist())):
            kept = self._rows.setdefault(key, [])
            missing = KEPT - sum(map(len, kept))
            if missing > 0:
                kept.append(x[np.flatnonzero(place == k)[:missing]].copy())
            self._counts[key] = self._counts.get(key, 0) + int(counts[k])

    def of(self, jagged: Jagged) -> tuple[Mapping[Size, int], Mapping[Size, Floats]]:
        """Returns the number of events of each size, and the first events (·, n) of each."""
        counts: dict[Size, int] = {}
        parts: dict[Size, list[Floats]] = {}
        for key, kept in self._rows.items():
            rows = np.concatenate(kept)
            size: Size = tuple(jagged.sizes(rows[:1])[0].tolist())
            counts[size] = counts.get(size, 0) + self._counts[key]
            parts.setdefault(size, []).append(rows)
        return counts, {size: np.concatenate(rows)[:KEPT] for size, rows in parts.items()}
