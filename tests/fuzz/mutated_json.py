"""Mutations of documents: deleted, replaced, doubled, retyped and swapped, at every place."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

__all__ = ["mutated_document", "mutated_text"]

ODD = (
    None, True, False, 0, -1, 1, 2, 3, 0.5, -0.5, 1e-320, 1e308, -1e308, 2**31, 2**63, 10**30,
    "", "x", "all", "nan", "\u202e\x1b[31m", "\ud800", "a" * 300, [], {}, [None], [[]], {"a": 1},
    ["x", "x"], [1, "a"],
)  # fmt: skip
TEXTS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "[" * 2000, '"\\ud83d"', "\x00", "01")
NUMBER = re.compile(r"(?<![\w\".-])-?\d+(\.\d+)?(e-?\d+)?")


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything in a document."""
    found = [path] if path else []
    if not isinstance(part, dict | list):
        return found
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        found += places(value, (*path, key))
    return found


def mutated_document(document: Any, chance: random.Random) -> Any:
    """A copy with one to three mutations of its structure or its numbers."""
    changed = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        # of the many numbers of the tables no more than of the rest
        short = [path for path in places(changed) if len(path) < 3]
        path = chance.choice(chance.choice((short, places(changed))) or [()])
        if not path:
            continue
        part = changed
        for key in path[:-1]:
            part = part[key]
        _mutate(part, path[-1], chance)
    return changed


def _mutate(part: Any, key: Any, chance: random.Random) -> None:
    value, how = part[key], chance.randrange(9)
    if how == 0:
        del part[key]
    elif how == 1:
        part[key] = chance.choice(ODD)
    elif how == 2 and isinstance(part, list):
        part.insert(key, copy.deepcopy(value))
    elif how == 2:
        part[f"{key}{chance.choice(('', '_', 's'))}"] = part.pop(key)
    elif how == 3:
        part[key] = [value]
    elif how == 4:
        part[key] = json.dumps(value)
    elif how == 5 and isinstance(part, list) and len(part) > 1:
        other = chance.randrange(len(part))
        part[key], part[other] = part[other], part[key]
    elif how == 5 and isinstance(part, dict):
        part[key] = copy.deepcopy(part[chance.choice(list(part))])
    elif how == 6 and isinstance(value, list):
        part[key] = value * 2
    elif isinstance(value, bool):
        part[key] = not value
    elif isinstance(value, int | float):
        part[key] = chance.choice(
            (-value, value + 1, value - 1, value * 10, value / 3, value * 1e200, int(value))
        )
    elif isinstance(value, str):
        part[key] = chance.choice((value[1:], value + value, value.upper(), f"{value}\n"))
    elif isinstance(value, list):
        part[key] = chance.choice((value[::-1], value[1:], value[:1]))
    elif isinstance(value, dict):
        part[key] = list(value.values())


def mutated_text(text: str, chance: random.Random) -> bytes:
    """Text that is cut, or with other characters or numbers."""
    how = chance.randrange(6)
    if how == 0:
        return text[: chance.randrange(len(text))].encode(errors="backslashreplace")
    if how == 1:
        content = bytearray(text.encode(errors="backslashreplace"))
        for _ in range(chance.choice((1, 1, 4))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        return bytes(content)
    if how == 2:
        found = list(NUMBER.finditer(text))
        if found:
            one = chance.choice(found)
            text = text[: one.start()] + chance.choice(TEXTS) + text[one.end() :]
        return text.encode(errors="backslashreplace")
    start = chance.randrange(len(text))
    stop = min(len(text), start + chance.choice((1, 10, 200)))
    if how == 3:
        text = text[:start] + text[stop:]
    elif how == 4:
        text = text[:stop] + text[start:]
    else:
        text = text[:start] + chance.choice(TEXTS) + text[start:]
    return text.encode(errors="backslashreplace")
