"""One tree of a ROOT file, a TTree or an RNTuple, read as Arrow columns through uproot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from onnxtaylor.data.columns import quoted
from onnxtaylor.data.formats import reading, require
from onnxtaylor.data.records import arrow_column, column_types, flat_columns
from onnxtaylor.data.remote import FilePath
from onnxtaylor.errors import DataError, join_names, name_hint, printable

__all__ = ["RootTree"]

TREES = ("TTree", "TNtuple", "TNtupleD", "TChain")
NTUPLES = ("ROOT::RNTuple", "ROOT::Experimental::RNTuple")

Array = Any  # pyarrow.Array of any type: the stubs have one class for each


class RootTree:
    """A tree of a file: its columns are numbers, texts, and lists of numbers.

    A branch of objects becomes a column for each of its fields.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    name
        Path of the tree in the file, ``folder/Events`` or with a cycle ``Events;2``; None for the
        only one. Of several cycles the highest is read, as ROOT does.

    Attributes
    ----------
    name
        Name of the tree, without folders.
    types
        Arrow types of the columns, by name.
    others
        Branches that cannot be read as columns.
    rows
        Number of events.

    Raises DataError if the file or the tree cannot be opened.
    """

    def __init__(self, path: FilePath, file: str, name: str | None = None) -> None:
        self._path, self.file = path, file
        self._uproot = require("uproot", "root", file)
        with reading(file), self._open() as folder:
            self._key = _chosen(folder, name, printable(path))
            self.name = self._key.rpartition(";")[0].rpartition("/")[2]
            tree = folder[self._key]
            self.rows = int(tree.num_entries)
            self._of_fields = tree.classname in NTUPLES
            forms = _ntuple_forms(tree) if self._of_fields else _tree_forms(tree)
            self.types: dict[str, pa.DataType] = {}
            self.others: list[str] = []
            self._branches: dict[str, str] = {}  # column → path of its branch
            ends = {branch: branch.rpartition("/")[2] for branch in forms}
            count = Counter(ends.values())
            self._names = {
                branch: end if count[end] == 1 else branch for branch, end in ends.items()
            }
            for branch, form in forms.items():
                self._add(branch, form)

    def _add(self, path: str, form: Any) -> None:
        """Adds the columns of a branch, by the form of its values.

        The name of a branch within another is its own, if no other branch has it.
        """
        try:
            found = column_types(form, self._names[path])
        except Exception:  # of a type that awkward or Arrow has not
            self.others.append(self._names[path])
            return
        self.types |= found
        self._branches |= dict.fromkeys(found, path)

    def read(self, names: Sequence[str], rows: int, start: int = 0) -> Iterator[dict[str, Array]]:
        """Yields columns of consecutive events from ``start`` on, ``rows`` of them; at last fewer.

        Raises DataError for what cannot be read.
        """
        paths = list(dict.fromkeys(self._branches[name] for name in names))
        with reading(self.file), self._open() as folder:
            tree = folder[self._key]
            steps = _ntuple_steps if self._of_fields else _tree_steps
            for part in steps(tree, paths, rows, start):
                columns = {
                    name: values
                    for path in paths
                    for name, values in flat_columns(part[path], self._names[path])
                }
                yield {name: arrow_column(columns[name]) for name in names}

    def first(self, names: Sequence[str]) -> dict[str, Any]:
        """Returns the values of columns at the first event; none if there is no event."""
        if not self.rows or not names:
            return {}
        part = next(self.read(names, 1))
        return {name: values[0].as_py() for name, values in part.items()}

    def _open(self) -> AbstractContextManager[Any]:
        # as a dictionary: in a text a colon would be taken for the beginning of a tree's name
        opened: AbstractContextManager[Any] = self._uproot.open({str(self._path): None})
        return opened


def _chosen(folder: Any, name: str | None, file: str) -> str:
    """Key of a tree in a file, with its cycle. Raises DataError if it is not clear which."""
    cycles: dict[str, list[int]] = {}
    for key, kind in folder.classnames(recursive=True, cycle=True).items():
        if kind in TREES or kind in NTUPLES:
            path, _, cycle = key.rpartition(";")
            cycles.setdefault(path, []).append(int(cycle))
    if not cycles:
        raise DataError("holds neither a TTree nor an RNTuple").located(file)
    if name is None:
        if len(cycles) > 1:
            first = printable(next(iter(cycles)), 60)
            raise DataError(
                f"{file} holds {len(cycles)} trees ({join_names(list(cycles))}): name one, such as"
                f" {file}:{first}, or with tree=…"
            )
        name = next(iter(cycles))
    path, _, cycle = name.strip("/").partition(";")
    if path not in cycles:
        raise DataError(f"{file} has no tree {quoted(path)}{name_hint(path, list(cycles))}")
    if not cycle:
        return f"{path};{max(cycles[path])}"
    if cycle not in map(str, cycles[path]):
        known = ", ".join(map(str, sorted(cycles[path])))
        raise DataError(
            f"{file}: tree {quoted(path)} has no cycle {printable(cycle)}: it has {known}"
        )
    return f"{path};{cycle}"


def _tree_forms(tree: Any) -> dict[str, Any]:
    """Forms of awkward of the branches of a TTree that hold values, by their paths."""
    paths = [path for path, branch in tree.iteritems(recursive=True) if not len(branch.branches)]
    return {path: _form_of(tree[path]) for path in paths}


def _form_of(branch: Any) -> Any:
    """Form of a branch's values; None if they cannot be an array."""
    try:
        return branch.interpretation.awkward_form(branch.file)
    except Exception:  # uproot raises many kinds for objects that it cannot read
        return None


def _ntuple_forms(ntuple: Any) -> dict[str, Any]:
    """Forms of the top fields of an RNTuple, by their names."""
    forms = ntuple.to_akform()
    form = forms[0] if isinstance(forms, tuple) else forms
    return dict(zip(form.fields, form.contents, strict=True))


def _tree_steps(tree: Any, paths: Sequence[str], rows: int, start: int) -> Iterator[dict[str, Any]]:
    """Yields the values of branches of a TTree; a basket is unpacked once."""
    wanted = {tree[path].cache_key for path in paths}
    for path in paths:
        # a damaged number of events would be counted up to, whatever the baskets have
        if (own := int(tree[path].entry_offsets[-1])) != tree.num_entries:
            raise ValueError(f"branch {path} has {own} events, but its tree {tree.num_entries}")
    yield from tree.iterate(
        filter_branch=lambda branch: branch.cache_key in wanted,
        step_size=rows,
        entry_start=start,
        library="ak",
        how=dict,
    )


def _ntuple_steps(
    ntuple: Any, branches: Sequence[str], rows: int, first: int
) -> Iterator[dict[str, Any]]:
    """Yields the values of fields of an RNTuple; a cluster is unpacked twice at most."""
    starts = [int(cluster.num_first_entry) for cluster in ntuple.cluster_summaries]
    ends = [*starts[1:], int(ntuple.num_entries)]
    low = high = 0
    held: Any = None
    for start in range(first, int(ntuple.num_entries), rows):
        stop = min(start + rows, int(ntuple.num_entries))
        if held is None or stop > high:
            low = max(begin for begin in starts if begin <= start)
            high = min(end for end in ends if end >= stop)
            held = ntuple.arrays(
                filter_name=lambda name: name.partition(".")[0] in branches,
                entry_start=low,
                entry_stop=high,
            )
        yield {branch: held[branch][start - low : stop - low] for branch in branches}
