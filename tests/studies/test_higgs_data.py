"""The loader of the real Higgs data: against the file itself, and on tables made here."""

from __future__ import annotations

import csv
import gzip
import os

import numpy as np
import pyarrow as pa
import pytest

from validation.higgs_data import (
    SOURCE,
    HiggsEvents,
    Standardization,
    higgs_events,
    read_table,
    replaced,
)
from validation.study import StudyError, real_data

NAMES = [*(f"DER_{i}" for i in range(13)), *(f"PRI_{i}" for i in range(17))]


@pytest.fixture
def table():
    random = np.random.default_rng(1)
    columns = {"EventId": np.arange(100_000, 100_040)}
    columns |= {name: random.normal(3.0, 2.0, 40) for name in NAMES}
    columns["DER_0"][::4] = -999.0
    columns |= {"Weight": random.random(40), "Label": np.resize(["s", "b", "b"], 40)}
    return pa.table(columns | {"KaggleSet": ["t"] * 40, "KaggleWeight": random.random(40)})


def test_the_parts_are_disjoint_and_whole(table):
    events = HiggsEvents.of(table)
    parts = events.split()
    assert [set(part.number % 10) for part in parts] == [{0, 1, 2, 3, 4}, {5, 6}, {7, 8, 9}]
    assert sorted(np.concatenate([part.number for part in parts])) == list(events.number)
    for part in parts:
        for k, number in enumerate(part.number):
            place = int(number) - 100_000
            np.testing.assert_array_equal(part.x[k], events.x[place])
            assert part.signal[k] == events.signal[place] == (place % 3 == 0)
            assert part.weight[k] == table["KaggleWeight"][place].as_py()


def test_missing_values_become_ten_below_zero_before_the_moments(table):
    events = HiggsEvents.of(table)
    column = [-10.0 if value == -999 else value for value in table["DER_0"].to_pylist()]
    scaler = Standardization.of(events.x)
    assert scaler.mean[0] == pytest.approx(np.mean(column), rel=1e-6)
    assert scaler.std[0] == pytest.approx(np.std(column), rel=1e-6)
    z = scaler(events.x).astype(float)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(z[0, 0], (-10 - np.mean(column)) / np.std(column), rtol=1e-6)
    assert (replaced(events.x)[:, 1:] == events.x[:, 1:]).all()


def test_weights_are_scaled_class_by_class(table):
    events = HiggsEvents.of(table)
    for weight, sums in ((events.balanced(), (20, 20)), (events.expected(), (410_999.85, 691.99))):
        for label, total in enumerate(sums):
            here = events.signal == label
            assert weight[here].sum() == pytest.approx(total, rel=1e-6)
            ratio = weight[here] / events.weight[here]
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_another_table_is_refused_in_one_line(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StudyError, match="does not have the columns") as caught:
        read_table(tmp_path / "x.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not os.environ.get("ONNXTAYLOR_DATA"), reason="ONNXTAYLOR_DATA does not name the real data"
)
def test_the_real_events_are_those_of_the_file():
    events = higgs_events()
    with gzip.open(real_data(str(SOURCE)), "rt") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(events.x) == 22_889
    assert len(events.names) == 30
    for k in range(0, len(rows), 997):
        assert int(rows[k]["EventId"]) == events.number[k]
        assert (rows[k]["Label"] == "s") == bool(events.signal[k])
        assert float(rows[k]["KaggleWeight"]) == events.weight[k]
        values = np.array([float(rows[k][name]) for name in events.names], np.float32)
        np.testing.assert_array_equal(values, events.x[k])
    weights = np.bincount(events.signal.astype(int), events.weight)
    # this part of the events has this share of both sums: the sums are those of the 250 000
    np.testing.assert_allclose(weights / (410_999.85, 691.99), 22_889 / 250_000, rtol=0.03)
