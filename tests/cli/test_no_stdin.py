"""``-`` where a file is wanted, and files where a folder is."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("analyze", "-", "events.csv"), "MODEL"),
        (("check", "-", "events.csv"), "MODEL"),
        (("audit", "-", "events.csv"), "MODEL"),
        (("audit", "model.onnx", "events.csv", "--gof", "-"), "--gof"),
        (("audit", "model.onnx", "events.csv", "--reference", "-"), "--reference"),
        (("select", "result.json", "--gof", "-"), "--gof"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else words,
)
def test_only_data_and_results_are_read_from_stdin(refused, words, name):
    what = "is no file here: only DATA or RESULT is read from stdin"
    assert refused(*words) == f"{name} -: {what}"


def test_a_demo_wants_a_folder(refused):
    assert refused("demo", "-o", "model.onnx") == "-o model.onnx: is a file: name a folder"


def test_a_report_that_cannot_be_written_is_called_as_it_was_typed(refused):
    call = ("audit", "model.onnx", "events.csv", "--report", "html:no/x.html")
    assert refused(*call) == "--report html:no/x.html: there is no folder no: make it first"


def test_an_empty_time_is_no_time(cli, refused, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    words = ("events.csv", "--label", "Label", "--weight", "w")
    assert cli("audit", "model.onnx", *words, "-o", "r.json").status == 0
    assert cli("report", "r.json", "-o", "r.html").status == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    told = "SOURCE_DATE_EPOCH must be the seconds since 1970, got 'soon'"
    assert refused("audit", "model.onnx", *words) == told
    assert refused("report", "r.json") == told


def test_gof_takes_out(cli):
    words = ("events.csv", "events.csv", "--features", "a,b", "--toys", "20", "-q")
    assert cli("gof", *words, "--out", "gof.json").status == 0
    assert cli("gof", *words, "-o", "short.json").status == 0
