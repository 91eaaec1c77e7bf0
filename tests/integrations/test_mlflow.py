"""Results and audits in a run of MLflow, in a store of local files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import onnxtaylor as ot
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.integrations.mlflow import log, metrics


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    module = pytest.importorskip("mlflow", reason="needs mlflow")
    module.set_tracking_uri((tmp_path / "store").as_uri())
    return module


@pytest.mark.slow
def test_a_result_becomes_metrics_tags_and_files(mlflow, make_result, tmp_path):
    result = make_result(["a", "b/1", "c,2"], ("y", "z"), ("s",))
    with mlflow.start_run() as run:
        log(result, top=3)
    saved = mlflow.get_run(run.info.run_id).data
    assert saved.metrics == pytest.approx(metrics(result, 3))
    assert len(saved.metrics) == 2 * 2 * 3
    assert saved.tags["onnxtaylor.model.sha256"] == result.model.sha256
    files = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="onnxtaylor", dst_path=str(tmp_path / "got")
    )
    again = ot.TaylorResult.load(f"{files}/result.json")
    assert (again.score == result.score).all()
    assert "<title>" in (Path(files) / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_audit_becomes_its_verdict_and_files(mlflow, tmp_path):
    from tests.audit.test_audit_outcome import check, finding, outcome

    audit = outcome(check(status="fail", findings=[finding()]))
    with mlflow.start_run() as run:
        log(audit)
    saved = mlflow.get_run(run.info.run_id).data
    assert saved.metrics["audit/passed"] == 0
    assert saved.metrics["audit/findings/error"] == 1
    assert saved.tags["onnxtaylor.audit"] == audit.verdict
    files = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="onnxtaylor", dst_path=str(tmp_path / "got")
    )
    document = json.loads((Path(files) / "audit.json").read_text(encoding="utf-8"))
    assert document["verdict"] == audit.verdict


def test_names_are_allowed_ones_and_differ(make_result):
    result = make_result(["a,1", "a;1", ""])
    names = list(metrics(result, 9))
    assert len(names) == 9
    assert all(set(name) <= set("ta/yl_x1 .234") for name in names)
    best = result.top(1)[0]
    assert max(metrics(result, 9).values()) == best["score"]


def test_without_mlflow_one_line_says_so(make_result, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ResultError, match=r"^mlflow is not installed: pip install mlflow-skinny$"):
        log(make_result())


@pytest.mark.parametrize(("given", "top"), [("result.json", 5), (None, 5)])
def test_other_things_are_refused(given, top):
    with pytest.raises(OptionError, match="result must be a TaylorResult or an AuditOutcome"):
        log(given, top=top)


def test_no_coefficient_is_no_choice(make_result):
    with pytest.raises(OptionError, match="top must be at least 1"):
        log(make_result(), top=0)
