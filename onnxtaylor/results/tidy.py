"""Tidy tables: one row per coefficient, as Arrow table, data frame and CSV."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxtaylor.errors import ResultError
from onnxtaylor.files.whole import write_whole

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["arrow_schema", "arrow_table", "data_frame", "write_table"]

FORMULA = r"^[=+\-@\t\r]"  # begins what a program of spreadsheets computes
NUMBER = r"^[+\-]?(\d+\.?\d*|\.\d+)([eE][+\-]?\d+)?$"  # such as a class that is called -1

TYPES = {
    "features": "list",
    **dict.fromkeys(("method", "output", "group", "label", "relation"), "string"),
    **dict.fromkeys(("order", "rank", "rank_low", "rank_high"), "int64"),
    **dict.fromkeys(("step", "score", "sem", "numerical_error", "signed_mean", "rms"), "float64"),
}


def arrow_schema(columns: Iterable[str]) -> pyarrow.Schema:
    """Returns names and types of columns of a tidy table."""
    import pyarrow

    kinds = {
        "list": pyarrow.list_(pyarrow.string()),
        "string": pyarrow.string(),
        "int64": pyarrow.int64(),
        "float64": pyarrow.float64(),
    }
    return pyarrow.schema({name: kinds[_type(name)] for name in columns})


def _type(name: str) -> str:
    """Returns the type of a column; those of folds are numbered."""
    return "float64" if re.fullmatch(r"fold_spread|score_fold\d+", name) else TYPES[name]


def arrow_table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> pyarrow.Table:
    """Returns the tidy rows as a pyarrow Table with these columns."""
    import pyarrow

    return pyarrow.Table.from_pylist(list(rows), schema=arrow_schema(columns))


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

    A text that a program of spreadsheets would take for a formula, since it begins with = + - or @
    and is no number, gets an apostrophe in front. Raises ResultError where the file cannot be
    written.
    """
    import pyarrow
    import pyarrow.csv
    from pyarrow import compute

    place = table.schema.get_field_index("features")
    rows: Any = table["features"].combine_chunks()
    names = rows.flatten().dictionary_encode()
    quoted = [json.dumps(name, ensure_ascii=False) for name in names.dictionary.to_pylist()]
    texts = pyarrow.array(quoted, pyarrow.string()).take(names.indices)
    ends = np.concatenate(([0], np.cumsum(compute.list_value_length(rows).to_numpy())))
    lists = pyarrow.LargeListArray.from_arrays(pyarrow.array(ends, pyarrow.int64()), texts)
    parts: list[Any] = ["[", compute.binary_join(lists, ", "), "]", ""]
    whole = compute.binary_join_element_wise(*parts)
    table = table.set_column(place, "features", whole)
    for k, field in enumerate(table.schema):
        if field.type == pyarrow.string() and field.name != "features":
            table = table.set_column(k, field.name, _without_formulas(table[field.name]))
    buffer = BytesIO()
    pyarrow.csv.write_csv(table, buffer)
    write_whole(path, buffer.getvalue())


def _without_formulas(texts: Any) -> Any:
    """Returns a column of texts, those that would be formulas with an apostrophe in front."""
    import pyarrow
    from pyarrow import compute

    formula: Any = compute.and_not(
        compute.match_substring_regex(texts, FORMULA), compute.match_substring_regex(texts, NUMBER)
    )
    quoted: Any = compute.binary_join_element_wise(pyarrow.scalar("'"), texts, pyarrow.scalar(""))
    return compute.if_else(compute.fill_null(formula, False), quoted, texts)
