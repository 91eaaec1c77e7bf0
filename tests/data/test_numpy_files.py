"""NumPy's files: any layout, no pickle, no claim believed."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, open_source

TWO = ColumnRequest(2)


def test_objects_are_refused_in_numpy_files(tmp_path, fault, holds):
    poison = np.array([[1, 2], [3, 4]], object)
    np.save(tmp_path / "a.npy", poison, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=poison)
    for name in ("a.npy", "a.npz"):
        holds(fault(tmp_path / name, TWO), name, "holds Python objects, which are never loaded")


@pytest.mark.parametrize("shape", [(), (5,), (2, 2, 2)])
def test_arrays_that_are_no_tables(tmp_path, shape, fault, holds):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    holds(fault(tmp_path / "a.npy", TWO), "a.npy", f"shape {shape}")


@pytest.mark.parametrize("dtype", ["U3", "c16", "M8[s]"])
def test_arrays_that_are_no_numbers(tmp_path, dtype, fault, holds):
    np.save(tmp_path / "a.npy", np.zeros((2, 2), dtype))
    holds(fault(tmp_path / "a.npy", TWO), "a.npy", "not numbers")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">f4", "<f8", "i2", "?"])
def test_arrays_of_any_layout(tmp_path, order, dtype):
    x = np.array([[0, 1], [1, 1], [1, 0]], dtype, order=order)
    np.save(tmp_path / "a.npy", x)
    source = open_source([tmp_path / "a.npy"], request=TWO)
    np.testing.assert_array_equal(next(source.batches(9)).x, x.astype(float))


def test_arrays_without_events(tmp_path, fault, holds):
    np.save(tmp_path / "a.npy", np.zeros((0, 2)))
    holds(fault(tmp_path / "a.npy", TWO), "no events")


def test_an_archive_that_claims_more_than_it_has(tmp_path, fault, holds):
    header = io.BytesIO()
    description = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)}
    np.lib.format.write_array_header_1_0(header, description)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    holds(fault(tmp_path / "bomb.npz", TWO), "bomb.npz", "'x' claims more")


def test_an_archive_of_unequal_columns(tmp_path, fault, holds):
    np.savez(tmp_path / "a.npz", a=np.zeros(3), b=np.zeros(4))
    holds(fault(tmp_path / "a.npz", TWO), "'b' has 4", "'a' has 3")


def test_an_archive_without_columns(tmp_path, fault, holds):
    np.savez(tmp_path / "a.npz", a=np.zeros(()), b=np.zeros((2, 2, 2)))
    holds(fault(tmp_path / "a.npz", TWO), "no 1-D and no 2-D array")


def test_names_of_an_archive_that_do_not_fit(tmp_path, fault, holds):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), feature_names=np.array(["a"]))
    holds(fault(tmp_path / "a.npz", TWO), "'feature_names' must hold 2 texts")
