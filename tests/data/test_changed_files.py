"""A file that changes between two passes, or within one, is noticed: no number is of two files."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.errors import DataError
from tests.tracking.networks import checkpoint

LINE = "was changed or replaced while it was read"
ROWS = 20_000
REQUEST = ColumnRequest(3)


@pytest.fixture
def columns():
    random = np.random.default_rng(2)
    return {f"f{i}": random.normal(size=ROWS) for i in range(3)}


@pytest.fixture(params=["csv", "parquet", "arrow", "feather", "npy", "npz", "h5", "root"])
def path(request, write, columns):
    return write(request.param, columns)


def replaced(path, columns, write):
    other = {name: values + 1 for name, values in columns.items()}
    kept = path.with_name(f"kept-{path.name}")
    shutil.move(path, kept)
    write(path.name.partition(".")[2], other)


def rewritten(path, columns, write):
    """The same file, with other bytes in it: the same size, another time."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


def cut(path, columns, write):
    """A mapped file that is cut kills the process at the next look into it."""
    os.truncate(path, path.stat().st_size // 3)


def deleted(path, columns, write):
    path.unlink()


@pytest.mark.parametrize("change", [replaced, rewritten, cut, deleted])
def test_a_change_between_two_passes(path, columns, write, change):
    source = open_source([path], request=REQUEST)
    assert sum(len(batch) for batch in source.batches(4096)) == ROWS
    change(path, columns, write)
    with pytest.raises(DataError, match=LINE) as caught:
        list(source.batches(4096))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("change", [replaced, cut])
def test_a_change_within_a_pass(path, columns, write, change):
    batches = open_source([path], request=REQUEST).batches(100)
    next(batches)
    change(path, columns, write)
    with pytest.raises(DataError, match=LINE):
        list(batches)


def test_a_file_that_is_left_alone_is_read_again_and_again(path):
    source = open_source([path], request=REQUEST)
    first, second = (np.concatenate([b.x for b in source.batches(999)]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_analysis_of_two_files_is_none(write, columns):
    """σ would be of the old file, and the sums of the new one."""
    path = write("parquet", {name: values[:300] for name, values in columns.items()})
    other = {name: 2 * values[:300] for name, values in columns.items()}

    def change(stage, done, total):
        if stage != "checking data" and done == 0:
            write("parquet", other)

    with pytest.raises(DataError, match=LINE):
        ot.analyze(checkpoint(0), path, check=0, bootstrap=0, progress=change)


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.parquet", "pipe.npy"])
def test_a_pipe_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="is a pipe or a device, but events are read more than"):
        open_source([tmp_path / name], request=REQUEST)
