"""Whatever is wrong with a file, one line names it and says what."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.errors import DataError

TWO = ColumnRequest(2)


def test_no_such_file(tmp_path, fault, holds):
    holds(fault(tmp_path / "none.csv", TWO), "none.csv", "no such file")


def test_a_directory(tmp_path, fault, holds):
    (tmp_path / "dir.parquet").mkdir()
    holds(fault(tmp_path / "dir.parquet", TWO), "is a directory", "name the files in it")


@pytest.mark.parametrize("name", ["events.xyz", "events", "events.gz", "events.parquet.gz"])
def test_an_unknown_ending_lists_the_known(csv_of, name, fault, holds):
    problem = "cannot be read as a table" if "." in name else "the name has no ending"
    holds(fault(csv_of("a,b\n1,2\n", name), TWO), problem, ".csv", ".parquet", ".npz", ".gz")


def test_endings_are_known_in_capitals(csv_of):
    source = open_source([csv_of(gzip.compress(b"a,b\n1,2\n"), "EVENTS.CSV.GZ")], request=TWO)
    assert next(source.batches(1)).x.tolist() == [[1, 2]]


def test_a_name_of_a_file_cannot_write_to_the_terminal(csv_of, fault, holds):
    message = fault(csv_of("", "a\x1b[31m\nb.csv"), TWO)
    holds(message, "\\x1b[31m\\nb.csv")


ENDINGS = ["csv", "csv.gz", "csv.bz2", "csv.zst", "parquet", "feather", "npy", "npz"]


@pytest.mark.parametrize("kind", ENDINGS)
def test_junk_under_any_ending(csv_of, kind, fault, holds):
    junk = np.random.default_rng(3).integers(0, 256, 5000, np.uint8).tobytes()
    holds(fault(csv_of(junk, f"junk.{kind}"), TWO), f"junk.{kind}")


@pytest.mark.parametrize("kind", ENDINGS)
def test_an_empty_file_under_any_ending(csv_of, kind, fault, holds):
    holds(fault(csv_of(b"", f"empty.{kind}"), TWO), f"empty.{kind}")


@pytest.mark.parametrize("kind", [k for k in ENDINGS if k != "csv"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_under_any_ending(write, kind, part, fault, holds):
    random = np.random.default_rng(4)
    path = write(kind, {"a": random.normal(size=9000), "b": random.normal(size=9000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    holds(fault(path, TWO), f"events.{kind}")


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "ipc", "npy", "npz"])
def test_columns_without_a_row(write, kind, fault, holds):
    path = write(kind, {"a": np.zeros(0), "b": np.zeros(0)})
    holds(fault(path, TWO), f"events.{kind}", "no events")


def test_a_line_of_names_without_end(csv_of, fault, holds):
    holds(fault(csv_of("a,b"), TWO), "no events")


def test_files_without_rows_are_fine_beside_others(write):
    empty = write("csv", {"a": np.zeros(0), "b": np.zeros(0)}, "empty")
    full = write("csv", {"a": np.ones(2), "b": np.ones(2)}, "full")
    source = open_source([empty, full, empty], request=TWO)
    assert [len(b) for b in source.batches(10)] == [2]


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "npy", "npz", "root", "h5"])
def test_whatever_bytes_are_damaged_one_line_tells(write, kind):
    random = np.random.default_rng(8)
    # uproot may look for the end of a damaged text for ever
    labels = np.arange(40) % 2 if kind == "root" else np.array(["s", "bb"] * 20)
    path = write(kind, {"a": random.normal(size=40), "l": labels})
    content, told = path.read_bytes(), []
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(20 if kind == "root" else 3):  # of ROOT most bytes describe types
            damaged[random.integers(len(damaged))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for _ in open_source([path], request=ColumnRequest(1, label="l")).batches(30):
                    pass
        except DataError as error:
            told.append(str(error))
    assert len(told) > 10
    assert all(f"events.{kind}" in line and "\n" not in line for line in told)


@pytest.mark.parametrize("kind", ["arrow", "ipc"])
def test_text_that_points_outside_an_arrow_file_is_not_followed(write, kind, fault, holds):
    path = write(kind, {"a": np.ones(4), "l": np.array(["s", "bb", "s", "bb"])})
    offsets = np.array([0, 1, 3, 4, 6], np.int32)
    far = np.array([0, 1, 3, 2**30, 6], np.int32)
    content = path.read_bytes()
    assert content.count(offsets.tobytes()) == 1
    path.write_bytes(content.replace(offsets.tobytes(), far.tobytes()))
    message = fault(path, ColumnRequest(1, label="l"))
    holds(message, f"events.{kind} cannot be read", "offset")
