"""16 models by other people: each gives its result, or the one line that says why not."""

import json
import os
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from onnxtaylor.cli import main
from onnxtaylor.cli.flags import as_flags
from onnxtaylor.graph import input_ports, read_model
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model
from onnxtaylor.runtime.session import Session
from validation.models import CASES, EVENTS, Case, random_events, run

DATA = os.environ.get("ONNXTAYLOR_DATA")
MODELS = Path(DATA or ".") / "models"
pytestmark = pytest.mark.skipif(not DATA, reason="ONNXTAYLOR_DATA names no folder of data")

FREED = "fixed in the file, made free and verified"
RESULTS = {  # features, responses, batch
    "acasxu_1_1": (5, 5, FREED),
    "marabou_tanh_controller": (4, 2, "free"),
    "mandal_certificate_controller": (4, 2, FREED),
    "mnist_self_attention": (784, 10, FREED),
    "mnist_sigmoid_mlp": (784, 10, "free"),
    "tinytaxinet": (128, 2, "free"),
    "mujoco_go1_policy": (48, 12, FREED),
    "godot_score_the_goal": (16, 2, "free"),
    "godot_volleyball": (17, 2, "free"),
    "silero_vad_op18": (576, 1, "free"),
    "atspm_funcnet_pair": (600, 1, "free"),
    "surfaces_mlp_svm_surrogate": (6, 1, "free"),
    "ort_logreg_iris": (2, 3, FREED),
}
REFUSED = {
    "magika_v3_3": "input 'bytes' holds int32.*whole numbers.*--finite-step 1, .*extract_model",
    "atspm_stacker_treeensemble_v5": r"step function.*\(TreeEnsemble\).*--finite-step 0.5sigma",
    "xgb_regressor_4": r"step function.*\(TreeEnsembleRegressor\).*--finite-step 0.5sigma",
}
BY_STEPS = {  # of those: features, responses, how many of them move
    "magika_v3_3": (2048, 214, 8),
    "atspm_stacker_treeensemble_v5": (46, 7, 46),
    "xgb_regressor_4": (4, 1, 4),
}
# What the first line about a model asks for, before anything is held or any data are named.
ASKED = {
    "silero_vad_op18": r"'sr' \(int64 \[\]\).*--fix sr=VALUE",
    "atspm_funcnet_pair": r"size of input 'x' \[N, 15, T\] is free.*name a file",
}


# many evaluations, of recurrent models or models of many layers
HEAVY = ("silero_vad_op18", "atspm_funcnet_pair", "mujoco_go1_policy")


@pytest.fixture(
    params=[
        pytest.param(case, marks=[pytest.mark.slow] * (case.name in HEAVY), id=case.name)
        for case in CASES
    ]
)
def case(request) -> Case:
    return request.param


@pytest.fixture
def events(case, tmp_path) -> str:
    np.save(tmp_path / "events.npy", random_events(case))
    return str(tmp_path / "events.npy")


def answer(capsys, *arguments):
    """Status, JSON and error line of a command in this process; its warnings are left out."""
    status = main([*arguments, "--json"])
    out, err = capsys.readouterr()
    err = "".join(x for x in err.splitlines(True) if not x.startswith("warning: "))
    assert err.count("\n") == (status == 2), err
    return status, json.loads(out or "{}"), err


def test_every_model_is_accounted_for():
    names = {case.name for case in CASES}
    assert names == {path.stem for path in MODELS.glob("*.onnx")}
    assert names == RESULTS.keys() | REFUSED.keys()
    assert REFUSED.keys() == BY_STEPS.keys()  # 16 of 16 give a result in one mode or the other


