"""The same inputs give the same bytes, in processes that hash strings differently.

The only thing that may change is the time, which ``SOURCE_DATE_EPOCH`` fixes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.audit.conftest import events, weights, write_events, write_gof, write_net

DAY = 86_400
REPORTS = ("text", "json", "markdown", "junit", "sarif", "github", "html")
BESIDE = ("--baseline", "base.json", "--reference", "b.onnx", "--gof", "gof.json")
WRITTEN = tuple(word for kind in REPORTS for word in ("--report", f"{kind}:audit.{kind}"))
CALLS = [
    ("analyze", "a.onnx", "x.csv", "--scale", "sigma", "-o", "base.json", "--csv", "base.csv"),
    ("gof", "x.csv", "y.csv", "--toys", "200", "-o", "fit.json"),
    ("audit", "b.onnx", "x.csv", "--policy", "audit.toml", *BESIDE, "-o", "result.json", *WRITTEN),
    ("audit", "--init", "a.onnx", "x.csv", "-o", "init.toml"),
    ("report", "base.json", "-o", "report.html"),
    ("compare", "base.json", "result.json", "-o", "compare.json"),
    ("check", "a.onnx", "x.csv", "--json"),
    ("select", "base.json", "--gof", "fit.json", "--json"),
    ("rank", "base.json", "--format", "latex", "-o", "rank.tex"),
    ("track", "a.onnx", "b.onnx", "--data", "x.csv", "--step-by", "order", "-o", "track.json"),
]
CHILD = """
import contextlib, json, sys
from onnxtaylor.cli import main
for k, words in enumerate(json.loads(sys.argv[1])):
    with open(f"stdout-{k}", "w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        assert main(words) in (0, 1), words
"""
POLICY = """
[[checks]]
id = "finite"
[[checks]]
id = "derivative-agreement"
[[checks]]
id = "forbidden-feature"
features = ["*"]
[[checks]]
id = "dominance"
max-share = 0.1
[[checks]]
id = "baseline-drift"
[[checks]]
id = "reference-agreement"
[[checks]]
id = "mismodelled"
[[checks]]
id = "provenance"
operators = ["MatMul"]
"""


def written(folder, epoch: int, seed: int, calls=CALLS) -> dict[str, bytes]:
    """Everything that a process of its own writes, by name."""
    folder.mkdir()
    write_net(folder / "a.onnx")
    write_net(folder / "b.onnx", weights()[::-1])  # leans on other features
    write_events(folder / "x.csv", events())
    write_events(folder / "y.csv", events(seed=2))
    write_gof(folder / "gof.json", b=1e-4, c=1e-4)
    (folder / "audit.toml").write_text(POLICY)
    subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(calls)],
        cwd=folder,
        env=os.environ | {"PYTHONHASHSEED": str(seed), "SOURCE_DATE_EPOCH": str(epoch)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return written(tmp_path_factory.mktemp("first") / "here", 0, 1)


def test_the_same_bytes_in_another_process(first, tmp_path):
    again = written(tmp_path / "there", 0, 2)
    assert set(first) == set(again)
    assert {f"audit.{kind}" for kind in REPORTS} <= set(first)
    differ = [name for name in first if first[name] != again[name]]
    assert differ == []


def test_findings_were_written(first):
    """Else the comparison would be of empty reports."""
    checks = json.loads(first["audit.json"])["checks"]
    failed = {check["id"] for check in checks if check["status"] == "fail"}
    assert {"dominance", "forbidden-feature", "baseline-drift", "mismodelled"} <= failed
    for kind in REPORTS:
        assert b"dominance" in first[f"audit.{kind}"], kind
    assert all(first[f"stdout-{k}"] for k, call in enumerate(CALLS) if "--json" in call)


def test_another_time_changes_the_timestamp_alone(first, tmp_path):
    calls = [CALLS[0], CALLS[2], CALLS[4]]
    later = written(tmp_path / "later", DAY, 3, calls)
    assert b"1970-01-01T00:00:00Z" in first["audit.json"]
    changed = {
        name for name in later if not name.startswith("stdout") and later[name] != first[name]
    }
    kinds = ("json", "junit", "sarif", "html", "markdown")
    assert changed == {"report.html", *(f"audit.{kind}" for kind in kinds)}
    for name in changed:
        assert first[name].replace(b"1970-01-01", b"1970-01-02") == later[name], name
