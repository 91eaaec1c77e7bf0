"""Writes values as TOML: suggested policies, specifications of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["toml_text"]


def toml_text(value: object) -> str:
    """Writes a value as TOML; control characters in strings are escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(map(_letter, value)) + '"'
    if isinstance(value, Mapping):
        pairs = (f"{toml_text(str(key))} = {toml_text(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, Sequence | np.ndarray):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    return repr(value)


def _letter(c: str) -> str:
    """Returns a letter of a TOML string, or its escape."""
    if c in '"\\':
        return "\\" + c
    return c if c.isprintable() else f"\\U{ord(c):08x}"
