"""Completion by the Tab key in bash and zsh."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def surrounding(tmp_path) -> dict[str, str]:
    """A shell's environment, where ``onnxtaylor`` is this tree's."""
    (tmp_path / "onnxtaylor").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m onnxtaylor "$@"\n')
    (tmp_path / "onnxtaylor").chmod(0o755)
    root = str(Path(__file__).parents[2])
    paths = [root, f"{root}/kernels", os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(paths),
        "HOME": str(tmp_path),
    }


def shell(words: list[str], surrounding: dict[str, str], **more: str) -> str:
    done = subprocess.run(
        words,
        env=surrounding | more,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


BASH = """
eval "$(onnxtaylor --show-completion bash)"
complete -p onnxtaylor
COMP_WORDS=(onnxtaylor %s)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p onnxtaylor | sed 's/.*-F \\([^ ]*\\).*/\\1/') onnxtaylor
printf '%%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("an", {"analyze"}), ("s", {"select", "schema", "survey"}), ("analyze --che", {"--check"})],
)
def test_bash_completes_commands_and_options(surrounding, typed, offered):
    script = BASH % typed
    words = shell(["bash", "--norc", "-c", script], surrounding, SHELL="/bin/bash").split()
    assert offered <= set(words)
    assert "track" not in words


@pytest.mark.parametrize(
    ("typed", "offered"), [("onnxtaylor an", "analyze"), ("onnxtaylor plot --wh", "--what")]
)
def test_zsh_is_told_the_same(surrounding, typed, offered):
    """What the function that zsh calls gets, whether zsh is there or not."""
    told = {"_ONNXTAYLOR_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": typed}
    assert f'"{offered}"' in shell(["onnxtaylor"], surrounding, **told)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not there: apt-get install zsh")
def test_zsh_takes_the_script(surrounding):
    script = (
        'autoload -Uz compinit && compinit -u; eval "$(onnxtaylor --show-completion zsh)";'
        " which _onnxtaylor_completion"
    )
    assert "_ONNXTAYLOR_COMPLETE" in shell(["zsh", "-f", "-c", script], surrounding, SHELL="zsh")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not there: apt-get install zsh")
@pytest.mark.parametrize(
    ("typed", "becomes"),
    [("onnxtaylor anal", "onnxtaylor analyze"), ("onnxtaylor plot --wh", "onnxtaylor plot --what")],
)
def test_the_tab_key_of_zsh_completes(surrounding, typed, becomes):
    """Types into an interactive zsh, as a user does."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, env=surrounding,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        type_in(master, 'autoload -Uz compinit && compinit -u; PS1="ready""> "\n', "ready> ")
        type_in(master, 'eval "$(onnxtaylor --show-completion zsh)"; PS1="set""> "\n', "set> ")
        said = type_in(master, f"{typed}\t", becomes)
        assert becomes in said
    finally:
        process.kill()
        process.wait()
        os.close(master)


def type_in(master: int, keys: str, expected: str) -> str:
    """Types, and reads what the terminal shows until it is what is expected, for a minute."""
    os.write(master, keys.encode())
    said, end = "", time.monotonic() + 60
    while expected not in said and time.monotonic() < end:
        if select.select([master], [], [], 1)[0]:
            said += os.read(master, 4096).decode(errors="replace")
    return said


def test_it_can_be_installed(surrounding, tmp_path):
    shell(["onnxtaylor", "--install-completion", "bash"], surrounding, SHELL="/bin/bash")
    assert "onnxtaylor" in (tmp_path / ".bashrc").read_text()
