"""Data files with mutations are read, or refused in one line: no traceback, signal or hang."""

from __future__ import annotations

import pytest

from tests.fuzz.data_files import try_data_files

pytest.importorskip("uproot")
pytest.importorskip("h5py")


def test_mutated_data_files(tmp_path):
    outcomes, faults = try_data_files(200, tmp_path)
    assert faults == []
    assert outcomes["refused"] > 50
    assert outcomes["read"] > 20
