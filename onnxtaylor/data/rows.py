"""Assembles rows of features and context from single columns and inputs read as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import Block, Columns, quoted
from onnxtaylor.data.context import Coded, TextCodes, check_context, coded_texts
from onnxtaylor.data.formats import Piece
from onnxtaylor.data.jagged import Extent, Form, padded
from onnxtaylor.data.request import InputRequest
from onnxtaylor.data.values import Floats, check_features
from onnxtaylor.errors import DataError

__all__ = ["Rows", "element_names", "length_name"]


class Rows:
    """Layout of a row: features, context, then the lengths of jagged inputs.

    Parameters
    ----------
    columns
        The chosen columns.
    extents
        Lengths of the inputs that are read as a whole, over all events.
    missing
        Value of missing entries.

    Attributes
    ----------
    features, context
        Names of the columns of a row.
    sizes
        Shape of each input that is read as a whole.
    lengths
        Name of the column with the lengths of each jagged input.
    """

    def __init__(
        self, columns: Columns, extents: Mapping[str, Extent], missing: float | None
    ) -> None:
        self._columns, self._missing = columns, missing
        self.sizes = {name: extent.high for name, extent in extents.items()}
        self._axes = {name: extent.varying[0] for name, extent in extents.items() if extent.varying}
        self.lengths = {name: length_name(name) for name in self._axes}
        self._parts_of = {whole.name: whole.parts for whole in columns.wholes}
        blocks = columns.blocks or (
            Block(columns.features),
            Block(tuple(column.name for column in columns.context), context=True),
        )
        self._blocks = blocks
        names = {True: [], False: []}  # type: dict[bool, list[str]]
        for block in blocks:
            names[block.context] += self._names(block)
        self.features = columns.renamed or tuple(names[False])
        self.context = (*names[True], *self.lengths.values())
        texts = [column.name for column in columns.context if column.text]
        for whole in columns.wholes:
            texts += element_names(whole, self.sizes[whole.name]) if whole.text else []
        self._codes = TextCodes(texts)

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Texts of each column of texts by their code, as far as they have been read."""
        return self._codes.texts

    @property
    def cells(self) -> int:
        """Number of entries per event of what is read as a whole."""
        return sum(prod(sizes) for sizes in self.sizes.values())

    def row(self, piece: Piece, file: str, start: int) -> Floats:
        """Returns the rows (B, n + m) of a piece, checked.

        ``file`` and ``start``, the number of its events before these, are for the DataError that
        is raised for a missing or infinite entry.
        """
        if not self._columns.blocks and not piece.context:
            x = piece.x
        else:
            x = np.empty((_events(piece), len(self.features) + len(self.context)))
            place = 0
            for values in self._parts(piece, file, start):
                x[:, place : place + values.shape[1]] = values
                place += values.shape[1]
        n = len(self.features)

        def entry(name: str, k: int) -> str:
            return f"{file}: column {quoted(name)} in row {start + k + 1}"

        singles = None if self._columns.wholes else self._columns.features
        named = self.features if singles is None else singles
        check_features(x[:, :n], self._missing, lambda k, i: entry(named[i], k), singles)
        check_context(x[:, n:], lambda k, i: entry(self.context[i], k))
        return x

    def _names(self, block: Block) -> Sequence[str]:
        if block.whole is None:
            return block.columns
        return element_names(block.whole, self.sizes[block.whole.name])

    def _parts(self, piece: Piece, file: str, start: int) -> Iterator[Floats]:
        """Parts of the rows, (B, ·) each, from the first to the last."""
        lengths: dict[str, Floats] = {}
        feature = context = 0
        for block in self._blocks:
            if block.whole is not None:
                yield self._whole(block.whole, piece, file, start, lengths)
            elif block.context:
                for name in block.columns:
                    column = piece.context[context]
                    values = self._codes.code(name, column) if isinstance(column, Coded) else column
                    yield values[:, None]
                    context += 1
            else:
                yield piece.x[:, feature : feature + len(block.columns)]
                feature += len(block.columns)
        _require_equal_lengths(self._columns.wholes, self._axes, lengths, file, start)
        for name in self.lengths:
            yield lengths[name][:, None]

    def _whole(
        self, whole: InputRequest, piece: Piece, file: str, start: int, lengths: dict[str, Floats]
    ) -> Floats:
        """Rows (B, ·) of an input; its lengths are put into ``lengths``."""
        name = whole.name
        sizes, axis, at = self.sizes[name], self._axes.get(name), whole.variable
        if whole.columns:
            sizes = sizes[:at] + sizes[at + 1 :]
            axis = None if axis is None else axis - (axis > at)
        parts = []
        for part in self._parts_of[name]:
            what = f"{file}: {quoted(part.name)}"
            form = Form(what, sizes, text=whole.text, exact=whole.held_back)
            values, counts = padded(form, piece.wholes[part.name], axis, start)
            if counts is not None:
                first = lengths.setdefault(name, counts.astype(np.float64))
                _require_equal((whole.keys[0], first), (part.name, counts), name, file, start)
            parts.append(values)
        values = np.stack(parts, axis=1 + at) if whole.columns else parts[0]
        flat = values.reshape(len(values), -1)
        if not whole.text:
            return flat
        codes = np.empty(flat.shape)
        for i, column in enumerate(element_names(whole, self.sizes[name])):

            def where(k: int, column: str = column) -> str:
                return f"{file}: column {quoted(column)} in row {start + k + 1}"

            codes[:, i] = self._codes.code(column, coded_texts(where(0), flat[:, i], where))
        return codes


