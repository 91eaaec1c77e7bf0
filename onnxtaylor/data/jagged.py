"""Arrays of events with more than one axis: dense ones, and lists of varying length.

Lists come as Arrow arrays of lists, of any depth. The lengths along one axis may vary from event to
event: such an array is padded with zeros, behind the last element, to the longest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from onnxtaylor.data.arrow import is_text, numeric
from onnxtaylor.data.context import EXACT, beyond_exact, refuse_inexact
from onnxtaylor.data.numbers import is_number
from onnxtaylor.data.values import kind_name
from onnxtaylor.errors import DataError, printable

__all__ = ["Extent", "Form", "extent_of", "is_list", "padded"]

Array = npt.NDArray[Any]
Lengths = npt.NDArray[np.int64]
NONE = np.iinfo(np.int64).max  # smallest length of an axis that no event has


@dataclass(frozen=True)
class Extent:
    """Smallest and largest length along each axis behind the events."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def varying(self) -> tuple[int, ...]:
        """Axes along which the length varies between events, counted from 0 behind the events."""
        pairs = enumerate(zip(self.low, self.high, strict=True))
        return tuple(axis for axis, (low, high) in pairs if low < high)

    def merge(self, other: Extent) -> Extent:
        """Returns the extent of the events of both, which have equally many axes."""
        return Extent(tuple(map(min, self.low, other.low)), tuple(map(max, self.high, other.high)))


@dataclass(frozen=True)
class Form:
    """Form that an array is to take: its name in messages, and its shape behind the events.

    ``text`` says that it holds texts, ``exact`` that whole numbers must be exact.
    """

    what: str
    sizes: tuple[int, ...]
    text: bool = False
    exact: bool = False


def is_list(kind: Any) -> bool:
    """Tests whether an Arrow type is a list of any kind."""
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def extent_of(what: str, raw: Any, row: int) -> Extent:
    """Finds the lengths of an array (B, …) of NumPy, or of an Arrow array of lists.

    ``what`` names it, and ``row`` is the number of events before it, for the DataError that is
    raised for lists that are missing, or that differ within an event.
    """
    if isinstance(raw, np.ndarray):
        return Extent(raw.shape[1:], raw.shape[1:])
    levels, _ = _unpacked(what, raw, row)
    low, high = [], []
    for axis in range(len(levels)):
        lengths, present = _per_event(what, levels, axis, row)
        low.append(int(lengths[present].min(initial=NONE)))
        high.append(int(lengths[present].max(initial=0)))
    return Extent(tuple(low), tuple(high))


def padded(form: Form, raw: Any, axis: int | None, row: int) -> tuple[Array, Lengths | None]:
    """Returns an array as (B, \\*sizes), and its lengths (B,) along an axis.

    Parameters
    ----------
    form
        Name, sizes and kind of the entries. What an event lacks of the sizes is 0 or an empty text.
    raw
        An array (B, …) of NumPy, or an Arrow array of lists, of the rank of ``sizes``.
    axis
        Axis behind the events whose lengths are asked for; None for none.
    row
        Number of events before these, for messages.

    Raises
    ------
    DataError
        The entries are of another kind, or a whole number is not exact.
    """
    if isinstance(raw, np.ndarray):
        values, lengths = _entries(form, raw, row), None
        if axis is not None:
            lengths = np.full(len(raw), raw.shape[1 + axis], np.int64)
        if raw.shape[1:] != form.sizes:
            short = [(0, size - own) for size, own in zip(form.sizes, raw.shape[1:], strict=True)]
            values = np.pad(values, [(0, 0), *short])
        return values, lengths
    levels, flat = _unpacked(form.what, raw, row)
    filled = _filled(levels, form.sizes)
    lengths = None
    if axis is not None:
        lengths, _ = _per_event(form.what, levels, axis, row)
    values = np.zeros(filled.shape, object if form.text else np.float64)
    if form.text:
        values[:] = ""
    values[filled] = _flat_entries(form, flat, lambda k: row + int(np.argwhere(filled)[k][0]))
    return values, lengths


