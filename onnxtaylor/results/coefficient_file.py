"""Coefficients of a large result: a Parquet file of the tidy table, beside the JSON document.

A document of 10⁶ rows has 300 MB and takes minutes to read; the table in Parquet has a fifth of
that, and any program that reads Parquet can use it. The document then has no rows, but names the
file with its number of rows and its SHA-256, so that another file cannot be taken for it:

    "coefficients": [], "coefficients_file": {"file": "….parquet", "rows": …, "sha256": "…"}
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import printable
from onnxtaylor.files.bounded import read_bounded
from onnxtaylor.indices import RELATIONS, MultiIndices
from onnxtaylor.results.tidy import arrow_schema

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "ENDING",
    "LARGE",
    "LARGE_BYTES",
    "CoefficientFile",
    "companion",
    "entry",
    "parquet_bytes",
]

# rows, and bytes of their JSON, beyond which a result is saved with its coefficients in Parquet
LARGE, LARGE_BYTES = 200_000, 50_000_000
MOST = 10**8  # rows that are read
ENDING = ".coefficients.parquet"
# bytes of a row without its names, and how often a name occurs in it; twice that is allowed
NUMBERS, NAMES = 100, 8
NONNEGATIVE = ("sem", "rms", "numerical_error")
MAYBE_NAN = ("rms", "numerical_error")


def companion(path: str | os.PathLike[str]) -> Path:
    """Returns the file of the coefficients of a result that is saved under this path.

    >>> companion("run/result.json").name
    'result.coefficients.parquet'
    """
    target = Path(path)
    stem = target.stem if target.suffix.lower() == ".json" else target.name
    return target.with_name(stem + ENDING)


def parquet_bytes(table: pyarrow.Table) -> bytes:
    """Returns a tidy table as the bytes of a Parquet file; equal tables give equal bytes."""
    from pyarrow import parquet

    buffer = BytesIO()
    few: Any = ["method", "output", "group", "relation", "features.list.element"]
    parquet.write_table(table, buffer, compression="zstd", use_dictionary=few)
    return buffer.getvalue()


def entry(name: str, content: bytes, rows: int) -> dict[str, Any]:
    """Returns ``coefficients_file`` of a document."""
    return {"file": name, "rows": rows, "sha256": hashlib.sha256(content).hexdigest()}


class CoefficientFile:
    """The rows of a Parquet file, complete and in order: what ``CoefficientRows`` is of JSON.

    Parameters
    ----------
    folder
        Folder of the document; None where it does not come from a file.
    told
        ``coefficients_file`` of the document.
    columns
        Names of the columns, but for ``relation``.
    axes
        Values of the columns that say where a coefficient belongs, outermost axis first: output and
        group.
    features
        Names of what the coefficients are by.
    method
        Value of the column ``method``.

    Raises
    ------
    ValueError
        Where the file is missing, is another one, has other columns, or rows that are missing,
        repeated, out of order, or say what the document does not.
    """

    def __init__(
        self,
        folder: Path | None,
        told: Mapping[str, Any],
        columns: Sequence[str],
        axes: Mapping[str, Sequence[str]],
        features: Sequence[str],
        method: str,
    ) -> None:
        self._name, self._size = str(told["file"]), int(told["rows"])
        places = list(product(*axes.values()))
        count, rest = divmod(self._size, len(places))
        if rest or not count or self._size > MOST:
            raise self._fault(f"cannot have {self._size} rows for {len(places)} of {list(axes)}")
        longest = max(len(s.encode(errors="replace")) for s in (*features, *sum(places, ()), ""))
        per_row = 2 * (NUMBERS + 8 * len(columns) + NAMES * longest)
        content = self._content(folder, str(told["sha256"]), per_row)
        self._table = self._read(content, columns, per_row)
        self._shape = (*(len(values) for values in axes.values()), count)
        self.indices = self._coefficients(count, features)
        self._check_order(axes, features, method)

    def column(self, name: str, dtype: type) -> npt.NDArray[Any]:
        """Returns one column of numbers with shape (axes…, K).

        Raises ValueError for a number that is missing, not finite or out of range.
        """
        values = self._table.column(name)
        if values.null_count:
            raise self._fault(f"has rows without {name}")
        numbers: npt.NDArray[Any] = np.array(values.to_numpy(), dtype)
        wrong = np.zeros(len(numbers), np.bool_)
        if numbers.dtype.kind == "f":
            wrong = np.isinf(numbers) if name in MAYBE_NAN else ~np.isfinite(numbers)
            if name in NONNEGATIVE:
                wrong |= numbers < 0
        else:
            wrong = numbers < 1
        if wrong.any():
            k = int(wrong.argmax())
            raise self._fault(f"has {name} {numbers[k]} in row {k}, counted from 0")
        return numbers.reshape(self._shape)

    def has(self, name: str) -> bool:
        """Whether a column has any number."""
        return int(self._table.column(name).null_count) < self._size

    def all_or_none(self, name: str, dtype: type) -> npt.NDArray[Any] | None:
        """Returns a column; None if it has no number. Raises ValueError as ``column`` does."""
        return self.column(name, dtype) if self.has(name) else None

    def _fault(self, what: str) -> ValueError:
        return ValueError(f"its file of coefficients {printable(self._name)} {what}")

    def _content(self, folder: Path | None, sha256: str, per_row: int) -> bytes:
        """Reads the file. Raises ValueError where it is missing, too large, or another one."""
        if folder is None:
            raise self._fault("is read from beside it: load the result by the name of its file")
        try:
            size = (folder / self._name).stat().st_size
            if size > 2**16 + self._size * per_row:
                raise self._fault(f"has {size} bytes, too many for {self._size} rows")
            content = read_bounded(folder / self._name, 2**16 + self._size * per_row)
        except OSError as error:
            reason = printable(error.strerror or error)
            raise self._fault(f"cannot be read: {reason}: keep it beside the result") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise self._fault("was not saved with it (its SHA-256 differs): find the one that was")
        return content

    def _read(self, content: bytes, columns: Sequence[str], per_row: int) -> pyarrow.Table:
        """Reads the table. Raises ValueError for other columns, rows or sizes than announced."""
        import pyarrow
        from pyarrow import parquet

        try:
            file = parquet.ParquetFile(pyarrow.BufferReader(content))
            found = file.schema_arrow
            wanted = list(columns)
            if "relation" in found.names:
                wanted.insert(wanted.index("features") + 1, "relation")
            if not found.remove_metadata().equals(arrow_schema(wanted)):
                raise self._fault(f"must have the columns {', '.join(wanted)}")
            about = file.metadata
            sizes = [about.row_group(k).total_byte_size for k in range(about.num_row_groups)]
            if about.num_rows != self._size:
                raise self._fault(f"has {about.num_rows} rows, not {self._size}")
            if sum(sizes) > 2**16 * (1 + len(sizes)) + self._size * per_row:
                raise self._fault(f"has {sum(sizes)} bytes, too many for {self._size} rows")
            table = file.read()
            table.validate(full=True)
        except (pyarrow.ArrowException, OSError) as error:
            raise self._fault(f"cannot be read: {printable(error, 120)}") from None
        return table

    def _coefficients(self, count: int, features: Sequence[str]) -> MultiIndices:
        """The coefficients of the first ``count`` rows."""
        import pyarrow
        from pyarrow import compute

        block: Any = self._table.column("features").slice(0, count).combine_chunks()
        names = pyarrow.array(list(features), pyarrow.string())
        found = compute.index_in(block.flatten(), value_set=names)
        if found.null_count:
            name = block.flatten().filter(compute.is_null(found))[0].as_py()
            raise self._fault(f"names a feature that the data do not have: {name!r}")
        lengths: Any = compute.list_value_length(block)
        orders = compute.fill_null(lengths, 0).to_numpy()
        if orders.min() < 1 or orders.max() > 3:
            raise self._fault("has coefficients of another order than 1, 2 or 3")
        table = np.full((count, int(orders.max())), -1, np.int32)
        table[np.arange(table.shape[1]) < orders[:, None]] = found.to_numpy()
        relation = None
        if "relation" in self._table.column_names:
            words = pyarrow.array(RELATIONS[1:])
            codes: Any = compute.index_in(self._table.column("relation").slice(0, count), words)
            relation = compute.fill_null(codes, -1).to_numpy().astype(np.int8) + np.int8(1)
        indices = MultiIndices(len(features), table, relation)
        rising = ((np.diff(table, axis=1) >= 0) | (table[:, 1:] < 0)).all()
        ordered = indices.in_order()
        if not rising or not np.array_equal(ordered.table, table):
            raise self._fault("has the same coefficient twice, or coefficients out of order")
        return indices

    def _check_order(
        self, axes: Mapping[str, Sequence[str]], features: Sequence[str], method: str
    ) -> None:
        from onnxtaylor.results.taylor_arrow import describing_columns

        outputs, groups = axes.values()
        expected = describing_columns(self.indices, features, method, outputs, groups)
        for name, column in expected.items():
            found = self._table.column(name)
            if found.equals(column):
                continue
            low, high = 0, self._size  # rows before low are equal, some before high are not
            while high - low > 1:
                middle = (low + high) // 2
                if found.slice(low, middle - low).equals(column.slice(low, middle - low)):
                    low = middle
                else:
                    high = middle
            raise self._fault(
                f"has {name} {found[low].as_py()!r} in row {low}, counted from 0: it must be"
                f" {column[low].as_py()!r}"
            )
