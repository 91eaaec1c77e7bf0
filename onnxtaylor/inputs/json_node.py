"""Reads foreign JSON value by value; what does not fit is told with its place in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.inputs.model_input import first_twice

__all__ = ["JsonNode", "parse_json"]

LONGEST_PLACE = 120


@dataclass(frozen=True)
class JsonNode:
    """A value of a JSON document, its place in it, and the document's name for messages.

    All methods raise OptionError, in one line with file and place, for a value of another kind.
    """

    value: Any
    place: str
    where: str

    def wrong(self, message: str) -> OptionError:
        """Returns the error that something is wrong with this value."""
        place = printable(self.place, LONGEST_PLACE)
        return OptionError(f"{place} {message}" if place else message).located(self.where)

    def has(self, key: str) -> bool:
        """Whether it is an object with this key, whose value is not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def get(self, key: str) -> JsonNode:
        """Returns the value of a key of an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("must be an object")
        if key not in self.value:
            hint = name_hint(key, list(self.value))
            raise (self if self.place else JsonNode(self.value, "the document", self.where)).wrong(
                f"has no '{printable(key)}'{hint}"
            )
        return JsonNode(self.value[key], f"{self.place}.{key}" if self.place else key, self.where)

    def items(self) -> Iterator[JsonNode]:
        """Yields the values of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("must be a list")
        for k, item in enumerate(self.value):
            yield JsonNode(item, f"{self.place}[{k}]", self.where)

    def keys(self) -> list[str]:
        """Returns the keys of an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("must be an object")
        return list(self.value)

    def text(self) -> str:
        """Returns a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("must be a name")
        return self.value

    def names(self) -> tuple[str, ...]:
        """Returns a list of names that all differ."""
        names = tuple(item.text() for item in self.items())
        twice = first_twice(names)
        if twice is not None:
            raise self.wrong(f"has '{printable(twice)}' twice")
        return names

    def number(self) -> float:
        """Returns a finite number."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong("must be a number")
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if not isfinite(number):
            raise self.wrong("must be a finite number")
        return number

    def count(self) -> int:
        """Returns a whole number from 0 on."""
        number = self.number()
        if number < 0 or number != int(number):
            raise self.wrong("must be a whole number from 0 on")
        return int(number)


def parse_json(text: str, where: str) -> JsonNode:
    """Parses a JSON document. Raises OptionError for a text that is none."""
    try:
        return JsonNode(json.loads(text), "", where)
    except (ValueError, RecursionError) as error:
        raise OptionError(f"is not JSON: {printable(error)}").located(where) from None
