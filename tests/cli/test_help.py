"""The help: complete, narrow enough, and there at once."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from onnxtaylor import __version__
from onnxtaylor.cli.app import app

COMMANDS = sorted(info.callback.__name__ for info in app.registered_commands)
HEAVY = ["numpy", "numba", "onnx", "onnxruntime", "pyarrow", "matplotlib", "pandas"]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


def test_without_words_the_help_is_shown(cli):
    bare, asked = cli(), cli("--help")
    assert bare == asked
    assert asked.status == 0
    assert asked.err == ""
    for command in COMMANDS:
        assert re.search(rf"^│ {command}\s", asked.out, re.MULTILINE)


def test_the_help_tells_the_exit_statuses(cli):
    words = " ".join(cli("--help").out.split())
    assert "Exit status: 0 fine, 1 findings: the engines differ, or `check`, `compare`" in words
    assert "3 a fault of onnxtaylor" in words


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_each_help_has_an_example_and_fits_80_columns(cli, command):
    status, out, err = cli(*[command] * bool(command), "-h")
    assert (status, err) == (0, "")
    assert f"onnxtaylor {command or 'analyze'}" in out.split("Example:")[1]
    assert max(map(len, out.splitlines())) <= 80
    assert "[/" not in out  # no markup is left over
    # options name what they take; of arguments typer always says the type
    assert "<str>" not in out.split("─ Options")[1]


@pytest.mark.parametrize("command", ["analyze", "audit", "compare"])
def test_brackets_of_a_formula_are_no_markup(cli, command):
    told = re.sub(r"[\s│]", "", cli(command, "--help").out)
    assert "r_i=[f(x+d)−f(x−d)]/2perstepd" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_has_a_help(command):
    import typer.main

    group = typer.main.get_command(app)
    for parameter in group.commands[command].params:
        assert parameter.help, parameter.name


def test_the_version(cli):
    assert cli("--version") == (0, f"onnxtaylor {__version__}\n", "")


@pytest.mark.parametrize("call", [["--help"], ["analyze", "--help"], ["--version"], ["nonsense"]])
def test_the_help_imports_nothing_heavy(call):
    code = (
        "import sys\nfrom onnxtaylor.cli import main\n"
        f"main({call!r})\nprint(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = set(re.findall(r"'([^']*)'", done.stderr.splitlines()[-1]))
    assert "onnxtaylor.cli.app" in loaded
    assert not loaded.intersection(HEAVY)
