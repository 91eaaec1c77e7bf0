"""``analyze --finite-step``: responses of models that have no derivatives, under their own name."""

from __future__ import annotations

import json
import re

import onnx
import pytest

from tests.cli.conftest import write_model, write_table
from tests.engine.trees import forest


@pytest.fixture
def tree(place):
    """A tree ensemble beside events.csv, whose features a, b, c are its three."""
    onnx.save(forest(), place / "forest.onnx")
    return ("forest.onnx", "events.csv", "--exclude", "Label", "--exclude", "w")


def test_a_forest_is_refused_with_the_way_out_and_accepted_with_it(tree, cli, refused):
    line = refused("analyze", *tree)
    assert re.search(r"step function.*\(TreeEnsembleRegressor\).*--finite-step 0.5sigma", line)
    assert line.endswith("same responses")
    done = cli("analyze", *tree, "--finite-step", "0.5sigma", "-o", "result.json")
    assert done.status == 0
    assert "y: finite-step response\n" in done.out
    assert "⟨r⟩ ± SEM" in done.out
    assert "⟨t⟩" not in done.out
    assert "Taylor" not in done.out
    assert "all by 0.5sigma" in done.out


def test_rank_plot_and_csv_show_what_they_are(tree, cli, place):
    cli("analyze", *tree, "--finite-step", "0.5sigma", "-o", "result.json", "--csv", "r.csv", "-q")
    table = cli("rank", "result.json").out
    assert "finite-step responses are no derivatives" in table
    assert "y: finite-step response\n" in table
    assert "⟨t⟩" not in table
    rows = json.loads(cli("rank", "result.json", "--json").out)
    assert {row["method"] for row in rows} == {"finite-step"}
    lines = (place / "r.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith('"method"')
    assert {line.split(",")[0] for line in lines[1:]} == {'"finite-step"'}
    assert cli("plot", "result.json", "-o", "figures", "--format", "svg").status == 0
    document = json.loads((place / "result.json").read_text(encoding="utf-8"))
    assert document["method"] == "finite-step"


def test_steps_by_name(tree, cli):
    words = ("--finite-step", "0.5sigma", "--finite-step", "b=0.25", "--json")
    result = json.loads(cli("analyze", *tree, *words).out)
    told = result["options"]["finite_step"]
    assert told["asked"] == {"*": "0.5sigma", "b": "0.25"}
    assert told["steps"][1] == 0.25
    alone = json.loads(cli("analyze", *tree, "--finite-step", "b=0.25", "--json").out)
    assert [row["label"] for row in alone["coefficients"]] == ["b", "b, b"]
    assert set(alone["options"]["finite_step"]["not_moved"]) == {"a", "c"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--finite-step", "half"), "--finite-step must be a positive number"),
        (("--finite-step", "b=-1"), "got b=-1"),
        (("--finite-step", "d=1"), "no feature is called so"),
        (("--finite-step", "=1"), "names no feature"),
        (("--finite-step", "1", "--finite-step", "2"), "given twice"),
        (("--finite-step", "1", "--order", "3"), "leave --order 3 out"),
        (("--finite-step", "1", "--engine", "differences"), "leave one of them out"),
        (("--finite-step", "1", "--scale", "unit"), "leave one of them out"),
    ],
)
def test_what_makes_no_sense_is_refused(tree, refused, words, says):
    assert says in refused("analyze", *tree, *words)


def test_unfinished_sums_of_derivatives_are_not_continued(cli, place, monkeypatch):
    """The same model, data and folder: steps cannot go on where derivatives left off."""
    from onnxtaylor.run import accumulate as summing

    real, calls = summing._check_finite, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(summing, "_check_finite", interrupted)
    words = ("analyze", "model.onnx", "events.csv", "--exclude", "Label", "--exclude", "w")
    words += ("--batch-size", "20", "--resume", "sums", "--engine", "differences", "-q")
    assert cli(*words).status != 0
    assert (place / "sums" / "sums.npz").exists()
    words = tuple(word for word in words if word not in ("--engine", "differences"))
    done = cli(*words, "--finite-step", "1")
    assert done.status == 2
    assert "sums of another analysis" in done.err


def test_warnings_are_lines_on_stderr_and_rows_of_the_result(tree, cli):
    words = ("analyze", *tree, "--finite-step", "100sigma", "--json")
    done = cli(*words)
    found = json.loads(done.out)["warnings"]
    assert [row["code"] for row in found] == ["range"] * 3
    assert [row["feature"] for row in found] == ["a", "b", "c"]
    (line,) = done.err.splitlines()  # all features in one
    assert line.startswith(
        "warning: 3 features are moved out of the data's range at many events: 'a', 'b', 'c'; "
    )
    assert "--curvature-step" in line
    assert cli(*words, "-q").err == ""


def test_of_many_warnings_of_a_kind_a_few_are_printed(cli, place):
    names = [f"x{i}" for i in range(12)]
    write_model(place / "wide.onnx", features=12)

    def constant(rows):
        for row in rows:
            row.update(dict.fromkeys(names[:11], "1"))

    write_table(place / "wide.csv", names=names, cells=constant)
    words = ("analyze", "wide.onnx", "wide.csv", "--exclude", "Label", "--exclude", "w", "--json")
    done = cli(*words)
    assert len(json.loads(done.out)["warnings"]) == 11
    lines = done.err.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("warning: 6 more warnings of this kind (constant)")
