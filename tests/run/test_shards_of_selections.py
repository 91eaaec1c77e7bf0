"""Shards of selections, files by class and trees: the result of an undivided analysis."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.data import survey
from onnxtaylor.errors import DataError, OptionError, ResultError
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part
from onnxtaylor.run.divided.part_file import read_header
from onnxtaylor.run.divided.surveys import survey_data
from tests.data.conftest import write_root
from tests.run.divided import EVENTS, MODEL, assert_equal, higgs_table

# nothing of the first 300 events, little of the others
WHERE = "place >= 300 && PRI_tau_pt > 30 && DER_mass_MMC != -999"
COLUMNS = {"missing": -999.0, "weights": ["KaggleWeight", "v"], "where": WHERE}
OPTIONS = COLUMNS | {"bootstrap": 40, "check": 16, "precision": "float64"}


@pytest.fixture(scope="module")
def columns():
    """Columns of the demonstration's events, with a factor of weights and the place of an event."""
    table = higgs_table().drop_columns(["EventId", "Weight"])
    columns = {name: np.asarray(table[name].to_pylist()) for name in table.column_names}
    random = np.random.default_rng(5)
    return columns | {"v": random.random(EVENTS), "place": np.arange(EVENTS)}


@pytest.fixture(scope="module")
def holds(columns):
    far = columns["place"] >= 300
    holds = far & (columns["PRI_tau_pt"] > 30) & (columns["DER_mass_MMC"] != -999)
    assert 100 < holds.sum() < 500
    return holds


def write(folder, columns, kinds, cuts=(0, 1, 130, 611, EVENTS)):
    """Files of the events between the cuts, of these kinds in turn."""
    paths = []
    for k, (start, stop) in enumerate(pairwise(cuts)):
        part = {name: values[start:stop] for name, values in columns.items()}
        path = folder / f"events-{k}.{kinds[k % len(kinds)]}"
        if path.suffix == ".root":
            write_root(path, {"events": part})
        else:
            pq.write_table(pa.table(part), path, row_group_size=37)
        paths.append(path)
    return paths


@pytest.fixture(scope="module", params=["root", "parquet", "root and parquet"])
def data(request, columns, tmp_path_factory):
    return write(tmp_path_factory.mktemp("data"), columns, request.param.split(" and "))


@pytest.fixture(scope="module")
def whole(data):
    return ot.analyze(MODEL, data, labels="Label", **OPTIONS)


def make_parts(folder, data, of, **options):
    paths = [folder / f"part-{k}.npz" for k in range(1, of + 1)]
    for k, path in enumerate(paths, start=1):
        analyze_part(MODEL, data, shard=f"{k}/{of}", **options).save(path)
    return paths


