"""No command writes over a file that the same call reads, however it names that file."""

from __future__ import annotations

import json

import onnx
import pytest

ANALYZE = ("analyze", "model.onnx", "events.csv")
READ = "is read by this call: name another file"


@pytest.fixture
def kept(place, refused):
    """kept(file, words…): the call is refused, and the file is as it was."""

    def check(name, *words, says=READ):
        before = (place / name).read_bytes()
        line = refused(*words)
        assert says in line
        assert (place / name).read_bytes() == before
        return line

    return check


@pytest.mark.parametrize("option", ["-o", "--csv"])
@pytest.mark.parametrize("named", ["--features", "--output-names"])
def test_names_in_a_file(place, kept, option, named):
    (place / "names.txt").write_text("a\nb\nc\n")
    line = kept("names.txt", *ANALYZE, named, "@names.txt", option, "names.txt")
    assert line.startswith(f"{option} names.txt")


def test_names_of_a_group(place, kept):
    (place / "names.txt").write_text("a\nb\n")
    groups = ("--by", "g=@names.txt", "--by", "h=c")
    kept("names.txt", *ANALYZE, *groups, "-o", "./names.txt")


def test_names_of_the_classes_of_a_saved_result(place, cli, kept):
    assert cli("analyze", "softmax.onnx", "three.csv", "--exclude", "w", "--exclude", "Label",
               "-o", "r.json", "-q").status == 0  # fmt: skip
    (place / "names.txt").write_text("k\nl\nm\n")
    kept("names.txt", "rank", "r.json", "--output-names", "@names.txt", "--csv", "names.txt")
    kept("names.txt", "report", "r.json", "--output-names", "@names.txt", "-o", "names.txt")
    kept("r.json", "rank", "r.json", "-o", "r.json")


def test_the_specification_of_inputs(place, cli, kept):
    status, out, err = cli("inputs", "model.onnx", "--init")
    assert status == 0, err
    (place / "inputs.toml").write_text(out)
    kept("inputs.toml", *ANALYZE, "--inputs", "inputs.toml", "-o", "inputs.toml")
    kept("inputs.toml", "check", *ANALYZE[1:], "--inputs", "inputs.toml", "--plot", "inputs.toml")
    kept("inputs.toml", "survey", *ANALYZE[1:], "--inputs", "inputs.toml", "-o", "inputs.toml")


def test_a_survey_that_the_call_uses(place, cli, kept):
    columns = ("--exclude", "Label", "--exclude", "w")
    assert cli("survey", *ANALYZE[1:], *columns, "-o", "s.npz").status == 0
    kept("s.npz", *ANALYZE, *columns, "--survey", "s.npz", "--shard", "1/2", "-o", "s.npz")


def test_friends_and_files_by_class(place, kept):
    (place / "friend.root").write_bytes(b"root\0 and so on")
    (place / "main.root").write_bytes(b"root\0 and so on")
    friend = ("--friend", "friend.root:more", "-o", "friend.root")
    kept("friend.root", "analyze", "model.onnx", "main.root", *friend)
    by_class = ("--class", "s=events.csv", "-o", "events.csv")
    kept("events.csv", "analyze", "model.onnx", *by_class)


@pytest.mark.parametrize("words", [
    (*ANALYZE, "-o"), (*ANALYZE, "--csv"), ("differentiate", "model.onnx", "-o"),
    ("survey", *ANALYZE[1:], "-o"), ("track", "model.onnx", "--data", "events.csv", "-o"),
])  # fmt: skip
def test_weights_of_the_model_in_another_file(place, kept, words):
    model = onnx.load(place / "model.onnx")
    onnx.save_model(
        model, place / "model.onnx", save_as_external_data=True, location="weights.bin",
        size_threshold=0,
    )  # fmt: skip
    says = "has weights of the model: name another file"
    kept("weights.bin", *words, "weights.bin", says=says)


def test_files_of_combine(place, kept):
    (place / "gof").mkdir()
    text = json.dumps({"125.0": {"obs": [2.0], "toy": [1.0, 3.0], "p": 0.5}})
    for name in ("a", "b"):
        (place / "gof" / f"{name}.json").write_text(text)
    for places in ("gof", "gof/{1}.json"):
        words = ("gof", "--combine", places, "--features", "a,b", "-o", "gof/a.json")
        kept("gof/a.json", *words)


def test_what_an_audit_reads(place, cli, kept):
    columns = ("--exclude", "Label", "--exclude", "w")
    assert cli(*ANALYZE, *columns, "-o", "r.json", "-q").status == 0
    audit = ("audit", "model.onnx", "events.csv", *columns)
    kept("r.json", *audit, "--baseline", "r.json", "-o", "r.json")
    kept("r.json", *audit, "--baseline", "r.json", "--report", "json:r.json")
    (place / "names.txt").write_text("a\nb\nc\n")
    kept("names.txt", *audit, "--features", "@names.txt", "--report", "html:names.txt")


def test_another_file_may_be_replaced(place, cli):
    (place / "r.json").write_text("old")
    assert cli(*ANALYZE, "--exclude", "Label", "--exclude", "w", "-o", "r.json", "-q").status == 0
    assert (place / "r.json").read_text() != "old"
