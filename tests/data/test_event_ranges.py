"""Events of some numbers alone: the same in every format, and no more is read than is needed."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.data import Beside, ColumnRequest, EventRange, class_files, open_source
from onnxtaylor.data.open_tables import open_tables
from onnxtaylor.text.expression import parse_expression
from tests.data.conftest import join, write_root

SKIPPING = ("parquet", "npz", "npy", "root", "h5")  # of these, rows before a part are not read


def request(where=None) -> ColumnRequest:
    beside = Beside((), None if where is None else parse_expression(where, "where"), None)
    return ColumnRequest(5, label="kind", weight="w", exclude=("class",), beside=beside)


@pytest.fixture
def paths(events, write, ending):
    """Files of 400, 0, 400 and 200 events."""
    cuts = [(0, 400), (400, 400), (400, 800), (800, 1000)]
    parts = [{name: values[a:b] for name, values in events.items()} for a, b in cuts]
    return [write(ending, part, f"part{k}") for k, part in enumerate(parts) if len(part["w"])]


@pytest.mark.parametrize("where", [None, "f0 > 0.5", "count == 4 && f0 > 1"])
def test_the_events_of_some_numbers(paths, whole, same, where):
    source = open_source(paths, request=request(where))
    every = whole(source)
    for start, stop in (
        (0, 1),
        (0, 1000),
        (1, 399),
        (399, 401),
        (400, 800),
        (477, 913),
        (999, 1000),
    ):
        mine = (every.numbers >= start) & (every.numbers < stop)
        found = list(EventRange(source, start, stop).batches(83))
        if mine.any():
            same(join(found), every.at(mine))
        else:
            assert found == []
    assert list(EventRange(source, 500, 500).batches(7)) == []


@pytest.mark.parametrize("kind", [*SKIPPING, "ntuple"])
def test_rows_before_a_part_are_not_read(events, write, kind, tmp_path, monkeypatch):
    if kind == "ntuple":
        path = tmp_path / "events.root"
        write_root(path, {"events": events}, ntuple=True)
    else:
        path = write(kind, events)
    source, read = open_source([path], request=request()), []
    table = type(open_tables([path])[0].table)
    pieces = table._pieces

    def counted(self, *where):
        for piece in pieces(self, *where):
            read.append(len(piece.x))
            yield piece

    monkeypatch.setattr(table, "_pieces", counted)
    assert sum(len(batch) for batch in EventRange(source, 950, 1000).batches(10)) == 50
    assert sum(read) == (100 if kind == "parquet" else 50)  # of row groups of 300 events


def test_classes_of_files_are_kept_in_a_part(events, write):
    del events["kind"]
    files = {"s": str(write("parquet", events, "s")), "b": [str(write("root", events, "b"))]}
    asked = ColumnRequest(5, weight="w", exclude=("class",))
    source = open_source(class_files(files), request=asked)
    batch = join(list(EventRange(source, 700, 1300).batches(50)))
    assert batch.labels.tolist() == ["s"] * 300 + ["b"] * 300
    np.testing.assert_array_equal(batch.x[:, 0], np.r_[events["f0"][700:], events["f0"][:300]])
    np.testing.assert_array_equal(batch.numbers, np.arange(700, 1300))


def test_a_selection_tells_no_number_of_events(events, write):
    """Only reading tells it: a sample of it would be drawn from all events otherwise."""
    path = write("parquet", events)
    assert open_source([path], request=request()).rows == 1000
    source = open_source([path], request=request("f0 > 0"))
    assert (source.rows, source.stop) == (None, 1000)