def element_names(whole: InputRequest, sizes: Sequence[int]) -> list[str]:
    """Returns the names of an input's entries in C order; the input's own if it is a single number.

    Where an axis counts slots and another one variables, they are called ``pf.v2[17]``.

    >>> element_names(InputRequest("pf", ("n", 2)), (2, 2))
    ['pf[0,0]', 'pf[0,1]', 'pf[1,0]', 'pf[1,1]']
    """
    if whole.single:
        return [whole.name]
    places = product(*(range(size) for size in sizes))
    if whole.slot is not None and len(sizes) == 2 and not whole.held_back:
        s = whole.slot
        return [f"{whole.name}.v{place[1 - s]}[{place[s]}]" for place in places]
    return [f"{whole.name}[{','.join(map(str, place))}]" for place in places]


def length_name(name: str) -> str:
    """Returns the name of the context column with the lengths of a jagged input."""
    return f"length({name})"


def _events(piece: Piece) -> int:
    return len(next(iter(piece.wholes.values()))) if piece.wholes else len(piece.x)


def _require_equal_lengths(
    wholes: Sequence[InputRequest],
    axes: Mapping[str, int],
    lengths: Mapping[str, Floats],
    file: str,
    start: int,
) -> None:
    """Raises DataError for an event where inputs with the same free size have two lengths."""
    first: dict[str, str] = {}
    for whole in wholes:
        size = whole.shape[axes[whole.name]] if whole.name in axes else None
        if not isinstance(size, str):
            continue
        other = first.setdefault(size, whole.name)
        pair = (other, lengths[other]), (whole.name, lengths[whole.name])
        _require_equal(*pair, size, file, start)


def _require_equal(
    a: tuple[str, npt.NDArray[Any]],
    b: tuple[str, npt.NDArray[Any]],
    size: str,
    file: str,
    start: int,
) -> None:
    """Raises DataError for an event where two lists, each with its name, have two lengths."""
    if (bad := a[1] != b[1]).any():
        k = int(bad.argmax())
        raise DataError(
            f"{file}: row {start + k + 1} has {a[1][k]:.0f} elements in {quoted(a[0])} and"
            f" {b[1][k]:.0f} in {quoted(b[0])}, but the model has one size {quoted(size)} for both:"
            " give both the same elements"
        )
