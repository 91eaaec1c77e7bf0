"""``onnxtaylor report``: one file, written whole, whatever things are called."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from onnxtaylor.crosscheck.result import not_run
from onnxtaylor.views.report import html
from tests.cli.test_hostile_names import CONTROL
from tests.views.report.hostile import hostile
from tests.views.report.pages import Page


@pytest.fixture
def saved(place, make_result, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    result = make_result(["a", "b"], ("y",), ("s",), scale="sigma")
    result.save(place / "result.json")
    return result


def test_the_page_is_that_of_the_library(saved, place, cli):
    assert cli("report", "result.json") == (0, "", "saved report.html\n")
    assert (place / "report.html").read_text(encoding="utf-8") == html(saved)
    assert cli("report", "result.json", "-o", "p.html", "--title", "T<b>").status == 0
    page = Page((place / "p.html").read_text(encoding="utf-8"))
    assert "T<b>" in page.text
    assert not page.all("b")


def test_a_result_from_stdin(saved, place, cli, monkeypatch):
    with (place / "result.json").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert cli("report", "-", "-o", "p.html").status == 0
    assert (place / "p.html").read_text(encoding="utf-8") == html(saved)


def test_hostile_names(place, cli, make_result):
    evil = hostile(make_result)
    saved = replace(  # a file holds names only where its schema allows any text
        evil,
        options={**evil.options, "link": "logit", "scale": "unit"},
        check=not_run("<b>x</b>\x1b").to_dict(),
        warnings=tuple(replace(notice, code="constant") for notice in evil.warnings),
    )
    saved.save(place / "r\x1b[31m.json")
    status, out, err = cli("report", "r\x1b[31m.json", "-o", "p\u202e<script>.html")
    assert (status, out, err) == (0, "", "saved p\\u202e<script>.html\n")
    assert Page((place / "p\u202e<script>.html").read_text(encoding="utf-8")).open == []


def test_a_path_that_is_no_unicode(place, cli, make_result):
    result = make_result(2)
    replace(result, model=replace(result.model, path="m\udcff.onnx")).save(place / "r.json")
    assert cli("report", "r.json").status == 0
    assert "m\\udcff.onnx" in (place / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("no.json",), "no.json: no such file"),
        (("events.csv",), "events.csv: no JSON document"),
        (("result.json", "-o", "result.json"), "is read by this call"),
        (("result.json", "-o", "no/p.html"), "there is no folder no"),
        (("result.json", "-o", "."), "is a directory"),
        (("no\x1b[31m.json",), "no\\x1b[31m.json"),
    ],
)
def test_wrong_calls(saved, refused, call, words):
    line = refused("report", *call)
    assert words in line
    assert not CONTROL.search(line)


def test_a_wrong_time(saved, refused, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert refused("report", "result.json").startswith("SOURCE_DATE_EPOCH must be")


def test_the_help_needs_no_templates():
    code = (
        "import sys\nfrom onnxtaylor.cli import main\n"
        "main(['report', '-h'])\nprint('jinja2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
