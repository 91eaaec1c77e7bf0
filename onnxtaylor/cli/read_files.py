"""Files that a call reads besides its arguments: named by options, or by the model itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from glob import escape, glob
from pathlib import Path
from typing import Any

from onnxtaylor.files.names import tables_of

__all__ = ["NamesOfFile", "combine_files", "external_weights", "files_of_options"]

LARGEST = 2**31  # bytes of a model
NO_MODELS = (".json", ".toml", ".npz", ".npy", ".csv", ".parquet", ".root", ".h5", ".gz")


class NamesOfFile(list[str]):
    """Names that a call gives as ``@FILE``, and that file."""

    def __init__(self, names: Sequence[str], file: str) -> None:
        super().__init__(names)
        self.file = file


def files_of_options(options: Mapping[str, Any]) -> list[str]:
    """Lists the files that options name: ``@FILE``, ``--inputs FILE``, friends, files by class."""
    found = [file for value in options.values() for file in _files_of(value)]
    friends = options.get("friends") or ()
    found += [place for place in friends if not str(place).startswith(":")]
    for names in (options.get("files_by_class") or {}).values():
        found += [names] if isinstance(names, str) else list(names)
    return found


def _files_of(value: Any) -> Iterator[str]:
    if isinstance(value, NamesOfFile):
        yield value.file
    elif isinstance(value, os.PathLike):
        yield os.fspath(value)
    elif isinstance(value, Mapping):  # of groups, each with names
        for one in value.values():
            yield from _files_of(one)
    elif isinstance(value, list | tuple):
        yield from (os.fspath(one) for one in value if isinstance(one, os.PathLike))


def combine_files(places: Sequence[str]) -> list[str]:
    """Lists the files of combine in folders, and of patterns with ``{1}`` and ``{2}``."""
    found: list[str] = []
    for place in places:
        if Path(place).is_dir():
            found += map(str, Path(place).rglob("*.json"))
        else:
            pattern = "*".join(map(escape, re.split(r"\{[12]\}", place)))
            found += glob(pattern)  # noqa: PTH207  patterns may be absolute
    return found


def external_weights(paths: Sequence[str | Path], target: Path) -> set[str]:
    """Returns the files, resolved, in which models keep tensors that an output could overwrite.

    A model is read only where the output is a file that exists, in the model's folder or below.
    """
    if not target.is_file():
        return set()
    place, found = Path(os.path.realpath(target)), set[str]()
    for one in tables_of(paths):
        path = Path(one.place)
        folder = Path(os.path.realpath(path.parent))
        if one.remote or path.suffix.lower() in NO_MODELS or not path.is_file():
            continue
        if place.is_relative_to(folder) and path.stat().st_size < LARGEST:
            found |= _external_files(path, folder)
    return found


def _external_files(path: Path, folder: Path) -> set[str]:
    """Returns the files of a model's external tensors; none of what is no model."""
    import onnx

    from onnxtaylor.graph.external import external_tensors

    proto = onnx.ModelProto()
    with suppress(Exception):  # what it raises depends on protobuf: the command tells it later
        proto.ParseFromString(path.read_bytes())
    locations = {
        entry.value
        for tensor in external_tensors(proto)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return {os.path.realpath(folder / location) for location in locations if location}
