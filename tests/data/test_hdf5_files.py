"""HDF5 files: flat data sets, records, sets of objects with a mask, groups."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, InputRequest, TreeRequest, open_source
from onnxtaylor.data.open_tables import open_tables
from onnxtaylor.errors import DataError

h5py = pytest.importorskip("h5py")

N, SLOTS = 700, 5
RANDOM = np.random.default_rng(6)
COUNTS = RANDOM.integers(0, SLOTS + 1, N)
JETS = np.zeros(N, [("pt", "f4"), ("eta", ">f8"), ("flavour", "i4"), ("vector", "f4", (2,))])
JETS["pt"], JETS["eta"] = RANDOM.exponential(50, N), RANDOM.normal(size=N)
JETS["flavour"] = RANDOM.choice([0, 4, 5], N)
TRACKS = np.zeros((N, SLOTS), [("d0", "f4"), ("z0", "f8"), ("valid", "?")])
TRACKS["d0"], TRACKS["z0"] = RANDOM.normal(size=(2, N, SLOTS))
TRACKS["valid"] = np.arange(SLOTS) < COUNTS[:, None]


def read(source, size=97):
    return np.concatenate([batch.x for batch in source.batches(size)])


def write(path, **arrays):
    with h5py.File(path, "w", track_order=True) as file:
        for name, values in arrays.items():
            file.create_dataset(name.replace("__", "/"), data=values)
    return path


@pytest.fixture
def jets(tmp_path):
    path = tmp_path / "jets.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("jets", data=JETS, chunks=(100,), compression="gzip")
        file.create_dataset("tracks", data=TRACKS, chunks=(100, SLOTS), compression="lzf")
    return path


def test_fields_of_records_are_columns(jets, whole):
    request = ColumnRequest(2, features=("eta", "pt"), label="flavour")
    batch = whole(open_source([jets], request=request))
    np.testing.assert_array_equal(batch.x[:, 0], JETS["eta"])
    np.testing.assert_array_equal(batch.x[:, 1], JETS["pt"].astype(float))
    assert batch.labels.tolist() == [str(value) for value in JETS["flavour"]]
    (table,) = open_tables([jets])
    assert table.rows == N
    assert table.wholes == {"tracks.d0": None, "tracks.z0": None, "tracks.valid": None}


def test_valid_objects_alone_fill_the_slots(jets):
    inputs = (InputRequest("tracks", ("n", 2), columns=("tracks.d0", "tracks.z0"), variable=1),)
    source = open_source([jets], request=ColumnRequest(None, inputs=inputs))
    x = read(source)
    length = int(COUNTS.max())
    there = (np.arange(length) < COUNTS[:, None])[..., None]
    both = np.stack([TRACKS["d0"], TRACKS["z0"]], axis=2)[:, :length]
    np.testing.assert_array_equal(x[:, :-1], np.where(there, both, 0).reshape(N, -1))
    np.testing.assert_array_equal(x[:, -1], COUNTS)


def test_sets_without_a_mask_are_whole(tmp_path):
    tracks = TRACKS[["d0", "z0"]].copy()
    path = write(tmp_path / "t.h5", tracks=tracks)
    inputs = (InputRequest("x", (SLOTS,), columns=()),)
    assert open_tables([path])[0].wholes == {"tracks.d0": (SLOTS,), "tracks.z0": (SLOTS,)}
    inputs = (InputRequest("tracks.d0", (SLOTS,)),)
    x = read(open_source([path], request=ColumnRequest(None, inputs=inputs)))
    np.testing.assert_array_equal(x, tracks["d0"].astype(float))


def test_a_field_of_two_records_is_called_by_both(tmp_path):
    path = write(tmp_path / "t.h5", jets=JETS[["pt", "eta"]], leptons=JETS[["pt"]])
    assert open_tables([path])[0].names == ("jets.pt", "eta", "leptons.pt")


@pytest.mark.parametrize("way", ["data set", "attribute", "none"])
def test_a_table_with_names(tmp_path, way):
    x = RANDOM.normal(size=(N, 3))
    names = ["p", "q", "r"]
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"] = x
        file["y"] = JETS["flavour"]
        if way == "data set":
            file["feature_names"] = names
        elif way == "attribute":
            file["x"].attrs["columns"] = names
    source = open_source([tmp_path / "t.h5"], request=ColumnRequest(3, label="y"))
    assert source.feature_names == (None if way == "none" else tuple(names))
    np.testing.assert_array_equal(read(source), x)
    assert open_tables([tmp_path / "t.h5"])[0].rows == N


def test_a_group_is_named(tmp_path, fault, holds):
    path = write(tmp_path / "t.h5", train__a=np.ones(3), test__a=np.zeros(2))
    holds(fault(path, ColumnRequest(1)), "holds 2 groups of data sets", "train", "tree=")
    assert read(open_source([f"{path}:train"], request=ColumnRequest(1))).tolist() == [[1]] * 3
    trees = TreeRequest("test")
    assert len(read(open_source([path], request=ColumnRequest(1), trees=trees))) == 2
    with pytest.raises(DataError, match=r"has no group 'trian': did you mean 'train'"):
        open_tables([f"{path}:trian"])
    only = write(tmp_path / "one.h5", deep__er__a=np.ones(3))
    assert len(read(open_source([only], request=ColumnRequest(1)))) == 3


def test_a_data_set_of_records_alone(jets):
    table = open_tables([f"{jets}:jets"])[0]
    assert table.names == ("pt", "eta", "flavour")
    source = open_source([f"{jets}:jets"], request=ColumnRequest(3))
    np.testing.assert_array_equal(read(source)[:, 1], JETS["eta"])


def test_texts_are_labels(tmp_path, whole):
    kinds = ["s", "b"] * 5
    for text in (np.array(kinds, "S2"), np.array(kinds, object)):
        path = write(tmp_path / "t.h5", a=np.arange(10.0), kind=text)
        batch = whole(open_source([path], request=ColumnRequest(1, label="kind")))
        assert batch.labels.tolist() == kinds


def test_data_sets_of_other_lengths_are_refused_where_they_are_used(tmp_path, fault, holds):
    path = write(tmp_path / "t.h5", a=np.ones(5), b=np.ones(4))
    holds(fault(path, ColumnRequest(2)), "t.h5", "'b' has 4 entries", "'a' has 5")
    assert read(open_source([path], request=ColumnRequest(1, exclude=("b",)))).shape == (5, 1)


def test_links_to_other_files_are_not_followed(tmp_path, fault, holds):
    write(tmp_path / "secret.h5", a=np.ones(5))
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["b"] = np.ones(5)
        file["a"] = h5py.ExternalLink("secret.h5", "/a")
        file["root"] = h5py.ExternalLink("secret.h5", "/")
        file["soft"] = h5py.SoftLink("/root/a")
        file["broken"] = h5py.SoftLink("/nothing")
        layout = h5py.VirtualLayout((5,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "a", (5,))
        file.create_virtual_dataset("v", layout)
    assert open_tables([tmp_path / "t.h5"])[0].names == ("b",)
    with pytest.raises(DataError, match=r"t.h5 has no group 'a'"):
        open_tables([f"{tmp_path / 't.h5'}:a"])
    for name in ("root", "root/a", "soft", "v"):
        with pytest.raises(DataError, match=rf"t.h5 has no group '{name}'"):
            open_tables([f"{tmp_path / 't.h5'}:{name}"])


def test_a_file_without_events(tmp_path, fault, holds):
    path = write(tmp_path / "t.h5", a=np.float64(3.0))
    holds(fault(path, ColumnRequest(1)), "t.h5: holds no data set of events")


@pytest.mark.parametrize("part", [0.1, 0.6, 0.95])
def test_a_truncated_file_brings_one_line(tmp_path, jets, part, fault, holds):
    content = jets.read_bytes()
    jets.write_bytes(content[: int(part * len(content))])
    holds(fault(jets, ColumnRequest(1, features=("pt",))), "jets.h5")
