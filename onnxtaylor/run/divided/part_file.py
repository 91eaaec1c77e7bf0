"""Files of sums: one archive of NumPy arrays (.npz) with a header, a checksum, and no pickle.

The array ``header`` is a JSON text. Its ``schema`` is ``onnxtaylor.part/1`` or
``onnxtaylor.survey/1``, ``shard`` is [K, N], ``facts`` are what the sums depend on, ``sha256`` is
the checksum of all other arrays and of the rest of the header. The same sums give the same bytes.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ResultError, printable
from onnxtaylor.files.archive import read_archive
from onnxtaylor.files.whole import write_whole
from onnxtaylor.statistics.checkpoint import checksum

__all__ = [
    "PART",
    "SURVEY",
    "below",
    "damaged",
    "read_arrays",
    "read_header",
    "require_sizes",
    "under",
    "write_part",
]

PART, SURVEY = "onnxtaylor.part/1", "onnxtaylor.survey/1"
TYPES: dict[str, type[Any]] = {
    **dict.fromkeys(("outputs", "classes"), list),
    **dict.fromkeys(("coefficients", "replicates", "seed"), int),
    **{"quantity": str, "epsilon": float},
}
QUANTITIES = ("derivative", "averaged", "finite-step")
KINDS = {PART: "part of an analysis", SURVEY: "survey"}

Arrays = Mapping[str, npt.NDArray[Any]]


def write_part(path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Arrays) -> None:
    """Writes a file, whole or not at all. Raises ResultError where it cannot be written."""
    told = json.dumps({**header, "sha256": _checksum(header, arrays)})
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array(told), **arrays)  # type: ignore[arg-type]
    write_whole(path, buffer.getvalue())


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the header of a file. Raises ResultError for what is no such file."""
    where = printable(path)
    try:
        if not Path(path).exists():
            raise ResultError(f"{where}: no such file")
        header = json.loads(str(read_archive(path, "header")["header"]))
        schema = header["schema"]
        number, of = header["shard"]
        sound = schema in KINDS and isinstance(header["facts"], dict)
        sound = sound and type(number) is type(of) is int and 1 <= number <= of
    except ResultError:
        raise
    except Exception as error:  # zipfile and NumPy raise nearly anything
        raise _no_part(where, error) from error
    if not sound:
        raise _no_part(where, f"its schema is {printable(schema)!r}")
    return dict(header)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """Reads the arrays of a file. Raises ResultError where it is damaged."""
    try:
        arrays = read_archive(path)
        header = json.loads(str(arrays.pop("header")))
        told = header.pop("sha256")
        if told != _checksum(header, arrays):
            raise ValueError("its checksum is wrong")
    except Exception as error:
        raise damaged(path, error) from error
    return arrays


def require_sizes(header: Mapping[str, Any], arrays: Arrays) -> None:
    """Raises ValueError where the sums of a part have other sizes than its header says.

    So nothing of a size that a header claims is made before the arrays have it.
    """
    for name, kind in TYPES.items():
        found = header[name]
        if kind is list and not all(isinstance(one, str) for one in found):
            raise ValueError(f"{name} of its header are no names")
        if not isinstance(found, kind) or isinstance(found, bool):
            raise ValueError(f"{name} of its header is no {kind.__name__}")
    if header["quantity"] not in QUANTITIES or not 0 < header["epsilon"] < 1:
        raise ValueError("its header has a quantity or an epsilon that does not exist")
    size = len(header["outputs"]) * header["coefficients"]
    if len(arrays["head/indices"]) != header["coefficients"]:
        raise ValueError("its coefficients are not as many as its header says")
    for k in range(max(1, len(header["classes"]))):
        if arrays[f"sums/replicates/{k}/absolute"].shape != (header["replicates"], size):
            raise ValueError("its sums are not as many as its header says")


def under(stem: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Returns arrays with ``stem/`` before their names."""
    return {f"{stem}/{name}": array for name, array in arrays.items()}


def below(stem: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Returns the arrays that ``under`` has named, by their own names."""
    head = f"{stem}/"
    return {name[len(head) :]: array for name, array in arrays.items() if name.startswith(head)}


def _checksum(header: Mapping[str, Any], arrays: Arrays) -> str:
    """Returns the checksum of arrays, and of a header as it comes back from JSON."""
    text = json.dumps(json.loads(json.dumps(header)), sort_keys=True)
    return checksum({**arrays, "header": np.frombuffer(text.encode(), np.uint8)})


def _no_part(where: str, why: object) -> ResultError:
    return ResultError(
        f"{where}: neither a part of an analysis (of shard=…) nor a survey, or damaged"
        f" ({printable(why)})"
    )


def damaged(path: str | os.PathLike[str], why: object) -> ResultError:
    """Returns the error about a file that is damaged."""
    return ResultError(
        f"{printable(path)}: the file is damaged ({printable(why)}): make this part anew"
    )
