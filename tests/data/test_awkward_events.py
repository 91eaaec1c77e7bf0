"""Arrays of awkward as events."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from onnxtaylor.data import ColumnRequest, InputRequest, column_names, in_memory

awkward = pytest.importorskip("awkward")

EVENTS = [
    {"met": 1.5, "w": 0.5, "kind": "s", "jets": [{"pt": 1.0, "eta": 2.0}], "v": {"x": 7.0}},
    {"met": 2.5, "w": -0.5, "kind": "b", "jets": [], "v": {"x": 8.0}},
    {"met": 3.5, "w": 1.0, "kind": "s", "jets": [{"pt": 3.0, "eta": 4.0}] * 2, "v": {"x": 9.0}},
]
NAMES = ("met", "w", "kind", "jets.pt", "jets.eta", "v.x")


def whole_of(source):
    (batch,) = source.batches(10)
    return batch


def test_fields_are_columns():
    events = awkward.Array(EVENTS)
    assert column_names(events) == NAMES
    request = ColumnRequest(2, features=("v.x", "met"), label="kind", weight="w")
    batch = whole_of(in_memory(events, request))
    assert batch.x.tolist() == [[7, 1.5], [8, 2.5], [9, 3.5]]
    assert batch.weights.tolist() == [0.5, -0.5, 1]
    assert batch.labels.tolist() == ["s", "b", "s"]


def test_fields_of_lists_of_records_fill_the_slots():
    inputs = (
        InputRequest("jets", (2, "n"), columns=("jets.pt", "jets.eta")),
        InputRequest("met", (1,)),
    )
    source = in_memory(awkward.Array(EVENTS), ColumnRequest(None, inputs=inputs))
    rows = [[1, 0, 2, 0, 1.5, 1], [0, 0, 0, 0, 2.5, 0], [3, 3, 4, 4, 3.5, 2]]
    assert whole_of(source).x.tolist() == rows


def test_weights_and_labels_beside_records():
    events = awkward.Array([{"a": 1.0}, {"a": 2.0}])
    source = in_memory(events, ColumnRequest(1), weights=[1.0, 3.0], labels=["p", "q"])
    batch = whole_of(source)
    assert batch.x.tolist() == [[1], [2]]
    assert batch.weights.tolist() == [1, 3]
    assert batch.labels.tolist() == ["p", "q"]


def test_the_same_as_a_table_of_arrow():
    random = np.random.default_rng(2)
    columns = {name: random.normal(size=300).astype("f4") for name in "abc"}
    sources = [
        in_memory(data, ColumnRequest(2, weight="c"))
        for data in (awkward.Array(columns), pa.table(columns))
    ]
    first, second = ([b.x for b in source.batches(77)] for source in sources)
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))


def test_an_array_without_fields_is_an_array():
    x = np.arange(6.0).reshape(3, 2)
    assert column_names(awkward.Array(x)) is None
    assert whole_of(in_memory(awkward.Array(x), ColumnRequest(2))).x.tolist() == x.tolist()


def test_one_jagged_array_feeds_one_input():
    jets = awkward.Array([[1.0], [], [2.0, 3.0]])
    request = ColumnRequest(None, inputs=(InputRequest("jets", ("n",)),))
    rows = [[1, 0, 1], [0, 0, 0], [2, 3, 2]]
    assert whole_of(in_memory(jets, request)).x.tolist() == rows
