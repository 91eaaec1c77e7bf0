"""Four situations of a deployment, from the command line to the reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.audit.conftest import write_events
from tests.audit.situations import (
    AUDITED,
    NAMES,
    QUANTIZED,
    REFERENCE,
    RETRAINING,
    TRAINING,
    Deployment,
    deploy,
    retrain,
    run,
    sample,
)
from tests.audit.training import export, train


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    return deploy(tmp_path_factory.mktemp("deployed"))


def told(report):
    """All reports say the same: which checks failed, and that the audit did."""
    assert report.failed_cases() == report.failed()
    assert report.status == report.json["exit_status"] == (1 if report.failed() else 0)
    verdict = report.json["verdict"]
    assert verdict.startswith("FAIL" if report.status else "PASS")
    assert report.text.startswith(verdict + "\n")
    for name in report.failed():
        assert f"FAIL  {name}: " in report.text
        assert name in report.markdown
    return report.failed()


# A model is trained anew


@pytest.mark.parametrize("seed", [4, 5])
def test_a_model_retrained_on_events_of_the_same_kind_ships(deployed, tmp_path, seed):
    again = retrain(deployed.net, *sample(RETRAINING, seed))
    fresh = write_events(tmp_path / "fresh.csv", sample(AUDITED, 10 + seed)[0], NAMES)
    report = deployed.audit(export(again, tmp_path / "retrained.onnx"), data=fresh)
    assert told(report) == set(), report.text
    # and not because nothing was compared
    assert report.check("baseline-drift")["looked_at"] == 14


def test_a_retrained_model_that_drifts_does_not(deployed, tmp_path):
    """The angle of the new training sample is measured three times worse."""
    drifted = retrain(deployed.net, *sample(RETRAINING, 4, noise=3))
    report = deployed.audit(export(drifted, tmp_path / "drifted.onnx"))
    assert "baseline-drift" in told(report)
    assert {("angle",), ("angle", "angle"), ("mass", "angle")} <= report.about("baseline-drift")
    worst = next(
        finding
        for finding in report.check("baseline-drift")["findings"]
        if finding["subject"]["features"] == ["angle"] and "⟨t⟩" in finding["quantity"]
    )
    assert worst["measured"] > worst["limit"] == 0.2
    assert "⟨t⟩ of angle of response 'p' went from" in report.text
    assert "drifted.onnx" in report.markdown


# An export in eight bits


def quantized(deployed: Deployment, path: Path) -> Path:
    """Eight bits for factors and results of the matrix products, their ranges from events."""
    quantization = pytest.importorskip("onnxruntime.quantization")

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.batches = iter([{"x": sample(500, 7)[0].astype(np.float32)}])

        def get_next(self):
            return next(self.batches, None)

    quantization.quantize_static(
        str(deployed.folder / "model.onnx"),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["MatMul"],
    )
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    return path


def with_scale(path: Path, tensor: str, factor: float) -> Path:
    """The scale by which a tensor is written as integers, by a slip ``factor`` times as large."""
    model = onnx.load(path)
    stored = next(one for one in model.graph.initializer if one.name == f"{tensor}_scale")
    slipped = (numpy_helper.to_array(stored) * factor).astype(np.float32)
    stored.CopyFrom(numpy_helper.from_array(slipped, stored.name))
    onnx.save(model, path)
    return path


def by_steps(deployed: Deployment, model: Path, policy: str = QUANTIZED):
    """What is quantized has no derivatives: it answers to finite steps, and so does the float."""
    reference = str(deployed.folder / "model.onnx")
    words = ("--finite-step", "0.5sigma", "--reference", reference)
    return deployed.audit(model, *words, policy=policy)


def test_a_sound_export_in_eight_bits_ships(deployed, tmp_path):
    model = quantized(deployed, tmp_path / "int8.onnx")
    report = by_steps(deployed, model)
    assert told(report) == set(), report.text
    assert report.json["analysis"]["method"] == "finite-step"
    # the limits of float exports it does not keep: eight bits are seen
    strict = by_steps(deployed, model, '[[checks]]\nid = "reference-agreement"')
    assert told(strict) == {"reference-agreement"}


@pytest.mark.parametrize("tensor", ["z", "h1"])
def test_an_export_with_a_wrong_scale_does_not(deployed, tmp_path, tensor):
    model = with_scale(quantized(deployed, tmp_path / "slip.onnx"), tensor, 0.25)
    report = by_steps(deployed, model)
    assert "reference-agreement" in told(report)
    findings = report.check("reference-agreement")["findings"]
    assert {one["subject"]["kind"] for one in findings} == {"output", "coefficient"}
    assert "in the reference 'model.onnx'" in findings[0]["message"]
    assert ("angle",) in report.about("reference-agreement")


def test_scales_that_follow_the_batch_are_those_of_an_event_alone(deployed, tmp_path):
    """Dynamic quantization takes them from all events of a call: the audit says what it did."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    path = tmp_path / "dynamic.onnx"
    quantization.quantize_dynamic(
        str(deployed.folder / "model.onnx"), str(path), op_types_to_quantize=["MatMul"]
    )
    data = deployed.folder / "events.csv"
    status, out, _ = run("audit", path, data, "--finite-step", "0.5sigma", "--json")
    assert status == 0
    (warning,) = [w for w in json.loads(out)["warnings"] if w["code"] == "batch"]
    assert "(DynamicQuantizeLinear) quantizes by the range of the whole batch" in warning["message"]
    assert "evaluated one event at a time" in warning["message"]


