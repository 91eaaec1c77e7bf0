"""``inputs.toml``: read, validated by its published schema, made into a specification.

schema = "onnxtaylor.inputs/1"
outputs = ["b", "c", "light"]

[[inputs]]
name = "pf_features"
role = "features"
axes = ["batch", "variable", "slot"]
max-length = 50
variables = ["charge", { name = "pt_log", subtract = 0.8, scale = 0.7, lower = -5, upper = 5 }]

[[inputs]]
name = "pf_mask"
role = "mask"
axes = ["batch", "slot"]
max-length = 50
mask-of = "pf_features"
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from math import isfinite
from typing import Any

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.inputs.model_input import InputSpecification, Value, Variable
from onnxtaylor.inputs.specification import DataSpecification, Specification
from onnxtaylor.inputs.transform import Transform

__all__ = ["SCHEMA", "TRANSFORM_KEYS", "specification_from_toml"]

SCHEMA = "onnxtaylor.inputs/1"
LARGEST = sys.float_info.max
TRANSFORM_KEYS = ("subtract", "scale", "lower", "upper", "replace")


def specification_from_toml(text: str, where: str) -> Specification:
    """Makes a specification of the text of an ``inputs.toml``.

    Parameters
    ----------
    text
        The document.
    where
        Its source, which messages name first.

    Raises
    ------
    OptionError
        In one line: the file, the key at fault, and the nearest key or name that exists.
    """
    from onnxtaylor.results.violations import violation  # its library: for readers alone

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise OptionError(f"is not a valid TOML file: {printable(error, 200)}").located(
            where
        ) from None
    try:
        problem = _no_json(document) or violation(document, SCHEMA, by_hand=True)
    except ValueError as error:  # nested too deeply
        problem = printable(error)
    if problem is not None:
        raise OptionError(printable(problem, 300)).located(where)
    outputs = document.get("outputs")
    data = dict(document.get("data", {}))
    data["classes"] = tuple(data.get("classes", ()))
    return Specification(
        inputs=tuple(
            _input(row, f"inputs[{k}]", where) for k, row in enumerate(document["inputs"])
        ),
        outputs=None if outputs is None else tuple(outputs),
        data=DataSpecification(**data),
        expand_transforms=document.get("expand-transforms", False),
        origin=where,
    )


def _no_json(value: Any, place: str = "") -> str | None:
    """Returns the first place with a value of TOML that no JSON has; None if there is none."""
    if isinstance(value, dict):
        items = ((item, f"{place}.{key}" if place else str(key)) for key, item in value.items())
    elif isinstance(value, list):
        items = ((item, f"{place}[{k}]") for k, item in enumerate(value))
    elif isinstance(value, float) and not isfinite(value):
        return f"{place} must be a finite number, got {value}: without a limit, leave the key out"
    elif isinstance(value, int) and abs(value) > LARGEST:
        return f"{place} is too large: the largest number is {LARGEST:.3g}"
    elif isinstance(value, str | int | float):
        return None
    else:
        return f"{place} must be no date or time, got {value}"
    return next((problem for item, at in items if (problem := _no_json(item, at))), None)


def _input(row: Mapping[str, Any], place: str, where: str) -> InputSpecification:
    """Makes one input of its table."""
    options: dict[str, Any] = {
        key.replace("-", "_"): tuple(value) if isinstance(value, list) else value
        for key, value in row.items()
    }
    variables = tuple(
        _variable(one, f"{place}.variables[{k}]", where)
        for k, one in enumerate(row.get("variables", ()))
    )
    of = row.get("mask-of", ())
    options |= {"variables": variables, "mask_of": (of,) if isinstance(of, str) else tuple(of)}
    if "value" in row:
        options["value"] = _value(row["value"], f"{place}.value", where)
    try:
        return InputSpecification(**options)
    except OptionError as error:
        raise _placed(error, place, where) from None


def _variable(row: str | Mapping[str, Any], place: str, where: str) -> Variable:
    """Makes a variable of its name or its table."""
    if isinstance(row, str):
        return Variable(row)
    transform = {key: float(row[key]) for key in TRANSFORM_KEYS if key in row}
    try:
        made = Transform(**transform)
    except OptionError as error:
        raise _placed(error, place, where) from None
    padding = row.get("padding")
    return Variable(
        row["name"], row.get("column"), made, None if padding is None else float(padding)
    )


def _value(value: Any, place: str, where: str) -> Value:
    """Returns a fixed value, with nested tuples for nested lists."""
    if isinstance(value, list):
        return tuple(_value(item, f"{place}[{k}]", where) for k, item in enumerate(value))
    if isinstance(value, dict):
        problem = f"{place} must be a number, a text, true or false, or a list of such, got a table"
        raise OptionError(problem).located(where)
    return value  # type: ignore[no-any-return]


def _placed(error: OptionError, place: str, where: str) -> OptionError:
    """Returns an error about a key with the place of that key in the file."""
    return OptionError(f"{place}.{error.option} {error.message}").located(where)
