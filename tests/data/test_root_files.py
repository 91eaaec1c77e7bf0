"""ROOT files: trees of numbers, texts and lists, their cycles and friends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, InputRequest, TreeRequest, open_source
from onnxtaylor.data.open_tables import open_tables
from onnxtaylor.errors import DataError, OptionError
from tests.data.conftest import write_root

uproot = pytest.importorskip("uproot")
awkward = pytest.importorskip("awkward")

N = 900
RANDOM = np.random.default_rng(5)
COLUMNS = {
    "single": RANDOM.normal(size=N).astype(np.float32),
    "double": RANDOM.normal(size=N),
    "whole": RANDOM.integers(-(2**31), 2**31, N).astype(np.int32),
    "long": RANDOM.integers(-(2**40), 2**40, N),
    "small": RANDOM.integers(0, 256, N).astype(np.uint8),
    "flag": RANDOM.random(N) < 0.5,
    "w": RANDOM.normal(0.5, 1.0, N),
    "class": RANDOM.integers(0, 3, N).astype(np.int16),
}
COUNTS = RANDOM.integers(0, 4, N)
JETS = awkward.unflatten(RANDOM.normal(size=int(COUNTS.sum())).astype(np.float32), COUNTS)
FEATURES = ("single", "double", "whole", "long", "small", "flag")
REQUEST = ColumnRequest(6, label="class", weight="w")
KINDS = [False, True]  # TTree, RNTuple


def read(source, size=97):
    return np.concatenate([batch.x for batch in source.batches(size)])


@pytest.fixture(params=KINDS, ids=["TTree", "RNTuple"])
def ntuple(request):
    return request.param


def test_numbers_of_all_types_weights_and_labels(tmp_path, ntuple, whole):
    write_root(tmp_path / "e.root", {"Events": COLUMNS}, ntuple)
    counted = open_source([tmp_path / "e.root"], request=REQUEST)
    assert counted.feature_names == (tuple(sorted(FEATURES)) if ntuple else FEATURES)  # as written
    source = open_source([tmp_path / "e.root"], request=replace(REQUEST, features=FEATURES))
    batch = whole(source)
    expected = np.stack([COLUMNS[name].astype(np.float64) for name in FEATURES], axis=1)
    np.testing.assert_array_equal(batch.x, expected)
    np.testing.assert_array_equal(batch.weights, COLUMNS["w"])
    assert (batch.weights < 0).any()
    assert batch.labels.tolist() == [str(value) for value in COLUMNS["class"]]
    assert open_tables([tmp_path / "e.root"])[0].rows == N


def test_a_fixed_array_has_a_column_for_each_element(tmp_path, ntuple):
    values = RANDOM.normal(size=(50, 3))
    write_root(tmp_path / "e.root", {"t": {"p": values, "q": values[:, 0]}}, ntuple)
    source = open_source([tmp_path / "e.root"], request=ColumnRequest(None))
    assert source.feature_names == ("p[0]", "p[1]", "p[2]", "q")
    np.testing.assert_array_equal(read(source), np.c_[values, values[:, 0]])


def test_jagged_branches_fill_the_slots_of_an_input(tmp_path, ntuple):
    write_root(tmp_path / "e.root", {"t": {"jets": JETS, "met": COLUMNS["double"]}}, ntuple)
    inputs = (InputRequest("jets", ("n",)), InputRequest("met", (1,)))
    source = open_source([tmp_path / "e.root"], request=ColumnRequest(None, inputs=inputs))
    x = read(source)
    padded = awkward.fill_none(awkward.pad_none(JETS, 3), 0).to_numpy()
    np.testing.assert_array_equal(x[:, :3], padded)
    np.testing.assert_array_equal(x[:, 3], COLUMNS["double"])
    np.testing.assert_array_equal(x[:, 4], COUNTS)
    assert source.lengths == {"jets": "length(jets)"}


def test_an_empty_tree_has_no_events(tmp_path, ntuple, fault, holds):
    empty = {"a": np.zeros(0), "b": np.zeros(0)}
    write_root(tmp_path / "e.root", {"t": empty}, ntuple)
    holds(fault(tmp_path / "e.root", ColumnRequest(2)), "e.root", "there are no events")
    assert open_tables([tmp_path / "e.root"])[0].rows == 0


def test_one_of_several_trees_is_named(tmp_path, ntuple, fault, holds):
    path = tmp_path / "e.root"
    one = {"a": np.ones(4), "b": np.ones(4)}
    write_root(path, {"nominal": one, "folder/up": {"a": np.zeros(4), "b": np.ones(4)}}, ntuple)
    holds(fault(path, ColumnRequest(2)), "holds 2 trees (nominal, folder/up)", "e.root:nominal")
    up = open_source([f"{path}:folder/up"], request=ColumnRequest(2))
    assert read(up)[0].tolist() == [0, 1]
    assert up.origins == (f"{path}:folder/up",)
    same = open_source([path], request=ColumnRequest(2), trees=TreeRequest("folder/up"))
    assert read(same)[0].tolist() == [0, 1]
    own = open_source([f"{path}:nominal"], request=ColumnRequest(2), trees=TreeRequest("folder/up"))
    assert read(own)[0].tolist() == [1, 1]
    with pytest.raises(DataError, match=r"has no tree 'nominl': did you mean 'nominal'"):
        open_tables([f"{path}:nominl"])


def test_of_several_cycles_the_highest_is_read(tmp_path):
    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        for value in (1.0, 2.0):
            file.mktree("t", {"a": np.full(3, value)})
    with uproot.open(path) as file:
        assert set(file.keys()) == {"t;1", "t;2"}
    assert read(open_source([path], request=ColumnRequest(1))).tolist() == [[2]] * 3
    assert read(open_source([f"{path}:t;1"], request=ColumnRequest(1))).tolist() == [[1]] * 3
    with pytest.raises(DataError, match=r"tree 't' has no cycle 3: it has 1, 2"):
        open_tables([f"{path}:t;3"])


def test_friends_add_columns_row_by_row(tmp_path, ntuple):
    rows = np.arange(500.0)
    write_root(tmp_path / "e.root", {"t": {"a": rows}, "u": {"c": rows + 2}}, ntuple)
    write_root(tmp_path / "f.root", {"g": {"a": rows + 3, "b": rows + 1}}, ntuple)
    trees = TreeRequest("t", (f"{tmp_path / 'f.root'}:g", ":u"))
    source = open_source([tmp_path / "e.root"], request=ColumnRequest(4), trees=trees)
    assert source.feature_names == ("a", "g.a", "b", "c")
    np.testing.assert_array_equal(read(source), rows[:, None] + [0, 3, 1, 2])
    part = open_source(
        [tmp_path / "e.root"], request=ColumnRequest(1, features=("b",)), trees=trees
    )
    np.testing.assert_array_equal(read(part)[:, 0], rows + 1)


def test_a_friend_of_another_length_is_refused(tmp_path):
    write_root(tmp_path / "e.root", {"t": {"a": np.ones(5)}, "u": {"b": np.ones(4)}})
    with pytest.raises(DataError, match=r"e.root:u has 4 events, but .*e.root:t has 5"):
        open_tables([f"{tmp_path / 'e.root'}:t"], TreeRequest(friends=(":u",)))


def test_friends_are_as_many_as_files(tmp_path):
    for name in ("a.root", "b.root"):
        write_root(tmp_path / name, {"t": {"a": np.ones(2)}})
    paths = [tmp_path / "a.root", tmp_path / "b.root"]
    with pytest.raises(OptionError, match=r"friends names 1 trees with '.*', but the data are 2"):
        open_tables(paths, TreeRequest(friends=(str(paths[0]),)))
    many = open_source(
        paths, request=ColumnRequest(2), trees=TreeRequest(friends=(f"{tmp_path}/?.root",))
    )
    assert read(many).tolist() == [[1, 1]] * 4


def test_a_missing_branch_brings_the_nearest(tmp_path, fault, holds):
    write_root(tmp_path / "e.root", {"t": {"jet_pt": np.ones(2), "eta": np.ones(2)}})
    message = fault(tmp_path / "e.root", ColumnRequest(1, features=("jet_ptt",)))
    holds(message, "e.root has no column 'jet_ptt'", "did you mean 'jet_pt'")


def test_texts_are_labels(tmp_path, whole):
    kinds = ["signal", "b", "signal", "tt bar"]
    columns = {"x": np.arange(4.0), "kind": np.array(kinds)}
    write_root(tmp_path / "e.root", {"t": columns}, ntuple=True)
    request = ColumnRequest(1, label="kind")
    assert whole(open_source([tmp_path / "e.root"], request=request)).labels.tolist() == kinds


def test_a_file_without_trees(tmp_path, fault, holds):
    with uproot.recreate(tmp_path / "e.root") as file:
        file["h"] = np.histogram(np.ones(3))
    holds(fault(tmp_path / "e.root", ColumnRequest(1)), "e.root: holds neither a TTree nor")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_brings_one_line(tmp_path, ntuple, part, fault, holds):
    path = tmp_path / "e.root"
    write_root(path, {"t": {name: RANDOM.normal(size=5000) for name in "ab"}}, ntuple)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    holds(fault(path, ColumnRequest(2)), "e.root")


def test_a_tree_is_asked_of_files_that_have_some(tmp_path, write):
    path = write("csv", {"a": np.ones(2)})
    with pytest.raises(OptionError, match=r"tree names the tree 't', but .*csv is no file of ROOT"):
        open_tables([path], TreeRequest("t"))
    with pytest.raises(OptionError, match=r"friends needs files of ROOT, but .*csv is none"):
        open_tables([path], TreeRequest(friends=(f"{path}",)))


def test_baskets_of_any_size_give_the_same(tmp_path, ntuple):
    values = np.arange(3000.0)
    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        make = file.mkrntuple if ntuple else file.mktree
        tree = make("t", {"a": values[:7]})
        for start, stop in ((7, 8), (8, 1900), (1900, 3000)):
            tree.extend({"a": values[start:stop]})
    np.testing.assert_array_equal(read(open_source([path], request=ColumnRequest(1)))[:, 0], values)