@pytest.mark.parametrize("of", [2, 5])
def test_shards_of_a_selection_are_the_undivided_analysis(tmp_path, data, whole, holds, of):
    parts = make_parts(tmp_path, data, of, labels="Label", **OPTIONS)
    merged = merge_parts(parts)
    assert_equal(merged, whole)
    assert merged.data.events == holds.sum()
    assert merged.options["where"] == WHERE
    # events are cut by their number among all: that of the first ones has none that is selected
    last = int(np.flatnonzero(holds)[-1]) + 1
    for k, path in enumerate(parts):
        mine = holds[last * k // of : last * (k + 1) // of]
        assert read_header(path)["events"] == mine.sum()


@pytest.mark.parametrize("of", [1, 4])
def test_a_survey_of_a_selection(tmp_path, data, whole, of, monkeypatch):
    monkeypatch.setattr("onnxtaylor.run.divided.surveys.BLOCK", 128)
    monkeypatch.setitem(survey.__kwdefaults__, "batch", 128)
    found = [tmp_path / f"survey-{k}.npz" for k in range(1, of + 1)]
    for k, path in enumerate(found, start=1):
        survey_data(MODEL, data, labels="Label", shard=f"{k}/{of}", **COLUMNS).save(path)
    merge_parts(found).save(tmp_path / "survey.npz")
    known = {"survey": tmp_path / "survey.npz"}
    parts = make_parts(tmp_path, data, 3, labels="Label", **OPTIONS, **known)
    assert_near(merge_parts(parts), whole)
    assert_near(ot.analyze(MODEL, data, labels="Label", **OPTIONS, **known), whole)


def assert_near(found, expected):
    """Equal to 1e-12, rank intervals included, where means and σ may have another round-off."""
    for name in ("score", "sem", "signed_mean", "rms"):
        a, b = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(expected.score).max())
    for name in ("rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.data.events == expected.data.events


def test_shards_of_files_by_class(tmp_path, columns):
    """Their labels are those of the files, also where a shard begins within one."""
    files = {}
    for label in ("s", "b"):
        mine = {name: values[columns["Label"] == label] for name, values in columns.items()}
        del mine["Label"]
        (tmp_path / label).mkdir()
        count = len(mine["v"])
        kinds = ("parquet", "root") if label == "s" else ("parquet",)
        files[label] = write(tmp_path / label, mine, kinds, (0, count // 2, count))
    options = OPTIONS | {"files_by_class": files}
    whole = ot.analyze(MODEL, **options)
    assert whole.groups == ("all", "b", "s")
    assert_equal(merge_parts(make_parts(tmp_path, None, 3, **options)), whole)
    columns_alone = COLUMNS | {"files_by_class": files}
    survey_data(MODEL, None, **columns_alone).save(tmp_path / "survey.npz")
    known = make_parts(tmp_path, None, 2, survey=tmp_path / "survey.npz", **options)
    assert_equal(merge_parts(known), whole)
    swapped = options | {"files_by_class": {"b": files["s"], "s": files["b"]}}
    with pytest.raises(OptionError, match="is of other data"):
        analyze_part(MODEL, None, survey=tmp_path / "survey.npz", **swapped)


def test_a_sample_of_a_selection_is_cut_like_all_events(tmp_path, columns, holds):
    """Its events are drawn from those that are selected, and all of them are found."""
    data = write(tmp_path, columns, ("parquet",))
    options = OPTIONS | {"order": 1, "sample": 90}
    whole = ot.analyze(MODEL, data, **options)
    assert whole.data.events == 90 < holds.sum()
    assert_equal(merge_parts(make_parts(tmp_path, data, 3, **options)), whole)
    first = OPTIONS | {"order": 1, "events": 70}
    whole = ot.analyze(MODEL, data, **first)
    assert whole.data.events == 70
    assert_equal(merge_parts(make_parts(tmp_path, data, 4, **first)), whole)


def test_another_selection_is_another_analysis(tmp_path, columns):
    data = write(tmp_path, columns, ("parquet",))
    survey_data(MODEL, data, **COLUMNS).save(tmp_path / "survey.npz")
    options = OPTIONS | {"order": 1, "check": 0}
    for changed in ({"where": "place >= 300"}, {"where": None}, {"weights": ["v", "KaggleWeight"]}):
        with pytest.raises(OptionError, match="survey is of other data"):
            analyze_part(MODEL, data, survey=tmp_path / "survey.npz", **options | changed)
    # the same events, told in other words: no guess is made
    same = {"where": f"({WHERE})"}
    for k, own in enumerate((options, options | same), start=1):
        analyze_part(MODEL, data, shard=f"{k}/2", **own).save(tmp_path / f"{k}.npz")
    with pytest.raises(ResultError, match="where"):
        merge_parts([tmp_path / "1.npz", tmp_path / "2.npz"])


def test_a_selection_that_holds_at_no_event(tmp_path, columns):
    data = write(tmp_path, columns, ("parquet",))
    options = COLUMNS | {"where": "place < 0"}
    with pytest.raises(DataError, match="where holds at no"):
        survey_data(MODEL, data, **options)
    for k in (1, 2):
        survey_data(MODEL, data, shard=f"{k}/2", **options).save(tmp_path / f"{k}.npz")
    with pytest.raises(DataError, match=r"where holds at no.*place < 0"):
        merge_parts([tmp_path / "1.npz", tmp_path / "2.npz"])


def test_folds_and_shards_are_refused_together(tmp_path, columns):
    data = write(tmp_path, columns, ("parquet",))
    with pytest.raises(OptionError, match="analyze_part has no option 'fold'"):
        analyze_part(MODEL, data, fold="place % 2")
    with pytest.raises(OptionError, match="dask is not offered with models of folds"):
        ot.analyze([MODEL, MODEL], data, fold="place % 2", dask="local:2")


def test_a_survey_of_folds(tmp_path, columns):
    data = write(tmp_path, columns, ("parquet",))
    survey_data(MODEL, data, **COLUMNS).save(tmp_path / "survey.npz")
    options = OPTIONS | {"order": 1, "fold": "place % 2", "check": 0}
    known = ot.analyze([MODEL, MODEL], data, survey=tmp_path / "survey.npz", **options)
    assert_equal(known, ot.analyze([MODEL, MODEL], data, **options))
