"""Second order averaged over steps on the command line: asked for, chosen, named, refused."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from onnxtaylor.cli import main
from tests.engine.nets import Net


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curvature")
    for name in ("relu", "tanh"):
        onnx.save(Net(name).model(), folder / f"{name}.onnx")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32))
    return folder


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return status, shown.out, " ".join(shown.err.split())


def test_analyze_says_what_second_order_is_and_why(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    model, data, out = files / "relu.onnx", files / "x.npy", files / "relu.json"
    status, text, _ = run(capsys, "analyze", model, data, "-o", out)
    assert status == 0
    text = " ".join(text.split())
    assert "second order is averaged over ±0.35σ (pairs) and ±1.4σ (widths): kinks of Relu" in text
    assert "leaves out what bends" not in text
    document = json.loads(out.read_text())
    assert document["method"] == document["options"]["curvature"] == "averaged"
    assert document["options"]["curvature_step"]["asked"] == {"*": "0.7sigma"}
    status, text, _ = run(capsys, "analyze", files / "tanh.onnx", data)
    assert status == 0
    assert "second order" not in text


def test_steps_are_given_by_feature(files, capsys):
    steps = ("--curvature-step", "1", "--curvature-step", "x2=0.5sigma")
    status, text, _ = run(capsys, "analyze", files / "relu.onnx", files / "x.npy", *steps, "--json")
    assert status == 0
    told = json.loads(text)["options"]["curvature_step"]
    assert told["asked"] == {"*": "1", "x2": "0.5sigma"}
    assert told["steps"][0] == 1.0


def test_check_compares_averaged_coefficients(files, capsys):
    status, text, _ = run(capsys, "check", files / "relu.onnx", files / "x.npy")
    assert status == 0
    assert "second order is averaged over ±0.35σ (pairs) and ±1.4σ (widths)" in " ".join(
        text.split()
    )


def test_averaged_and_pointwise_results_are_not_compared(files, capsys):
    for kind in ("averaged", "pointwise"):
        run(
            capsys,
            *("analyze", files / "relu.onnx", files / "x.npy", "--check", 0, "--bootstrap", 0),
            *("--curvature", kind, "-o", files / f"{kind}.json"),
        )
    status, _, line = run(capsys, "compare", files / "averaged.json", files / "pointwise.json")
    assert status == 2
    assert (
        "curvature is averaged over ±0.35σ (pairs) and ±1.4σ (widths) in A and pointwise in B"
        in line
    )
    assert "--curvature" in line


def test_third_order_is_pointwise(files, capsys):
    status, _, line = run(
        capsys,
        "analyze",
        files / "relu.onnx",
        files / "x.npy",
        "--order",
        3,
        "--curvature",
        "averaged",
    )
    assert status == 2
    assert line.startswith("error: --curvature averaged is offered up to second order")


def test_all_of_third_order_is_said_to_be_pointwise(files, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    out, page = tmp_path / "r.json", tmp_path / "page.html"
    arguments = (files / "relu.onnx", files / "x.npy", "--order", 3, "--check", 0, "-o", out)
    _, text, _ = run(capsys, "analyze", *arguments)
    line = "second and third order are pointwise: they do not see the kinks of Relu"
    assert line in " ".join(text.split())
    run(capsys, "report", out, "-o", page)
    assert f"S{line[1:]}" in " ".join(page.read_text().split())


def test_whole_steps_are_named(files, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    x = np.load(files / "x.npy")
    x[:, 2] = np.round(x[:, 2])
    np.save(tmp_path / "whole.npy", x)
    _, text, _ = run(capsys, "analyze", files / "relu.onnx", tmp_path / "whole.npy", "--check", 0)
    assert "by whole steps, inside the data's range: x2\n" in text
