"""--classes, --output-names and --per-class where labels are."""

import json

import pytest

from onnxtaylor.results.taylor import TaylorResult
from tests.cli.conftest import write_table

CALL = ("analyze", "softmax.onnx", "named.csv", "--label", "Label", "--weight", "w", "--order", "1")
FAST = ("--check", "0", "--bootstrap", "0")


@pytest.fixture(autouse=True)
def named(place):
    write_table(place / "named.csv", classes=("tth", "ggh", "bkg"))


def test_per_class_is_refused_and_the_advice_works(cli, refused):
    said = refused(*CALL, *FAST, "--per-class", "-o", "r.json")
    assert said == (
        "--per-class is not possible: nothing says which of the responses y[0], y[1], y[2] belongs"
        " to which of the labels bkg, ggh, tth: name the labels in the order of the responses with"
        " --classes A,B,C"
    )
    classes = ("--classes", "tth,ggh,bkg")
    found = cli(*CALL, *FAST, "--per-class", *classes, "-o", "r.json")
    assert found.status == 0
    for name in ("tth", "ggh", "bkg"):
        assert f"{name}, events of {name}\n" in found.out
    for words in (("rank",), ("select",)):
        found = cli(*words, "r.json", "--per-class")
        assert (found.status, found.err) == (0, "")
        assert found.out.index("tth") < found.out.index("ggh") < found.out.index("bkg")


def test_a_result_without_classes_takes_them_later(cli, refused):
    assert cli(*CALL, *FAST, "-o", "r.json", "-q").status == 0
    for words in (("rank",), ("select",)):
        assert "with --classes A,B,C" in refused(*words, "r.json", "--per-class")
        assert "did you mean 'ggh'" in refused(*words, "r.json", "--classes", "tth,gh,bkg")
        assert cli(*words, "r.json", "--per-class", "--classes", "tth,ggh,bkg").status == 0
    rows = json.loads(cli("rank", "r.json", "--output-names", "A,B,C", "--json").out)
    assert {row["output"] for row in rows} == {"A"}
    assert cli("report", "r.json", "--classes", "tth,ggh,bkg").status == 0


@pytest.mark.parametrize(
    "words",
    [
        CALL,
        ("audit", *CALL[1:]),
        ("track", "softmax.onnx", "--data", *CALL[2:]),
        ("compare", "softmax.onnx", "softmax.onnx", *CALL[2:]),
    ],
)
def test_where_labels_are_classes_must_be_those(refused, words):
    assert "no label of the data is called 'ttz': did you mean 'tth'?" in refused(
        *words, "--classes", "ttz,ggh,bkg"
    )
    assert "2 names for 3 response nodes (y[0], y[1], y[2])" in refused(*words, "--classes", "a,b")
    assert (
        "--output-names must name each node, in the order of the model, got 1 name for 3"
        in refused(*words, "--output-names", "a")
    )


def test_figures_per_class(cli, place, refused):
    assert cli(*CALL, *FAST, "-o", "r.json", "-q").status == 0
    words = ("plot", "r.json", "--format", "svg", "-o", "f", "--per-class")
    assert "with --classes A,B,C" in refused(*words)
    found = cli(*words, "--classes", "tth,ggh,bkg")
    *saved, note = found.err.splitlines()
    assert saved == ["saved f/outputs-per-class.svg", "saved f/table-per-class.svg"]
    assert note.startswith("3 responses side by side; scores, curve and matrix of one: --out")
    found = cli(*words, "--classes", "tth,ggh,bkg", "--output", "ggh", "--what", "scores")
    assert (found.out, found.err) == ("", "saved f/scores-ggh-per-class.svg\n")
    assert "did you mean 'ggh'?" in refused(*words, "--classes", "tth,gghh,bkg")
    assert "what 'table' shows all" in refused(*words[:-1], "--output", "y[0]", "--what", "table")


def test_names_come_from_a_file_too(cli, place):
    (place / "names.txt").write_text("gluon, fused\nVBF\nrest\n")
    words = (*CALL, *FAST, "--output-names", "@names.txt", "-o", "r.json", "-q")
    assert cli(*words).status == 0
    assert TaylorResult.load(place / "r.json").outputs == ("gluon, fused", "VBF", "rest")


def test_other_commands_take_the_names(cli):
    names = ("--output-names", "tth,ggh,bkg")
    assert "\nresponses      tth, ggh, bkg\n" in cli("inspect", "softmax.onnx", *names).out
    words = ("check", "softmax.onnx", "named.csv", "--label", "Label", "--weight", "w")
    found = json.loads(cli(*words, "--events", "4", *names, "--output", "ggh", "--json").out)
    assert found["outputs"] == ["ggh"]
    found = cli("audit", *CALL[1:], *FAST, "--classes", "tth,ggh,bkg", "--json")
    assert json.loads(found.out)["analysis"]["outputs"] == ["tth", "ggh", "bkg"]


def test_a_policy_names_the_classes(cli, place):
    given = ("softmax.onnx", "named.csv", *CALL[3:7], "--classes", "tth,ggh,bkg")
    assert cli("audit", "--init", *given, "-q", "-o", "a.toml").status == 0
    assert 'classes = ["tth", "ggh", "bkg"]' in (place / "a.toml").read_text()
    found = cli("audit", "softmax.onnx", "named.csv", "--policy", "a.toml", "--json")
    assert json.loads(found.out)["analysis"]["outputs"] == ["tth", "ggh", "bkg"]


def test_labels_that_count_the_nodes_say_it(cli):
    found = cli("analyze", "softmax.onnx", "three.csv", *CALL[3:], *FAST, "--per-class")
    assert found.status == 0
    assert "y[1], events of 1\n" in found.out
