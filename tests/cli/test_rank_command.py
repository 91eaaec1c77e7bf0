"""``rank``: tables side by side, in Markdown and LaTeX, printed or saved."""

from __future__ import annotations

import json
import re

import pytest

import onnxtaylor as ot
from onnxtaylor.results.ranking import ranked_columns
from onnxtaylor.views.tables import as_latex, as_markdown, listing, side_by_side


@pytest.fixture
def result(place, cli):
    """Three responses named after their classes."""
    import onnx

    model = onnx.load(place / "softmax.onnx")
    onnx.helper.set_model_props(model, {"output_names": '["0", "1", "2"]'})
    onnx.save(model, place / "softmax.onnx")
    call = ("analyze", "softmax.onnx", "three.csv", "--label", "Label", "--weight", "w")
    assert cli(*call, "-o", "r.json", "-q").status == 0
    return ot.TaylorResult.load(place / "r.json")


def test_columns_of_the_classes(cli, result):
    status, out, err = cli("rank", "r.json", "--top", "4", "--per-class")
    assert (status, err) == (0, "")
    assert "each response over the events of its class" in out
    lines = [line.split() for line in out.splitlines()]
    start = lines.index(["rank", "0", "1", "2"])
    for k in range(4):
        words = [row["label"] for name in "012" for row in [result.top(4, name, name)[k]]]
        assert " ".join(lines[start + 2 + k]) == " ".join([str(k + 1), *words])


def test_json_of_columns_is_their_tidy_rows(cli, result):
    out = cli("rank", "r.json", "--top", "2", "--per-class", "--json").out
    assert json.loads(out) == [row for name in "012" for row in result.top(2, name, name)]
    pooled = cli("rank", "r.json", "--top", "2", "--side-by-side", "--group", "1", "--json").out
    assert json.loads(pooled) == [row for name in "012" for row in result.top(2, name, "1")]


@pytest.mark.parametrize(("name", "write"), [("markdown", as_markdown), ("latex", as_latex)])
def test_formats_are_printed_alone(cli, result, name, write):
    beside = ("--side-by-side", "--scores", "--top", "5", "--format", name)
    expected = write(side_by_side(ranked_columns(result, count=5), scores=True))
    assert cli("rank", "r.json", *beside) == (0, expected, "")
    one = ("--output", "1", "--group", "2", "--top", "3", "--format", name)
    expected = write(listing(result.top(3, "1", "2"), "response 1, events of 2"))
    assert cli("rank", "r.json", *one) == (0, expected, "")


@pytest.mark.parametrize(
    "words", [(), ("--per-class",), ("--format", "latex"), ("--json",), ("--per-class", "--scores")]
)
def test_what_is_saved_is_what_would_be_printed(place, cli, result, words):
    printed = cli("rank", "r.json", *words).out
    assert cli("rank", "r.json", *words, "-o", "t.txt") == (0, "", "saved t.txt\n")
    assert (place / "t.txt").read_text() == printed


def test_contradictions_are_refused(refused, result):
    said = {
        ("--per-class", "--output", "1"): "--output chooses one response: leave it out",
        ("--scores",): "--scores needs --per-class or --side-by-side",
        ("--json", "--format", "latex"): "--json and --format latex: choose one",
        ("--per-class", "--group", "1"): "--per-class chooses the groups itself",
        ("--format", "latx"): "--format 'latx' is not offered: did you mean 'latex'?",
        ("-o", "no/t.tex"): "-o no/t.tex: there is no folder no",
        ("-o", "r.json"): "-o r.json: is read by this call",
        ("-o", "t", "--csv", "t"): "--csv t: is the file of -o, too",
    }
    for words, message in said.items():
        assert message in refused("rank", "r.json", *words)


def test_classes_that_do_not_match_are_named(cli, refused):
    call = ("analyze", "softmax.onnx", "events.csv", "--label", "Label", "--weight", "w")
    assert cli(*call, "-o", "r.json", "-q").status == 0
    message = refused("rank", "r.json", "--per-class")
    assert "3 responses (y[0], y[1], y[2]) and 2 labels (b, s) do not agree one to one" in message


@pytest.mark.parametrize("words", [("--side-by-side", "--group"), ("--group",)])
@pytest.mark.parametrize("name", ["text", "markdown", "latex"])
def test_hostile_names_are_inert(place, cli, make_result, words, name):
    group = "g\x1b[31m\n\u202e|&%"
    make_result(["\x1b]0;x\x07", "a\nb"], ("[red]\x1b[5m", "y\u2066"), (group,)).save("h.json")
    status, out, err = cli("rank", "h.json", *words, group, "--format", name)
    assert (status, err) == (0, "")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)
    for line in out.splitlines():
        assert not line.startswith(("b", "|&%"))  # no name ended a line