def _unpacked(what: str, array: Any, row: int) -> tuple[list[Lengths], Any]:
    """Lengths of the lists of each level, and the innermost values."""
    levels: list[Lengths] = []
    while is_list(array.type):
        if array.null_count:
            k = pc.index(array.is_null(), True).as_py()
            place = f"in row {row + k + 1}" if not levels else "somewhere inside a list"
            raise DataError(f"{what} {place} is null: save an empty list, or drop the event")
        counts = pc.list_value_length(array).cast(pa.int64())
        levels.append(np.asarray(counts.to_numpy(zero_copy_only=False), np.int64))
        array = array.flatten()
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return levels, array


def _per_event(
    what: str, levels: list[Lengths], axis: int, row: int
) -> tuple[Lengths, npt.NDArray[np.bool_]]:
    """Lengths (B,) along an axis, and which events have such an axis at all.

    Raises DataError if the lists within an event differ.
    """
    events = np.arange(len(levels[0]))
    owner = events  # the event of each list of the level
    for counts in levels[:axis]:
        owner = np.repeat(owner, counts)
    lengths = np.zeros(len(events), np.int64)
    lengths[owner] = levels[axis]
    if (bad := lengths[owner] != levels[axis]).any():
        k = int(owner[bad][0])
        raise DataError(
            f"{what} in row {row + k + 1} has lists of {int(levels[axis][bad][0])} and of"
            f" {int(lengths[k])} elements: within an event they must be equally long"
        )
    present = np.zeros(len(events), np.bool_)
    present[owner] = True
    return lengths, present


def _filled(levels: list[Lengths], sizes: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Mask (B, \\*sizes) of the entries that the lists have, in C order."""
    lengths: Lengths = levels[0]
    filled = np.arange(sizes[0]) < lengths[..., None]
    for counts, size in zip(levels[1:], sizes[1:], strict=True):
        lengths = np.zeros(filled.shape, np.int64)
        lengths[filled] = counts
        filled = np.arange(size) < lengths[..., None]
    return filled


def _entries(form: Form, raw: Array, row: int) -> Array:
    """Entries of a dense array as float64 or texts."""
    if form.text:
        if raw.dtype.kind not in "UOST":
            raise _wrong_kind(form, kind_name(raw.dtype))
        return raw
    if not is_number(raw.dtype):
        raise _wrong_kind(form, kind_name(raw.dtype))
    if form.exact and raw.dtype.kind in "iu":
        width = raw.size // max(len(raw), 1)
        flat = raw.reshape(-1)
        _require_exact(form, flat, beyond_exact(flat), lambda k: row + k // width)
    with np.errstate(over="ignore"):  # what float64 cannot hold becomes Inf, which is checked later
        return np.asarray(raw, np.float64)


def _flat_entries(form: Form, flat: Any, row_of: Callable[[int], int]) -> Array:
    """Innermost values of lists as float64 or texts; ``row_of(k)`` is the row of value k."""
    if form.text:
        if not is_text(flat.type):
            raise _wrong_kind(form, f"values of type {printable(flat.type, 40)}")
        return np.array(flat.to_pylist(), object)
    numbers = numeric(flat)
    if numbers is None:
        raise _wrong_kind(form, f"values of type {printable(flat.type, 40)}")
    if form.exact and not types.is_floating(flat.type):
        large = (np.abs(numbers) >= EXACT) & (numbers % 1 == 0)
        if types.is_integer(flat.type):
            large = beyond_exact(flat.fill_null(0).to_numpy(zero_copy_only=False))
        _require_exact(form, flat, large, row_of)
    return numbers


def _require_exact(
    form: Form, values: Any, large: npt.NDArray[np.bool_], row_of: Callable[[int], int]
) -> None:
    if large.any():
        k = int(large.argmax())
        refuse_inexact(f"{form.what} in row {row_of(k) + 1}", values[k])


def _wrong_kind(form: Form, kind: str) -> DataError:
    takes = "texts" if form.text else "numbers"
    return DataError(f"{form.what} holds {kind}, but the model takes {takes} there")