def test_inspect_and_analyze(case, events, capsys):
    path = str(MODELS / f"{case.name}.onnx")
    status, report, line = answer(capsys, "inspect", path, events, *case.options)
    order = ("--order", str(case.order), "--engine", "differences", "--bootstrap", "0")
    done, result, complaint = answer(capsys, "analyze", path, events, *case.options, *order)
    if case.name in REFUSED:
        assert (status, done) == (2, 2)
        assert line == complaint
        assert re.search(REFUSED[case.name], line)
        assert line == f"error: {as_flags(report['problem'])}\n"
        return
    assert (status, done) == (0, 0)
    features, responses, batch = RESULTS[case.name]
    assert report["features"] == [str(features)] or report["features"][0].startswith(f"{features}:")
    assert report["batch"] == result["options"]["batch"] == batch
    assert len(result["data"]["features"]) == features
    assert len(result["model"]["output"]) == responses
    scores = [row["score"] for row in result["coefficients"]]
    assert np.isfinite(scores).all()
    assert max(scores) > 0


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name in BY_STEPS], ids=lambda case: case.name
)
def test_models_without_derivatives_respond_to_finite_steps(case, events, capsys):
    path = str(MODELS / f"{case.name}.onnx")
    steps = [word for step in case.steps for word in ("--finite-step", step)]
    words = ("--order", str(case.order), "--bootstrap", "0")
    status, result, line = answer(capsys, "analyze", path, events, *steps, *words)
    assert (status, line) == (0, "")
    features, responses, moved = BY_STEPS[case.name]
    assert result["method"] == result["model"]["engine"] == "finite-step"
    assert len(result["data"]["features"]) == features
    assert len(result["model"]["output"]) == responses
    told = result["options"]["finite_step"]
    assert sum(step is not None for step in told["steps"]) == moved
    scores = [row["score"] for row in result["coefficients"]]
    assert np.isfinite(scores).all()
    assert max(scores) > 0
    first = result["coefficients"][0]
    # the definition, of the first feature that moved, by onnxruntime alone
    original = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    port = original.get_inputs()[0]
    kind = {"tensor(double)": np.float64, "tensor(int32)": np.int32}.get(port.type, np.float32)
    x, step = np.load(events).astype(float), told["steps"][0]
    ends = [x.copy(), x.copy()]
    for end, sign in zip(ends, (1, -1), strict=True):
        end[:, 0] += sign * step
    inside = [(end[:, 0] >= x[:, 0].min()) & (end[:, 0] <= x[:, 0].max()) for end in ends]
    if case.whole:
        for end, stays in zip(ends, inside, strict=True):
            end[~stays, 0] = x[~stays, 0]
        sides = inside[0].astype(int) + inside[1]
    else:
        sides = np.full(len(x), 2)
    up, down = (original.run([result_name(original)], {port.name: e.astype(kind)})[0] for e in ends)
    expected = (abs(up.reshape(len(x), -1) - down.reshape(len(x), -1))[:, 0] / sides).mean()
    assert first["features"] == [result["data"]["features"][0]["name"]]
    assert first["score"] == pytest.approx(expected, rel=1e-3, abs=1e-7)


def result_name(session):
    return session.get_outputs()[0].name


@pytest.mark.parametrize("name", ASKED)
def test_what_a_model_asks_for(name, capsys):
    status, report, line = answer(capsys, "inspect", str(MODELS / f"{name}.onnx"))
    assert status == 2
    assert re.search(ASKED[name], line)
    assert report["inputs"]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name in RESULTS], ids=lambda case: case.name
)
def test_the_function_is_the_original(case, events):
    """onnxruntime alone on the original file, as many events at a time as it insists on."""
    path = MODELS / f"{case.name}.onnx"
    x = np.load(events).astype(float)
    fixed = dict(pair.split("=") for pair in case.options[1::2])
    model = read_model(path)
    opened = open_model(model, ModelOptions(fix={k: float(v) for k, v in fixed.items()}), x)
    found = Session(opened.function)(x)

    original = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (features,) = [p for p in input_ports(model.proto.graph) if p == opened.choice.features[0]]
    shape = [d if isinstance(d, int) else -1 for d in features.shape or (-1, -1)]
    batch = shape[0] if shape[0] > 0 else 5
    expected = []
    for start in range(0, EVENTS - EVENTS % batch, batch):
        feeds = {features.name: x[start : start + batch].reshape(batch, *shape[1:])}
        for p in input_ports(model.proto.graph):
            if p.name not in feeds:
                sizes = [d if isinstance(d, int) else batch for d in p.shape or ()]
                feeds[p.name] = np.full(sizes, float(fixed.get(p.name, 0)))
        kinds = {"tensor(int64)": np.int64}
        typed = {
            i.name: feeds[i.name].astype(kinds.get(i.type, np.float32))
            for i in original.get_inputs()
        }
        outputs = dict(
            zip([o.name for o in original.get_outputs()], original.run(None, typed), strict=True)
        )
        response = outputs.get(opened.choice.outputs[0])
        if response is None:  # a ZipMap's sequence of maps
            response = np.array([list(row.values()) for row in outputs["probabilities"]])
        expected.append(response.reshape(batch, -1))
    assert found[: sum(map(len, expected))] == pytest.approx(
        np.concatenate(expected), rel=2e-5, abs=2e-5
    )


@pytest.mark.slow
def test_the_study_finds_no_fault(case):
    """In a process of its own, as a user would."""
    assert run(case, MODELS).faults == ()
