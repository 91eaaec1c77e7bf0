"""Small files that claim to be huge are refused before anything of that size is made."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.data import npz as npz_files
from onnxtaylor.errors import DataError

REQUEST = ColumnRequest(2)


def test_an_archive_that_unpacks_to_far_more(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_files, "LARGE", 1 << 20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((200_000, 2)))
    assert path.stat().st_size < 20_000
    with pytest.raises(DataError, match="100 times the size of the file and more") as caught:
        list(open_source([path], request=REQUEST).batches(100))
    assert "arrays x have" in str(caught.value)
    # what is not used is not unpacked
    np.savez_compressed(path, a=np.arange(9.0), b=np.arange(9.0), y=np.zeros((2, 2, 100_000)))
    assert len(next(open_source([path], request=REQUEST).batches(100))) == 9


def test_an_archive_whose_header_claims_more_than_it_has(tmp_path):
    path, header = tmp_path / "claim.npz", tmp_path / "x.npy"
    np.save(header, np.zeros((4, 2)))
    content = header.read_bytes().replace(b"(4, 2), }   ", b"(4000000000, 2), }")
    assert b"4000000000" in content
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(DataError, match=r"claims more bytes|cannot be read"):
        list(open_source([path], request=REQUEST).batches(100))


def test_a_data_set_without_values(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(2**40, 2), dtype="f8", chunks=(1024, 2))
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match=r"data set '?/?x'? claims 1\.64e\+04 GiB"):
        list(open_source([path], request=REQUEST).batches(100))


def test_a_heap_of_texts_that_leads_nowhere(tmp_path):
    """The HDF5 library would go on for ever, and hold the process."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "texts.h5"
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = np.arange(20.0), np.arange(20.0)
        file["kind"] = np.array(["s", "bb"] * 10).astype(h5py.string_dtype())
    request = ColumnRequest(2, label="kind")
    assert len(next(open_source([path], request=request).batches(100)).labels) == 20
    content = bytearray(path.read_bytes())
    heap = content.find(b"GCOL\x01")
    for place, size in ((heap + 16, 2**64 - 16), (heap + 40, 2**64 - 1)):
        assert content[place : place + 2] != b"\0\0"  # an object, and no free space
        damaged = bytearray(content)
        damaged[place + 8 : place + 16] = size.to_bytes(8, "little")
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"its heap of texts at byte {heap} is damaged"):
            open_source([path], request=request)
