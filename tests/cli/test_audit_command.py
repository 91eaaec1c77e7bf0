"""``onnxtaylor audit``: exit status, reports, stdout, and wrong calls."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from onnxtaylor.audit.checks.dominance import Dominance

DATA = ("events.csv", "--weight", "w", "--label", "Label")
DEMO = files("onnxtaylor") / "demo"


@pytest.fixture
def policy(place):
    """policy(text) → audit.toml in the working directory."""

    def write(text: str) -> Path:
        path = place / "audit.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_pass_is_status_0_and_a_report_on_stdout(cli, policy):
    policy('[[checks]]\nid = "finite"\n[[checks]]\nid = "derivative-agreement"')
    status, out, err = cli("audit", "model.onnx", *DATA)
    assert (status, err) == (0, "")
    assert out.startswith("PASS: 2 of 2 checks\n")
    assert "policy    audit.toml" in out
    assert "pass  finite" in out


def test_a_finding_is_status_1(cli, policy):
    policy('[[checks]]\nid = "dominance"\nlevel = "error"\nmax-share = 0.01')
    status, out, err = cli("audit", "model.onnx", *DATA)
    assert (status, err) == (1, "")
    assert out.startswith("FAIL: 1 of 1 checks: dominance\n")


def test_warnings_count_under_strict(cli, policy):
    policy('[[checks]]\nid = "dominance"\nmax-share = 0.01\nlevel = "warning"')
    assert cli("audit", "model.onnx", *DATA).status == 0
    assert cli("audit", "model.onnx", *DATA, "--strict").status == 1


def test_no_check_is_status_1(cli, policy):
    policy("checks = []")
    status, out, _ = cli("audit", "model.onnx", *DATA)
    assert status == 1
    assert out.startswith("FAIL: no check was run")


def test_a_fault_is_status_3_and_writes_nothing(cli, policy, monkeypatch):
    def broken(self, evidence):
        raise KeyError("fault")

    monkeypatch.setattr(Dominance, "run", broken)
    policy('[[checks]]\nid = "finite"\n[[checks]]\nid = "dominance"')
    status, out, err = cli("audit", "model.onnx", *DATA, "--report", "json:a.json", "-o", "r.json")
    assert (status, out) == (3, "")
    assert "in check 'dominance'" in err
    assert not Path("a.json").exists()
    assert not Path("r.json").exists()


def test_reports_and_the_result(cli, policy, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    policy('[[checks]]\nid = "finite"')
    words = ("audit", "model.onnx", *DATA, "--report", "json:a.json", "--report", "text:a.txt")
    status, out, err = cli(*words, "-o", "result.json")
    assert status == 0
    assert err.splitlines() == ["saved a.json", "saved a.txt", "saved result.json"]
    assert Path("a.txt").read_text(encoding="utf-8") == out
    first = Path("a.json").read_bytes()
    document = json.loads(first)
    assert document["schema"] == "onnxtaylor.audit/1"
    assert document["timestamp"] == "1970-01-01T00:00:00Z"
    assert document["data"] == [{"path": "events.csv", "sha256": document["data"][0]["sha256"]}]
    cli(*words)
    assert Path("a.json").read_bytes() == first
    # the result is the next baseline
    policy('[[checks]]\nid = "baseline-drift"')
    assert cli("audit", "model.onnx", *DATA, "--baseline", "result.json").status == 0


def test_json_on_stdout_in_place_of_the_text(cli, policy):
    policy('[[checks]]\nid = "finite"')
    for words in (("--json",), ("--report", "json:-"), ("--json", "-q")):
        status, out, err = cli("audit", "model.onnx", *DATA, *words)
        assert (status, err) == (0, "")
        assert json.loads(out)["checks"][0]["status"] == "pass"


def test_quiet_says_nothing(cli, policy):
    policy('[[checks]]\nid = "dominance"\nlevel = "error"\nmax-share = 0.01')
    assert cli("audit", "model.onnx", *DATA, "-q") == (1, "", "")


def test_a_baseline_that_the_policy_names(cli, policy):
    assert cli("analyze", "model.onnx", *DATA, "--scale", "sigma", "-o", "base.json").status == 0
    policy('baseline = "base.json"\n[[checks]]\nid = "baseline-drift"')
    status, out, _ = cli("audit", "model.onnx", *DATA)
    assert status == 0
    assert "baseline  base.json" in out


def test_stdin_has_a_name(cli, policy, place, monkeypatch):
    import io
    import sys

    policy('[[checks]]\nid = "statistics"\nmin-n-eff = 1e6\nlevel = "error"')
    content = (place / "events.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    status, out, _ = cli("audit", "model.onnx", "-", *DATA[1:], "--json", "-o", "result.json")
    assert status == 1
    document = json.loads(out)
    assert [file["path"] for file in document["data"]] == ["<stdin>"]
    places = {f["location"]["path"] for c in document["checks"] for f in c["findings"]}
    assert places == {"<stdin>"}
    assert json.loads(Path("result.json").read_text())["data"]["sources"] == ["<stdin>"]


def test_init_writes_a_policy_that_the_model_passes(cli):
    status, out, err = cli("audit", "--init", "model.onnx", *DATA)
    assert (status, out) == (0, "")
    assert err == "saved audit.toml: read it, and change what does not suit you\n"
    text = Path("audit.toml").read_text(encoding="utf-8")
    assert 'label = "Label"' in text
    assert cli("audit", "model.onnx", "events.csv").status == 0


def test_init_does_not_write_over_a_policy(cli, refused, policy):
    policy("strict = true")
    assert "audit.toml is there already" in refused("audit", "--init", "model.onnx", *DATA)
    assert cli("audit", "--init", "model.onnx", *DATA, "-o", "other.toml").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("missing.onnx", "events.csv"), "missing.onnx: no such file"),
        (("model.onnx", "missing.csv"), "missing.csv"),
        (("events.csv", "events.csv"), "events.csv: not an ONNX model"),
        (("model.onnx", *DATA, "--policy", "missing.toml"), "missing.toml: no such file"),
        (("model.onnx", *DATA, "--baseline", "missing.json"), "missing.json: no such file"),
        (("model.onnx", *DATA, "--reference", "missing.onnx"), "missing.onnx: no such file"),
        (("model.onnx", *DATA, "--gof", "missing.json"), "missing.json: no such file"),
        (("model.onnx", *DATA, "--report", "json"), "--report json: it takes FORMAT:FILE"),
        (("model.onnx", *DATA, "--report", "jsn:a"), "no format 'jsn': did you mean 'json'?"),
        (
            ("model.onnx", *DATA, "--report", "json:no/a.json"),
            "--report json:no/a.json: there is no",
        ),
        (("model.onnx", *DATA, "--report", "json:model.onnx"), "is read by this call"),
        (("model.onnx", *DATA, "--report", "text:-", "--json"), "only one report can go to stdout"),
        (("model.onnx", *DATA, "--report", "json:a", "--json"), "a second report of this format"),
        (("model.onnx", *DATA, "--order", "4"), "--order must be 1, 2 or 3, got 4"),
        (("model.onnx", "events.csv", "--label", "nothing"), "nothing"),
        (("--init", "model.onnx", *DATA, "--gof", "g.json"), "--gof does not apply with --init"),
        (("--init", "model.onnx", *DATA, "--report", "json:a"), "--report does not apply"),
        (("--init", "model.onnx", *DATA, "--json"), "--json does not apply with --init"),
        (("--init", "model.onnx", *DATA, "--strict"), "--strict does not apply with --init"),
        (("-", *DATA), "MODEL -: is no file here: only DATA or RESULT is read from stdin"),
        (("model.onnx", *DATA, "--baseline", "-"), "--baseline -: is no file here"),
        (("model.onnx", *DATA, "--policy", "-"), "--policy -: is no file here"),
    ],
)
def test_wrong_calls_and_broken_inputs_are_status_2(refused, words, message):
    assert message in refused("audit", *words)


def test_two_reports_into_one_file_are_refused(refused):
    words = ("--report", "json:a", "--report", "text:a")
    assert "too" in refused("audit", "model.onnx", *DATA, *words)


def test_a_slip_in_a_policy_is_status_2(refused, policy):
    policy('[[checks]]\nid = "dominance"\nmax-shares = 1')
    assert "did you mean 'max-share'?" in refused("audit", "model.onnx", *DATA)


def test_a_truncated_model_is_status_2(refused, place):
    content = Path("model.onnx").read_bytes()
    Path("half.onnx").write_bytes(content[: len(content) // 2])
    assert "half.onnx" in refused("audit", "half.onnx", *DATA)


def test_the_demo_passes_its_policy(cli):
    words = (str(DEMO / "higgs.onnx"), str(DEMO / "higgs.parquet"))
    status, out, err = cli("audit", *words, "--policy", str(DEMO / "audit.toml"))
    assert (status, err) == (0, "")
    assert out.startswith("PASS: 12 of 12 checks\n")


def test_the_working_directory_has_no_say_beside_a_policy_that_is_named(cli, policy):
    policy("strickt = 1")
    Path("mine.toml").write_text('[[checks]]\nid = "finite"')
    assert cli("audit", "model.onnx", *DATA, "--policy", "mine.toml").status == 0


def test_features_are_taken_by_their_names(cli, policy):
    policy('[analysis]\nlabel = "Label"\nweight = "w"\n[[checks]]\nid = "finite"')
    words = ("audit", "model.onnx", "events.csv", "--features", "c,b,a", "--json")
    assert json.loads(cli(*words).out)["analysis"]["features"] == ["c", "b", "a"]
    assert np.isfinite(json.loads(cli(*words).out)["analysis"]["n_eff"])


def test_groups_of_events(cli, policy):
    policy('[[checks]]\nid = "dominance"\nmax-share = 0.01\ngroups = ["s"]')
    document = json.loads(cli("audit", "model.onnx", *DATA, "--json").out)
    findings = document["checks"][0]["findings"]
    assert {f["subject"]["group"] for f in findings} == {"s"}
    assert all("over the events of 's'" in f["message"] for f in findings)


def test_a_drift_without_rank_intervals(cli, policy):
    words = ("model.onnx", *DATA, "--bootstrap", "0")
    assert cli("analyze", *words, "--scale", "sigma", "-o", "base.json").status == 0
    policy('baseline = "base.json"\n[[checks]]\nid = "baseline-drift"\ngroups = ["*"]')
    assert cli("audit", *words).status == 0


def test_what_the_readme_calls_in_a_row_works(cli, place):
    """Each with what the one before has left: a policy, a baseline, reports."""
    (place / "new.onnx").write_bytes((place / "model.onnx").read_bytes())
    assert cli("audit", "--init", "model.onnx", *DATA).status == 0
    words = ("audit", "model.onnx", "events.csv")
    status, out, err = cli(*words, "-o", "baseline.json")
    assert (status, err) == (0, "saved baseline.json\n")
    assert "skip  baseline-drift, out-of-range: no baseline was given" in out
    reports = ("--report", "junit:audit.xml", "--report", "html:audit.html")
    status, out, _ = cli("audit", "new.onnx", "events.csv", "--baseline", "baseline.json", *reports)
    assert status == 0, out
    assert "pass  baseline-drift" in out
    assert "pass  out-of-range" in out
    assert Path("audit.xml").exists()
    assert Path("audit.html").exists()


def test_warnings_are_told_once(cli, place, policy):
    policy('[[checks]]\nid = "finite"')
    lines = (place / "events.csv").read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines]
    for row in rows[1:]:
        row[0] = "1.5"
    (place / "constant.csv").write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    words = ("model.onnx", "constant.csv", *DATA[1:])
    told = "feature 'a' is constant (1.5)"
    status, out, err = cli("audit", *words)
    assert (status, err) == (0, "")
    assert f"warning: {told}" in out
    status, out, err = cli("audit", *words, "--json")
    assert told in json.loads(out)["warnings"][0]["message"]
    assert err.startswith(f"warning: {told}")
    assert cli("audit", *words, "--json", "-q").err == ""
    _, _, err = cli("audit", "--init", *words, "-o", "other.toml")
    assert err.startswith(f"warning: {told}")
    assert f"# Warning: {told}" in Path("other.toml").read_text(encoding="utf-8")


def test_init_of_stdin(cli, place, monkeypatch):
    import io
    import sys

    content = (place / "events.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert cli("audit", "--init", "model.onnx", "-", *DATA[1:]).status == 0
    text = Path("audit.toml").read_text(encoding="utf-8")
    assert "#   data   <stdin>: 60 events" in text
    assert "data-sha256" not in text
    assert "stdin.csv" not in text
