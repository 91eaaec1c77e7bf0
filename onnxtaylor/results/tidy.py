"""Tidy tables: one row per coefficient, as Arrow table, data frame and CSV."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import ResultError
from onnxtaylor.files.whole import write_whole

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["arrow_table", "data_frame", "write_table"]

TYPES = {
    "features": "list",
    **dict.fromkeys(("method", "output", "group", "label", "relation"), "string"),
    **dict.fromkeys(("order", "rank", "rank_low", "rank_high"), "int64"),
    **dict.fromkeys(("step", "score", "sem", "numerical_error", "signed_mean", "rms"), "float64"),
}


def arrow_table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> pyarrow.Table:
    """Returns the tidy rows as a pyarrow Table with these columns."""
    import pyarrow

    kinds = {
        "list": pyarrow.list_(pyarrow.string()),
        "string": pyarrow.string(),
        "int64": pyarrow.int64(),
        "float64": pyarrow.float64(),
    }
    schema = pyarrow.schema({name: kinds[TYPES[name]] for name in columns})
    return pyarrow.Table.from_pylist(list(rows), schema=schema)


def data_frame(table: pyarrow.Table) -> pandas.DataFrame:
    """Returns the table as a pandas DataFrame. Raises ResultError without pandas."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise ResultError(
            "to_pandas needs pandas: pip install pandas (to_arrow() works without)"
        ) from None
    return table.to_pandas()


def write_table(table: pyarrow.Table, path: str | os.PathLike[str]) -> None:
    """Writes the table as CSV, whole or not at all; ``features`` is a JSON list.

    Raises ResultError where the file cannot be written.
    """
    import pyarrow
    import pyarrow.csv

    names = [json.dumps(row, ensure_ascii=False) for row in table["features"].to_pylist()]
    place = table.schema.get_field_index("features")
    table = table.set_column(place, "features", pyarrow.array(names, pyarrow.string()))
    buffer = BytesIO()
    pyarrow.csv.write_csv(table, buffer)
    write_whole(path, buffer.getvalue())
