"""Files of one class each: the label of an event is the class of its file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from glob import glob, has_magic
from pathlib import Path

import numpy as np

from onnxtaylor.data.columns import Places
from onnxtaylor.data.formats import Piece, Table
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.options.samples import FileNames, FilesByClass

__all__ = ["ClassFile", "LabelledTable", "are_class_files", "class_files"]

OPTION = "files_by_class"


@dataclass(frozen=True)
class ClassFile(os.PathLike[str]):
    """Name of a file whose events are all of one class."""

    path: str
    label: str

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


class LabelledTable:
    """Another ``Table`` whose events all have one label."""

    def __init__(self, table: Table, label: str) -> None:
        self._table, self._label = table, label
        self.file, self.names, self.candidates = table.file, table.names, table.candidates
        self.hint, self.positional = table.hint, table.positional
        self.wholes, self.block = table.wholes, table.block
        self.rows: int | None = getattr(table, "rows", None)

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns of the other table. Raises DataError as that does."""
        return self._labelled(self._table.pieces(places))

    def pieces_behind(self, places: Places, row: int) -> tuple[int, Iterator[Piece]]:
        """Returns a number of rows that are left out, at most ``row``, and pieces of the others."""
        behind = getattr(self._table, "pieces_behind", None)
        left_out, pieces = (
            (0, self._table.pieces(places)) if behind is None else behind(places, row)
        )
        return left_out, self._labelled(pieces)

    def _labelled(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            yield replace(piece, labels=np.full(len(piece.x), self._label))


def are_class_files(x: object) -> bool:
    """Tests whether x is a list of files by class."""
    return isinstance(x, list) and bool(x) and all(isinstance(one, ClassFile) for one in x)


def class_files(files: FilesByClass) -> list[ClassFile]:
    """Lists the files of all classes, in the order of the classes.

    Parameters
    ----------
    files
        For each class a name of a file, or several. A name with ``*``, ``?`` or ``[…]`` that is no
        file stands for the files that match it, in the order of their names.

    Raises
    ------
    OptionError
        There is no class, a class has no name or no file, or a file belongs to two classes.
    DataError
        No file matches a pattern.
    """
    found: dict[str, ClassFile] = {}
    if not isinstance(files, Mapping) or not files:
        raise OptionError("must name the files of at least one class", option=OPTION)
    for label, names in files.items():
        label = str(label)
        paths = [path for name in _listed(names) for path in _matching(name)]
        if not label or not paths:
            what = f"has no file for the class '{printable(label)}'" if label else "has no name"
            raise OptionError(f"{what}: write the class and its files", option=OPTION)
        for path in paths:
            place = os.path.realpath(path)
            other = found.setdefault(place, ClassFile(path, label))
            if other != ClassFile(path, label):
                raise OptionError(
                    f"gives {printable(path)} to the class '{printable(label)}', and to"
                    f" '{printable(other.label)}' as {printable(other.path)}: the events of a file"
                    " are of one class",
                    option=OPTION,
                )
    return list(found.values())


def _listed(names: FileNames) -> list[str]:
    if isinstance(names, str | os.PathLike):
        return [os.fspath(names)]
    return [os.fspath(name) for name in names]


def _matching(name: str) -> list[str]:
    """Files that a name stands for. Raises DataError for a pattern that no file matches."""
    if not has_magic(name) or "://" in name or Path(name).exists():
        return [name]
    # the tree of a ROOT file stands behind its name: ztt_*.root:events
    stem, colon, _ = name.rpartition(".root:")
    pattern = f"{stem}.root" if colon else name
    found = sorted(glob(pattern, recursive=True))  # noqa: PTH207  patterns may be absolute
    paths = [path + name[len(pattern) :] for path in found]
    if not paths:
        raise DataError("no file matches this pattern").located(name)
    return paths
