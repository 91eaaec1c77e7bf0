"""Samples as physicists keep them, on the command line: files by class, selections, products."""

from __future__ import annotations

import json

import pytest

FAST = ("--order", "1", "--bootstrap", "20", "--check", "0")


@pytest.fixture
def samples(place):
    """Events.csv cut into one file per class, without labels; s.csv in two parts."""
    head, *rows = (place / "events.csv").read_text().splitlines()
    columns = head.split(",")
    label = columns.index("Label")

    def write(name, chosen):
        lines = [line.split(",") for line in [head, *chosen]]
        kept = [",".join(c for k, c in enumerate(cells) if k != label) for cells in lines]
        (place / name).write_text("\n".join(kept) + "\n")

    signal = [row for row in rows if row.split(",")[label] == "s"]
    background = [row for row in rows if row.split(",")[label] == "b"]
    write("s_1.csv", signal[:7])
    write("s_2.csv", signal[7:])
    write("b.csv", background)
    lines = [head, *signal, *background]
    (place / "sorted.csv").write_text("\n".join(lines) + "\n")
    return place


def coefficients(place, name="result.json"):
    return json.loads((place / name).read_text())["coefficients"]


def test_files_by_class_equal_a_column_of_labels(cli, samples):
    status, _, err = cli("analyze", "model.onnx", "--class", "s=s_*.csv", "--class", "b=b.csv",
                         "--weight", "w", "-o", "result.json", *FAST)  # fmt: skip
    assert status == 0, err
    wanted = cli("analyze", "model.onnx", "sorted.csv", "--label", "Label", "--weight", "w",
                 "-o", "wanted.json", *FAST)  # fmt: skip
    assert wanted.status == 0
    assert coefficients(samples) == coefficients(samples, "wanted.json")
    document = json.loads((samples / "result.json").read_text())
    assert document["data"]["sources"] == ["s_1.csv", "s_2.csv", "b.csv"]
    by_class = {"s": ["s_1.csv", "s_2.csv"], "b": ["b.csv"]}
    assert document["options"]["files_by_class"] == by_class


def test_per_class_tables_work(cli, samples):
    (samples / "three").mkdir()
    for k in range(3):
        (samples / f"three/{k}.csv").write_text((samples / "b.csv").read_text())
    words = [word for k in range(3) for word in ("--class", f"{k}=three/{k}.csv")]
    status, out, err = cli(
        "analyze", "softmax.onnx", *words, "--exclude", "w", "--per-class", *FAST
    )
    assert status == 0, err
    assert "y[2], events of 2" in out


@pytest.mark.parametrize("command", ["check", "inspect"])
def test_other_commands_take_them(cli, samples, command):
    status, out, err = cli(command, "model.onnx", "--class", "s=s_*.csv", "--class", "b=b.csv",
                           "--weight", "w")  # fmt: skip
    assert status == 0, err
    if command == "inspect":
        assert "--class s=s_*.csv" in out.replace("'", "")


def test_compare_and_audit_take_them(cli, samples):
    words = ("--class", "s=s_*.csv", "--class", "b=b.csv", "--weight", "w")
    assert cli("compare", "model.onnx", "model.onnx", *words, "--order", "1").status == 0
    assert cli("audit", "--init", "model.onnx", *words).status == 0
    policy = (samples / "audit.toml").read_text()
    analysis = policy.split("[analysis]")[1].split("[[checks]]")[0]
    assert "files-by-class" not in analysis
    assert ".csv" not in analysis
    status, out, err = cli("audit", "model.onnx", *words, "-o", "base.json", "--label", "x")
    assert (status, err.count("\n")) == (2, 1)
    assert "--class gives every event the class of its file: leave --label … out" in err
    status, out, err = cli("audit", "model.onnx", *words, "-o", "base.json")
    assert status in (0, 1), err
    assert "s_1.csv" in out + err or json.loads((samples / "base.json").read_text())


def test_wrong_calls(refused, samples):
    words = ("--class", "s=s_1.csv")
    message = refused("analyze", "model.onnx", "events.csv", *words)
    assert message == (
        "--class names the files of all events: leave other data out, or give them a class too"
    )
    assert "must be CLASS=FILE, got 's_1.csv'" in refused(
        "analyze", "model.onnx", "--class", "s_1.csv"
    )
    assert "zz_*.csv: no file matches" in refused("analyze", "model.onnx", "--class", "s=zz_*.csv")
    assert refused("analyze", "model.onnx") == (
        "missing argument 'DATA'; see onnxtaylor analyze --help"
    )


