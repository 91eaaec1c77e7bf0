"""Files at addresses, folders and patterns of files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.errors import DataError

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory():
    """memory(path, name="") → the address of a copy of a file in memory."""
    system = fsspec.filesystem("memory")

    def copy(path, name=""):
        address = f"/onnxtaylor-test/{name or path.name}"
        with system.open(address, "wb") as stream:
            stream.write(path.read_bytes())
        return f"memory:/{address}"

    yield copy
    system.rm("/onnxtaylor-test", recursive=True)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "tsv", "parquet", "h5", "root"])
def test_an_address_gives_what_the_file_gives(
    events, write, request_all, memory, kind, whole, same
):
    path = write(kind, events)
    source = open_source([memory(path)], request=request_all)
    same(whole(source), whole(open_source([path], request=request_all)))
    same(whole(source, 10), whole(source, 1000))


def test_a_pattern_at_an_address(events, write, request_all, memory, whole):
    path = write("parquet", events)
    _, last = (memory(path, f"part-{k}.parquet") for k in (1, 2))
    source = open_source([last.replace("part-2", "part-*")], request=request_all)
    assert [one[-14:] for one in source.origins] == ["part-1.parquet", "part-2.parquet"]
    assert len(whole(source)) == 2000
    with pytest.raises(DataError, match=r"no file has a name of this pattern"):
        open_source([last.replace("part-2", "other-*")], request=request_all)


@pytest.mark.parametrize("kind", ["npy", "npz", "arrow", "feather"])
def test_files_that_are_read_in_place_are_refused(events, write, memory, kind):
    with pytest.raises(DataError, match=r"is at an address, but .* copy it to this machine"):
        open_source([memory(write(kind, events))], request=ColumnRequest(None))


def test_nothing_at_an_address():
    with pytest.raises(DataError, match=r"memory://none.parquet: no such file"):
        open_source(["memory://none.parquet"], request=ColumnRequest(None))
    with pytest.raises(DataError, match=r"nowhere://a.parquet.*nowhere") as caught:
        open_source(["nowhere://a.parquet"], request=ColumnRequest(None))
    assert "\n" not in str(caught.value)


def test_damaged_files_at_an_address_bring_one_line(events, write, memory):
    path = write("parquet", events)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match=r"memory:.*parquet cannot be read") as caught:
        open_source([memory(path)], request=ColumnRequest(None))
    assert "\n" not in str(caught.value)


def test_folders_and_patterns_are_files_in_the_order_of_names(
    events, write, request_all, tmp_path, whole, same
):
    (tmp_path / "set").mkdir()
    paths = []
    for k, part in enumerate((slice(0, 400), slice(400, 1000))):
        path = write("parquet", {name: values[part] for name, values in events.items()})
        paths.append(shutil.copy(path, tmp_path / "set" / f"part-{k}.parquet"))
    expected = whole(open_source(paths, request=request_all))
    for name in (tmp_path / "set", f"{tmp_path}/set/part-*.parquet", f"{tmp_path}/*/*.parquet"):
        source = open_source([name], request=request_all)
        same(whole(source), expected)
        assert source.origins == tuple(map(str, paths))
    np.testing.assert_array_equal(expected.numbers, np.arange(1000))
