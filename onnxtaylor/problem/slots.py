"""Filled and padded slots of sets: by masks, by lengths.

A slot that is padded has no coefficient: its entries are no data. Whether a mask is 1 where a slot
is filled, or where it is padded, is not guessed from its name: features are displaced where the
mask is 0 and where it is not, and the response must follow one of the two alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, ProbeError, join_names, printable
from onnxtaylor.graph import Choice, LoadedModel, Port, input_ports
from onnxtaylor.graph.layout import sizes_after_batch
from onnxtaylor.graph.sets import flagged_axes
from onnxtaylor.inputs import Specification
from onnxtaylor.runtime.session import Session

__all__ = ["Slots", "add_lengths", "find_slots", "settle_masks"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

SHIFT = 0.5  # by which features are displaced, in units of their size
ROUND_OFF = 2.0**9  # in units of the format's ε


@dataclass(frozen=True, eq=False)
class _Mask:
    """One mask of some inputs: places of their features, and of its own columns, one for each.

    ``inverted``: it is 0 where a slot is filled.
    """

    name: str
    owners: tuple[str, ...]
    features: Integers
    columns: Integers
    inverted: bool = False

    def filled(self, x: Floats) -> Flags:
        """Whether the slots of the features (B, len(features)) are filled."""
        flags: Flags = x[:, self.columns] != 0
        return ~flags if self.inverted else flags


@dataclass(frozen=True, eq=False)
class _Length:
    """One column with the number of filled slots, and the slot of each feature."""

    features: Integers
    slots: Integers
    column: int

    def filled(self, x: Floats) -> Flags:
        """Whether the slots of the features (B, len(features)) are filled."""
        return np.asarray(self.slots < x[:, self.column, None])


@dataclass(frozen=True, eq=False)
class Slots:
    """Filled and padded slots of the n columns of events."""

    masks: tuple[_Mask, ...] = ()
    lengths: tuple[_Length, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.masks or self.lengths)

    def padded(self, x: Floats) -> Flags:
        """Whether the entries of events x (B, n) are in padded slots, (B, n)."""
        padded = np.zeros(x.shape, np.bool_)
        for mask in self.masks:
            padded[:, mask.features] |= ~mask.filled(x)
        for length in self.lengths:
            padded[:, length.features] |= ~length.filled(x)
        return padded


def add_lengths(slots: Slots, sets: Iterable[tuple[Integers, Integers, int]]) -> Slots:
    """Adds sets of varying size: the columns of each, their slots, and the column of its length."""
    return replace(slots, lengths=(*slots.lengths, *(_Length(*one) for one in sets)))


def find_slots(model: LoadedModel, choice: Choice) -> Slots:
    """Finds the columns that each mask of a choice flags; all are taken to be 1 where filled.

    Raises OptionError for a mask whose shape does not fit that of the features.
    """
    ports = {port.name: port for port in (*choice.features, *choice.context)}
    declared = {
        port.name: replace(port, batch_axis=ports[port.name].batch_axis)
        for port in input_ports(model.proto.graph)
        if port.name in ports
    }
    starts, end = {}, 0
    for name, port in ports.items():
        starts[name] = end
        end += prod(_sizes(port))
    masks = []
    for name, owners in choice.masks.items():
        features, columns = [], []
        for owner in owners:
            pairs = flagged_axes(declared[name], declared[owner])
            if choice.specification is not None:
                told = tuple(_slot_axis(choice.specification, one) for one in (name, owner))
                pairs = ((told[0], told[1]),)
            flagged = _align(pairs, ports[name], ports[owner])
            if flagged is None:
                shapes = " and ".join(printable(ports[one].shape_text) for one in (name, owner))
                raise OptionError(
                    f"'{printable(name)}' does not fit '{printable(owner)}': of the shapes"
                    f" {shapes} no axis is the same, or more than one",
                    option="mask",
                ).located(model.path)
            features.append(starts[owner] + np.arange(flagged.size))
            columns.append(starts[name] + flagged.ravel())
        masks.append(_Mask(name, owners, np.concatenate(features), np.concatenate(columns)))
    return Slots(tuple(masks), tuple(_find_lengths(choice, ports, starts)))


def _find_lengths(
    choice: Choice, ports: Mapping[str, Port], starts: Mapping[str, int]
) -> Iterator[_Length]:
    """Finds the slots of inputs whose number of filled slots is a column; a specification tells."""
    known = {port.name for port in choice.features}
    counted = {**choice.data.lengths, **choice.data.fillings}
    if choice.specification is None or not counted:
        return
    first = sum(prod(_sizes(port)) for port in choice.features)
    for name, column in counted.items():
        if name in known:
            axis, sizes = _slot_axis(choice.specification, name), _sizes(ports[name])
            features = starts[name] + np.arange(prod(sizes))
            slots = np.indices(sizes)[axis].ravel()
            place = first + choice.data.columns.index(column)
            yield _Length(features, slots, place)


def _slot_axis(specification: Specification, name: str) -> int:
    """Returns the axis of the slots of an input, counted without the batch."""
    axes = [axis for axis in specification.input(name).layout if axis != "batch"]
    return axes.index("slot")


def _sizes(port: Port) -> tuple[int, ...]:
    """Sizes after the batch axis, which a choice with data has all of."""
    return tuple(d for d in sizes_after_batch(port) if isinstance(d, int))


def _align(
    pairs: tuple[tuple[int, int], ...] | None, mask: Port, features: Port
) -> Integers | None:
    """Returns the place in a mask for each entry of the features, in the features' shape.

    ``pairs`` are axes as the model declares them: see ``flagged_axes``. None where the axes do not
    tell it.
    """
    pairs = pairs or flagged_axes(mask, features)
    own, whole = _sizes(mask), _sizes(features)
    if pairs is None or prod(own) != prod(own[k] for k, _ in pairs):
        return None
    if any(own[k] != whole[j] for k, j in pairs):
        return None
    axes = [j for _, j in pairs]
    shape = [size if j in axes else 1 for j, size in enumerate(whole)]
    places = np.arange(prod(own)).reshape([whole[j] for j in axes]).transpose(np.argsort(axes))
    return np.ascontiguousarray(np.broadcast_to(places.reshape(shape), whole))


def settle_masks(
    model: LoadedModel, choice: Choice, session: Session, slots: Slots, x: Floats
) -> Slots:
    """Finds out which masks are 0 where a slot is filled.

    Parameters
    ----------
    model, choice, session
        The model, the choice of its inputs, and its responses without a link.
    slots
        Masks that are taken to be 1 where a slot is filled.
    x
        Events (B, n).
    lengths
        Names of inputs whose lists vary in length, and are padded with zeros.

    Raises
    ------
    ProbeError
        The response depends on slots that a mask flags as filled and on those that it does not:
        then it is no mask; or it depends on those that are padded by the specification of inputs;
        or a mask that is 0 where a slot is filled is padded with zeros.
    """
    reference = session(x)
    masks = []
    for mask in slots.masks:
        flagged = mask.filled(x)
        follows = {
            filled: _follows(session, x, mask.features, flagged == filled, reference)
            for filled in (True, False)
        }
        if all(follows.values()):
            raise ProbeError(
                f"{printable(model.path)}: input '{printable(mask.name)}' is no mask of"
                f" {join_names(mask.owners)}: the response depends on slots where it is 0 and on"
                f' those where it is not: feed it with context=["{printable(mask.name, 400)}"]'
            )
        if follows[False] and mask.name in choice.data.lengths:
            raise ProbeError(
                f"{printable(model.path)}: input '{printable(mask.name)}' is not 0 where a slot of"
                f" {join_names(mask.owners)} is padded, but its lists end before: give lists of all"
                " slots"
            )
        if choice.specification is not None and any(follows.values()):
            _agree(model, choice.specification, mask.name, inverted=follows[False])
        masks.append(replace(mask, inverted=follows[False]))
    return replace(slots, masks=tuple(masks))


def _agree(model: LoadedModel, specification: Specification, name: str, *, inverted: bool) -> None:
    """Raises ProbeError where a mask was found to be the opposite of what is specified."""
    filled = 0 if inverted else 1
    if specification.input(name).filled != filled:
        raise ProbeError(
            f"{printable(model.path)}: by {printable(specification.origin)} the mask"
            f" '{printable(name)}' is {1 - filled} where a slot is filled, but the response depends"
            f" on slots where it is {filled}: write filled = {filled}"
        )


def _follows(
    session: Session,
    x: Floats,
    features: Integers,
    chosen: Flags,
    reference: npt.NDArray[np.floating],
) -> bool:
    """Whether a response changes where the chosen entries (B, len(features)) are displaced."""
    if not chosen.any():
        return False
    part = x[:, features]
    size = np.abs(part).mean(axis=0)
    shift = SHIFT * np.where(size > 0, size, 1.0)
    moved = x.copy()
    for sign in (1, -1):
        moved[:, features] = np.where(chosen, part + sign * shift, part)
        responses = session(moved)
        scale = np.abs(reference[np.isfinite(reference)]).max(initial=0.0)
        limit = scale * ROUND_OFF * 2.0**-session.function.digits
        with np.errstate(invalid="ignore"):
            change = np.abs(responses - reference)
        if not (np.nan_to_num(change, nan=0.0) <= limit).all():
            return True
    return False