def test_an_output_is_no_input(refused, samples):
    message = refused("analyze", "model.onnx", "--class", "s=s_*.csv", "-o", "s_2.csv")
    assert "-o s_2.csv: is read by this call" in message


def test_a_selection_is_recorded(cli, samples):
    status, out, err = cli("analyze", "model.onnx", "events.csv", "--label", "Label",
                           "--where", "a > -1 && Label == 's'", "-o", "result.json",
                           "--weight", "w", *FAST)  # fmt: skip
    assert status == 0, err
    document = json.loads((samples / "result.json").read_text())
    assert document["options"]["where"] == "a > -1 && Label == 's'"
    assert [group["name"] for group in document["data"]["groups"]] == ["all", "s"]
    assert "only events at which a > -1 && Label == 's'" in out


def test_a_wrong_selection_is_refused(refused):
    call = ("analyze", "model.onnx", "events.csv", "--label", "Label", "--weight", "w", "--where")
    assert "--where cannot be read at letter 5" in refused(*call, "a > >")
    assert "no column 'aa': did you mean 'a'?" in refused(*call, "aa > 1")
    assert refused(*call, "a > 1e9") == "--where holds at none of the 60 events: a > 1e9"
    assert "--where 'a + 1' has no truth value" in refused(*call, "a + 1")


def test_a_product_of_weights(cli, samples):
    words = ("analyze", "model.onnx", "events.csv", "--label", "Label", *FAST, "-o")
    assert cli(*words, "product.json", "--weight", "w,w").status == 0
    text = (samples / "events.csv").read_text().splitlines()
    squared = [f"{row.rpartition(',')[0]},{int(row.rpartition(',')[2]) ** 2}" for row in text[1:]]
    (samples / "squared.csv").write_text("\n".join([text[0], *squared]) + "\n")
    again = ("analyze", "model.onnx", "squared.csv", "--label", "Label", *FAST, "-o")
    assert cli(*again, "squared.json", "--weight", "w").status == 0
    assert coefficients(samples, "product.json") == coefficients(samples, "squared.json")


def test_check_leaves_factors_out(cli, samples):
    status, _, err = cli(
        "check", "model.onnx", "events.csv", "--label", "Label", "--weight", "w, w"
    )
    assert status == 0, err


@pytest.fixture
def folds(place):
    from tests.cli.conftest import write_model

    write_model(place / "fold0.onnx")
    write_model(place / "fold1.onnx", output="y")
    return place


def test_folds_have_a_column_of_their_spread(cli, folds):
    status, out, err = cli("analyze", "fold0.onnx", "events.csv", "--label", "Label",
                           "--fold", "w % 2", "--fold-model", "fold1.onnx", "-o", "r.json",
                           "--csv", "r.csv", *FAST)  # fmt: skip
    assert status == 0, err
    assert "2 folds by w % 2: 0 fold0.onnx (20 events), 1 fold1.onnx (40 events)" in " ".join(
        out.split()
    )
    assert "fold spread" in out
    row = json.loads((folds / "r.json").read_text())["coefficients"][0]
    assert list(row)[-3:] == ["fold_spread", "score_fold0", "score_fold1"]
    head = (folds / "r.csv").read_text().splitlines()[0]
    assert "score_fold1" in head
    status, out, err = cli("rank", "r.json")
    assert status == 0, err
    assert "fold spread" in out


def test_wrong_folds(refused, folds):
    call = ("analyze", "fold0.onnx", "events.csv", "--label", "Label")
    assert "--fold needs the models of the other folds: --fold-model" in refused(
        *call, "--fold", "w % 2"
    )
    assert "--fold is missing" in refused(*call, "--fold-model", "fold1.onnx")
    message = refused(*call, "--fold", "w % 3", "--fold-model", "fold1.onnx")
    assert "--fold 'w % 3' is 2 at event 1 (counted from 0), and there are models for 0" in message


def test_check_inspect_and_compare_take_a_selection(cli, samples):
    words = ("events.csv", "--label", "Label", "--weight", "w", "--where", "a > 0")
    status, out, err = cli("check", "model.onnx", *words)
    assert status == 0, err
    chosen = sum(float(row.split(",")[0]) > 0 for row in
                 (samples / "events.csv").read_text().splitlines()[1:])  # fmt: skip
    assert f"{chosen} of {chosen} events" in out
    status, out, err = cli("inspect", "model.onnx", *words)
    assert status == 0, err
    assert "--where 'a > 0'" in " ".join(out.split())
    status, out, err = cli("compare", "model.onnx", "model.onnx", *words, "--order", "1")
    assert status == 0, err
    assert f"{chosen} events" in out
    status, out, err = cli("analyze", "model.onnx", *words, "--dry-run")
    assert status == 0, err
