"""What a name of data stands for."""

from __future__ import annotations

import pytest

from onnxtaylor.data.open_tables import FORMATS
from onnxtaylor.errors import DataError
from onnxtaylor.files.names import ENDINGS, TableName, table_names, tables_of


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def shown(name, folder):
    return [one.shown.replace(f"{folder}/", "") for one in table_names(name)]


def test_each_known_ending_has_a_reader():
    assert set(ENDINGS) == set(FORMATS)


@pytest.mark.parametrize(
    ("name", "place", "tree"),
    [
        ("events.csv", "events.csv", None),
        ("./events.root", "events.root", None),
        ("events.root:Events", "events.root", "Events"),
        ("a.b/EVENTS.ROOT:folder/Events;2", "a.b/EVENTS.ROOT", "folder/Events;2"),
        ("events.h5:jets", "events.h5", "jets"),
        ("events.csv:Events", "events.csv:Events", None),
        ("root://host:1094//store/a.root:Events", "root://host:1094//store/a.root", "Events"),
        ("root://host:1094//store/a.root", "root://host:1094//store/a.root", None),
        ("s3://bucket/a.parquet", "s3://bucket/a.parquet", None),
        ("https://host/a.csv?key=x", "https://host/a.csv?key=x", None),
    ],
)
def test_a_name_is_a_place_and_a_tree(name, place, tree):
    assert table_names(name) == [TableName(place, tree)]
    assert TableName(place, tree).remote == ("://" in name)


def test_a_file_that_exists_is_meant_by_its_name(tmp_path):
    touch(tmp_path, "a.root:b", "c*.csv", "cd.csv")
    assert shown(tmp_path / "a.root:b", tmp_path) == ["a.root:b"]
    assert shown(tmp_path / "c*.csv", tmp_path) == ["c*.csv"]


def test_patterns_are_all_files_in_the_order_of_names(tmp_path):
    touch(tmp_path, "z10.root", "z2.root", "y.root", "deep/z3.root")
    assert shown(tmp_path / "z*.root", tmp_path) == ["z10.root", "z2.root"]
    assert shown(tmp_path / "z*.root:Events", tmp_path) == ["z10.root:Events", "z2.root:Events"]
    assert shown(tmp_path / "**/z*.root", tmp_path) == ["deep/z3.root", "z10.root", "z2.root"]
    with pytest.raises(DataError, match=r"x\*.root: no file has a name of this pattern"):
        table_names(tmp_path / "x*.root")


def test_a_folder_is_its_files_of_events(tmp_path):
    touch(tmp_path, "b.parquet", "a.parquet", "_metadata.parquet", ".c.parquet", "notes.md")
    assert shown(tmp_path, tmp_path) == ["a.parquet", "b.parquet"]
    touch(tmp_path, "a.csv.gz")
    with pytest.raises(DataError, match=r"several endings \(.csv.gz, .parquet\).*/\*.csv.gz'"):
        table_names(tmp_path)


def test_a_folder_without_files_of_events(tmp_path):
    touch(tmp_path, "notes.md", "deep/a.parquet")
    with pytest.raises(DataError, match=r"is a directory without files of events.*\*\*/\*"):
        table_names(tmp_path)


def test_what_cannot_be_listed_stays_as_it_is(tmp_path):
    names = [str(tmp_path / "x*.root"), str(tmp_path / "none.csv")]
    assert [one.place for one in tables_of(names)] == names
