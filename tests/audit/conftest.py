"""Tiny models and data on which audits are made: a sound one, and what is to be changed about it.

The sound model is y = Σ_k v_k tanh(x W + b)_k of four features a, b, c, d, of which d has no
influence at all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.gof import GoodnessOfFit
from onnxtaylor.gof.result import FeatureFit, TestResult
from tests.gof.fits import OPTIONS

NAMES = ("a", "b", "c", "d")
EVENTS = 240
Weights = npt.NDArray[np.float64]


def weights() -> Weights:
    """W (4, 5): columns that use a, b and c about alike, and d not at all."""
    return np.array(
        [
            [0.1, 0.1, -0.4, 0.1, 0.7],
            [-0.4, -0.8, -0.8, 0.0, 0.8],
            [0.8, 0.8, -0.1, -0.1, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
        ]
    )


def write_net(
    path: Path,
    first: Weights | None = None,
    *,
    gain: float = 1.0,
    tail: Sequence[onnx.NodeProto] = (),
    constants: dict[str, npt.NDArray[np.generic]] | None = None,
) -> Path:
    """``tail`` are nodes between the net's response ``z`` and the output ``y``; x is the input."""
    first = weights() if first is None else first
    second = gain * np.array([[0.8], [-0.7], [0.6], [0.5], [0.7]])[: first.shape[1]]
    bias = np.array([0.3, -0.4, 0.2, 0.5, -0.1])[: first.shape[1]]
    arrays = {"w": first, "bias": bias, "v": second}
    stored = {name: array.astype(np.float32) for name, array in arrays.items()}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "bias"], ["u"]),
        helper.make_node("Tanh", ["u"], ["h"]),
        helper.make_node("MatMul", ["h", "v"], ["z"]),
        *(tail or [helper.make_node("Identity", ["z"], ["y"])]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(first)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(a, name) for name, a in {**stored, **(constants or {})}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def events(number: int = EVENTS, seed: int = 1) -> Weights:
    """Independent standard normal features, (number, 4), within ±3."""
    return np.clip(np.random.default_rng(seed).normal(size=(number, len(NAMES))), -3, 3)


def write_events(path: Path, x: Weights, names: Sequence[str] = NAMES) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows([[f"{value:.6f}" for value in row] for row in x])
    return path


def saturated(p: float, toys: int = 1000) -> TestResult:
    """A test of this p-value, with the uncertainty that so many toys give it."""
    error = float(np.sqrt(p * (1 - p) / (toys + 1)))
    return TestResult("saturated", 10.0, 9, p, error, None, toys)


def write_gof(path: Path, **p: float) -> Path:
    """p-values of the features: 0.5 unless they are given."""
    fits = tuple(FeatureFit(name, (saturated(p.get(name, 0.5)),)) for name in NAMES)
    GoodnessOfFit("toys", fits, (), OPTIONS, version="0").save(path)
    return path


def write_baseline(path: Path, model: Path, data: Path, **options: object) -> Path:
    ot.analyze(model, data, scale="sigma", check=0, **options).save(path)
    return path


POLICY = """
[[checks]]
id = "finite"
[[checks]]
id = "response-agreement"
[[checks]]
id = "derivative-agreement"
[[checks]]
id = "constant-response"
[[checks]]
id = "statistics"
level = "error"
min-n-eff = 100
max-rank-interval = 6
top = 3
[[checks]]
id = "forbidden-feature"
features = ["d*"]
max-share = 0.01
[[checks]]
id = "dominance"
level = "error"
max-share = 0.6
[[checks]]
id = "dead-feature"
level = "error"
features = ["a", "b", "c"]
[[checks]]
id = "expected-top"
features = ["a"]
top = 5
[[checks]]
id = "baseline-drift"
level = "error"
[[checks]]
id = "out-of-range"
[[checks]]
id = "reference-agreement"
[[checks]]
id = "mismodelled"
top-fraction = 0.5
[[checks]]
id = "kinks"
level = "error"
max-share = 0.01
[[checks]]
id = "saturation"
level = "error"
margin = 0.01
[[checks]]
id = "provenance"
operators = ["MatMul", "Add", "Tanh", "Identity", "Sigmoid", "S*", "Relu", "Mul", "Concat"]
"""


@dataclass
class Case:
    """Files of one audit, in a folder of their own."""

    folder: Path
    model: Path
    data: Path
    baseline: Path
    reference: Path
    gof: Path
    policy: Path

    def audit(self, **options: object) -> ot.audit.AuditOutcome:
        from onnxtaylor.audit import audit

        beside = {"baseline": self.baseline, "reference": self.reference, "gof": self.gof}
        return audit(self.model, self.data, self.policy, **{**beside, **options})


@pytest.fixture(scope="session")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("sound")
    model = write_net(folder / "model.onnx")
    data = write_events(folder / "events.csv", events())
    policy = folder / "policy.toml"
    policy.write_text(POLICY)
    return Case(
        folder,
        model,
        data,
        write_baseline(folder / "baseline.json", model, data),
        write_net(folder / "reference.onnx"),
        write_gof(folder / "gof.json"),
        policy,
    )


@pytest.fixture
def sound(sound_files: Case, tmp_path: Path) -> Case:
    """The sound model with everything beside it; a test may put other files in their place."""
    return Case(**{**vars(sound_files), "folder": tmp_path})


@pytest.fixture
def other(sound: Case) -> Callable[..., Case]:
    """``other(first, …)``: another net, whose baseline and reference are its own."""

    def make(*net: object, **options: object) -> Case:
        sound.model = write_net(sound.folder / "model.onnx", *net, **options)
        sound.reference = sound.model
        sound.baseline = write_baseline(sound.folder / "baseline.json", sound.model, sound.data)
        return sound

    return make
