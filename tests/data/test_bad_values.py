"""NaN, Inf and missing labels are named by file, column and row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ColumnRequest, open_source

TWO = ColumnRequest(2)


FORMATS = ["csv", "parquet", "feather", "npy", "npz"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "+inf"), (-np.inf, "-inf")])
def test_a_feature_that_is_not_finite(write, kind, value, word, fault, holds):
    columns = {"a": np.ones(50), "b c": np.ones(50)}
    columns["b c"][[16, 30]] = value
    message = fault(write(kind, columns), TWO)
    holds(message, f"events.{kind}", "column 'b c' in row 17", word, 'exclude=["b c"]')
    assert ("missing=nan" in message) == bool(np.isnan(value))


@pytest.mark.parametrize("kind", FORMATS)
def test_nan_passes_where_it_means_missing_and_inf_never(write, kind, fault, holds):
    columns = {"a": np.array([1.0, np.nan]), "b": np.ones(2)}
    request = ColumnRequest(2, missing=float("nan"))
    batch = next(open_source([write(kind, columns)], request=request).batches(9))
    np.testing.assert_array_equal(batch.x, [[1, 1], [np.nan, 1]])
    columns["b"][1] = np.inf
    holds(fault(write(kind, columns), request), "'b' in row 2")
    holds(fault(write(kind, columns), ColumnRequest(2, missing=-999.0)), "'a' in row 2")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite(write, kind, value, fault, holds):
    columns = {"a": np.ones(9), "w": np.ones(9)}
    columns["w"][3] = value
    request = ColumnRequest(1, weight="w", missing=float("nan"))
    holds(fault(write(kind, columns), request), "'w' in row 4", "finite weight")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "labels", [np.array(["s", "s", "", "b"]), np.array([0, 1, np.nan, 1])], ids=["text", "number"]
)
def test_a_label_that_is_missing(write, kind, labels, fault, holds):
    path = write(kind, {"a": np.ones(4), "l": labels})
    holds(fault(path, ColumnRequest(1, label="l")), "'l' in row 3", "needs a class label")


def test_rows_are_counted_in_each_file(write, fault, holds):
    good = write("csv", {"a": np.ones(70)}, "good")
    bad = write("parquet", {"a": np.array([1.0] * 650 + [np.nan])}, "bad")
    holds(fault([good, bad], ColumnRequest(1)), "bad.parquet", "row 651")


def test_nulls_are_nan_and_missing_labels(tmp_path, fault, holds):
    path = tmp_path / "nulls.parquet"
    table = pa.table({"a": pa.array([1, None]), "n": pa.nulls(2), "l": pa.array(["s", None])})
    pq.write_table(table, path)
    request = ColumnRequest(2, features=("a", "n"), missing=float("nan"))
    batch = next(open_source([path], request=request).batches(9))
    np.testing.assert_array_equal(batch.x, [[1, np.nan], [np.nan, np.nan]])
    holds(fault(path, ColumnRequest(1, features=("a",))), "'a' in row 2", "NaN or empty")
    request = ColumnRequest(2, label="l", missing=float("nan"))
    holds(fault(path, request), "'l' in row 2", "needs a class label")
