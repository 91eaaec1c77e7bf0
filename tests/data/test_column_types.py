"""Which types are numbers and classes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ColumnRequest, open_source

TWO = ColumnRequest(2)


NUMBERS = [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(9, 2), pa.bool_()]
NUMBERS += [pa.decimal256(40, 3), pa.dictionary(pa.int8(), pa.int64())]


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_all_types_of_numbers(tmp_path, kind):
    if kind == pa.bool_():
        values = pa.array([True, False])
    elif pa.types.is_dictionary(kind):
        values = pa.array([1, 0]).dictionary_encode()
    else:
        values = pa.array([1, 0], pa.int8()).cast(kind)
    pa.feather.write_feather(pa.table({"a": values}), str(tmp_path / "t.feather"))
    source = open_source([tmp_path / "t.feather"], request=ColumnRequest(1))
    assert next(source.batches(9)).x.tolist() == [[1.0], [0.0]]


LABELS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


@pytest.mark.parametrize("kind", LABELS, ids=str)
def test_all_types_of_text_are_labels(tmp_path, kind):
    table = pa.table({"a": [1.0, 2.0], "l": pa.array(["s", "b"]).cast(kind)})
    pa.feather.write_feather(table, str(tmp_path / "t.feather"), compression="uncompressed")
    source = open_source([tmp_path / "t.feather"], request=ColumnRequest(1, label="l"))
    assert next(source.batches(9)).labels.tolist() == ["s", "b"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[[1.0]], [[2.0]]]),
        pa.array([{"x": 1}, {"x": 2}]),
        pa.array([1, 2], pa.timestamp("s")),
    ],
    ids=["list", "struct", "timestamp"],
)
@pytest.mark.parametrize("role", ["feature", "weight", "label"])
def test_types_that_are_no_numbers_and_no_classes(tmp_path, values, role, fault, holds):
    path = tmp_path / "nested.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": values}), path)
    request = TWO if role == "feature" else ColumnRequest(1, **{role: "b"})
    holds(fault(path, request), "nested.parquet", "'b'", "type")


@pytest.mark.parametrize("kind", ["parquet", "npy", "npz"])
def test_text_features_in_typed_files(write, kind, fault, holds):
    path = write(kind, {"a": np.ones(2), "set": np.array(["t", "v"])})
    holds(fault(path, TWO), "'set' holds text", "'t' in row 1", 'exclude=["set"]')


NULLS = {
    "int": pa.array([2, None], pa.int64()),
    "bool": pa.array([True, None]),
    "decimal": pa.array([Decimal("1.5"), None]),
    "dictionary": pa.array([0.5, None]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", NULLS)
def test_a_null_of_any_type_is_a_missing_value(tmp_path, kind, fault, holds):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": NULLS[kind]}), path)
    source = open_source([path], request=ColumnRequest(2, missing=float("nan")))
    x = next(source.batches(9)).x
    assert x[0, 1] == float(NULLS[kind][0].as_py())
    assert np.isnan(x[1, 1])
    for role in ("weight", "label"):
        holds(fault(path, ColumnRequest(1, **{role: "b"})), "'b' in row 2 is NaN or empty")


DATES = {
    "timestamp": pa.array([datetime(2026, 11, 30)] * 2),
    "date": pa.array([date(2026, 11, 30)] * 2),
    "duration": pa.array([timedelta(1)] * 2),
    "binary": pa.array([b"a", b"b"]),
    "dictionary": pa.array([datetime(2026, 11, 30)] * 2).dictionary_encode(),
}


@pytest.mark.parametrize("kind", DATES)
@pytest.mark.parametrize("role", ["feature", "weight", "label"])
def test_dates_and_bytes_are_refused_by_name(tmp_path, kind, role, fault, holds):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": DATES[kind]}), path)
    request = TWO if role == "feature" else ColumnRequest(1, **{role: "b"})
    word = "timestamp" if kind == "dictionary" else kind
    holds(fault(path, request), "t.parquet", "'b'", f"type {word}")
