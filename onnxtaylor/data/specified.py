"""Events of a specification of inputs: its columns become the rows that the model's function takes.

Columns are read piece by piece and made tensors, transformed, cut off, padded and masked, of which
each row has the features first, then the context, both in the order of the model's inputs. Behind
them stand the numbers of filled slots of sets that no mask tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.beside import NO_EVENTS, selected_batches, selected_tables
from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.context import TextCodes, check_context, coded_texts, context_numbers
from onnxtaylor.data.formats import Piece, Table
from onnxtaylor.data.rechunk import check_size, rechunk
from onnxtaylor.data.request import Beside
from onnxtaylor.data.rows import length_name
from onnxtaylor.data.source import Batch
from onnxtaylor.data.spec_columns import find_columns, tensor_names, with_positions
from onnxtaylor.data.values import Floats, check_features
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.inputs import Specification, Tensors, tensors
from onnxtaylor.inputs.needed import SetSizes, measure_sets, slot_sizes

__all__ = ["FedInput", "SpecifiedSource"]

ASSUMED = 256  # cells of an event of unknown size: so many bound the memory of a piece


class FedInput(NamedTuple):
    """An input in a row: its name, whether it holds features, and whether it takes texts."""

    name: str
    features: bool
    text: bool = False


class SpecifiedSource:
    """Events of one or more tables, prepared by a specification: an ``EventSource``.

    Parameters
    ----------
    tables
        The opened files, at least one; the first one determines the columns.
    specification
        What the inputs are, held against the model.
    fed
        The inputs in the order of the row, features first.
    label, weight
        Columns of class labels and of event weights.
    missing
        Value of missing entries.
    beside
        Columns that are read beside the rows.
    origins
        Origins of the data; default: the names of the files.

    Attributes
    ----------
    taken
        Columns of the data by input.
    sizes
        Shape of each input behind the events.
    lengths, fillings
        Columns with numbers of filled slots: of inputs whose tensor is as long as that, and of
        inputs that are padded to one size.

    Raises
    ------
    DataError
        A column is missing or does not fit the others, or there is no event.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        specification: Specification,
        fed: Sequence[FedInput],
        *,
        label: str | None = None,
        weight: str | None = None,
        missing: float | None = None,
        beside: Beside | None = None,
        origins: Sequence[str] | None = None,
    ) -> None:
        first = tables[0]
        self._weight, self._beside = weight, beside or Beside()
        if first.positional and not set(first.wholes) & {one.name for one in fed}:
            others = (label, weight, *self._beside.factors)
            specification = with_positions(first, specification, others)
        self._specification, self._fed, self._missing = specification, tuple(fed), missing
        texts = {one.name for one in fed if one.text}
        self._columns = find_columns(first, specification, texts)
        self.taken: Mapping[str, tuple[str, ...]] = self._columns.taken
        parts = [(t, self._places(t, label, ASSUMED)) for t in tables]
        measured = self._measure(selected_tables(tables, self._beside))
        longest = {name: size.longest for name, size in measured.items()}
        self._slots = slot_sizes(specification, longest)
        self._told = frozenset(name for name, size in measured.items() if size.told)
        self.lengths: Mapping[str, str] = {}
        self.fillings: Mapping[str, str] = {}
        self._name_lengths(first.file, measured)
        self._origins = tuple(t.file for t in tables) if origins is None else tuple(origins)
        made = self._first(parts)
        self.sizes: Mapping[str, tuple[int, ...]] = {
            one.name: made.values[one.name].shape[1:] for one in fed
        }
        cells = sum(prod(self.sizes[one.name]) for one in fed if not one.text)
        self._parts = [(t, replace(places, cells=cells)) for t, places in parts]
        names = {one.name: self._names(one) for one in fed}
        self._names_of = names
        self.feature_names: Sequence[str] = [
            n for one in fed if one.features for n in names[one.name]
        ]
        self.context_names: Sequence[str] = [
            *(n for one in fed if not one.features for n in names[one.name]),
            *self.lengths.values(),
            *self.fillings.values(),
        ]
        self._codes = TextCodes([n for one in fed if one.text for n in names[one.name]])

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Texts of each column of texts by their code, complete after one pass."""
        return self._codes.texts

    @property
    def origins(self) -> Sequence[str]:
        """Names of the files, fit for printing."""
        return self._origins

    @property
    def count(self) -> int:
        """Number of all events, selected or not, from one pass over them."""
        return sum(len(piece.x) for table, places in self._parts for piece in table.pieces(places))

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the events, exactly ``size`` in a batch; the last batch may have fewer.

        Raises DataError, naming the file, column and row at fault; OptionError for a size below 1.
        """
        check_size(size)
        batches = selected_batches(self._parts, self._rows, self._beside, self._weight)
        return rechunk(batches, size)

    def between(self, start: int, stop: int) -> Iterator[Batch]:
        """Reads pieces with all events numbered ``start`` to ``stop`` − 1, and with others.

        Raises as ``batches`` does.
        """
        beside, weight = self._beside, self._weight
        return selected_batches(self._parts, self._rows, beside, weight, start=start, stop=stop)

    def _places(self, table: Table, label: str | None, cells: int) -> Places:
        """Finds all columns in a table. Raises DataError for a missing or repeated name."""
        beside = self._beside
        return self._columns.places(table, label, self._weight, beside=beside, cells=cells)

    def _measure(self, tables: Sequence[Table]) -> dict[str, SetSizes]:
        """Measures the sets of all tables in one pass over their columns."""
        sets = [one.name for one in self._specification.inputs if one.has("slot")]
        columns = self._columns.of(sets)
        sizes: dict[str, SetSizes] = {}
        if not any(columns.taken.values()):
            return sizes
        for table in tables:
            row = 0
            for piece in table.pieces(columns.places(table, cells=ASSUMED)):
                with _located(table.file, row):
                    found = measure_sets(self._specification, columns.values(piece))
                for name, size in found.items():
                    sizes[name] = sizes[name].merge(size) if name in sizes else size
                row += len(next(iter(piece.wholes.values()), piece.x))
        if not sizes:
            raise DataError(NO_EVENTS).located(", ".join(table.file for table in tables))
        return sizes

    def _name_lengths(self, file: str, measured: Mapping[str, SetSizes]) -> None:
        """Names the columns of numbers of filled slots: of the sets that no mask tells."""
        lengths, fillings = {}, {}
        for name, size in measured.items():
            one, slots = self._specification.input(name), self._slots[name]
            if not slots:
                raise DataError(f"input {quoted(name)} has no object in any event").located(file)
            if one.role == "mask" or self._specification.masks_of(name):
                continue
            shortest = min(size.shortest, slots)
            if one.min_length == one.max_length:
                if shortest < slots and one.role == "features":
                    fillings[name] = length_name(name)
            elif shortest < one.min_length:
                raise DataError(
                    f"input {quoted(name)} has events with {shortest} objects, which are padded to"
                    f" {one.min_length}, and no mask tells that: write min-length = 0, or"
                    " min-length = max-length where the model takes padding without a mask"
                ).located(self._specification.origin)
            elif shortest < slots:
                lengths[name] = length_name(name)
        self.lengths, self.fillings = lengths, fillings

    def _first(self, parts: Sequence[tuple[Table, Places]]) -> Tensors:
        """Makes the tensors of the first events. Raises DataError if there are none."""
        for table, places in parts:
            for piece in table.pieces(places):
                return self._tensors(piece, table.file, 0)
        raise DataError(NO_EVENTS).located(", ".join(self.origins))

    def _tensors(self, piece: Piece, file: str, row: int) -> Tensors:
        """Makes the tensors of a piece, events on the first axis."""
        with _located(file, row):
            made = tensors(
                self._specification,
                self._columns.values(piece),
                self._slots,
                told=self._told,
            )
        values = {}
        for name, tensor in made.values.items():
            one = self._specification.input(name)
            # an input without the axis batch has events first already
            known = one.axes is not None and one.has("batch") and tensor.ndim == len(one.layout)
            values[name] = np.moveaxis(tensor, one.layout.index("batch"), 0) if known else tensor
        return Tensors(values, made.filled)

    def _names(self, fed: FedInput) -> list[str]:
        """Names of the entries of an input, in the order of the row."""
        one, shape = self._specification.input(fed.name), self.sizes[fed.name]
        inputs = [one for one in self._specification.inputs if one.role == "features"]
        if fed.features and all(other.own_variables for other in inputs):
            called = self._specification.feature_columns(self._slots)
            names = [row.feature for row in called if row.input == fed.name]
            if len(names) == prod(shape):
                return names
        return tensor_names(one, shape)

    def _rows(self, piece: Piece, file: str, row: int) -> Floats:
        """Makes the rows (B, n + m) of a piece, checked."""
        made = self._tensors(piece, file, row)
        parts = [self._part(one, made.values[one.name], file, row) for one in self._fed]
        for name in (*self.lengths, *self.fillings):
            parts.append(made.lengths(name)[:, None].astype(np.float64))
        x = np.ascontiguousarray(np.concatenate(parts, axis=1))
        n = len(self.feature_names)
        names = [*self.feature_names, *self.context_names]

        def entry(k: int, i: int) -> str:
            return f"{file}: {quoted(names[i])} in row {row + k + 1}"

        check_features(x[:, :n], self._missing, entry)
        check_context(x[:, n:], lambda k, i: entry(k, n + i))
        return x

    def _part(self, fed: FedInput, tensor: npt.NDArray[np.generic], file: str, row: int) -> Floats:
        """Makes the entries (B, ·) of one input in a row."""
        flat = tensor.reshape(len(tensor), -1)
        what, width = f"{file}: input {quoted(fed.name)}", flat.shape[1]

        def where(k: int) -> str:
            return f"{what} in row {row + k + 1}"

        if not fed.text:
            numbers = context_numbers(what, flat.reshape(-1), lambda k: where(k // max(width, 1)))
            return numbers.reshape(flat.shape)
        codes = np.empty(flat.shape)
        for i, name in enumerate(self._names_of[fed.name]):
            codes[:, i] = self._codes.code(name, coded_texts(what, flat[:, i], where))
        return codes


@contextmanager
def _located(file: str, row: int) -> Iterator[None]:
    """Puts the file, and the rows where events are counted from, before a message."""
    try:
        yield
    except (DataError, OptionError) as error:
        after = f" (events counted from row {row + 1})" if row else ""
        raise DataError(f"{error}{after}").located(file) from None
