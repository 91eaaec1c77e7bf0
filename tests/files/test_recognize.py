"""Files are named for what they are, as a model and as data."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import shutil
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.errors import DataError, ModelError
from onnxtaylor.files.recognize import head_of, kind_of
from onnxtaylor.graph import read_model
from tests.graph.graphs import net


def in_memory(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def archived(name, content=b"{}"):
    def write(buffer):
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, content)

    return in_memory(write)


def tarred(buffer):
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x.csv"), io.BytesIO(b""))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
FILES = {
    "Git LFS": (POINTER, "git lfs pull"),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), "decompress"),
    "bzip2": (bz2.compress(b"a,b\n1,2\n"), "decompress"),
    "xz": (lzma.compress(b"a,b\n1,2\n"), "decompress"),
    "NumPy array": (in_memory(lambda b: np.save(b, np.ones((2, 2)))), ""),
    "archive of NumPy arrays": (in_memory(lambda b: np.savez(b, x=np.ones((2, 2)))), ""),
    "Parquet": (in_memory(lambda b: pq.write_table(pa.table({"a": [1.0]}), b)), ""),
    "PyTorch": (archived("archive/data.pkl", pickle.dumps({})), ""),
    "Keras": (archived("metadata.json"), ""),
    "Office": (archived("[Content_Types].xml"), ""),
    "zip": (archived("data/x.csv"), "unpack"),
    "tar": (in_memory(tarred), "unpack"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), ""),
    "ROOT": (b"root\x00\x00\xf4\x4c" + bytes(100), ""),
    "pickle": (pickle.dumps({"weights": [1.0, 2.0]}), "never loaded"),
    "JSON": (json.dumps({"schema": "x"}, indent=1).encode(), ""),
    "page": (b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "error page"),
    "TensorFlow Lite": (b"\x1c\x00\x00\x00TFL3" + bytes(100), ""),
    "onnxruntime's own format": (b"\x1c\x00\x00\x00ORTM" + bytes(100), ""),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(64), ""),
}


@pytest.mark.parametrize("name", FILES)
def test_as_a_model(tmp_path, name):
    content, way = FILES[name]
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"not an ONNX model, but .*{name}") as error:
        read_model(path)
    assert way in str(error.value)
    assert "\n" not in str(error.value)


OWN = {"NumPy array": ".npy", "archive of NumPy arrays": ".npz", "Parquet": ".parquet"}
ENDINGS = [".csv", ".npy", ".npz", ".parquet", ".feather", ".root", ".h5"]
NAMED = {**OWN, "ROOT": ".root", "HDF5": ".h5"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "ending", [".csv", ".npy", ".npz", ".parquet", ".feather", ".root", ".h5", ".xyz", ""]
)
def test_as_data(tmp_path, name, ending):
    if NAMED.get(name) == ending:
        return
    content, way = FILES[name]
    path = tmp_path / f"events{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=name) as error:
        open_source([path], request=ColumnRequest(2))
    text = str(error.value)
    assert "\n" not in text
    if ending in (".xyz", ""):
        problem = "cannot be read as a table of events" if ending else "the name has no ending"
        assert f"{problem} (it is" in text
    else:
        assert way in text


@pytest.mark.parametrize("name", OWN)
def test_the_advised_name_is_read(tmp_path, name):
    path = tmp_path / "events.csv"
    path.write_bytes(FILES[name][0])
    with pytest.raises(DataError, match=f"rename it to end in {OWN[name]}"):
        open_source([path], request=ColumnRequest(None))
    better = path.rename(path.with_suffix(OWN[name]))
    assert next(open_source([better], request=ColumnRequest(None)).batches(1)).x.size


def test_the_advised_name_of_compressed_text_is_read(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(FILES["gzip"][0])
    with pytest.raises(DataError, match=r"or name it \.csv\.gz"):
        open_source([path], request=ColumnRequest(2))
    better = path.rename(tmp_path / "events.csv.gz")
    assert next(open_source([better], request=ColumnRequest(2)).batches(1)).x.tolist() == [[1, 2]]


def test_data_given_as_a_model(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ModelError, match="text: is it the data"):
        read_model(path)
    path.write_text('<ir_version: 8, opset_import: ["" : 17]>\nm (float[N] x) => (float[N] y) {}')
    with pytest.raises(ModelError, match=r"onnx\.parser\.parse_model"):
        read_model(path)


def test_a_model_is_recognized_as_nothing():
    assert kind_of(net().SerializeToString()[:512]) is None
    assert kind_of(b"") is None
    assert kind_of(b"a,b\n1,2\n") is None


def test_the_head_of_what_is_no_file_is_empty(tmp_path):
    assert head_of(tmp_path) == b""
    assert head_of(tmp_path / "none") == b""
    (tmp_path / "f").write_bytes(bytes(1000))
    assert head_of(tmp_path / "f") == bytes(512)
    shutil.rmtree(tmp_path)


def test_several_tables_in_an_archive_are_named(tmp_path):
    path = tmp_path / "split.npz"
    x = np.random.default_rng(0).normal(size=(50, 3))
    np.savez(path, x_train=x[:40], x_test=x[40:], y_train=np.ones(40), y_test=np.ones(10))
    with pytest.raises(
        DataError, match=r"2 two-dimensional arrays.*'x_train' \[40, 3\], 'x_test' \[10, 3\]"
    ):
        open_source([path], request=ColumnRequest(3))
    np.savez(path, x_train=x[:40], x_test=x[40:])
    with pytest.raises(DataError, match=r"2 two-dimensional arrays.*under the name x"):
        open_source([path], request=ColumnRequest(3))
    np.savez(path, x=x[:40], x_test=x[40:])  # as advised
    assert next(open_source([path], request=ColumnRequest(3)).batches(99)).x.shape == (40, 3)
    np.savez(path, x_train=x, x_test=x, a=x[:, 0], b=x[:, 1])  # columns beside tables
    assert open_source([path], request=ColumnRequest(2)).feature_names == ("a", "b")
