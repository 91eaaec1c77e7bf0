"""Drafts a specification from the model's inputs: what can be known, and what is a guess.

Floating-point numbers are features; whole numbers, texts, and true or false are context; an input
that is called or shaped like a mask is a mask of the features inputs with as many slots. Each guess
is a comment of the text, for the user to confirm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.port import InputPort, shape_text
from onnxtaylor.inputs.specification import Specification
from onnxtaylor.inputs.toml import specification_text

__all__ = ["Draft", "draft"]

Dim = int | str | None
MASK = re.compile(r"mask", re.IGNORECASE)
PADDING = re.compile(r"pad", re.IGNORECASE)
BATCH = re.compile(r"n|b|bs|batch.*|.*batch|.*batch_?size|unk__\d+|none|\?", re.IGNORECASE)
MOST_NAMES = 2000  # placeholders that are written
CONFIRM = "Guess: "


@dataclass(frozen=True)
class Draft:
    """A guessed specification, with comments on what was guessed by name of the input."""

    specification: Specification
    comments: dict[str, str]

    def to_toml(self) -> str:
        """Returns the text of an ``inputs.toml``, whose comments tell the guesses."""
        return specification_text(self.specification, self.comments)


@dataclass(frozen=True)
class _Guess:
    """One input as it was guessed; ``size`` is that of its slots, a number or a symbol."""

    one: InputSpecification
    notes: tuple[str, ...] = ()
    size: Dim = None


def draft(ports: Sequence[InputPort], columns: Sequence[str] = (), origin: str = "draft") -> Draft:
    """Drafts the specification of a model.

    Parameters
    ----------
    ports
        The model's inputs.
    columns
        Columns of the data, from which names of variables are taken where their number fits.
    origin
        The model, for messages.

    Returns
    -------
    Draft
        A specification that reads back from its text, and comments.
    """
    batch = _batch_symbols(ports)
    slots = _slot_sizes(ports, batch)
    guesses = [_guess(port, batch, slots) for port in ports]
    guesses = [_as_mask(guess, port, guesses) for guess, port in zip(guesses, ports, strict=True)]
    done = [_named(guess, port, columns) for guess, port in zip(guesses, ports, strict=True)]
    comments = {}
    for guess, port in zip(done, ports, strict=True):
        told = f"The model's input is {port.type_name} {shape_text(port)}."
        comments[guess.one.name] = "\n".join([told, *guess.notes])
    return Draft(Specification(tuple(g.one for g in done), origin=origin), comments)


def _batch_symbols(ports: Sequence[InputPort]) -> set[Dim]:
    """Returns the sizes and symbols of first axes that seem to count events.

    First axes of different sizes cannot all do: then only those with a name of a batch do, and
    those of size 1 beside them.
    """
    firsts: set[Dim] = {port.shape[0] for port in ports if port.shape}
    if len(firsts) <= 1:
        return firsts
    named: set[Dim] = {
        d for d in firsts if d is None or (isinstance(d, str) and BATCH.fullmatch(d))
    }
    if named:
        return named
    single: set[Dim] = {1}
    symbols: set[Dim] = {d for d in firsts if not isinstance(d, int)}
    return single if 1 in firsts else symbols


def _slot_sizes(ports: Sequence[InputPort], batch: set[Dim]) -> set[Dim]:
    """Returns the sizes of axes that masks, by their names, tell to be slots."""
    slots: set[Dim] = set()
    for port in ports:
        if MASK.search(port.name):
            slots.update((port.shape or ())[1:])
    return slots - {1, None} - {d for d in batch if isinstance(d, str)}


def _guess(port: InputPort, batch: set[Dim], slots: set[Dim]) -> _Guess:
    """Guesses role and axes of an input, by its type and shape alone."""
    role = "features" if port.is_float else "context"
    shape = port.shape
    if shape is None or len(shape) > 3 or (len(shape) == 3 and shape[0] not in batch):
        note = "Its axes are not known: the data must have an array of its name and shape."
        return _Guess(InputSpecification(port.name, role), (note,))
    batched = bool(shape) and shape[0] in batch
    rest = shape[1:] if batched else shape
    first = ("batch",) if batched else ()
    if not rest:
        if batched:
            return _Guess(InputSpecification(port.name, role, first))
        note = f'{CONFIRM}one value for all events; to hold it: role = "fixed", value = …'
        return _Guess(InputSpecification(port.name, "context", first), (note,))
    if len(rest) == 1:
        is_slot = rest[0] in slots or (batched and isinstance(rest[0], str))
        axis = "slot" if is_slot else "variable"
        if not batched and len(shape) == 1:
            note = f"{CONFIRM}one row of values for all events."
            return _Guess(InputSpecification(port.name, "context", ("variable",)), (note,))
        note = f"{CONFIRM}the last axis is the objects of a set." if is_slot else ""
        one = InputSpecification(port.name, role, (*first, axis))
        return _Guess(_with_size(one, rest[0]), (note,) * is_slot, rest[0] if is_slot else None)
    return _two_axes(port, role, first, (rest[0], rest[1]), slots)


def _two_axes(
    port: InputPort, role: str, first: tuple[str, ...], rest: tuple[Dim, Dim], slots: set[Dim]
) -> _Guess:
    """Guesses which of two axes are the slots: a free one, one of a mask's size, else the first."""
    sure = isinstance(rest[0], int) != isinstance(rest[1], int)
    of_mask = [size in slots for size in rest]
    if sure:
        slot = 0 if not isinstance(rest[0], int) else 1
    else:
        slot = of_mask.index(True) if sum(of_mask) == 1 else 0
    axes = ("slot", "variable") if slot == 0 else ("variable", "slot")
    notes = []
    if not first:
        notes.append(f"{CONFIRM}no axis counts events; the first one is the objects of a set.")
    if not sure:
        notes.append(f"{CONFIRM}axis {len(first) + slot} is the objects of a set, counted from 0.")
    one = InputSpecification(port.name, role, (*first, *axes))
    return _Guess(_with_size(one, rest[slot]), tuple(notes), rest[slot])


