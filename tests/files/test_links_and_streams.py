"""Files that are links, and links that lead to stdout: what they are stays as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from onnxtaylor.files.whole import write_whole

WRITES = """
import sys
from onnxtaylor.files.whole import write_whole
print("before")
write_whole(sys.argv[1], b"content\\n")
print("after")
"""


def test_what_a_link_leads_to_is_written(tmp_path):
    real, link, further = tmp_path / "real.json", tmp_path / "link.json", tmp_path / "further.json"
    real.write_bytes(b"old")
    link.symlink_to("real.json")
    further.symlink_to("link.json")
    write_whole(further, b"new")
    assert real.read_bytes() == b"new"
    assert link.is_symlink()
    assert further.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "further.json",
        "link.json",
        "real.json",
    ]


def test_a_link_to_nothing_makes_what_it_leads_to(tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    write_whole(link, b"new")
    assert (tmp_path / "real.json").read_bytes() == b"new"
    assert link.is_symlink()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux")
@pytest.mark.parametrize("mode", ["file", "pipe"])
def test_a_link_to_stdout(tmp_path, mode):
    """As /dev/stdout is one, which root could replace."""
    link, out = tmp_path / "stdout", tmp_path / "out"
    link.symlink_to("/proc/self/fd/1")
    command = [sys.executable, "-c", WRITES, str(link)]
    if mode == "file":
        with out.open("wb") as stream:
            subprocess.run(command, stdout=stream, check=True)
        written = out.read_text()
    else:
        written = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    assert written == "before\ncontent\nafter\n"
    assert str(link.readlink()) == "/proc/self/fd/1"
