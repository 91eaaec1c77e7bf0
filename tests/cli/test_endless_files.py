"""What has no end, or nobody writes, is refused wherever a command reads a file."""

from __future__ import annotations

import os

import pytest

from onnxtaylor.files import bounded

ANALYZE = ("analyze", "model.onnx", "events.csv", "--exclude", "w", "--exclude", "Label")
AUDIT = ("audit", *ANALYZE[1:])
CALLS = {
    "result": (("rank",), ()),
    "report": (("report",), ("-o", "r.html")),
    "figures": (("plot",), ("-o", "figures")),
    "selection": (("select",), ()),
    "comparison": (("compare", "r.json"), ()),
    "baseline": ((*AUDIT, "--baseline"), ()),
    "policy": ((*AUDIT, "--policy"), ()),
    "gof": ((*AUDIT, "--gof"), ()),
    "names": ((*ANALYZE, "--features"), ()),
    "inputs": ((*ANALYZE, "--inputs"), ()),
    "survey": ((*ANALYZE, "--shard", "1/2", "-o", "p.npz", "--survey"), ()),
    "parts": (("merge",), ("-o", "m.json")),
    "model": (("inspect",), ()),
    "data": (("analyze", "model.onnx"), ()),
}


ENDINGS = {"data": ".csv", "comparison": ".json"}


@pytest.fixture
def saved(cli):
    assert cli(*ANALYZE, "-o", "r.json", "-q").status == 0


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_devices_and_pipes_without_a_writer(place, saved, refused, monkeypatch, call, kind):
    monkeypatch.setattr(bounded, "WAIT", 0.05)
    name = "/dev/zero" if kind == "device" else "pipe"
    if kind == "pipe":
        os.mkfifo(place / "pipe")
    if call in ENDINGS:  # the ending of the name tells the kind of the file
        target, name = place / name, f"pipe{ENDINGS[call]}"
        (place / name).symlink_to(target)
    before, after = CALLS[call]
    given = f"@{name}" if call == "names" else name
    line = refused(*before, given, *after)
    assert name in line
    words = ("is a device", "is a pipe to which nobody writes", "is a pipe or a device",
             "no regular file")  # fmt: skip
    assert any(word in line for word in words)


def test_a_result_from_stdin_is_read_up_to_a_limit(place, saved, cli, monkeypatch):
    monkeypatch.setattr("onnxtaylor.results.documents.LARGEST", 100)
    with (place / "r.json").open(encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        status, out, err = cli("rank", "-")
    assert (status, out) == (2, "")
    assert err == "error: <stdin>: cannot be read: is larger than 100 bytes\n"
