"""Published JSON Schemas, and the first place at which a document does not fit its schema.

Documents are validated by ``jsonschema_rs``: a result of 15 000 rows takes it 0.012 s, a fifth of
what reading its JSON takes. ``fastjsonschema`` needs 0.6 s, and the reference implementation
``jsonschema`` 6 s; the tests compare ours with the reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from onnxtaylor.errors import name_hint, printable

__all__ = ["published_schema", "violation"]

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
SHOWN = 60  # characters of a value in a message


def published_schema(schema: str) -> dict[str, Any]:
    """Returns the JSON Schema of a name and version such as ``onnxtaylor.result/1``."""
    file = schema.removeprefix("onnxtaylor.").replace("/", "-") + ".json"
    text = (files("onnxtaylor") / "schemas" / file).read_text(encoding="utf-8")
    return dict(json.loads(text))


def violation(document: Any, schema: str, *, by_hand: bool = False) -> str | None:
    """Returns where and how a document does not fit its published schema; None if it fits.

    Raises ValueError for a document nested too deeply to be validated.

    Parameters
    ----------
    document
        The document, of values that JSON knows.
    schema
        Name and version, such as ``onnxtaylor.result/1``.
    by_hand
        Whether people write such documents: a slip in a key is then told before what is missing,
        with the nearest key that exists.

    >>> violation({"schema": 1}, "onnxtaylor.comparison/1")
    "the document has no 'version'"
    >>> violation({"inputs": [{"name": "x", "rol": "mask"}]}, "onnxtaylor.inputs/1", by_hand=True)
    "inputs[0] has a key that is not known: 'rol': did you mean 'role'?"
    """
    validator = _validator(schema)
    try:
        errors = list(validator.iter_errors(document)) if by_hand else []
        error = _first_slip(errors) or next(iter(validator.iter_errors(document)), None)
    except UnicodeEncodeError:
        # names of files may hold lone surrogates, which jsonschema_rs cannot take
        error = next(iter(validator.iter_errors(_encodable(document))), None)
    return None if error is None else _message(error, schema if by_hand else None)


def _first_slip(errors: Sequence[ValidationError]) -> ValidationError | None:
    """Returns the first violation by an unknown key, None if there is none."""
    kind = Kind.AdditionalProperties
    return next((error for error in errors if isinstance(error.kind, kind)), None)


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(published_schema(schema))


def _encodable(value: Any) -> Any:
    """The document with lone surrogates as their escapes."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


def _message(error: ValidationError, hints_of: str | None = None) -> str:
    """One line: the place, the allowed content, and the actual content.

    ``hints_of``: the schema whose nearest key is named where a key is not known.
    """
    if isinstance(error.kind, Kind.OneOfNotValid | Kind.AnyOf):
        meant = _meant_alternative(error.kind.context, len(error.instance_path))
        if meant is not None:
            return _message(meant, hints_of)
    line = f"{_place(error.instance_path)} {_demand(error.kind, error.instance) or error.message}"
    if hints_of and isinstance(error.kind, Kind.AdditionalProperties):
        line += name_hint(error.kind.unexpected[0], _known_keys(error.schema_path, hints_of))
    return line


def _known_keys(path: Sequence[str | int], schema: str) -> list[str]:
    """Returns the keys that the object may have whose additionalProperties are at this path."""
    part: Any = published_schema(schema)
    for step in path[:-1]:
        part = part[step]
    return list(part["properties"])


def _demand(kind: Kind, value: Any) -> str | None:
    """The violated demand and the value; None for a keyword that our schemas do not use."""
    got = f"got {_shown(value)}"
    match kind:
        case Kind.Type(types):
            return f"must be {_alternatives([TYPES[name] for name in types])}, {got}"
        case Kind.OneOfNotValid(context) | Kind.AnyOf(context):
            types = [name for branch in context for name in getattr(branch[0].kind, "types", ())]
            return f"must be {_alternatives([TYPES[name] for name in types])}, {got}"
        case Kind.Enum(options):
            return f"must be {_alternatives([_shown(option) for option in options])}, {got}"
        case Kind.Constant(expected):
            return f"must be {_shown(expected)}, {got}"
        case Kind.Required(name):
            return f"has no '{printable(name, SHOWN)}'"
        case Kind.AdditionalProperties(names):
            return f"has a key that is not known: '{printable(names[0], SHOWN)}'"
        case Kind.Minimum(limit):
            return f"must be at least {limit}, {got}"
        case Kind.ExclusiveMinimum(limit):
            return f"must be larger than {limit}, {got}"
        case Kind.Maximum(limit):
            return f"must be at most {limit}, {got}"
        case Kind.ExclusiveMaximum(limit):
            return f"must be smaller than {limit}, {got}"
        case Kind.MinItems(limit):
            return f"must have at least {limit} item{'s' * (limit > 1)}, got {len(value)}"
        case Kind.MaxItems(limit):
            return f"must have at most {limit} item{'s' * (limit > 1)}, got {len(value)}"
        case Kind.UniqueItems():
            return "has the same item twice"
        case Kind.Pattern(pattern):
            return f"must match {pattern}, {got}"
    return None


def _meant_alternative(
    alternatives: Sequence[Sequence[ValidationError]], depth: int
) -> ValidationError | None:
    """The first violation of the alternative that comes closest to a value at this depth.

    Chooses, among the alternatives of the right type, the one with the fewest violations.
    """
    near = [
        violations
        for violations in alternatives
        if not isinstance(violations[0].kind, Kind.Type) or len(violations[0].instance_path) > depth
    ]
    return min(near, key=len)[0] if near else None


def _place(path: Sequence[str | int]) -> str:
    """``coefficients[3].score``; the whole document has no path."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.replace("-", "_").isidentifier():
            text += f".{key}"
        else:
            text += f"['{printable(key, 40)}']"
    return text.removeprefix(".") or "the document"


def _alternatives(names: Sequence[str]) -> str:
    *first, last = dict.fromkeys(names)
    return f"{', '.join(first)} or {last}" if first else last


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return TYPES["object" if isinstance(value, dict) else "array"]
    return printable(json.dumps(value, ensure_ascii=False), SHOWN)
