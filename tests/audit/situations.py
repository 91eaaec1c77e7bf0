"""Four situations of a deployment, as files: what an engineer has when the pipeline turns red.

Signal has larger ``mass`` and smaller ``angle`` than background, and the smaller the angle, the
more the mass tells; ``phi`` is a direction around the beam, and tells nothing. ``weight`` is the
weight of the event, which no model may use: in a sample that was made without care it knows the
truth.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt

from onnxtaylor.cli import main
from tests.audit.conftest import write_events
from tests.audit.training import Net, export, train

NAMES = ("mass", "angle", "phi", "weight")
TRAINING, RETRAINING, AUDITED = 20_000, 200_000, 1000  # events
REFERENCE = """
[[checks]]
id = "finite"

[[checks]]
id = "response-agreement"

[[checks]]
id = "reference-agreement"
"""
QUANTIZED = """
[[checks]]
id = "finite"

[[checks]]
id = "expected-top"
features = ["mass", "angle"]
top = 3

[[checks]]
id = "reference-agreement"
max-response = 0.25
max-score = 0.2
"""
POLICY = """
baseline = "baseline.json"

[[checks]]
id = "finite"

[[checks]]
id = "response-agreement"

[[checks]]
id = "derivative-agreement"

[[checks]]
id = "forbidden-feature"
features = ["weight"]
max-share = 0.2

[[checks]]
id = "dominance"
level = "error"
max-share = 0.7

[[checks]]
id = "expected-top"
features = ["mass", "angle"]
top = 3

[[checks]]
id = "baseline-drift"
level = "error"  # the last layer is convex: training it again changes as much as the events do
min-change = 0.2
negligible = 0.05

[[checks]]
id = "out-of-range"
max-share = 0.01

[[checks]]
id = "saturation"
"""

Floats = npt.NDArray[np.float64]


def sample(
    events: int, seed: int, *, leak: float = 0.0, noise: float = 1.0
) -> tuple[Floats, Floats]:
    """x (events, 4) and y of 0 and 1; ``leak``: how well the weight knows y.

    ``noise`` multiplies the resolution of the angle.
    """
    random = np.random.default_rng(seed)
    y = np.arange(events) % 2
    angle = 2.0 - 0.7 * y + noise * 0.6 * random.normal(size=events)
    x = np.stack(
        [
            125 + 8 * y * (3 - angle) + 20 * random.normal(size=events),
            angle,
            random.uniform(-np.pi, np.pi, size=events),
            10 + 3 * random.normal(size=events) + 10 * leak * y,
        ],
        axis=1,
    )
    return x, y.astype(float)


@dataclass(frozen=True)
class Report:
    """What one audit left: its exit status, and the reports that it wrote."""

    status: int
    text: str
    json: dict[str, Any]
    junit: ET.Element
    markdown: str

    def check(self, name: str) -> dict[str, Any]:
        return next(check for check in self.json["checks"] if check["name"] == name)

    def failed(self) -> set[str]:
        """Ids of the checks that make the audit fail, by the JSON report."""
        return {c["id"] for c in self.json["checks"] if c["status"] in ("fail", "error")}

    def failed_cases(self) -> set[str]:
        """The same by the JUnit report."""
        return {
            str(case.get("name"))
            for case in self.junit.iter("testcase")
            if case.find("failure") is not None or case.find("error") is not None
        }

    def about(self, name: str) -> set[tuple[str, ...]]:
        """The features that the findings of a check are about."""
        return {tuple(f["subject"]["features"]) for f in self.check(name)["findings"]}


@dataclass(frozen=True)
class Deployment:
    """The folder of a model in production: model.onnx, events.csv, baseline.json, audit.toml."""

    folder: Path
    net: Net

    def audit(
        self, model: Path, *words: str, policy: str = POLICY, data: Path | None = None
    ) -> Report:
        """By the command line, with three reports."""
        written = self.folder / "audit.toml"
        written.write_text(policy, encoding="utf-8")
        reports = {kind: self.folder / f"audit.{kind}" for kind in ("json", "junit", "markdown")}
        wanted = [w for kind, path in reports.items() for w in ("--report", f"{kind}:{path}")]
        events = data or self.folder / "events.csv"
        status, text, _ = run("audit", model, events, "--policy", written, *wanted, *words)
        made = {kind: path.read_text(encoding="utf-8") for kind, path in reports.items()}
        for path in reports.values():
            path.unlink()
        return Report(
            status,
            text,
            json.loads(made["json"]),
            ET.fromstring(made["junit"]),
            made["markdown"],
        )


def run(*words: str | Path) -> tuple[int, str, str]:
    """The command line: exit status, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


def retrain(net: Net, x: Floats, y: Floats) -> Net:
    """The last layer v anew, by Newton's method: the cross entropy is convex in v.

    So what v comes to depends on the events alone, and not on where a descent began or ended.
    """
    first = np.tanh((x - net.mean) / net.std @ net.w1 + net.b1)
    h, v = np.tanh(first @ net.w2 + net.b2), np.zeros_like(net.v)
    for _ in range(20):
        p = 1 / (1 + np.exp(-h @ v))
        curvature = h.T @ (h * (p * (1 - p))[:, None]) + 1e-6 * len(y) * np.eye(len(v))
        v -= np.linalg.solve(curvature, h.T @ (p - y) + 1e-6 * len(y) * v)
    return replace(net, v=v)


def deploy(folder: Path) -> Deployment:
    """Trains and exports the model, and takes its baseline by the command line."""
    net = retrain(train(*sample(TRAINING, 1), rate=1.0), *sample(RETRAINING, 2))
    model = export(net, folder / "model.onnx")
    data = write_events(folder / "events.csv", sample(AUDITED, 3)[0], NAMES)
    status, _, err = run(
        "analyze", model, data, "--scale", "sigma", "-o", folder / "baseline.json", "-q"
    )
    assert status == 0, err
    return Deployment(folder, net)
