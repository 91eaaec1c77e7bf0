"""The measurements of validation/performance run, in a tiny form, and say what they promise."""

from __future__ import annotations

import json
import math
from functools import partial

import pytest

from validation.performance import memory, peers, rows
from validation.performance.peers_net import Net
from validation.performance.peers_programs import PROGRAMS

TINY = ["--features", "4", "--hidden", "8", "6", "--outputs", "3", "--events", "16"]


def run_peers(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    status = peers.main([*TINY, "--repeats", "1", "--json", *arguments])
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    return status, cell


def test_both_engines_agree_and_are_timed_beside_the_limit(capsys):
    status, cell = run_peers(capsys, "--programs", "exact", "differences", "limit")
    exact, differences, limit = cell["rows"]
    assert status == 0
    assert cell["coefficients"] == 14 * 3
    assert exact["deviation"] == 0
    assert differences["deviation"] < 1e-3
    assert cell["agree"]
    for row in (exact, differences, limit):
        assert row["stopped"] is None
        assert row["events_per_s"] > 0
    assert set(cell["exact_over"]) == {"differences", "limit"}


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_installed_peer_agrees_and_no_other_is_dropped(capsys, activation):
    status, cell = run_peers(capsys, "--activation", activation)
    assert status == 0
    assert [row["program"] for row in cell["rows"]] == list(PROGRAMS)
    for row in cell["rows"]:
        if row["stopped"] is not None:
            assert row["stopped"].startswith("not installed")
            assert cell["exact_over"][row["program"]] is None
        elif row["program"] not in ("limit", "differences"):
            assert row["deviation"] < peers.TOLERANCE


def test_what_does_not_agree_is_found(monkeypatch, capsys):
    monkeypatch.setattr(peers, "TOLERANCE", -1.0)
    status, cell = run_peers(capsys, "--programs", "exact")
    assert status == 1
    assert not cell["agree"]


def test_an_absent_peer_is_reported_in_both_tables():
    net = Net()
    done = peers.Row("exact", rates=[2.0, 4.0, 6.0], deviation=0.0)
    limit = peers.Row("limit", rates=[8.0, 8.0, 8.0])
    absent = peers.Row("jax", stopped="not installed (No module named 'jax')")
    found = peers.Comparison(net, 2, [done, limit, absent])
    assert found.ratio("limit") == 0.5
    assert math.isnan(found.ratio("jax"))
    for text in (peers.as_table(found), peers.as_summary([found])):
        assert "not installed" in text
        assert "30→200→200→5 tanh softmax" in text


def test_flops_of_a_net_by_hand():
    # 2→3→1: responses 12 + 6; tangents 2·6; adjoints 1·6; curvature 2·3·3 + 2·2·2
    assert Net(2, (3,), 1).flops() == {
        "responses": 18,
        "tangents": 12,
        "adjoints": 6,
        "curvature": 26,
    }
    assert sum(Net().flops().values()) == 5_739_000
    assert sum(Net(activation="relu").flops().values()) == 2_599_000


def test_rows_gives_its_ratio(monkeypatch, capsys):
    call = ["rows", "--events", "16", "--repeats", "1", "--json"]
    monkeypatch.setattr("sys.argv", call)
    rows.main()
    for row in json.loads(capsys.readouterr().out):
        assert row["ratio"] > 0
        assert row["onnxruntime_rows_per_s"] > 0


def test_memory_gives_its_ratio(monkeypatch, capsys):
    monkeypatch.setattr(memory, "measure", partial(memory.measure, small=1000, large=2000))
    monkeypatch.setattr("sys.argv", ["memory", "--json"])
    memory.main()
    found = json.loads(capsys.readouterr().out)
    assert found["small_mib"] > 0
    assert 0.5 < found["ratio"] < 2
