"""Sizes of memory, as options give them: ``4GiB``."""

from __future__ import annotations

import re

from onnxtaylor.errors import OptionError, printable

__all__ = ["read_bytes"]

UNITS = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**k for k, letter in enumerate("KMGT", start=1)},
    **{f"{letter}iB": 1024**k for k, letter in enumerate("KMGT", start=1)},
}
FORM = re.compile(r"([0-9]+\.?[0-9]*)\s*([A-Za-z]*)")
LEAST = 2**20


def read_bytes(text: str | None, *, option: str = "memory") -> int | None:
    """Reads a size in bytes, such as ``4GiB`` (4·2³⁰), ``1.5 GB`` (1.5·10⁹); None for None.

    Raises OptionError, which names the option, for anything else and for less than 1 MiB.

    >>> read_bytes("4GiB") == 4 * 2**30
    True
    """
    if text is None:
        return None
    found = FORM.fullmatch(text.strip())
    units = {name.lower(): size for name, size in UNITS.items()}
    if found is None or found[2].lower() not in units:
        raise OptionError(
            f"must be a number and a unit, such as 4GiB or 500MB, got '{printable(text)}'",
            option=option,
        )
    size = int(float(found[1]) * units[found[2].lower()])
    if size < LEAST:
        raise OptionError(f"must be at least 1MiB, got {printable(text)}", option=option)
    return size
