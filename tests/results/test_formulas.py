"""Cells of a CSV that a program of spreadsheets would compute are texts with an apostrophe."""

from __future__ import annotations

import csv

import pyarrow as pa
import pytest

from onnxtaylor.results.tidy import write_table

FORMULAS = ["=1+1", "+a", "-a", "@SUM(1)", "\tx", "\rx", "-1+2", "=HYPERLINK(1)", "-", "+"]
PLAIN = ["-1", "+2.5", "-1e-3", "-.5", "a=b", "a-b", "", "'x", "µ", "1", "a, =b"]


@pytest.mark.parametrize("name", [*FORMULAS, *PLAIN])
def test_names_in_a_table(make_result, tmp_path, name):
    names = [name, "other"]
    result = make_result(names, (name, "y"), order=2)
    write_table(result.to_arrow(), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    shown = f"'{name}" if name in FORMULAS else name
    assert rows[0]["output"] == rows[0]["label"] == shown
    assert rows[0]["features"].startswith("[")
    assert len(rows) == result.score.size
    assert float(rows[0]["score"]) == result.score[0, 0, 0]


def test_missing_texts_stay_missing(tmp_path):
    table = pa.table({
        "features": pa.array([["a"], ["b"]], pa.list_(pa.string())),
        "relation": pa.array([None, "=x"], pa.string()),
    })  # fmt: skip
    write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == (
        '"features","relation"\n"[""a""]",\n"[""b""]","\'=x"\n'
    )
