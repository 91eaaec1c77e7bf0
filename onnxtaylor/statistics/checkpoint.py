"""The sums of an unfinished analysis on disk, so that interrupted work can be continued.

A folder holds one analysis: ``sums.npz`` has the accumulator's state, the number of events in it,
and a key, the hash of everything that the sums depend on.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from onnxtaylor.errors import OptionError, ResultError, printable
from onnxtaylor.files.whole import write_whole
from onnxtaylor.statistics.accumulator import Accumulator

__all__ = ["Checkpoint"]

FILE = "sums.npz"


class Checkpoint:
    """Sums saved in a folder under a key.

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
        text = json.dumps(facts, sort_keys=True, default=str)
        self._key = hashlib.sha256(text.encode()).hexdigest()
        self._path = Path(folder) / FILE
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultError(
                f"folder {printable(folder)} cannot be created ({error.strerror}): choose another",
                option="resume",
            ) from None

    def restore(self, sums: Accumulator) -> int:
        """Fills an accumulator with the saved sums.

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
        if not self._path.exists():
            return 0
        where = printable(self._path)
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                if str(arrays["key"]) != self._key:
                    raise OptionError(
                        f"{where} holds the sums of another analysis (model, data or options"
                        " differ): choose another folder, or delete the file"
                    )
                sums.restore(arrays)
        except OptionError:
            raise
        except Exception as error:  # zipfile and NumPy raise nearly anything
            raise ResultError(
                f"{where}: the file is damaged ({printable(error)}): delete it"
            ) from error
        return sums.events

    def save(self, sums: Accumulator) -> None:
        """Writes the sums, whole or not at all. Raises ResultError where it cannot be written."""
        buffer = io.BytesIO()
        np.savez(buffer, key=np.array(self._key), **sums.state())  # type: ignore[arg-type]
        write_whole(self._path, buffer.getvalue())

    def clear(self) -> None:
        """Deletes the sums; for an analysis that is finished."""
        self._path.unlink(missing_ok=True)
