"""onnxruntime sends nothing: no look-up of names, no identifier, no file in the user's folders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest

TABLES = ("tcp", "tcp6", "udp", "udp6")

SWITCHED = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Finder())
from onnxtaylor.runtime.provider import import_onnxruntime
import_onnxruntime()
"""


@pytest.mark.parametrize(("before", "seen"), [(None, "1"), ("0", "0")])
def test_it_is_switched_off_before_the_import(before, seen):
    settings = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    settings |= {} if before is None else {"ORT_DISABLE_TELEMETRY": before}
    done = subprocess.run(
        [sys.executable, "-c", SWITCHED], env=settings, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{seen}\n"


def test_one_place_imports_it():
    package = files("onnxtaylor")
    found = [
        path.name
        for path in Path(str(package)).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(("import onnxruntime", "from onnxruntime"))
    ]
    assert found == ["provider.py"]


def sockets_of(number):
    """Inodes of a process's sockets."""
    found = set()
    try:
        for link in Path(f"/proc/{number}/fd").iterdir():
            try:
                name = str(link.readlink())
            except OSError:
                continue
            if name.startswith("socket:["):
                found.add(name[8:-1])
    except OSError:  # it has ended
        pass
    return found


def sockets_of_the_network():
    """Inodes of all sockets of the internet's protocols, with the addresses at both ends."""
    lines = [
        line.split()
        for name in TABLES
        if (path := Path("/proc/net") / name).exists()
        for line in path.read_text().splitlines()[1:]
    ]
    return {fields[9]: (fields[1], fields[2]) for fields in lines}


def family(number):
    """A process and all that it has started."""
    found = [number]
    try:
        for task in Path(f"/proc/{number}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    except OSError:
        pass
    return found


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="needs Linux's /proc")
def test_an_analysis_opens_no_connection_and_leaves_no_file(tmp_path):
    demo, home = files("onnxtaylor") / "demo", tmp_path / "home"
    home.mkdir()
    places = {"HOME": home, "XDG_CACHE_HOME": home / ".cache", "XDG_CONFIG_HOME": home / ".config"}
    places |= {"XDG_DATA_HOME": home / ".local", "XDG_STATE_HOME": home / ".state"}
    settings = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "onnxtaylor", "analyze"),
            *(str(demo / "higgs.onnx"), str(demo / "higgs.parquet")),
            *("--weight", "KaggleWeight", "--label", "Label", "--missing", "-999", "-q"),
        ],
        cwd=tmp_path,
        env=settings | {name: str(path) for name, path in places.items()},
    )
    connections = set()
    while process.poll() is None:
        own = set().union(*map(sockets_of, family(process.pid)))
        if own:
            network = sockets_of_the_network()
            connections |= {network[inode] for inode in own & network.keys()}
        time.sleep(0.02)
    assert process.returncode == 0
    assert connections == set()
    left = [path for path in home.rglob("*") if path.is_file()]
    # Matplotlib and Numba have caches of fonts and of compiled code
    known = ("matplotlib", "numba", "fontconfig", "__pycache__")
    assert [path for path in left if not any(name in str(path) for name in known)] == []
