"""The sums of an unfinished analysis on disk, so that interrupted work can be continued.

A folder holds one analysis: ``sums.npz`` has the accumulator's state, and everything that the sums
depend on; ``in-use.json`` is there while a process works on it. A file of sums is written whole,
and its arrays have a checksum. Once all events are summed it is ``finished.npz``, which whoever has
saved the result deletes: a process that is killed before that loses nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, ResultError, printable
from onnxtaylor.files.archive import read_archive
from onnxtaylor.files.lock import locked
from onnxtaylor.files.whole import write_whole
from onnxtaylor.statistics.accumulator import Accumulator
from onnxtaylor.statistics.heaviest import Heaviest

__all__ = ["Checkpoint", "checksum", "different_facts", "discard_finished"]

FILE, FINISHED = "sums.npz", "finished.npz"
KEPT = "heaviest/"  # names of the arrays of events that are kept beside the sums
SHOWN = 3  # differences that a message says


def different_facts(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Names the facts in which two analyses differ, the first ones with both values.

    Values are those that JSON gives back. Empty where none differs.

    >>> different_facts({"order": 1, "seed": 0}, {"order": 2, "seed": 0})
    'order: 1 in place of 2'
    """
    differ = [
        name
        for name in dict.fromkeys((*found, *expected))
        # as texts: NaN differs from itself
        if json.dumps(found.get(name)) != json.dumps(expected.get(name))
    ]
    words = []
    for name in differ[:SHOWN]:
        values = [json.dumps(facts.get(name), ensure_ascii=False) for facts in (found, expected)]
        short = max(map(len, values)) <= 40
        told = f": {printable(values[0])} in place of {printable(values[1])}" if short else ""
        words.append(f"{printable(name)}{told}")
    if len(differ) > SHOWN:
        words.append(f"and {len(differ) - SHOWN} more")
    return ", ".join(words)


def checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Returns the SHA-256 of arrays with their names, shapes and types."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.ravel().view(np.uint8).data)
    return total.hexdigest()


class Checkpoint:
    """Sums saved in a folder, with what they depend on.

    Parameters
    ----------
    folder
        The folder; it is created if it does not exist.
    facts
        Everything that the sums depend on (model, data, options), as JSON values.

    Raises
    ------
    ResultError
        The folder cannot be created.
    """

    def __init__(self, folder: str | os.PathLike[str], facts: Mapping[str, object]) -> None:
        self._facts: dict[str, Any] = json.loads(json.dumps(facts, default=str))
        self._path, self._finished = Path(folder) / FILE, Path(folder) / FINISHED
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultError(
                f"folder {printable(folder)} cannot be created ({error.strerror}): choose another",
                option="resume",
            ) from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes out of the folder. Raises OptionError where one is in it."""
        with locked(self._path.parent, option="resume"):
            for torn in self._path.parent.glob(f".{FILE}.*"):  # of a process that was killed
                torn.unlink(missing_ok=True)
            yield

    def restore(self, sums: Accumulator, heaviest: Heaviest | None = None) -> int:
        """Fills an accumulator with the saved sums, and what was kept beside them.

        Returns
        -------
        int
            Number of events in it, 0 where nothing was saved.

        Raises
        ------
        OptionError
            The folder has the sums of another analysis.
        ResultError
            The file is damaged.
        """
        for path in (self._path, self._finished):
            if path.exists() and self._read(path, sums, heaviest):
                return sums.events
        return 0

    def _read(self, path: Path, sums: Accumulator, heaviest: Heaviest | None) -> bool:
        """Fills an accumulator with the sums of a file; False for those of a finished analysis."""
        where = printable(path)
        try:
            arrays = read_archive(path)
            found, told = json.loads(str(arrays.pop("facts"))), str(arrays.pop("sha256"))
            if checksum(arrays) != told:
                raise ValueError("its checksum is wrong")
            if differ := different_facts(found, self._facts):
                if path == self._finished:
                    return False
                raise OptionError(
                    f"{where} holds the sums of another analysis ({differ}): choose another folder,"
                    " or delete the file"
                )
            sums.restore(arrays)
            if heaviest is not None:
                heaviest.restore(
                    {k.removeprefix(KEPT): a for k, a in arrays.items() if k.startswith(KEPT)}
                )
        except OptionError:
            raise
        except Exception as error:  # zipfile and NumPy raise nearly anything
            raise ResultError(
                f"{where}: the file is damaged ({printable(error)}): delete it"
            ) from error
        return True

    def save(self, sums: Accumulator, heaviest: Heaviest | None = None) -> None:
        """Writes the sums, whole or not at all. Raises ResultError where it cannot be written."""
        buffer, arrays = io.BytesIO(), sums.state()
        if heaviest is not None:
            arrays |= {f"{KEPT}{name}": array for name, array in heaviest.state().items()}
        told = {
            "facts": np.array(json.dumps(self._facts)),
            "sha256": np.array(checksum(arrays)),
        }
        np.savez(buffer, **told, **arrays)  # type: ignore[arg-type]
        write_whole(self._path, buffer.getvalue())

    def finish(self) -> None:
        """Keeps the sums as those of a finished analysis, which another one may replace."""
        self._path.replace(self._finished)


def discard_finished(folder: str | os.PathLike[str]) -> None:
    """Deletes the sums of a finished analysis and of its folds, whose result has been saved."""
    with suppress(OSError):
        for path in (Path(folder) / FINISHED, *Path(folder).glob(f"fold*/{FINISHED}")):
            path.unlink(missing_ok=True)
