"""Small models and tables on disk, and the command line called in process."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.cli import main

EVENTS = 60


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


def write_model(path: Path, features: int = 3, responses: int = 1, output: str = "y") -> Path:
    """tanh layer of four nodes, then sigmoid of one or softmax of several."""
    random = np.random.default_rng(features)
    shapes = {"w": (features, 4), "v": (4, responses)}
    nodes = [("MatMul", "x", "w", "a"), ("Tanh", "a", "b"), ("MatMul", "b", "v", "z")]
    nodes.append(("Sigmoid" if responses == 1 else "Softmax", "z", output))
    graph = helper.make_graph(
        [helper.make_node(kind, ends[:-1], ends[-1:]) for kind, *ends in nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", features])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", responses])],
        [
            numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
            for name, shape in shapes.items()
        ],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


def write_table(
    path: Path,
    names: Sequence[str] = ("a", "b", "c"),
    classes: Sequence[str] = ("s", "b"),
    events: int = EVENTS,
    cells: Callable[[list[dict[str, str]]], None] | None = None,
) -> Path:
    """A CSV of features, ``Label`` and ``w``; ``cells`` may change its rows."""
    random = np.random.default_rng(1)
    rows = [
        {name: f"{random.normal():.4f}" for name in names}
        | {"Label": classes[k % len(classes)], "w": f"{1 + k % 3}"}
        for k in range(events)
    ]
    if cells:
        cells(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*names, "Label", "w"])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: model.onnx (3 features), softmax.onnx (3 responses), events.csv."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model.onnx")
    write_model(tmp_path / "softmax.onnx", responses=3)
    write_table(tmp_path / "events.csv")
    write_table(tmp_path / "three.csv", classes=("0", "1", "2"))
    return tmp_path


@pytest.fixture
def cli(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """cli("rank", "result.json", …) in ``place`` → status, stdout, stderr."""

    def run(*words: str | Path) -> Outcome:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Outcome(status, *capsys.readouterr())

    return run


@pytest.fixture
def refused(place: Path, cli: Callable[..., Outcome]) -> Callable[..., str]:
    """refused("analyze", …) → the line behind ``error:``; nothing else is said or written."""

    def run(*words: str | Path) -> str:
        before = sorted(place.rglob("*"))
        status, out, err = cli(*words)
        assert status == 2, err
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert err.rstrip("\n").isprintable()
        assert sorted(place.rglob("*")) == before
        return err.removeprefix("error: ").rstrip("\n")

    return run
