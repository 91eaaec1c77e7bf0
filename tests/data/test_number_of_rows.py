"""The number of rows of a file, without a look at its cells."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.data.memory import ArrowFrame, MappingTable
from onnxtaylor.data.open_tables import open_tables

TOLD = (
    "parquet",
    "feather",
    "arrow",
    "npz",
    "npy",
    "root",
    "h5",
)


def test_formats_that_tell_their_number_of_rows(write, events, ending):
    (table,) = open_tables([write(ending, events)])
    assert table.rows == (1000 if ending in TOLD else None)


@pytest.mark.parametrize("kind", TOLD)
def test_a_file_without_rows(write, kind):
    (table,) = open_tables([write(kind, {"a": np.zeros(0), "b": np.zeros(0)})])
    assert table.rows == 0


def test_arrays_of_two_lengths_tell_no_number(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 2)), other=np.zeros(3))
    assert open_tables([tmp_path / "a.npz"])[0].rows is None
    # the names are no column of events
    np.savez(tmp_path / "b.npz", x=np.zeros((5, 2)), feature_names=np.array(["p", "q"]))
    assert open_tables([tmp_path / "b.npz"])[0].rows == 5


def test_data_in_memory_tell_their_number_of_rows():
    pandas = pytest.importorskip("pandas")
    assert ArrowFrame(pandas.DataFrame({"a": np.zeros(4)})).rows == 4
    assert MappingTable({"a": np.zeros(4), "jets": [[1.0]] * 4}).rows == 4
