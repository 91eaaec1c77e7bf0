"""Saved JSON documents: read, of the right schema, and what is damaged told in one line.

JSON has neither NaN nor infinity: what is undefined is null in a table, and text in an option.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from onnxtaylor.errors import ResultError, printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Format", "checked", "told", "with_nulls"]

_Made = TypeVar("_Made")
_Part = TypeVar("_Part", bound="DataclassInstance")

# what a damaged document does to those who take it for a sound one
_DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Format:
    """A kind of document: its schema, which ``kind`` it is, and what messages call it.

    ``hint`` stands behind the message of a document without any schema.
    """

    schema: str
    kind: str
    name: str
    hint: str = ""

    def read(self, path: str | os.PathLike[str]) -> str:
        """The text of a file. Raises ResultError, naming the file, where it cannot be read."""
        where = printable(path)
        try:
            return Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ResultError(f"{where}: no such file") from None
        except (OSError, ValueError) as error:
            reason = printable(getattr(error, "strerror", None) or error)
            raise ResultError(f"{where}: cannot be read: {reason}") from None

    def parse(self, text: str, where: str, make: Callable[[Mapping[str, Any]], _Made]) -> _Made:
        """What ``make`` makes of the document; ``where`` names the source.

        Raises ResultError for text that is no JSON, for another schema, and where ``make`` raises
        what a damaged document lets it raise: ArithmeticError, AttributeError, LookupError,
        TypeError or ValueError.
        """
        try:
            document = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ResultError(f"{where}: no JSON document: {printable(error)}") from None
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != self.schema:
            hint = "" if schema else self.hint
            raise ResultError(
                f"{where}: no {self.kind}: its schema is {printable(schema)!r}, not"
                f" {self.schema!r}{hint}"
            )
        try:
            return make(document)
        except _DAMAGE as error:
            raise ResultError(
                f"{where}: the {self.name} is damaged ({type(error).__name__}: {printable(error)})"
            ) from None


_TYPES: dict[str, Any] = {
    **{"str": str, "int": int, "bool": bool, "float": (int, float)},
    **{"str | None": (str, type(None)), "int | None": (int, type(None))},
    "float | None": (int, float, type(None)),
    "int | float": (int, float),
}


def checked(part: _Part) -> _Part:
    """The dataclass as it is. Raises TypeError where a text or number of it is something else."""
    for f in fields(part):
        value = getattr(part, f.name)
        known = _TYPES.get(str(f.type))
        if known is None:
            continue
        wrong = isinstance(value, bool) and known is not bool  # Python takes True for 1
        if wrong or not isinstance(value, known):
            raise TypeError(f"{f.name} is {value!r}")
    return part


def with_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table, NaN as None.

    >>> with_nulls({"a": float("nan"), "b": 1})
    {'a': None, 'b': 1}
    """
    return {k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()}


def told(value: float | None) -> float | str | None:
    """An option's number; NaN and infinity as text.

    >>> told(float("nan")), told(-999.0), told(None)
    ('nan', -999.0, None)
    """
    return value if value is None or isfinite(value) else str(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