def _with_size(one: InputSpecification, size: Dim) -> InputSpecification:
    """Returns an input with a fixed number of slots, where the model has one."""
    if not one.has("slot") or not isinstance(size, int):
        return one
    return replace(one, min_length=size, max_length=size)


def _as_mask(guess: _Guess, port: InputPort, guesses: Sequence[_Guess]) -> _Guess:
    """Returns an input as a mask, if it is called or shaped like one."""
    one = guess.one
    named = bool(MASK.search(port.name))
    width = 1
    if one.has("variable") and port.shape is not None:
        size = port.shape[one.layout.index("variable")]
        width = size if isinstance(size, int) else 0
    candidates = [
        other.one
        for other in guesses
        if other.one.name != one.name
        and other.one.role == "features"
        and other.one.has("slot")
        and other.size == guess.size
        and not MASK.search(other.one.name)
    ]
    masked = [other for other in candidates if len(other.layout) > 2 or one.has("variable")]
    shaped = one.has("slot") and width == 1 and bool(masked) and port.type_name == "bool"
    if not one.has("slot") or width != 1 or not (named or shaped):
        if not named:
            return guess
        note = f"{CONFIRM}called a mask, but no features input has its slots; not differentiated."
        return replace(guess, one=replace(one, role="context"), notes=(*guess.notes, note))
    if not candidates:
        note = f"{CONFIRM}a mask, of which input is not known: write mask-of."
        return replace(guess, one=replace(one, role="mask"), notes=(*guess.notes, note))
    filled = 0 if PADDING.search(port.name) else 1
    notes = [
        *guess.notes,
        f"{CONFIRM}a mask, by its {'name' if named else 'shape'}. Is it {filled} where a slot is"
        f" filled{', since its name speaks of padding' if filled == 0 else ''}?",
    ]
    names = tuple(other.name for other in candidates)
    return _Guess(replace(one, role="mask", mask_of=names, filled=filled), tuple(notes), guess.size)


def _named(guess: _Guess, port: InputPort, columns: Sequence[str]) -> _Guess:
    """Returns an input with names of its variables: those of the data, or placeholders."""
    one = guess.one
    if one.axes is None or not one.has("variable") or port.shape is None:
        return guess
    width = port.shape[one.layout.index("variable")]
    if one.role == "mask":
        return guess
    if not isinstance(width, int):
        note = "Its number of variables is free: name them, as the data have them."
        return replace(guess, notes=(*guess.notes, note))
    if width > MOST_NAMES:
        note = "Without names of variables, the data must have an array of its name."
        return replace(guess, notes=(*guess.notes, note))
    if width == 1:
        return replace(guess, one=replace(one, variables=(Variable(one.name),)))
    names = _from_columns(one, columns)
    if len(names) == width:
        note = f"{CONFIRM}variables in the order of the columns {one.name}_… of the data."
    else:
        stem = "variable" if one.has("slot") else one.name
        names = [f"{stem}_{k}" for k in range(width)]
        note = f"{CONFIRM}placeholders: write the names of the variables, in the model's order."
    variables = tuple(Variable(name) for name in names)
    return replace(guess, one=replace(one, variables=variables), notes=(*guess.notes, note))


def _from_columns(one: InputSpecification, columns: Sequence[str]) -> list[str]:
    """Returns the variables of which the data have columns ``input_variable``, in their order."""
    names: dict[str, None] = {}
    for column in columns:
        name = column.removeprefix(f"{one.name}_")
        if name == column or not name:
            continue
        names[re.sub(r"_\d+$", "", name) if one.has("slot") else name] = None
    return [name for name in names if name]
