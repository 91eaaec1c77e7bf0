"""Which types are numbers and classes."""

from __future__ import annotations

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
