"""Archives of arrays (.npz) that this program wrote itself: read without trusting them.

They are not compressed. So an archive that claims more bytes than its file has is damaged, or was
made to fill the memory.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["read_archive"]

HEADER = 1 << 20  # bytes of the header of an array


def read_archive(
    path: str | os.PathLike[str], only: str | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Reads the arrays of an archive that is not compressed; no pickle is ever loaded.

    Parameters
    ----------
    path
        The file.
    only
        Name of the one array that is read; None: all.

    Raises
    ------
    Exception
        Nearly anything, where the file is damaged; ValueError for one that is compressed, or
        claims more bytes than it has. KeyError where the array is missing.
    """
    if not Path(path).is_file():
        raise ValueError("it is no regular file")
    size = Path(path).stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed")
        if sum(member.file_size for member in members) > size:
            raise ValueError("it claims more bytes than it has")
    with np.load(path, allow_pickle=False, max_header_size=HEADER) as saved:
        names = saved.files if only is None else [only]
        arrays = {name: saved[name] for name in names}
    if any(not isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError("it holds what is no array")
    return arrays
