"""Selections, folds and files by class of events that a specification of inputs describes."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.problem.tagger_of_sets import made, specification, tagger

FAST = ("--order", "1", "--check", "0", "--inputs", "inputs.toml")


@pytest.fixture
def jets(place):
    model, _, _ = tagger()
    for name in ("tagger.onnx", "other.onnx"):
        (place / name).write_bytes(model.SerializeToString())
    table = pa.table(made(events=80)[0])
    random = np.random.default_rng(2)
    table = table.append_column("event", pa.array(np.arange(80) * 3 + 1))
    table = table.append_column("good", pa.array(random.random(80) < 0.6))
    pq.write_table(table, place / "jets.parquet")
    pq.write_table(table.filter(table["good"]), place / "good.parquet")
    even = np.asarray(table["event"]) % 2 == 0
    for name, rows in (("even", even), ("odd", ~even)):
        pq.write_table(table.filter(pa.array(rows)), place / f"{name}.parquet")
    (place / "inputs.toml").write_text(specification(expand_transforms=True).to_toml())
    return place


def scores(place, name):
    rows = json.loads((place / name).read_text())["coefficients"]
    return {(r["output"], r["group"], r["label"]): r["score"] for r in rows}


def test_a_selection_is_that_of_a_file_of_the_selected(cli, jets):
    status, _, err = cli("analyze", "tagger.onnx", "jets.parquet", "--where", "good", *FAST,
                         "-o", "where.json")  # fmt: skip
    assert status == 0, err
    assert cli("analyze", "tagger.onnx", "good.parquet", *FAST, "-o", "file.json").status == 0
    assert scores(jets, "where.json") == pytest.approx(scores(jets, "file.json"), rel=1e-9)


def test_folds_of_one_model_are_all_events(cli, jets):
    status, out, err = cli("analyze", "tagger.onnx", "jets.parquet", "--fold", "event % 2",
                           "--fold-model", "other.onnx", *FAST, "-o", "folds.json")  # fmt: skip
    assert status == 0, err
    assert "fold spread" in out
    assert cli("analyze", "tagger.onnx", "jets.parquet", *FAST, "-o", "all.json").status == 0
    assert scores(jets, "folds.json") == pytest.approx(scores(jets, "all.json"), rel=1e-9)


def test_files_by_class(cli, jets):
    words = ("--class", "even=even.parquet", "--class", "odd=odd.parquet")
    status, _, err = cli("analyze", "tagger.onnx", *words, *FAST, "-o", "classes.json")
    assert status == 0, err
    assert cli("analyze", "tagger.onnx", "odd.parquet", *FAST, "-o", "odd.json").status == 0
    groups = json.loads((jets / "classes.json").read_text())["data"]["groups"]
    assert [group["name"] for group in groups] == ["all", "even", "odd"]
    assert sum(group["events"] for group in groups[1:]) == groups[0]["events"] == 80


def test_track_and_audit_take_a_selection(cli, jets):
    words = ("--inputs", "inputs.toml", "--order", "1", "--where", "good")
    status, _, err = cli("track", "tagger.onnx", "--data", "jets.parquet", *words, "--sample", "0",
                         "-o", "track.json")  # fmt: skip
    assert status == 0, err
    count = int(np.asarray(pq.read_table(jets / "jets.parquet")["good"]).sum())
    assert json.loads((jets / "track.json").read_text())["data"]["events"] == count
    (jets / "audit.toml").write_text(
        '[analysis]\ninputs = "inputs.toml"\norder = 1\nwhere = "good && event > 3"\n'
        '[[checks]]\nid = "finite"\n'
    )
    status, out, err = cli("audit", "tagger.onnx", "jets.parquet", "-o", "base.json")
    assert status == 0, out + err
    document = json.loads((jets / "base.json").read_text())
    assert document["options"]["where"] == "good && event > 3"
