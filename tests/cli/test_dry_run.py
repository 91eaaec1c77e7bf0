"""``analyze --dry-run`` and ``inspect MODEL DATA``: output, JSON, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from onnxtaylor.cli import main
from validation.performance.nets import dense_net


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dry")
    onnx.save(dense_net((4, 8, 2)), folder / "model.onnx")
    np.save(folder / "events.npy", np.random.default_rng(0).normal(size=(300, 4)))
    return [str(folder / "model.onnx"), str(folder / "events.npy")]


def test_the_table_has_each_order_and_the_parts(files, capsys):
    assert main(["analyze", *files, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "300 events × 4 features, 2 responses" in out
    assert "2 pointwise (asked)" in out
    assert "2 averaged" in out
    last = out.strip().splitlines()[-1]
    assert [part.split()[0] for part in last.split(", ")] == [
        "open",
        "prepare",
        "coefficients",
        "rank",
        "check",
    ]


def test_json_has_the_numbers(files, capsys):
    assert main(["analyze", *files, "--dry-run", "--order", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["events"] == 300
    assert [cost["order"] for cost in document["costs"]] == [1, 2, 2]
    assert document["costs"][0]["coefficients"] == 4
    assert document["costs"][0]["total_seconds"] > 0


@pytest.mark.parametrize("flag", ["-o", "--csv"])
def test_nothing_is_saved(files, capsys, tmp_path, flag):
    out = tmp_path / "result.json"
    assert main(["analyze", *files, "--dry-run", flag, str(out)]) == 2
    assert f"{flag}: a dry run has no result to save" in capsys.readouterr().err
    assert not out.exists()


def test_inspect_with_data_shows_the_cost(files, capsys):
    assert main(["inspect", *files, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [line.split(":")[0] for line in report["cost"]] == [
        "order 2 pointwise",
        "order 1",
        "order 2 averaged",
    ]
    assert main(["inspect", files[0], "--json"]) == 0
    assert "cost" not in json.loads(capsys.readouterr().out)


def test_a_long_run_says_so_on_stderr(files, capsys, monkeypatch):
    from onnxtaylor.run import forecast

    monkeypatch.setattr(forecast, "LONG", 0.0)
    monkeypatch.setattr(forecast, "SHOWN", 0.0)
    assert main(["analyze", *files, "--check", "0", "--batch-size", "50"]) == 0
    streams = capsys.readouterr()
    (line,) = [line for line in streams.err.splitlines() if line.startswith("about ")]
    assert "300 events × 14 coefficients × 2 responses" in line
    assert "; --order 1 takes about " in line
    assert "about" not in streams.out
    assert main(["analyze", *files, "--check", "0", "-q"]) == 0
    assert capsys.readouterr().err == ""
