"""The measurements of validation/performance run, in a tiny form, and say what they promise."""

from __future__ import annotations

import json
import math
from functools import partial

import pytest

from validation.performance import memory, readme, rows
from validation.performance.peers import row as peers_row
from validation.performance.peers.__main__ import main as peers
from validation.performance.peers.net import NETS, Net
from validation.performance.peers.process import Late, Stopped, Worker
from validation.performance.peers.programs import PROGRAMS, fitting
from validation.performance.peers.report import as_summary, as_table
from validation.performance.peers.row import Comparison, Row

HERE = {"cpu": "a processor", "cores": 2, "system": "Linux", "python": "3.11"}


def run_peers(folder, *programs: str, net: str = "4-8-6-3") -> tuple[int, dict]:
    status = peers(
        ["--net", net, "--events", "16", "--repeats", "2", "--out", str(folder)]
        + (["--peers", ",".join(programs)] if programs else [])
    )
    return status, json.loads((folder / f"{Net.parse(net).name}.json").read_text())


@pytest.mark.slow
def test_both_engines_agree_and_are_timed_beside_the_limit(tmp_path, capsys):
    status, found = run_peers(tmp_path, "differences", "limit")
    assert status == 0
    assert found["coefficients"] == 14 * 3
    exact, differences, limit = found["rows"]
    assert exact["deviation"] == 0
    assert 0 < differences["deviation"] < 1e-3
    for row in (exact, differences, limit):
        assert row["stopped"] is None
        assert len(row["rates"]) == 2
        assert found["events_per_s"][row["program"]] > 0
    assert len(differences["beside"]) == len(limit["beside"]) == 2
    assert found["exact_over"]["differences"] > 0
    printed = capsys.readouterr().out
    for program in ("exact", "differences", "limit"):
        assert PROGRAMS[program].title in printed


@pytest.mark.slow
@pytest.mark.parametrize("net", ["4-8-6-3", "3-5-1-relu", "4-8-6-3-relu-averaged"])
def test_every_installed_peer_agrees_and_no_other_is_dropped(tmp_path, net):
    status, found = run_peers(tmp_path, net=net)
    assert status == 0
    assert [row["program"] for row in found["rows"]] == fitting(PROGRAMS, Net.parse(net))
    for row in found["rows"]:
        if row["stopped"] is not None:
            assert row["stopped"].startswith("not installed")
            assert found["exact_over"][row["program"]] is None
        elif row["program"] not in ("limit", "differences"):
            assert row["deviation"] < peers_row.TOLERANCE


def test_what_does_not_agree_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(peers_row, "TOLERANCE", -1.0)
    status, _ = run_peers(tmp_path, "exact")
    assert status == 1


def test_a_program_that_needs_longer_than_its_limit_is_ended():
    net = Net.parse("4-8-6-3")
    with Worker("limit", net, 1, limit=60.0) as worker:
        worker.limit = worker.spent + 0.05
        with pytest.raises(Late, match=r">\d+ s \(prepare\)") as late:
            worker.prepare(0)
    assert late.value.name == "limit"


def test_a_program_that_ends_by_itself_is_no_late_one():
    with Worker("limit", Net.parse("4-8-6-3"), 1, limit=60.0) as worker:
        worker._process.kill()
        with pytest.raises(Stopped, match="ended by itself: exit status -9") as ended:
            worker.prepare(0)
    assert not isinstance(ended.value, Late)


def compared(*rows: Row, **changes: object) -> Comparison:
    found = Comparison(Net(), 2, HERE, [Row("exact", rates=[3.0, 4.0, 5.0], deviation=0.0), *rows])
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_the_ratio_is_the_median_of_the_pairs():
    limit = Row("limit", rates=[8.0, 2.0, 8.0], beside=[2.0, 4.0, 6.0])
    assert limit.ratio == 0.75
    assert limit.events_per_s == 8.0
    assert math.isnan(Row("jax").ratio)


