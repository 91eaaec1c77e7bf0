"""Files with a fault: named by default, left out and listed where that is asked for."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError, OptionError
from tests.run.divided import MODEL, OPTIONS, higgs_table

FAST = OPTIONS | {"order": 1, "check": 0}


@pytest.fixture
def files(tmp_path):
    """Five files: the first is no Parquet, the third has a bad cell, the fifth lacks a column."""
    table = higgs_table(250)
    paths = [tmp_path / f"{k}.parquet" for k in range(5)]
    for k, path in enumerate(paths):
        pq.write_table(table.slice(50 * k, 50), path)
    paths[0].write_bytes(paths[0].read_bytes()[:-400])
    frame = pq.read_table(paths[2]).to_pandas()
    frame.loc[17, "PRI_tau_pt"] = np.inf
    paths[2] = tmp_path / "2.csv"
    frame.to_csv(paths[2], index=False)
    pq.write_table(pq.read_table(paths[4]).drop_columns(["PRI_tau_eta"]), paths[4])
    return paths


def test_a_fault_is_named_by_file_and_row(files):
    with pytest.raises(DataError, match=r"0\.parquet"):
        ot.analyze(MODEL, files, **FAST)
    with pytest.raises(DataError, match=r"2\.csv: column 'PRI_tau_pt' in row 18"):
        ot.analyze(MODEL, files[1:4], **FAST)


def test_files_with_a_fault_are_left_out_and_listed(files, tmp_path):
    result = ot.analyze(MODEL, files, skip_bad_files=True, **FAST)
    expected = ot.analyze(MODEL, [files[1], files[3]], **FAST)
    np.testing.assert_array_equal(result.score, expected.score)
    np.testing.assert_array_equal(result.rank_low, expected.rank_low)
    assert result.data == expected.data
    told = [notice for notice in result.warnings if notice.code == "skipped-file"]
    assert [notice for notice in result.warnings if notice not in told] == list(expected.warnings)
    assert len(told) == 3
    for notice, words in zip(told, ("0.parquet", "in row 18", "PRI_tau_eta"), strict=True):
        assert notice.message.startswith("a file is left out: ")
        assert words in notice.message
    result.save(tmp_path / "result.json")
    assert ot.TaylorResult.load(tmp_path / "result.json").warnings == result.warnings
    assert json.loads((tmp_path / "result.json").read_text())["data"]["events"] == 100


def test_a_file_without_events_has_no_fault(files, tmp_path):
    pq.write_table(pq.read_table(files[1])[:0], tmp_path / "none.parquet")
    chosen = [tmp_path / "none.parquet", files[1]]
    result = ot.analyze(MODEL, chosen, skip_bad_files=True, **FAST)
    assert len(result.data.sources) == 2
    assert all(notice.code != "skipped-file" for notice in result.warnings)


def test_without_any_sound_file_the_first_fault_is_said(files):
    with pytest.raises(DataError, match=r"0\.parquet"):
        ot.analyze(MODEL, [files[0], files[2]], skip_bad_files=True, **FAST)


def test_files_behind_a_folder_and_a_pattern_are_left_out_one_by_one(files, tmp_path):
    """Also where nothing of a sound file is selected, and where the files have classes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (files[0], files[1], files[3]):
        (folder / path.name).write_bytes(path.read_bytes())
    expected = ot.analyze(MODEL, [files[1], files[3]], **FAST)
    for named in (folder, f"{folder}/*.parquet"):
        result = ot.analyze(MODEL, named, skip_bad_files=True, **FAST)
        np.testing.assert_array_equal(result.score, expected.score)
        (told,) = [notice for notice in result.warnings if notice.code == "skipped-file"]
        assert "0.parquet" in told.message
    table = pq.read_table(files[3])
    where = f"EventId == {table['EventId'][7].as_py()} || EventId == {table['EventId'][9].as_py()}"
    chosen = FAST | {"labels": None, "weights": None, "where": where}
    result = ot.analyze(MODEL, folder, skip_bad_files=True, **chosen)
    assert result.data.events == 2
    assert len(result.data.sources) == 2
    options = {name: FAST[name] for name in FAST if name != "labels"}
    by_class = {"x": f"{folder}/[01].parquet", "y": files[3]}
    result = ot.analyze(MODEL, files_by_class=by_class, skip_bad_files=True, **options)
    assert [(g.name, g.events) for g in result.data.groups] == [("all", 100), ("x", 50), ("y", 50)]


def test_friends_in_files_of_their_own_cannot_be_left_out(files):
    with pytest.raises(OptionError, match=r"skip_bad_files leaves out no friends: write :TREE"):
        ot.analyze(MODEL, files, skip_bad_files=True, friends=["more.root:tree"], **FAST)
