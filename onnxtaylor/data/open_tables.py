"""Opens files as tables, by the ending of their name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from onnxtaylor.data.by_class import ClassFile, LabelledTable
from onnxtaylor.data.columns import quoted
from onnxtaylor.data.csv import CsvTable
from onnxtaylor.data.formats import Table, reading
from onnxtaylor.data.hdf5 import Hdf5Table
from onnxtaylor.data.ipc import IpcTable
from onnxtaylor.data.npy import NpyTable
from onnxtaylor.data.npz import NpzTable
from onnxtaylor.data.parquet import ParquetTable
from onnxtaylor.data.remote import FilePath, RemotePath
from onnxtaylor.data.request import TreeRequest
from onnxtaylor.data.root import RootTable
from onnxtaylor.data.watched import watched
from onnxtaylor.errors import DataError, OptionError, printable
from onnxtaylor.files.names import COMPRESSED, TableName, table_names
from onnxtaylor.files.recognize import head_of, kind_of
from onnxtaylor.files.unchanged import FileState

__all__ = ["FORMATS", "absolute_names", "each_file", "open_tables", "takes_tree"]

# read in place: not from other machines
LOCAL: dict[str, Callable[[Path, str], Table]] = {
    ".npy": NpyTable,
    ".npz": NpzTable,
    ".arrow": IpcTable,
    ".feather": IpcTable,
    ".ipc": IpcTable,
}
STREAMED: dict[str, Callable[[FilePath, str], Table]] = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".txt": CsvTable,
    ".parquet": ParquetTable,
}
WITH_TREES: dict[str, Callable[[FilePath, str, str | None], Table]] = {
    ".root": RootTable,
    ".h5": Hdf5Table,
    ".hdf5": Hdf5Table,
}
FORMATS = (*LOCAL, *STREAMED, *WITH_TREES)
TABLES = ("SQLite", "JSON", "pickle", "Office")  # kinds that may hold a table


def open_tables(
    paths: Sequence[str | os.PathLike[str]], trees: TreeRequest | None = None
) -> list[Table]:
    """Opens files as tables.

    Parameters
    ----------
    paths
        Names of files, at least one: see ``onnxtaylor.files.names``.
    trees
        Choice of trees in them.

    Raises
    ------
    DataError
        A file cannot be opened, or its ending is not known.
    OptionError
        No file is named, or trees are named where no file has any.
    """
    if not paths:
        raise OptionError("there are no data: name at least one file")
    named, labels = [], []
    for path in paths:
        own = table_names(path)
        named += own
        labels += [path.label if isinstance(path, ClassFile) else None] * len(own)
    trees = trees or TreeRequest()
    if trees.tree is not None:
        if not any(one.has_trees for one in named):
            raise OptionError(
                f"names the tree {quoted(trees.tree)}, but {named[0].shown} is no file of ROOT or"
                " HDF5: leave it out",
                option="tree",
            )
        named = [
            replace(one, tree=one.tree or trees.tree) if one.has_trees else one for one in named
        ]
    friends = _friends(named, trees.friends)
    tables = [_watched_table(one, own) for one, own in zip(named, friends, strict=True)]
    return [
        table if label is None else LabelledTable(table, label)
        for table, label in zip(tables, labels, strict=True)
    ]


def each_file(paths: Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
    """Returns the names of all files that names of data stand for, such as folders and patterns.

    Files of a class keep it. Raises DataError for a name that stands for no file.
    """
    found: list[str | os.PathLike[str]] = []
    for path in paths:
        for one in table_names(path):
            found.append(
                ClassFile(one.text, path.label) if isinstance(path, ClassFile) else one.text
            )
    return found


def absolute_names(
    names: Sequence[str | os.PathLike[str]],
) -> list[str | os.PathLike[str]]:
    """Returns names of data that mean the same in another folder; addresses stay as they are.

    Files of a class keep it.
    """
    found: list[str | os.PathLike[str]] = []
    for name in names:
        # a tree behind the name of a file stays there: it is text of the path
        text = os.fspath(name) if "://" in os.fspath(name) else str(Path(name).absolute())
        found.append(ClassFile(text, name.label) if isinstance(name, ClassFile) else text)
    return found


def takes_tree(paths: Sequence[str | os.PathLike[str]]) -> bool:
    """Tests whether one of these files, by its name, has trees or groups."""
    return any(one.has_trees for path in paths for one in table_names(path))


def _friends(named: Sequence[TableName], friends: Sequence[str]) -> list[list[TableName]]:
    """Returns the friends of each file. Raises OptionError where their number is another one."""
    found: list[list[TableName]] = [[] for _ in named]
    for friend in friends:
        if friend.startswith(":"):
            partners = [TableName(one.place, friend[1:]) for one in named]
        else:
            partners = table_names(friend)
        if len(partners) != len(named):
            raise OptionError(
                f"names {len(partners)} trees with {quoted(friend)}, but the data are"
                f" {len(named)} files: name one for each, or :TREE for a tree in the same file",
                option="friends",
            )
        for one, partner, own in zip(named, partners, found, strict=True):
            for part in (one, partner):
                if part.suffixes[-1:] != [".root"]:
                    raise OptionError(
                        f"needs files of ROOT, but {part.shown} is none", option="friends"
                    )
            own.append(partner)
    return found


def _path(named: TableName) -> FilePath:
    """Place of a file. Raises DataError if there is none on this machine."""
    if named.remote:
        return RemotePath(named.place)
    path = Path(named.place)
    if path.is_dir():
        raise DataError(f"{printable(path)} is a directory: name the files in it")
    if not path.exists():
        raise DataError("no such file").located(printable(path))
    if not path.is_file():
        raise DataError(
            "is a pipe or a device, but events are read more than once: save them in a file (the"
            " command line also reads CSV from stdin, as -)"
        ).located(printable(path))
    return path


def _watched_table(named: TableName, friends: Sequence[TableName]) -> Table:
    """Opens a file, which must not change as long as the table is used."""
    local = [one for one in (named, *friends) if not one.remote]
    states = [FileState.of(Path(one.place)) for one in local]
    return watched(_table(named, friends), states)


def _table(named: TableName, friends: Sequence[TableName]) -> Table:
    """Opens a file by the ending of its name."""
    file, path = named.shown, _path(named)
    suffixes = named.suffixes
    ending = suffixes[-1] if suffixes else ""
    if ending in COMPRESSED and STREAMED.get("".join(suffixes[-2:-1])) is CsvTable:
        ending = suffixes[-2]
    if isinstance(path, RemotePath) and ending in LOCAL:
        raise DataError(
            f"{file} is at an address, but files ending in {ending} are read in place: copy it to"
            " this machine, or save .parquet"
        )
    with reading(file):
        kind = kind_of(path.head() if isinstance(path, RemotePath) else head_of(path))
    if ending not in FORMATS:
        content = f" (it is {kind})" if kind else ""
        problem = (
            f"files ending in {printable(ending)} cannot be read as a table of events"
            if ending
            else "the name has no ending"
        )
        raise DataError(
            f"{problem}{content}: use a file ending in {', '.join(FORMATS)}, or a text table"
            f" compressed as {', '.join(COMPRESSED)}"
        ).located(file)
    if kind is not None and not _is_of_kind(ending, suffixes[-1], kind):
        raise DataError(f"{file} is {kind}{_advice(ending, kind)}")
    if ending == ".root":
        own = [(_path(friend), friend.shown, friend.tree) for friend in friends]
        return RootTable(path, file, named.tree, own)
    if ending in WITH_TREES:
        return WITH_TREES[ending](path, file, named.tree)
    if isinstance(path, Path) and ending in LOCAL:
        return LOCAL[ending](path, file)
    return STREAMED[ending](path, file)


def _is_of_kind(ending: str, last: str, kind: str) -> bool:
    """Whether the kind of a file, by its first bytes, agrees with the ending of its name."""
    if STREAMED.get(ending) is CsvTable:
        return last in COMPRESSED and f"({last})" in kind
    if LOCAL.get(ending) is IpcTable:
        return "(.arrow)" in kind
    return ("(.h5)" if WITH_TREES.get(ending) is Hdf5Table else f"({ending})") in kind


def _advice(ending: str, kind: str) -> str:
    """Advice for a file whose kind does not agree with the ending of its name."""
    named = next((e for e in (*FORMATS, *COMPRESSED) if f"({e})" in kind), None)
    if named in COMPRESSED:
        table = "" if STREAMED.get(ending) is CsvTable else ", if it holds a text table,"
        return f", but its name ends in {ending}: decompress it, or{table} name it .csv{named}"
    if named is not None:
        return f", but its name ends in {ending}: rename it to end in {named}"
    if ": " in kind:
        return ""
    if any(word in kind for word in TABLES):
        return ": save its columns as .parquet, .csv or .npy"
    return ": name a file with a table of events"
