"""What each command prints and writes when all is well."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxtaylor as ot
from onnxtaylor.cli.console import plus_minus
from onnxtaylor.cli.summary import summary
from tests.cli.conftest import write_model, write_table

COLUMNS = ("--label", "Label", "--weight", "w")
ANALYZE = ("analyze", "model.onnx", "events.csv", *COLUMNS)
TIDY = ["method", "output", "group", "order", "label", "features", "score", "sem"]
TIDY += ["numerical_error", "signed_mean", "rms", "rank", "rank_low", "rank_high"]


@pytest.fixture
def result(place, cli):
    assert cli(*ANALYZE, "-o", "result.json", "-q").status == 0
    return ot.TaylorResult.load(place / "result.json")


def test_the_table_goes_to_stdout_and_messages_to_stderr(place, cli):
    status, out, err = cli(*ANALYZE, "-o", "result.json", "--csv", "table.csv", "--top", "4")
    assert status == 0
    assert err == "saved result.json\nsaved table.csv\n"
    result = ot.TaylorResult.load(place / "result.json")
    assert out.startswith("model.onnx: 60 events, Σw = 120, ")
    assert "9 coefficients of 1 response; ⟨t⟩ per σ of each feature" in out
    for row in result.top(4):
        assert row["label"] in out
        assert plus_minus(row["score"], row["sem"]) in out
    assert "4 of 9 coefficients" in out


def test_quiet_prints_nothing(cli):
    assert cli(*ANALYZE, "-q", "-o", "result.json") == (0, "", "")


def test_json_prints_the_result_and_nothing_else(place, cli):
    status, out, err = cli(*ANALYZE, "--json", "-o", "result.json", "-q")
    assert (status, err) == (0, "")
    assert out == (place / "result.json").read_text()
    assert ot.TaylorResult.from_json(out).features == ("a", "b", "c")


def test_csv_holds_the_tidy_table(place, cli, result):
    assert cli(*ANALYZE, "--csv", "table.csv", "-q").status == 0
    with (place / "table.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == TIDY
    assert len(rows) == 3 * 9  # all, b, s
    for row, expected in zip(rows, result.rows(), strict=True):
        assert json.loads(row["features"]) == expected["features"]
        assert float(row["score"]) == expected["score"]
        assert int(row["rank_low"]) == expected["rank_low"]
    assert cli("rank", "result.json", "--csv", "again.csv", "--top", "1").status == 0
    assert (place / "again.csv").read_text() == (place / "table.csv").read_text()


def test_every_option_of_analyze_at_once(place, cli):
    (place / "names.txt").write_text("\ufeffc\r\n\r\na\r\nb\r\n")
    words = "--engine differences --accuracy 4 --mixed four --scale sigma --link logit --order 1"
    words += " --bootstrap 50 --seed 4 --batch-size 16 --threads 2 --provider cpu --events 50"
    words += " --sample 40 --missing -999 --input x --output y --features @names.txt --top 2"
    words += " --resume sums -o result.json --csv table.csv --json"
    status, out, err = cli(*ANALYZE, *words.split())
    assert status == 0, err
    result = ot.TaylorResult.from_json(out)
    assert result.features == ("c", "a", "b")
    assert result.data.events == 40
    expected = {"order": 1, "link": "logit", "scale": "sigma", "missing": -999.0, "bootstrap": 50}
    expected |= {"seed": 4, "accuracy": 4, "mixed": "four"}
    assert {k: result.options[k] for k in expected} == expected
    assert result.model.engine == "differences"
    assert len(result.indices) == 3
    assert not list((place / "sums").iterdir())  # finished: nothing is left to resume


def test_features_are_taken_in_the_order_named(place, cli, result):
    write_model(place / "model.onnx")
    assert cli(*ANALYZE, "--features", " a, b ,c", "-o", "same.json", "-q").status == 0
    same = ot.TaylorResult.load(place / "same.json")
    np.testing.assert_array_equal(same.score, result.score)
    assert cli(*ANALYZE, "--features", "b,a,c", "-o", "other.json", "-q").status == 0
    assert ot.TaylorResult.load(place / "other.json").features == ("b", "a", "c")


def test_names_with_commas_and_blanks_come_from_a_file(place, cli):
    names = ("mass, visible", " pt", "@home")
    write_table(place / "odd.csv", names=names)
    (place / "names.txt").write_text("\n".join(names), encoding="utf-8")
    words = ("analyze", "model.onnx", "odd.csv", *COLUMNS, "--features", "@names.txt")
    status, out, err = cli(*words, "--json")
    assert status == 0, err
    assert ot.TaylorResult.from_json(out).features == names


def test_excluded_and_held(place, cli):
    write_table(place / "four.csv", names=("a", "b", "junk", "c"))
    words = ("analyze", "model.onnx", "four.csv", *COLUMNS, "--exclude", "junk", "--json")
    assert ot.TaylorResult.from_json(cli(*words).out).features == ("a", "b", "c")


def test_per_class_ranks_each_response_over_its_own_class(place, cli):
    words = ("analyze", "softmax.onnx", "three.csv", *COLUMNS, "--top", "2", "--order", "1")
    status, out, err = cli(*words, "--per-class")
    assert (status, err) == (0, "")
    titles = [line for line in out.splitlines() if line.startswith("y[")]
    assert titles == ["y[0], events of 0", "y[1], events of 1", "y[2], events of 2"]
    result = ot.TaylorResult.from_json(cli(*words, "--json").out)
    for c, group in enumerate("012"):
        first = result.top(1, c, group)[0]
        block = out.split(titles[c])[1]
        assert f"\n     1 {first['rank_low']:>4}" in block or first["label"] in block


def test_per_class_without_a_class_for_each_response_is_refused(refused):
    words = ("analyze", "softmax.onnx", "events.csv", *COLUMNS, "--per-class", "--order", "1")
    message = refused(*words, "-o", "r.json")  # before the work
    assert "3 responses (y[0], y[1], y[2]) and 2 labels (b, s) do not agree one to one" in message


def test_the_engine_s_reason_is_shown(cli, result):
    shown = summary(result)
    assert "no exact" not in shown
    result.options["no_exact_engine"] = "node 'n':\x1b[31m no rule for Foo"
    assert (
        r"no exact derivatives: node 'n':\x1b[31m no rule for Foo" in summary(result).splitlines()
    )


def test_many_responses_are_cut_with_a_word(place, cli):
    write_model(place / "many.onnx", responses=8)
    status, out, err = cli("analyze", "many.onnx", "events.csv", *COLUMNS, "--order", "1")
    assert status == 0
    assert "y[5]" in out
    assert "y[6]" not in out
    assert err.startswith("2 more responses: choose with --output")


def test_rank_shows_what_is_asked_for(cli, result):
    status, out, err = cli("rank", "result.json", "--group", "s", "--feature", "a", "--order", "2")
    assert (status, err) == (0, "")
    assert "\ny, events of s\n" in out
    assert "3 of 9 coefficients" in out
    rows = json.loads(cli("rank", "result.json", "--top", "2", "--json").out)
    assert rows == result.top(2)


def test_plot_prints_the_files_it_draws(place, cli, result):
    status, out, err = cli("plot", "result.json", "-o", "new/figures", "--format", "svg")
    assert (status, out) == (0, "")
    names = [f"new/figures/{n}.svg" for n in ("scores", "curve", "matrix")]
    assert err.splitlines() == [f"saved {name}" for name in names]
    for name in names:
        assert (place / name).stat().st_size > 1000


def test_inspect_without_and_with_data(cli):
    status, out, err = cli("inspect", "softmax.onnx")
    assert (status, err) == (0, "")
    assert "y float32 [N, 3]" in out
    report = json.loads(cli("inspect", "softmax.onnx", "three.csv", *COLUMNS, "--json").out)
    assert report["problem"] is None
    assert report["events"] == "60, Σw = 120"


def test_operators_lists_every_rule(cli):
    rules = json.loads(cli("operators", "--json").out)
    assert rules["MatMul"] == {"kind": "bilinear", "since_versions": [1, 9, 13]}
    assert rules["Tile"]["since_versions"] == [6, 13]
    shown = cli("operators").out
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line}
    for name, rule in rules.items():
        assert lines[name] == [str(version) for version in rule["since_versions"]]
    assert "not Tile of 1" in shown


def test_differentiate_writes_a_model_that_runs(place, cli):
    onnxruntime = pytest.importorskip("onnxruntime")
    status, out, err = cli("differentiate", "softmax.onnx", "-o", "taylor.onnx")
    assert (status, out) == (0, "")
    assert err.startswith("saved taylor.onnx: ")
    assert " -> value [N, 3], jacobian [N, 3, 3], hessian [N, 3, 3, 3]" in err
    assert "note" not in err  # smooth, and no data are asked for
    session = onnxruntime.InferenceSession(
        place / "taylor.onnx", providers=["CPUExecutionProvider"]
    )
    x = np.zeros((5, 3), np.float32)
    value, jacobian, hessian = session.run(None, {session.get_inputs()[0].name: x})
    assert value.shape == (5, 3)
    assert jacobian.shape == (5, 3, 3)
    assert hessian.shape == (5, 3, 3, 3)


def test_differentiate_says_that_a_hessian_does_not_see_kinks(place, cli):
    graph = onnx.parser.parse_graph(
        "bent (float[?, 3] X) => (float[?, 3] y) { a = Relu(X) b = Exp(a) c = Relu(b) y = Neg(c) }"
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(proto, place / "bent.onnx")
    note = "note: kinks of Relu ×2: the Hessian is that of the pieces between them"
    for mode, feature in (("full", "features"), ("hvp", "X")):
        status, _, err = cli("differentiate", "bent.onnx", "-o", f"{mode}.onnx", "--mode", mode)
        assert (status, err.count(note)) == (0, 1)
        assert err.startswith(f"saved {mode}.onnx: {feature} [N, 3]")
    for more in (["--mode", "jvp"], ["--order", "1"]):
        assert "kinks" not in cli("differentiate", "bent.onnx", "-o", "first.onnx", *more).err


def test_demo_writes_what_it_says(place, cli):
    status, out, err = cli("demo", "-o", "here", "--top", "3")
    assert status == 0
    assert "DER_mass_vis" in out
    files = {path.name for path in (place / "here").iterdir()}
    assert files == {
        *("higgs.onnx", "higgs.parquet", "audit.toml", "PROVENANCE.md", "result.json"),
        *("report.html", "scores.png", "curve.png", "matrix.png"),
    }
    assert "onnxtaylor analyze higgs.onnx higgs.parquet" in err
    assert "onnxtaylor audit higgs.onnx higgs.parquet --policy audit.toml" in err


class Pipe:
    """A stand-in for sys.stdin."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def test_data_and_results_from_stdin(place, cli, result, monkeypatch, tmp_path_factory):
    spool = tmp_path_factory.mktemp("spool")
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    events = (place / "events.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", Pipe(events))
    status, out, err = cli("analyze", "model.onnx", "-", *COLUMNS, "--json")
    assert status == 0, err
    piped = ot.TaylorResult.from_json(out)
    assert piped.data.sources == ("<stdin>",)
    assert out.replace('"<stdin>"', '"events.csv"') == result.to_json()
    assert not list(spool.iterdir())
    for command in (("rank", "-", "--top", "1"), ("plot", "-", "-o", "figures")):
        monkeypatch.setattr(sys, "stdin", Pipe(out.encode()))
        assert cli(*command).status == 0
    monkeypatch.setattr(sys, "stdin", Pipe(events))
    assert cli("inspect", "model.onnx", "-", *COLUMNS).status == 0
    assert not list(spool.iterdir())


