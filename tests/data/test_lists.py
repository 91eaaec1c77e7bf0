"""Columns of lists: each element is a column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ColumnRequest, open_source

X = np.random.default_rng(0).normal(size=(700, 3))
KINDS = {
    "fixed": pa.list_(pa.float32(), 3),
    "list": pa.list_(pa.float64()),
    "large": pa.large_list(pa.float64()),
    "whole": pa.list_(pa.int64()),
}


def table(kind, **more):
    x = X.round() if kind == "whole" else X
    lists = [[int(v) for v in row] for row in x] if kind == "whole" else x.tolist()
    return x, pa.table({"x": pa.array(lists, KINDS[kind]), **more})


def write(path, content):
    if path.suffix == ".parquet":
        pq.write_table(content, path, row_group_size=300)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(content, str(path), chunksize=90)
    else:
        with pa.ipc.new_stream(path, content.schema) as stream:
            stream.write_table(content, max_chunksize=90)
    return path


def read(path, request):
    source = open_source([path], request=request)
    return source.feature_names, np.concatenate([b.x for b in source.batches(64)])


@pytest.mark.parametrize("ending", ["parquet", "feather", "ipc"])
@pytest.mark.parametrize("kind", KINDS)
def test_elements_are_columns(tmp_path, kind, ending):
    expected, content = table(kind, y=pa.array(X[:, 0] + 1))
    path = write(tmp_path / f"events.{ending}", content)
    names, x = read(path, ColumnRequest(4))
    assert names == ("x[0]", "x[1]", "x[2]", "y")
    np.testing.assert_allclose(x[:, :3], expected, rtol=1e-6)
    np.testing.assert_allclose(x[:, 3], X[:, 0] + 1)


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_elements_are_chosen_by_name(tmp_path, ending):
    path = write(tmp_path / f"events.{ending}", table("list", y=pa.array(X[:, 0]))[1])
    names, x = read(path, ColumnRequest(2, features=("x[2]", "y")))
    assert names == ("x[2]", "y")
    np.testing.assert_array_equal(x, X[:, [2, 0]])
    names, x = read(path, ColumnRequest(1, exclude=("x",)))
    assert names == ("y",)
    names, x = read(path, ColumnRequest(4, features=("y", "x")))
    assert names == ("y", "x[0]", "x[1]", "x[2]")
    np.testing.assert_array_equal(x, X[:, [0, 0, 1, 2]])


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_lists_of_two_lengths_are_refused(tmp_path, ending, fault, holds):
    lists = X.tolist()
    lists[411] = [1.0, 2.0]
    path = write(tmp_path / f"events.{ending}", pa.table({"x": pa.array(lists)}))
    holds(fault(path, ColumnRequest(3)), "column 'x' in row 412 has 2 elements", "has 3")


@pytest.mark.parametrize("kind", ["fixed", "list"])
def test_missing_lists_and_elements_are_missing_values(tmp_path, kind, fault, holds):
    lists = X.tolist()
    lists[5] = None
    lists[7][1] = None
    path = write(tmp_path / "events.parquet", pa.table({"x": pa.array(lists, KINDS[kind])}))
    _, x = read(path, ColumnRequest(3, missing=float("nan")))
    assert np.flatnonzero(np.isnan(x)).tolist() == [15, 16, 17, 22]
    holds(fault(path, ColumnRequest(3)), "column 'x[0]' in row 6 is NaN or empty")


def test_what_is_no_list_of_numbers_is_said(tmp_path, fault, holds):
    nested = pa.array([[[1.0, 2.0]], [[3.0, 4.0]]])
    path = write(tmp_path / "events.parquet", pa.table({"image": nested}))
    holds(
        fault(path, ColumnRequest(2)), "1 column left", "'image' has type list", "for each number"
    )
    texts = pa.array([["a", "b"], ["c", "d"]])
    path = write(tmp_path / "events.parquet", pa.table({"image": texts}))
    holds(fault(path, ColumnRequest(2)), "'image' has type list<")


def test_no_event_no_elements(tmp_path, fault, holds):
    path = write(tmp_path / "events.parquet", table("list")[1].slice(0, 0))
    holds(fault(path, ColumnRequest(1)), "no events")
