"""Shards of an analysis, merged: the result of an undivided one; what does not fit is refused."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.data import ArraySource, survey
from onnxtaylor.data.parquet import ParquetTable
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.options import DataOptions
from onnxtaylor.problem.unvarying import RangeSums
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part
from onnxtaylor.run.divided.part_file import read_header
from onnxtaylor.run.divided.surveys import known_survey, survey_data
from tests.run.divided import EVENTS, MODEL, OPTIONS, assert_equal, higgs_table, write_files

ENGINES = {
    "exact": {"engine": "exact"},
    "float64": {"engine": "exact", "precision": "float64"},
    "differences": {"engine": "differences", "order": 1},
    "averaged": {"curvature": "averaged"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_files(
        tmp_path_factory.mktemp("data"), higgs_table(), [0, 1, 50, 50, 130, 611, EVENTS]
    )


@pytest.fixture(scope="module", params=ENGINES)
def options(request):
    return OPTIONS | ENGINES[request.param]


@pytest.fixture(scope="module")
def whole(data, options):
    return ot.analyze(MODEL, data, **options)


def make_parts(folder, data, options, of, **further):
    paths = [folder / f"part-{k}.npz" for k in range(1, of + 1)]
    for k, path in enumerate(paths, start=1):
        analyze_part(MODEL, data, shard=f"{k}/{of}", **options, **further).save(path)
    return paths


@pytest.fixture(scope="module")
def parts(tmp_path_factory, data, options):
    return make_parts(tmp_path_factory.mktemp("parts"), data, options, 3)


def test_shards_are_the_undivided_analysis(parts, whole):
    assert_equal(merge_parts(parts), whole)


def test_any_order_gives_the_same_bytes(parts):
    texts = {merge_parts(list(order)).to_json() for order in permutations(parts)}
    assert len(texts) == 1


@pytest.mark.parametrize("of", [1, 2, 7])
def test_any_number_of_shards(tmp_path, data, of):
    options = OPTIONS | {"precision": "float64"}
    whole = ot.analyze(MODEL, data, **options)
    assert_equal(merge_parts(make_parts(tmp_path, data, options, of)), whole)


def test_more_shards_than_events(tmp_path):
    data = write_files(tmp_path, higgs_table(8), [0, 8])
    options = OPTIONS | {"order": 1}
    parts = make_parts(tmp_path, data, options, 11)
    assert sum(read_header(path)["events"] for path in parts) == 8
    assert min(read_header(path)["events"] for path in parts) == 0
    assert_equal(merge_parts(parts), ot.analyze(MODEL, data, **options))


def test_a_shard_of_the_first_events_and_of_a_sample(tmp_path, data):
    for k, chosen in enumerate(({"events": 321}, {"sample": 250})):
        options = OPTIONS | chosen | {"precision": "float64"}
        folder = tmp_path / str(k)
        folder.mkdir()
        whole = ot.analyze(MODEL, data, **options)
        assert_equal(merge_parts(make_parts(folder, data, options, 4)), whole)


def test_the_part_of_an_array(tmp_path):
    x = np.random.default_rng(1).normal(size=(200, 30))
    parts = make_parts(tmp_path, x, {"bootstrap": 10}, 3)
    assert_equal(merge_parts(parts), ot.analyze(MODEL, x, bootstrap=10))


def test_what_a_shard_reads(tmp_path, data, monkeypatch):
    """Files before it are not opened for their cells, where they tell their rows."""
    survey_data(MODEL, data, **columns()).save(tmp_path / "survey.npz")
    seen, pieces = [], ParquetTable._pieces

    def counted(self, *where):
        seen.append(self.file)
        return pieces(self, *where)

    monkeypatch.setattr(ParquetTable, "_pieces", counted)
    options = OPTIONS | {"order": 1, "survey": tmp_path / "survey.npz"}
    part = analyze_part(MODEL, data, shard="9/10", **options)
    assert part.sums.coefficients.events == 100
    assert {str(path) for path in data[-1:]} == set(seen)


def columns():
    return {name: OPTIONS[name] for name in ("weights", "labels", "missing")}


@pytest.mark.parametrize("of", [1, 4])
def test_a_survey_that_was_made_before(tmp_path, data, options, of, monkeypatch):
    """In blocks of the first pass, which is cut as finely here as large data are."""
    monkeypatch.setattr("onnxtaylor.run.divided.surveys.BLOCK", 128)
    monkeypatch.setitem(survey.__kwdefaults__, "batch", 128)
    found = [tmp_path / f"survey-{k}.npz" for k in range(1, of + 1)]
    for k, path in enumerate(found, start=1):
        survey_data(MODEL, data, shard=f"{k}/{of}", **columns()).save(path)
    merge_parts(found[::-1]).save(tmp_path / "survey.npz")
    known = make_parts(tmp_path, data, options, 2, survey=tmp_path / "survey.npz")
    (tmp_path / "own").mkdir()
    own = make_parts(tmp_path / "own", data, options, 2)
    assert [path.read_bytes() for path in known] == [path.read_bytes() for path in own]


def test_the_survey_of_parts_has_every_bit_of_the_whole(tmp_path, monkeypatch):
    """Its blocks are those of the first pass, whichever part they are in."""
    from onnxtaylor.data import survey

    monkeypatch.setattr("onnxtaylor.run.divided.surveys.BLOCK", 64)
    random = np.random.default_rng(3)
    x, w = random.normal(size=(1000, 30)), random.normal(1.0, 0.7, 1000)
    whole = survey(ArraySource(x, weights=w), batch=64)
    paths = [tmp_path / f"{k}.npz" for k in range(1, 6)]
    for k, path in enumerate(paths, start=1):
        survey_data(MODEL, x, weights=w, shard=f"{k}/5").save(path)
    merge_parts(paths).save(tmp_path / "all.npz")
    known, _ = known_survey(tmp_path / "all.npz", DataOptions())
    for name in ("mean", "std", "min", "max", "spread", "largest", "sample", "whole"):
        np.testing.assert_array_equal(getattr(known.survey, name), getattr(whole, name))
    assert known.survey.sum_weight == whole.sum_weight
    assert known.survey.sum_weight2 == whole.sum_weight2
    np.testing.assert_array_equal(known.first, x[:64])


def test_missing_and_doubled_parts_are_named(parts, tmp_path):
    with pytest.raises(ResultError, match=r"^part 2 of 3 is missing: make or name them$"):
        merge_parts([parts[0], parts[2]])
    with pytest.raises(ResultError, match=r"^parts 1, 3 of 3 are missing"):
        merge_parts([parts[1]])
    copy = tmp_path / "copy.npz"
    copy.write_bytes(parts[1].read_bytes())
    with pytest.raises(ResultError, match=r"^part 2 of 3 is there twice, .*part-2.npz and .*copy"):
        merge_parts([*parts, copy])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"seed": 3}, "seed: 3 in place of 0"),
        ({"order": 1}, "order: 1 in place of 2"),
        ({"bootstrap": 7}, "bootstrap: 7 in place of 40"),
        ({"link": "logit"}, 'link: "logit" in place of "identity"'),
        ({"missing": None}, "values of the features"),
        ({"engine": "differences"}, "engine"),
    ],
)
def test_parts_of_another_analysis_are_refused(tmp_path, data, changed, says):
    small = {"events": 40}
    for k, own in enumerate((OPTIONS | small, OPTIONS | small | changed), start=1):
        analyze_part(MODEL, data, shard=f"{k}/2", **own).save(tmp_path / f"{k}.npz")
    with pytest.raises(ResultError, match=r"2.npz does not belong to .*1.npz: ") as caught:
        merge_parts([tmp_path / "1.npz", tmp_path / "2.npz"])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parts_of_other_data_are_refused(tmp_path):
    for k, events in ((1, 100), (2, 101)):
        folder = tmp_path / str(k)
        folder.mkdir()
        data = write_files(folder, higgs_table(events), [0, events])
        analyze_part(MODEL, data, shard=f"{k}/2", order=1, **OPTIONS).save(tmp_path / f"{k}.npz")
    with pytest.raises(ResultError, match="number of events: 101 in place of 100"):
        merge_parts([tmp_path / "1.npz", tmp_path / "2.npz"])


def test_parts_of_other_numbers_and_kinds_are_refused(parts, data, tmp_path):
    other = make_parts(tmp_path, data, OPTIONS | {"order": 1}, 2)
    with pytest.raises(ResultError, match="it is one of 2 parts in place of 3"):
        merge_parts([*parts, other[0]])
    survey_data(MODEL, data, **columns()).save(tmp_path / "survey.npz")
    with pytest.raises(ResultError, match="it is a survey, the other a part of an analysis"):
        merge_parts([*parts, tmp_path / "survey.npz"])


def test_damaged_parts_are_refused_in_one_line(parts, tmp_path):
    whole, path = parts[1].read_bytes(), tmp_path / "part-2.npz"
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"{}", whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(ResultError) as caught:
            merge_parts([parts[0], path, parts[2]])
        assert "part-2.npz" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_changed_number_is_noticed(parts, tmp_path):
    """The archive is sound, its numbers are not those that were written."""
    with np.load(parts[1]) as saved:
        arrays = {name: saved[name] for name in saved.files}
    name = next(n for n in arrays if n.endswith("absolute"))
    arrays[name] = arrays[name] * (1 + 1e-15)
    np.savez(tmp_path / "part-2.npz", **arrays)
    with pytest.raises(ResultError, match=r"part-2.npz: the file is damaged \(its checksum"):
        merge_parts([parts[0], tmp_path / "part-2.npz", parts[2]])


def test_a_survey_of_other_data_or_of_a_part_is_refused(tmp_path, data):
    survey_data(MODEL, data, shard="1/2", **columns()).save(tmp_path / "half.npz")
    with pytest.raises(OptionError, match=r"survey .*is the survey of part 1 of 2: merge"):
        analyze_part(MODEL, data, survey=tmp_path / "half.npz", **OPTIONS)
    survey_data(MODEL, data[:2], **columns()).save(tmp_path / "few.npz")
    with pytest.raises(OptionError, match="survey is of other data"):
        analyze_part(MODEL, data, survey=tmp_path / "few.npz", **OPTIONS)
    survey_data(MODEL, data, **columns()).save(tmp_path / "all.npz")
    with pytest.raises(OptionError, match=r"survey is of other .*missing -999.0"):
        analyze_part(MODEL, data, survey=tmp_path / "all.npz", **OPTIONS | {"missing": -998.0})
    with pytest.raises(OptionError, match="survey is of all events: leave sample="):
        analyze_part(MODEL, data, survey=tmp_path / "all.npz", sample=10, **OPTIONS)


def test_the_same_part_has_the_same_bytes(tmp_path, data):
    contents = set()
    for k in range(2):
        analyze_part(MODEL, data, shard="2/3", **OPTIONS).save(tmp_path / f"{k}.npz")
        contents.add((tmp_path / f"{k}.npz").read_bytes())
    assert len(contents) == 1


def test_the_header_tells_what_the_sums_are_of(parts):
    header = read_header(parts[1])
    assert header["schema"] == "onnxtaylor.part/1"
    assert header["shard"] == [2, 3]
    assert header["facts"]["number of events"] == EVENTS
    assert json.dumps(header)


def test_ranges_of_parts_tell_which_responses_never_vary():
    whole = RangeSums(("a", "b"), (), 1e-7)
    for low, high in ((1.0, 1.0), (1.0, 2.0)):
        part = RangeSums(("a", "b"), (), 1e-7)
        part.add(0, np.array([[low, 3.0], [high, 3.0]]))
        part.events[0] += 2
        whole.merge(part)
    (one,) = whole.unvarying()
    assert (one.output, one.value, one.events) == ("b", 3.0, 4)


def test_row_groups_before_a_shard_are_not_read(tmp_path, monkeypatch):
    """Of one large file, of which each of many shards is a small part."""
    path = tmp_path / "events.parquet"
    pq.write_table(higgs_table(), path, row_group_size=100)
    options, read = OPTIONS | {"order": 1, "check": 0}, []
    whole, pieces = ot.analyze(MODEL, path, **options), ParquetTable._pieces

    def counted(self, *where):
        for piece in pieces(self, *where):
            read.append(len(piece.x))
            yield piece

    parts = make_parts(tmp_path, path, options, 7)
    assert_equal(merge_parts(parts), whole)
    survey_data(MODEL, path, **columns()).save(tmp_path / "survey.npz")
    monkeypatch.setattr(ParquetTable, "_pieces", counted)
    analyze_part(MODEL, path, shard="7/10", survey=tmp_path / "survey.npz", **options)
    assert sum(read) <= 400
    known = ot.analyze(MODEL, path, survey=tmp_path / "survey.npz", **options)
    assert_equal(known, whole)