def test_a_warning_of_the_library_is_one_line(place, cli):
    rows = (place / "events.csv").read_text().splitlines()
    (place / "headless.csv").write_text("\n".join(rows[1:]) + "\n")
    _, out, err = cli("analyze", "model.onnx", "headless.csv", "--features", "0,1,2")
    first, last = err.splitlines()
    assert first.startswith("warning: headless.csv: the first line is read as column names")
    assert last.startswith("error: ")
    assert out == ""


@pytest.mark.parametrize("words", [("rank", "result.json"), ("rank", "result.json", "--json")])
def test_a_reader_that_has_seen_enough(place, result, words):
    line = f"{sys.executable} -m onnxtaylor {' '.join(words)} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_a_full_disk_behind_stdout(place, result):
    line = f"{sys.executable} -m onnxtaylor rank result.json > /dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=place)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith("No space left on device: the output is not complete\n")
    assert done.stderr.count("\n") == 1


def test_a_terminal_that_knows_ascii_only(place, result):
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/bin"}
    call = [sys.executable, "-m", "onnxtaylor", "rank", "result.json"]
    done = subprocess.run(call, capture_output=True, cwd=place, env=settings)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"<t> +- SEM" in done.stdout
    done = subprocess.run([*call, "--json"], capture_output=True, cwd=place, env=settings)
    assert json.loads(done.stdout)[0]["rank"] == 1
