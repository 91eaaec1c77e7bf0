"""Files of one class each: labels, numbers and order of the events, patterns, and wrong calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, class_files, open_source
from onnxtaylor.errors import DataError, OptionError

REQUEST = ColumnRequest(5, weight="w", exclude=("class", "kind"))


@pytest.fixture
def parts(events, write):
    """The events cut in four files of several formats, by name."""
    paths = {}
    for k, (start, stop) in enumerate([(0, 300), (300, 301), (301, 700), (700, 1000)]):
        part = {name: values[start:stop] for name, values in events.items()}
        kind = ["csv", "npy", "parquet", "npz"][k]
        paths[f"part{k}"] = str(write(kind, part, f"part{k}"))
    return paths


def test_labels_are_the_classes_and_numbers_go_on(parts, events, whole):
    files = {"b": [parts["part0"], parts["part3"]], "a=1": parts["part2"]}
    source = open_source(class_files(files), request=REQUEST)
    batch = whole(source)
    order = np.r_[0:300, 700:1000, 301:700]
    np.testing.assert_array_equal(batch.x[:, 0], events["f0"][order])
    np.testing.assert_array_equal(batch.weights, events["w"][order])
    assert batch.labels.tolist() == ["b"] * 600 + ["a=1"] * 399
    np.testing.assert_array_equal(batch.numbers, np.arange(999))
    assert list(source.origins) == [parts["part0"], parts["part3"], parts["part2"]]


def test_patterns_stand_for_files_in_order(parts, tmp_path, whole):
    found = class_files({"s": str(tmp_path / "part[01].*"), "b": [str(tmp_path / "part2*")]})
    assert [(one.path, one.label) for one in found] == [
        (parts["part0"], "s"),
        (parts["part1"], "s"),
        (parts["part2"], "b"),
    ]


def test_a_file_of_that_name_is_no_pattern(events, write):
    path = str(write("csv", events, "run[1]"))
    assert [one.path for one in class_files({"s": path})] == [path]


def test_the_tree_behind_a_root_file_is_kept(tmp_path):
    for name in ("ztt_1.root", "ztt_2.root"):
        (tmp_path / name).touch()
    found = class_files({"ztt": f"{tmp_path}/ztt_*.root:events/tree"})
    assert [one.path for one in found] == [f"{tmp_path}/ztt_{k}.root:events/tree" for k in (1, 2)]


def test_wrong_calls_are_one_line(parts, tmp_path):
    path = parts["part0"]
    for files, words in (
        ({}, "files_by_class must name the files of at least one class"),
        ({"s": []}, "files_by_class has no file for the class 's'"),
        ({"": path}, "files_by_class has no name"),
        ({"s": path, "b": path}, "to the class 'b', and to 's'"),
    ):
        with pytest.raises(OptionError) as caught:
            class_files(files)
        assert words in str(caught.value)
    with pytest.raises(DataError, match=r"none_\*.csv: no file matches this pattern"):
        class_files({"s": str(tmp_path / "none_*.csv")})
    with pytest.raises(DataError, match=r"none.csv: no such file"):
        open_source(class_files({"s": str(tmp_path / "none.csv")}), request=REQUEST)


def test_a_class_without_events_is_no_class(parts, tmp_path, whole):
    empty = tmp_path / "empty.csv"
    empty.write_text(Path(parts["part0"]).read_text().splitlines()[0] + "\n")
    source = open_source(class_files({"e": str(empty), "s": parts["part0"]}), request=REQUEST)
    assert set(whole(source).labels) == {"s"}