# The truth leaks into a feature


@pytest.fixture(scope="module")
def leaked(tmp_path_factory):
    """The events' weight, which the policy forbids, knew what is signal."""
    net = train(*sample(TRAINING, 6, leak=1.0), rate=1.0)
    return export(net, tmp_path_factory.mktemp("leaked") / "leaked.onnx")


def test_a_leaked_feature_takes_over(deployed, leaked, tmp_path):
    careless = write_events(tmp_path / "careless.csv", sample(AUDITED, 8, leak=1.0)[0], NAMES)
    report = deployed.audit(leaked, data=careless)
    failed = told(report)
    assert {"forbidden-feature", "dominance", "expected-top", "out-of-range"} <= failed
    for name in ("dominance", "out-of-range"):
        assert report.check(name)["findings"][0]["subject"]["name"] == "weight"
    first = report.check("forbidden-feature")["findings"][0]
    assert (first["subject"]["name"], first["measured"] > 0.5) == ("weight", True)
    assert "forbidden feature 'weight' has" in report.text
    assert "weight" in report.junit.find(".//failure").get("message")


def test_it_is_found_on_sound_events_as_well(deployed, leaked):
    report = deployed.audit(leaked)
    assert {"forbidden-feature", "expected-top", "baseline-drift"} <= told(report)
    assert "out-of-range" not in report.failed()


# An exporter's bug


@pytest.mark.parametrize("fault", [{"transposed": True}, {"scaler": False}], ids=" ".join)
def test_an_export_that_is_another_function(deployed, tmp_path, fault):
    """Compared with another export of the same net, and with what is known of the baseline.

    Its own derivatives are right, so that only a comparison can tell.
    """
    faulty = export(deployed.net, tmp_path / "faulty.onnx", **fault)
    reference = export(deployed.net, tmp_path / "reference.onnx")
    report = deployed.audit(faulty, "--reference", str(reference), policy=REFERENCE)
    assert told(report) == {"reference-agreement"}
    check = report.check("reference-agreement")
    assert "in the reference 'reference.onnx'" in check["findings"][0]["message"]
    assert "a transposed matrix, a missing scaler" in check["findings"][0]["remedy"]
    assert "baseline-drift" in told(deployed.audit(faulty))
    sound = deployed.audit(reference, "--reference", str(faulty), policy=REFERENCE)
    assert told(sound) == {"reference-agreement"}  # which of the two is wrong, it cannot know
    same = export(deployed.net, tmp_path / "same.onnx")
    words = ("--reference", str(reference))
    assert told(deployed.audit(same, *words, policy=REFERENCE)) == set()


def test_events_that_were_scaled_twice(deployed, tmp_path):
    """The scaler is in the model, and the pipeline before it scales as well."""
    x = (sample(AUDITED, 3)[0] - deployed.net.mean) / deployed.net.std
    twice = write_events(tmp_path / "twice.csv", x, NAMES)
    report = deployed.audit(deployed.folder / "model.onnx", data=twice)
    assert {"out-of-range", "expected-top", "baseline-drift"} <= told(report)
    subjects = {f["subject"]["name"] for f in report.check("out-of-range")["findings"]}
    assert {"mass", "angle"} <= subjects
    assert "'mass' is out of the baseline's range" in report.text
