"""The measurement of a cold start: its ratios, its tables, and a short run."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files

import pytest

from validation.performance import start

REPORT = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 | encodings
import time:      2000 |       2000 |       numpy._core
import time:      1000 |       3000 |     numpy
import time:      4000 |       4000 |       llvmlite
import time:      5000 |      12000 |     numba
import time:       500 |        500 |     numpy.linalg
import time:       200 |      15700 |   onnxtaylor.audit
import time:       700 |        700 | site
"""


def test_imports_count_for_the_library_that_asks_for_them():
    found = start.packages(REPORT, ["numpy", "numba"])
    assert found.pop("numpy") == pytest.approx(3.5e-3)
    assert found.pop("numba") == pytest.approx(9e-3)
    assert found == {"onnxtaylor and the standard library": pytest.approx(1e-3)}


def measured():
    found = start.Measured()
    for name, seconds in {
        "pass": [0.01, 0.02, 0.04],
        "core": [0.5, 1.0, 1.0],
        "help": [0.1, 0.2, 0.4],
        "analyze": [1.0, 1.5, 2.0],
        "audit": [2.0, 2.0, 3.0],
        "reports": [2.5, 2.5, 4.0],
        "first": [9.0, 10.0, 11.0],
    }.items():
        found.processes[name] = seconds
        found.processors[name] = [1.5 * s for s in seconds]
    found.stages = {"imports": [1.0, 3.0, 1.0], "events": [3.0, 3.0, 3.0]}
    found.packages = {"numba": [1.0, 1.0, 1.0]}
    return found


def test_ratios_are_medians_within_turns():
    found = measured()
    assert found.times("help", "pass") == pytest.approx(10)
    assert found.times("audit", "core") == pytest.approx(3)
    text = start.as_markdown(found)
    assert "| `onnxtaylor --help` | 0.20 | 0.30 | 10 | 0.20 |" in text
    assert "| imports | 1.000 | 25 % |" in text
    assert "| events | 3.000 | 75 % |" in text


def test_the_tables_have_their_place():
    text = f"head\n{start.BEGIN}\nold\n{start.END}\ntail\n"
    once = start.with_tables(text, "| new |", "here")
    assert once == f"head\n{start.BEGIN}\n\nhere.\n\n| new |\n\n{start.END}\ntail\n"
    assert start.with_tables(once, "| new |", "here") == once
    assert start.BEGIN in start.README.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="no <!-- start -->"):
        start.with_tables("head", "", "")


def test_help_that_takes_half_a_second_fails(monkeypatch, tmp_path):
    found = measured()
    monkeypatch.setattr(start, "measure", lambda repeats: found)
    out = tmp_path / "README.md"
    out.write_text(f"{start.BEGIN}{start.END}")
    assert start.main(["--out", str(out)]) == 0
    found.processes["help"] = [0.5, 0.5, 0.5]
    assert start.main(["--out", str(out)]) == 1


def test_an_audit_imports_nothing_that_it_does_not_need(tmp_path):
    """Page and figures have not been asked for, and pandas is here for others."""
    demo = files("onnxtaylor") / "demo"
    words = ["audit", str(demo / "higgs.onnx"), str(demo / "higgs.parquet"), "--events", "300"]
    words += [
        "--policy",
        str(demo / "audit.toml"),
        "-q",
        "--report",
        "sarif:s",
        "--report",
        "junit:j",
    ]
    code = (
        "import sys\nfrom onnxtaylor.cli import main\n"
        f"assert main({words!r}) in (0, 1)\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "onnxtaylor.audit.formats.html" in loaded
    needless = {"matplotlib", "jinja2", "pandas", "scipy.special", "scipy.stats", "tensorflow"}
    assert not loaded & needless


@pytest.mark.slow
def test_a_turn_of_it(tmp_path, capsys):
    out = tmp_path / "README.md"
    out.write_text(f"{start.BEGIN}\n{start.END}\n", encoding="utf-8")
    start.main(["--repeats", "1", "--out", str(out)])
    assert "turn 1: pass" in capsys.readouterr().out
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \|", out.read_text(encoding="utf-8"), re.MULTILINE)
    stages = {name for name, _ in rows} & {*start.STAGES, "imports", "interpreter, start and end"}
    assert stages == {*start.STAGES, "imports", "interpreter, start and end"}
    seconds = {name: float(number) for name, number in rows}
    assert seconds["imports"] > 0
    assert seconds["events"] > 0
    assert seconds["numba"] > 0
