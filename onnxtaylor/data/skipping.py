"""Files that cannot be read, or have a cell that is no number, found before the others are used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from onnxtaylor.data.source import EventSource
from onnxtaylor.errors import DataError

__all__ = ["sound_files"]

Path = TypeVar("Path", bound="str | os.PathLike[str]")

READ = 2**16  # events that are read at a time
ALL = 2**62  # events: more than any file has


def sound_files(
    paths: Sequence[Path], open_files: Callable[[Sequence[Path]], EventSource]
) -> tuple[list[Path], dict[str, str]]:
    """Reads every file once, and returns those without fault, and why each other one has one.

    A file without events has no fault, one without the columns of the first sound one has.

    Parameters
    ----------
    paths
        The files.
    open_files
        Opens some of them as one stream.

    Raises
    ------
    DataError
        Every file has a fault: that of the first one.
    """
    sound: list[Path] = []
    faults: dict[str, str] = {}
    first: DataError | None = None
    for path in paths:
        try:
            open_files([*sound[:1], path])
            source = open_files([path])
            between = getattr(source, "between", None)
            for _ in source.batches(READ) if between is None else between(0, ALL):
                pass
            sound.append(path)
        except DataError as error:
            first = first or error
            faults[str(path)] = str(error)
    if first is not None and not sound:
        raise first
    return sound, faults
