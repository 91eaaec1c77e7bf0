"""Without the library of a format, one line says what to install."""

from __future__ import annotations

import sys

import pytest

from onnxtaylor.data import ColumnRequest
from onnxtaylor.data.open_tables import open_tables
from onnxtaylor.errors import DataError


@pytest.mark.parametrize(
    ("ending", "library", "extra"), [("root", "uproot", "root"), ("h5", "h5py", "hdf5")]
)
def test_the_extra_is_named(tmp_path, monkeypatch, fault, holds, ending, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    path = tmp_path / f"events.{ending}"
    path.touch()
    message = fault(path, ColumnRequest(1))
    holds(message, path.name, f"needs {library}: pip install onnxtaylor[{extra}]")


def test_fsspec_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    for name in ("memory://a.csv", "memory://*.csv"):
        with pytest.raises(DataError, match=r"memory://.*read with fsspec: pip install fsspec"):
            open_tables([name])
