"""Names of data: a file, a tree in a file, a folder of files, a pattern, an address.

``events.root:Events`` is the tree ``Events`` of a file; ``ztt_*.root`` all files of this pattern,
in the order of their names; a folder is all files of events in it. What contains ``://`` is an
address, which fsspec reads. A file that exists is meant by its name, whatever characters that has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from onnxtaylor.errors import DataError, join_names, printable

__all__ = ["COMPRESSED", "ENDINGS", "TREES", "TableName", "table_names", "tables_of"]

TREES = (".root", ".h5", ".hdf5")  # of files that hold several tables
TABLES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".feather", ".ipc")
ENDINGS = (*TABLES, *TREES)
COMPRESSED = (".gz", ".bz2", ".zst")  # of text tables

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WITH_TREE = re.compile(
    rf"(?P<place>.*(?:{'|'.join(map(re.escape, TREES))})):(?P<tree>[^:]+)",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class TableName:
    """One table of events: a path or an address, and the tree in that file, None for its only one.

    >>> TableName("events.root", "Events").shown
    'events.root:Events'
    """

    place: str
    tree: str | None = None

    @property
    def text(self) -> str:
        """The name as its user writes it."""
        return self.place if self.tree is None else f"{self.place}:{self.tree}"

    @property
    def shown(self) -> str:
        """The name as its user writes it, fit for messages."""
        return printable(self.text)

    @property
    def remote(self) -> bool:
        """Whether it is an address."""
        return _ADDRESS.match(self.place) is not None

    @property
    def suffixes(self) -> list[str]:
        """Endings of the file's name, in small letters: ``['.csv', '.gz']``.

        >>> TableName("https://host/events.parquet?key=a.b").suffixes
        ['.parquet']
        """
        path = urlsplit(self.place).path if self.remote else self.place
        return [suffix.lower() for suffix in PurePosixPath(path).suffixes]

    @property
    def has_trees(self) -> bool:
        """Whether a file of this ending holds trees or groups."""
        return self.suffixes[-1:] != [] and self.suffixes[-1] in TREES


def table_names(name: str | os.PathLike[str]) -> list[TableName]:
    """Returns the tables that a name of data stands for, at least one.

    Raises DataError for a pattern that no file has, and for a folder without files of events or
    with files of several endings.
    """
    text = os.fspath(name)
    if not _ADDRESS.match(text) and Path(text).exists():
        return _in_folder(Path(text)) if Path(text).is_dir() else [TableName(str(Path(text)))]
    named = _WITH_TREE.fullmatch(text)
    place, tree = (named["place"], named["tree"]) if named else (text, None)
    if _ADDRESS.match(place):
        return [TableName(found, tree) for found in _at_address(place)]
    if has_magic(place) and not Path(place).exists():
        # not Path.glob: it takes no pattern that begins at the root
        paths = sorted(glob(place, recursive=True))  # noqa: PTH207
        found = [path for path in paths if not Path(path).is_dir()]
        if not found:
            raise DataError("no file has a name of this pattern").located(place)
        return [TableName(str(Path(path)), tree) for path in found]
    return [TableName(str(Path(place)), tree)]


def tables_of(names: Sequence[str | os.PathLike[str]]) -> list[TableName]:
    """Returns all tables that names of data stand for; a name that stands for none as it is."""
    found: list[TableName] = []
    for name in names:
        try:
            found += table_names(name)
        except DataError:  # whoever reads the data says it
            found.append(TableName(os.fspath(name)))
    return found


def _in_folder(folder: Path) -> list[TableName]:
    """Returns the files of events of a folder, by their names; hidden ones are left out."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        suffixes = TableName(str(path)).suffixes
        last = suffixes[-1] if suffixes else ""
        packed = last in COMPRESSED and suffixes[-2:-1] != [] and suffixes[-2] in ENDINGS
        if (last in ENDINGS or packed) and path.is_file() and not path.name.startswith((".", "_")):
            found.setdefault(suffixes[-2] + last if packed else last, []).append(path)
    where = printable(folder)
    if not found:
        raise DataError(
            f"{where} is a directory without files of events: name the files in it, or a pattern"
            f" such as '{where}/**/*.parquet'"
        )
    if len(found) > 1:
        kinds = join_names(list(found))
        raise DataError(
            f"{where} is a directory with files of several endings ({kinds}): name those that are"
            f" meant, such as '{where}/*{next(iter(found))}'"
        )
    return [TableName(str(path)) for path in next(iter(found.values()))]


def _at_address(address: str) -> list[str]:
    """Returns the addresses of a pattern; any other address as it is."""
    if "*" not in address and "[" not in address:  # ? is of a query
        return [address]
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise DataError("addresses are read with fsspec: pip install fsspec").located(
            address
        ) from None
    try:
        system, path = url_to_fs(address)
        found = [str(system.unstrip_protocol(one)) for one in sorted(system.glob(path))]
    except Exception as error:
        text = printable(" ".join(str(error).split()), 160)
        raise DataError(f"cannot be listed: {type(error).__name__} {text}").located(
            address
        ) from error
    if not found:
        raise DataError("no file has a name of this pattern").located(address)
    return found
