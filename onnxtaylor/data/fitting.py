"""Sizes of inputs that are read as a whole: measured in the data, and fitted to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxtaylor.data.columns import Columns, Places, quoted
from onnxtaylor.data.formats import Table
from onnxtaylor.data.jagged import Extent, extent_of
from onnxtaylor.data.request import InputRequest
from onnxtaylor.errors import DataError, name_hint

__all__ = ["fitted_extents"]

ASSUMED = 256  # cells of an event of unknown size: so many bound the memory of a piece


def fitted_extents(tables: Sequence[Table], columns: Columns) -> dict[str, Extent]:
    """Finds the lengths of each input that is read as a whole, over all events of all tables.

    Lists whose type does not tell their length are read once.

    Raises
    ------
    DataError
        A table lacks an array, or an array has another rank or other sizes than the model's input.
    """
    parts = [part for whole in columns.wholes for part in whole.parts]
    file = tables[0].file
    found: dict[str, Extent] = {}
    for table in tables:
        for name, extent in _measured(table, parts).items():
            found[name] = found[name].merge(extent) if name in found else extent
    fitted = {part.name: _fitted(file, part, found[part.name]) for part in parts}
    _check_shared(file, parts, fitted)
    return {whole.name: _joined(file, whole, fitted) for whole in columns.wholes}


def _joined(file: str, whole: InputRequest, fitted: Mapping[str, Extent]) -> Extent:
    """Lengths of an input whose variables are arrays or lists of their own."""
    first, *others = whole.keys
    for name in others:
        if fitted[name] != fitted[first]:
            low, high = fitted[name].low, fitted[name].high
            spans = ", ".join(map(_span, low, high))
            expected = ", ".join(map(_span, fitted[first].low, fitted[first].high))
            raise DataError(
                f"{file}: {quoted(name)} has {spans} elements, {quoted(first)} has {expected}, but"
                f" both feed the input {whole.described}: give both the same elements"
            )
    if not whole.columns:
        return fitted[first]
    at, count = whole.variable, (len(whole.columns),)
    low, high = fitted[first].low, fitted[first].high
    return Extent(low[:at] + count + low[at:], high[:at] + count + high[at:])


def _measured(table: Table, wholes: Sequence[InputRequest]) -> dict[str, Extent]:
    """Lengths of the inputs in one table, each of the rank that its input has."""
    extents: dict[str, Extent] = {}
    for whole in wholes:
        if whole.name not in table.wholes:
            raise DataError(
                f"{table.file} has no array or lists {quoted(whole.name)}"
                f"{name_hint(whole.name, (*table.wholes, *table.names))}"
            )
        shape = table.wholes[whole.name]
        if shape is not None:
            extents[whole.name] = _ranked(table.file, whole, Extent(shape, shape))
    names = tuple(whole.name for whole in wholes if whole.name not in extents)
    if names:
        row, size = 0, 0
        ranked = {whole.name: whole for whole in wholes}
        for piece in table.pieces(Places((), None, None, wholes=names, cells=ASSUMED)):
            for name in names:
                raw = piece.wholes[name]
                extent = extent_of(f"{table.file}: {quoted(name)}", raw, row)
                extent = _ranked(table.file, ranked[name], extent)
                extents[name] = extents[name].merge(extent) if name in extents else extent
                size = len(raw)
            row += size
        if not row:
            raise DataError("there are no events (no row of values)").located(table.file)
    return extents


def _ranked(file: str, whole: InputRequest, extent: Extent) -> Extent:
    """Returns the extent if it has as many axes as the input. Raises DataError otherwise."""
    axes = len(extent.high)
    objects = ""
    if axes == len(whole.shape) + 1:
        objects = "; or, if the model's inputs hold one event, use no_batch=True"
    if axes == len(whole.shape) or (whole.single and extent.high == (1,) * axes):
        return extent
    raise DataError(
        f"{file}: {quoted(whole.name)} has {axes} {_axes(axes)} behind the events"
        f" [{', '.join(map(str, extent.high))}], but the model's input {whole.described} has"
        f" {len(whole.shape)}: reshape it, events first{objects}"
    )


def _fitted(file: str, whole: InputRequest, extent: Extent) -> Extent:
    """Lengths of one input as the model takes them."""
    what = f"{file}: {quoted(whole.name)}"
    if len(extent.high) != len(whole.shape):
        return extent  # a single number
    high = list(extent.high)
    low = list(extent.low)
    for axis, size in enumerate(whole.shape):
        if low[axis] > high[axis]:  # no event has elements there
            low[axis] = high[axis] = size if isinstance(size, int) else 0
        if isinstance(size, int) and not (low[axis] == high[axis] == size):
            if axis != whole.slot or high[axis] > size:
                raise DataError(
                    f"{what} has {_span(low[axis], high[axis])} elements along axis {axis + 1}, but"
                    f" the model's input {whole.described} takes {size}: give it {size} of each"
                    " event, in the order of the model"
                )
            high[axis] = size
        if not high[axis]:
            raise DataError(f"{what} has no element in any event: is this the right column?")
    fitted = Extent(tuple(low), tuple(high))
    if len(fitted.varying) > 1:
        raise DataError(
            f"{what} varies in length along {len(fitted.varying)} axes: only one may vary between"
            " events; pad the others"
        )
    return fitted


def _check_shared(file: str, wholes: Sequence[InputRequest], extents: Mapping[str, Extent]) -> None:
    """Raises DataError for a free size of two inputs for which the data have two sizes."""
    sizes: dict[str, tuple[str, tuple[int, int]]] = {}
    for whole in wholes:
        extent = extents[whole.name]
        if len(extent.high) != len(whole.shape):
            continue
        for axis, size in enumerate(whole.shape):
            if not isinstance(size, str):
                continue
            span = (extent.low[axis], extent.high[axis])
            name, other = sizes.setdefault(size, (whole.name, span))
            if span != other:
                raise DataError(
                    f"{file}: {quoted(whole.name)} has {_span(*span)} elements, {quoted(name)} has"
                    f" {_span(*other)}, but the model has one size {quoted(size)} for both: give"
                    " both the same elements, padded or not"
                )


def _span(low: int, high: int) -> str:
    return str(high) if low == high else f"{low} to {high}"


def _axes(count: int) -> str:
    return "axis" if count == 1 else "axes"
