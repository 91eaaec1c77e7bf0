"""What audits are for: four situations of a deployment, with networks that were really trained.

A signal has larger ``mass`` and smaller ``angle`` than its background; ``phi`` is noise, and
``weight`` is not to be used: in one sample it tells the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.audit import audit
from tests.audit.conftest import write_events
from tests.audit.training import Net, export, train

NAMES = ("mass", "angle", "phi", "weight")
POLICY = """
[[checks]]
id = "finite"
[[checks]]
id = "derivative-agreement"
[[checks]]
id = "forbidden-feature"
features = ["weight"]
max-share = 0.2
[[checks]]
id = "expected-top"
features = ["mass", "angle"]
top = 4
[[checks]]
id = "baseline-drift"
min-change = 0.2
[[checks]]
id = "out-of-range"
max-share = 0.02
[[checks]]
id = "saturation"
level = "error"
"""


def sample(events, seed, *, leak=0.0):
    random = np.random.default_rng(seed)
    y = np.arange(events) % 2
    x = np.stack(
        [
            125 + 15 * y + 20 * random.normal(size=events),
            2.0 - 0.7 * y + 0.8 * random.normal(size=events),
            random.uniform(-np.pi, np.pi, size=events),
            10 + 3 * random.normal(size=events) + 10 * leak * y,
        ],
        axis=1,
    )
    return x, y.astype(float)


@dataclass
class Deployment:
    """A model in production, its baseline and its policy."""

    folder: Path
    net: Net
    model: Path
    data: Path
    baseline: Path
    policy: Path

    def audit(self, model=None, data=None, **options):
        beside = {"baseline": self.baseline, **options}
        return audit(model or self.model, data or self.data, self.policy, **beside)

    def by_reference(self, model, **options):
        policy = self.folder / "reference.toml"
        limits = "".join(f"{key} = {value}\n" for key, value in options.pop("limits", {}).items())
        policy.write_text(f'[[checks]]\nid = "reference-agreement"\n{limits}')
        return audit(model, self.data, policy, reference=self.model, **options)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed")
    net = train(*sample(4000, 1))
    model = export(net, folder / "model.onnx")
    data = write_events(folder / "events.csv", sample(1000, 2)[0], NAMES)
    policy = folder / "audit.toml"
    policy.write_text(POLICY)
    baseline = folder / "baseline.json"
    ot.analyze(model, data, scale="sigma", check=0).save(baseline)
    return Deployment(folder, net, model, data, baseline, policy)


def failed(outcome):
    return {check.id for check in outcome.failed}


def test_the_model_in_production_passes_on_new_events(deployed):
    fresh = write_events(deployed.folder / "fresh.csv", sample(1000, 3)[0], NAMES)
    outcome = deployed.audit(data=fresh)
    assert outcome.exit_status == 0, outcome.verdict


def test_a_retrained_model_drifts(deployed):
    """In the new training sample the angle was lost: filled with noise."""
    x, y = sample(4000, 4)
    x[:, 1] = np.random.default_rng(5).permutation(x[:, 1])
    retrained = export(train(x, y), deployed.folder / "retrained.onnx")
    outcome = deployed.audit(retrained)
    assert outcome.exit_status == 1
    assert "baseline-drift" in failed(outcome)
    drift = next(check for check in outcome.checks if check.id == "baseline-drift")
    moved = {finding.subject.features for finding in drift.findings}
    assert ("angle",) in moved


def test_a_leaked_feature_takes_over(deployed):
    """In the training sample the event's weight knew what is signal."""
    leaked = export(train(*sample(4000, 6, leak=2.0)), deployed.folder / "leaked.onnx")
    outcome = deployed.audit(leaked)
    assert outcome.exit_status == 1
    assert {"forbidden-feature", "baseline-drift"} <= failed(outcome)
    check = next(check for check in outcome.checks if check.id == "forbidden-feature")
    assert check.findings[0].subject.name == "weight"


@pytest.mark.parametrize("fault", ["transposed", "scaler"])
def test_a_fault_of_the_exporter(deployed, fault):
    options = {"transposed": {"transposed": True}, "scaler": {"scaler": False}}[fault]
    faulty = export(deployed.net, deployed.folder / f"{fault}.onnx", **options)
    outcome = deployed.by_reference(faulty)
    assert outcome.exit_status == 1
    assert failed(outcome) == {"reference-agreement"}
    assert "baseline-drift" in failed(deployed.audit(faulty))
    same = export(deployed.net, deployed.folder / "again.onnx")
    assert deployed.by_reference(same).exit_status == 0


def quantized(deployed, path, scale=1.0):
    """The model in 8 bits, its ranges taken from events; ``scale`` times too small by a slip."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    rows = sample(500, 7)[0].astype(np.float32)
    mean = rows.mean(axis=0)
    rows = mean + (rows - mean) / scale

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.batches = iter([{"x": rows}])

        def get_next(self):
            return next(self.batches, None)

    quantization.quantize_static(
        str(deployed.model),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["MatMul"],
    )
    return path


def test_a_quantized_export_of_the_same_model(deployed):
    """Eight bits agree to a few per cent; with ranges taken from the wrong events they do not."""
    good = quantized(deployed, deployed.folder / "int8.onnx")
    limits = {"max-response": 0.25, "max-score": 0.15}
    steps = {"finite_step": "0.5sigma", "limits": limits}
    outcome = deployed.by_reference(good, **steps)
    assert outcome.exit_status == 0, [finding.message for finding in outcome.findings]
    strict = deployed.by_reference(good, finite_step="0.5sigma", limits={"max-response": 0.001})
    assert strict.exit_status == 1
    bad = quantized(deployed, deployed.folder / "wrong.onnx", scale=4.0)
    assert failed(deployed.by_reference(bad, **steps)) == {"reference-agreement"}
