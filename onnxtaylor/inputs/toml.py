"""Writes a specification as ``inputs.toml``, commented for who edits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isinf

from onnxtaylor.errors import printable
from onnxtaylor.inputs.document import SCHEMA, TRANSFORM_KEYS
from onnxtaylor.inputs.model_input import InputSpecification, Value, Variable
from onnxtaylor.inputs.specification import Specification
from onnxtaylor.inputs.transform import IDENTITY
from onnxtaylor.text.toml_text import toml_text

__all__ = ["specification_text"]

WIDTH = 100
ROLE_COMMENTS = {
    "features": "fed event by event and differentiated",
    "context": "fed event by event, not differentiated",
    "mask": "context that tells which slots are filled",
    "fixed": "held at a value",
}
HEAD = (
    "# Inputs of the model, for onnxtaylor. `onnxtaylor schema inputs` describes every key.",
    "# role:      features are differentiated; context, mask are fed only; fixed has a value",
    "# axes:      batch (events), variable, slot (objects of a set), in the order of the tensor",
    "# variables: names, or { name, column, subtract, scale, lower, upper, replace, padding }:",
    "#            value = clip((finite(x) − subtract)·scale, lower, upper), padded afterwards",
)


def specification_text(
    specification: Specification, comments: Mapping[str, str] | None = None
) -> str:
    """Returns the text of an ``inputs.toml``, which reads back as the same specification.

    Parameters
    ----------
    specification
        The specification.
    comments
        Comments by name of an input, of one line or more: what was guessed, and why.
    """
    lines = [*HEAD, "", f"schema = {toml_text(SCHEMA)}"]
    if specification.outputs is not None:
        lines += _list("outputs", [toml_text(name) for name in specification.outputs])
    told = "coefficients are per unit of the variable, else of the model's input"
    lines.append(
        f"expand-transforms = {toml_text(specification.expand_transforms)}  # {told}"
        if any(not v.transform.is_identity for one in specification.inputs for v in one.variables)
        or specification.expand_transforms
        else f"# expand-transforms = false  # {told}"
    )
    lines += ["", *_data(specification)]
    for one in specification.inputs:
        lines += ["", *_input(one, (comments or {}).get(one.name, ""))]
    return "\n".join(lines) + "\n"


def _data(specification: Specification) -> Iterator[str]:
    """Yields the table ``data``; keys that are not set are comments."""
    data = specification.data
    yield "[data]"
    for key, meaning in (
        ("tree", "of a ROOT file"),
        ("weight", "column of event weights"),
        ("label", "column of class labels"),
    ):
        value = getattr(data, key)
        yield f'# {key} = "…"  # {meaning}' if value is None else f"{key} = {toml_text(value)}"
    if data.classes:
        yield from _list("classes", [toml_text(name) for name in data.classes])
    else:
        yield "# classes = []  # labels in the data, in the order of the responses"


def _input(one: InputSpecification, comment: str) -> Iterator[str]:
    """Yields one table of ``inputs``."""
    for line in comment.splitlines():
        yield f"# {printable(line, 200)}"
    yield "[[inputs]]"
    yield f"name = {toml_text(one.name)}"
    yield f"role = {toml_text(one.role)}  # {ROLE_COMMENTS[one.role]}"
    if one.axes is not None:
        yield f"axes = {toml_text(one.axes)}"
    if one.prefix is not None:
        yield f"prefix = {toml_text(one.prefix)}"
    if one.min_length:
        yield f"min-length = {one.min_length}"
    if one.max_length is not None:
        yield f"max-length = {one.max_length}"
    if one.padding:
        yield f"padding = {_number(one.padding)}"
    if one.mask_of:
        of = one.mask_of[0] if len(one.mask_of) == 1 else one.mask_of
        yield f"mask-of = {toml_text(of)}"
    if one.role == "mask":
        yield f"filled = {one.filled}  # value at slots that are filled; the other one is padding"
    if one.value is not None:
        yield f"value = {_value(one.value)}"
    if one.variables:
        yield from _list("variables", [_variable(v) for v in one.variables])


def _variable(variable: Variable) -> str:
    """Writes a variable: its name alone, or what differs from the defaults."""
    pairs = [f"name = {toml_text(variable.name)}"]
    if variable.column is not None:
        pairs.append(f"column = {toml_text(variable.column)}")
    for key in TRANSFORM_KEYS:
        value = getattr(variable.transform, key)
        if value != getattr(IDENTITY, key) and not isinf(value):
            pairs.append(f"{key} = {_number(value)}")
    if variable.padding is not None:
        pairs.append(f"padding = {_number(variable.padding)}")
    return toml_text(variable.name) if len(pairs) == 1 else "{ " + ", ".join(pairs) + " }"


def _value(value: Value) -> str:
    """Writes a fixed value."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _number(value) if isinstance(value, float) else toml_text(value)


def _number(value: float) -> str:
    """Writes a number of double precision, all its digits.

    >>> _number(5.0), _number(0.7), _number(-1e32)
    ('5.0', '0.7', '-1e+32')
    """
    return repr(float(value))


def _list(key: str, items: list[str]) -> Iterator[str]:
    """Yields a list: on one line where it fits and holds no tables, else one item a line."""
    line = f"{key} = [{', '.join(items)}]"
    if len(line) <= WIDTH and not any(item.startswith("{") for item in items):
        yield line
        return
    yield f"{key} = ["
    for item in items:
        yield f"  {item},"
    yield "]"
