"""One process at a time in a folder; what a dead one left behind locks nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.files import lock
from onnxtaylor.files.lock import NAME, locked


def test_a_folder_is_held_and_let_go(tmp_path):
    with locked(tmp_path, option="resume"):
        told = json.loads((tmp_path / NAME).read_text())
        assert told == {"host": socket.gethostname(), "process": os.getpid()}
        with (
            pytest.raises(OptionError, match=rf"is in use by process {os.getpid()} on "),
            locked(tmp_path, option="resume"),
        ):
            raise AssertionError
        assert (tmp_path / NAME).exists()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path, option="resume"):
        pass


def test_an_error_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, option="resume"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["", "{", "[]", '{"host": "elsewhere", "process": 1}'])
def test_a_file_that_nobody_holds_is_taken_over(tmp_path, left):
    (tmp_path / NAME).write_text(left)
    with locked(tmp_path, option="resume"):
        assert json.loads((tmp_path / NAME).read_text())["process"] == os.getpid()


def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("alive", [True, False])
def test_without_locks_of_the_file_system_the_process_is_looked_for(tmp_path, monkeypatch, alive):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", no_locks)
    process = os.getppid() if alive else ended()
    (tmp_path / NAME).write_text(json.dumps({"host": socket.gethostname(), "process": process}))
    if alive:
        with (
            pytest.raises(OptionError, match="in use"),
            locked(tmp_path, option="resume"),
        ):
            raise AssertionError
    else:
        with locked(tmp_path, option="resume"):
            pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / NAME).mkdir()
    with (
        pytest.raises(ResultError, match=r"in-use.json: cannot be written"),
        locked(tmp_path, option="resume"),
    ):
        raise AssertionError