def test_what_did_not_run_is_reported_in_both_tables():
    absent = Row("jax", stopped="not installed (No module named 'jax')")
    late = Row("torch", stopped=">600 s (prepare)")
    broken = Row("tensorflow", stopped="ResourceExhaustedError: no | memory")
    limit = Row("limit", rates=[8.0], beside=[4.0])
    found = compared(absent, late, broken, limit)
    for text in (as_table(found), as_summary([found])):
        assert "| not installed |" in text
        assert "| >600 s |" in text
        assert "| failed |" in text
        assert "0.5" in text
        assert "30→200→200→5 tanh softmax" in text
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) == 1
    assert found.agree


def test_a_later_call_adds_its_programs_on_the_same_machine_alone():
    older = compared(Row("jax", rates=[1.0], beside=[2.0]), Row("limit", rates=[9.0], beside=[3.0]))
    newer = compared(Row("torch", rates=[2.0], beside=[4.0]), Row("jax", rates=[4.0], beside=[4.0]))
    joined = newer.joined(older)
    assert [row.program for row in joined.rows] == ["exact", "jax", "torch", "limit"]
    assert [row.ratio for row in joined.rows[1:]] == [1.0, 2.0, pytest.approx(1 / 3)]
    elsewhere = compared(machine={**HERE, "cpu": "another"})
    assert [row.program for row in elsewhere.joined(older).rows] == ["exact"]


def test_the_readme_holds_the_tables_of_what_was_measured(tmp_path):
    folder = tmp_path / "measured"
    folder.mkdir()
    text = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    (tmp_path / "README.md").write_text(text)
    assert readme.main(tmp_path) == 2
    assert (tmp_path / "README.md").read_text() == text
    for name in ("300", "30-relu", "30"):
        found = compared(Row("limit", rates=[8.0], beside=[4.0]), net=Net.parse(name))
        (folder / f"{found.net.name}.json").write_text(json.dumps(found.to_json()))
    assert readme.main(tmp_path) == 0
    written = (tmp_path / "README.md").read_text()
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "old" not in written
    places = [written.index(f"**{Net.parse(n).label}**") for n in ("30", "300", "30-relu")]
    assert places == sorted(places)
    assert readme.main(tmp_path) == 0
    assert (tmp_path / "README.md").read_text() == written


def test_the_readme_in_the_repository_has_its_marks():
    text = (readme.FOLDER / "README.md").read_text(encoding="utf-8")
    found = readme.with_tables(text, [compared()])
    assert "30→200→200→5" in found


@pytest.mark.parametrize("text", ["", "x", "30-0-5", "relu", "30-", "-30"])
def test_what_is_no_net_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        peers([f"--net={text}"])
    assert "is no net" in capsys.readouterr().err


def test_nets_by_name():
    labels = [Net.parse(name).label for name in NETS]
    assert labels == [
        "30→200→200→5 tanh softmax",
        "8→200→200→5 tanh softmax",
        "100→200→200→5 tanh softmax",
        "300→200→200→5 tanh softmax",
        "30→200→200→5 relu softmax",
        "30→200→200→1 tanh sigmoid",
        "30→200→200→5 relu softmax, second order averaged over 0.7σ",
    ]
    for name in NETS:
        net = Net.parse(name)
        assert Net.parse(net.name) == net


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
    # 2→3→1, averaged: 18 forward and 18 back at 5 points; responses at 9
    averaged = Net(2, (3,), 1, "relu", "sigmoid", "averaged")
    assert averaged.flops() == {"gradients": 5 * 36, "responses": 9 * 18}
    # one response of a softmax follows from the other four
    flops = Net(activation="relu", curvature="averaged").flops()
    assert flops == {"gradients": 61 * 5 * 94_000, "responses": 121 * 94_000}


def test_rows_gives_its_ratio(monkeypatch, capsys):
    call = ["rows", "--events", "16", "--repeats", "1", "--json"]
    monkeypatch.setattr("sys.argv", call)
    rows.main()
    for row in json.loads(capsys.readouterr().out):
        assert row["ratio"] > 0
        assert row["onnxruntime_rows_per_s"] > 0


@pytest.mark.slow
def test_memory_gives_its_ratio(monkeypatch, capsys):
    monkeypatch.setattr(memory, "measure", partial(memory.measure, small=1000, large=2000))
    monkeypatch.setattr("sys.argv", ["memory", "--json"])
    memory.main()
    found = json.loads(capsys.readouterr().out)
    assert found["small_mib"] > 0
    assert 0.5 < found["ratio"] < 2
