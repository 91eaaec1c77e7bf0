"""Saved JSON documents, written and read.

Reading takes one way for all kinds of documents: text → JSON → the present form (``migrations``) →
the published JSON Schema (``violations``) → the loader of the kind. The schema is the one truth:
what it refuses is refused. A loader checks only what no schema can say, such as that two lists are
equally long, and raises ValueError with the place and the reason.

JSON has neither NaN nor infinity: an undefined number is null in a table, and text in an option.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, TypeVar

from onnxtaylor.errors import ResultError, is_unicode, printable
from onnxtaylor.files.bounded import read_text
from onnxtaylor.files.whole import write_whole
from onnxtaylor.results.migrations import migrate

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "LARGEST",
    "DocumentKind",
    "check_unique",
    "document_text",
    "json_missing",
    "json_number",
    "part",
    "save_text",
    "with_nulls",
]

HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")  # of a letter beyond 16 bits
LARGEST = 2**29  # bytes of a document: the coefficients of large results are in Parquet

_Loaded = TypeVar("_Loaded")
_Part = TypeVar("_Part", bound="DataclassInstance")


@dataclass(frozen=True)
class DocumentKind:
    """A kind of saved document.

    Parameters
    ----------
    schema
        Name and version of its JSON Schema, such as ``onnxtaylor.result/1``.
    title
        Name of the kind after "no", in the message about a document of another kind.
    name
        Name of the kind after "the", in the message about a damaged document.
    hint
        End of the message about a document that names no schema.
    """

    schema: str
    title: str
    name: str
    hint: str = ""

    def read(self, path: str | os.PathLike[str]) -> str:
        """Returns the text of a file. Raises ResultError, naming the file, if it is unreadable."""
        where = printable(path)
        try:
            return read_text(path, LARGEST)
        except FileNotFoundError:
            raise ResultError(f"{where}: no such file") from None
        except (OSError, ValueError) as error:
            reason = printable(getattr(error, "strerror", None) or error)
            raise ResultError(f"{where}: cannot be read: {reason}") from None

    def parse(self, text: str, where: str, load: Callable[[dict[str, Any]], _Loaded]) -> _Loaded:
        """Parses and validates a document, and passes it to ``load``.

        Parameters
        ----------
        text
            The document.
        where
            Source of the document, which messages name first.
        load
            Makes the result of a document that fits the published schema. Raises ValueError where
            the document contradicts itself in a way that no schema can describe.

        Raises
        ------
        ResultError
            For text that is no JSON, another kind of document, and a damaged one.
        """
        try:
            document = json.loads(
                text, parse_constant=_refuse, parse_float=_float, parse_int=_integer
            )
        except (ValueError, RecursionError) as error:
            raise ResultError(f"{where}: no JSON document: {printable(error)}") from None
        except OverflowError as error:
            raise ResultError(f"{where}: the {self.name} is damaged: {error}") from None
        if HALF.search(text) and (wrong := _no_unicode(document)) is not None:
            raise ResultError(f"{where}: the {self.name} is damaged: {wrong}")
        if isinstance(document, dict):
            migrate(document)
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != self.schema:
            hint = "" if schema else self.hint
            raise ResultError(
                f"{where}: no {self.title}: its schema is {printable(schema)!r}, not"
                f" {self.schema!r}{hint}"
            )
        from onnxtaylor.results.violations import violation  # its library: for readers alone

        try:
            problem = violation(document, self.schema)
            if problem is not None:
                raise ValueError(problem)
            return load(document)
        except ValueError as error:
            reason = printable(error, 200)
            raise ResultError(f"{where}: the {self.name} is damaged: {reason}") from None


def document_text(
    head: Mapping[str, Any], tables: Mapping[str, Iterable[Mapping[str, Any] | str]]
) -> str:
    """Returns the text of a document: indented members, then tables of one line a row.

    Such a text is small, and good to read and to compare. Rows are objects, or their JSON texts.

    >>> print(document_text({"a": 1}, {"rows": [{"x": 1, "y": 2}], "none": []}), end="")
    {
     "a": 1,
     "rows": [
      {"x": 1, "y": 2}
     ],
     "none": []
    }
    """
    text = json.dumps(dict(head), indent=1, ensure_ascii=False, allow_nan=False)
    text = text.removesuffix("\n}")
    for name, rows in tables.items():
        lines = ",\n  ".join(
            row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, allow_nan=False)
            for row in rows
        )
        text += f',\n "{name}": ' + (f"[\n  {lines}\n ]" if lines else "[]")
    return text + "\n}\n"


def save_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a document, whole or not at all. Raises ResultError."""
    # a path that is no Unicode has lone surrogates: JSON can say them, as escapes
    write_whole(path, text.encode(errors="backslashreplace"))


def part(kind: type[_Part], row: Mapping[str, Any], **replaced: Any) -> _Part:
    """Makes a dataclass from a JSON object; ``replaced`` are fields already converted.

    In JSON 5.0 is a whole number: fields of type ``int`` get it as 5.
    """
    whole = {f.name for f in fields(kind) if f.type in ("int", "int | None")}
    plain = {k: int(v) if k in whole and isinstance(v, float) else v for k, v in row.items()}
    return kind(**{**plain, **replaced})


def with_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row of a table with NaN as None.

    >>> with_nulls({"a": float("nan"), "b": 1})
    {'a': None, 'b': 1}
    """
    return {k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()}


def json_number(value: float | None) -> float | str | None:
    """Returns an option's number as JSON can hold it: NaN and infinity become text.

    >>> json_number(float("nan")), json_number(-999.0), json_number(None)
    ('nan', -999.0, None)
    """
    return value if value is None or isfinite(value) else str(value)


def _no_unicode(part: Any, place: str = "") -> str | None:
    """Returns the place of the first text that is no Unicode, and the text; None if all is."""
    if isinstance(part, str):
        named = f"{place.lstrip('.') or 'it'} is no Unicode: '{printable(part, 60)}'"
        return None if is_unicode(part) else named
    if isinstance(part, dict):
        keys = next((key for key in part if not is_unicode(key)), None)
        if keys is not None:
            return f"{place.lstrip('.') or 'it'} has a key that is no Unicode: '{printable(keys)}'"
        found = (_no_unicode(value, f"{place}.{key}") for key, value in part.items())
    elif isinstance(part, list):
        found = (_no_unicode(value, f"{place}[{k}]") for k, value in enumerate(part))
    else:
        return None
    return next(filter(None, found), None)


def json_missing(
    value: float | Mapping[str, float] | None,
) -> float | str | dict[str, float | str | None] | None:
    """Returns the option ``missing`` as JSON can hold it: a number, or numbers by features.

    >>> json_missing({"pt": -999.0, "*": float("nan")})
    {'pt': -999.0, '*': 'nan'}
    """
    if isinstance(value, Mapping):
        return {name: json_number(number) for name, number in value.items()}
    return json_number(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise OverflowError(f"the number {printable(text, 40)} is too large")
    return value


def _integer(text: str) -> int:
    # statistics and figures compute in double precision, which ends near 1.8e308
    if len(text) > 300:
        raise OverflowError(f"a number of {len(text)} digits is too large")
    return int(text)


def check_unique(values: Sequence[object], place: str) -> None:
    """Raises ValueError where a value in this list of a document occurs twice."""
    if len(set(values)) < len(values):
        twice = next(value for k, value in enumerate(values) if value in values[:k])
        raise ValueError(f"{place} must differ, got {twice!r} twice")
