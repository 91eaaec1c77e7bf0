"""``onnxtaylor track``: tables, files, the order of checkpoints, interrupts and hostile names."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.tracking import LearningProgress
from tests.tracking.networks import checkpoint

DATA = ("--data", "events.csv", "--label", "Label", "--weight", "w")


@pytest.fixture
def steps(place):
    """step-0, 2, 10 and 20 in the current folder; other weights in each."""
    names = []
    for step in (0, 2, 10, 20):
        names.append(f"step-{step}.onnx")
        onnx.save(checkpoint(step, (3, 5, 1)), place / names[-1])
    return sorted(names)  # as a shell gives them: step-10 before step-2


def test_the_table_and_the_files(place, cli, steps):
    words = ("-o", "p.json", "--csv", "p.csv", "--plot", "p.png", "--log", "--top", "3")
    status, out, err = cli("track", *steps, *DATA, *words)
    assert status == 0
    assert err == "saved p.json\nsaved p.csv\nsaved p.png\n"
    result = ot.ProgressResult.load(place / "p.json")
    assert [step.step for step in result.steps] == [0, 2, 10, 20]
    assert [step.name for step in result.steps] == [f"step-{s}.onnx" for s in (0, 2, 10, 20)]
    assert result.groups == ("all", "b", "s")
    assert out.startswith("4 steps from 0 (step-0.onnx) to 20 (step-20.onnx)\n")
    assert "steps are numbered by the numbers in the file names" in out
    assert "1 compiled, 3 by new weights in the graph of another; exact in float32" in out
    assert "60 events, Σw = 120, " in out
    assert "3 of 9 coefficients" in out
    for row in result.top(3):
        assert f"{result.curve(row['features'])[0]:.4g}" in out
    for place_, step in enumerate((0, 2, 10, 20)):
        alone = ot.analyze(
            place / f"step-{step}.onnx", place / "events.csv", labels="Label", weights="w",
            bootstrap=0, check=0,
        )  # fmt: skip
        np.testing.assert_allclose(result.score[place_], alone.score, rtol=1e-5)
        assert result.steps[place_].sha256 == alone.model.sha256
    with (place / "p.csv").open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 4 * 3 * 9
    assert (place / "p.png").read_bytes().startswith(b"\x89PNG")


def test_json_and_quiet(place, cli, steps):
    status, out, err = cli("track", *steps, *DATA, "--json", "-q", "-o", "p.json")
    assert (status, err) == (0, "")
    assert out == (place / "p.json").read_text(encoding="utf-8")
    assert cli("track", *steps, *DATA, "-q") == (0, "", "")


def test_options_reach_the_analysis(place, cli, steps):
    words = ("--scale", "sigma", "--link", "logit", "--order", "1", "--sample", "20", "--seed", "3")
    assert cli("track", *steps, *DATA, *words, "-q", "-o", "p.json").status == 0
    result = ot.ProgressResult.load(place / "p.json")
    assert result.data.events == 20
    assert len(result.indices) == 3
    alone = ot.analyze(
        place / "step-20.onnx", place / "events.csv", labels="Label", weights="w", sample=20,
        seed=3, scale="sigma", link="logit", order=1, bootstrap=0, check=0,
    )  # fmt: skip
    np.testing.assert_allclose(result.score[-1], alone.score, rtol=1e-4)
    assert cli("track", *steps, *DATA, "--sample", "0", "-q", "-o", "p.json").status == 0
    assert ot.ProgressResult.load(place / "p.json").options["sample"] is None


def test_steps_in_metadata_or_as_given(place, cli, steps):
    for step, name in enumerate(steps):
        proto = onnx.load(place / name)
        onnx.helper.set_model_props(proto, {"step": str(100 - step)})
        onnx.save(proto, place / name)

    def found(*words):
        assert cli("track", *steps, *DATA, "-q", "-o", "p.json", *words).status == 0
        return [(s.step, s.name) for s in ot.ProgressResult.load(place / "p.json").steps]

    stored = [(97, steps[3]), (98, steps[2]), (99, steps[1]), (100, steps[0])]
    assert found() == found("--step-by", "metadata") == stored
    assert found("--step-by", "order") == list(enumerate(steps))
    assert found("--step-by", "names")[1] == (2, "step-2.onnx")


def test_what_was_not_swapped_is_said(place, cli, steps):
    onnx.save(checkpoint(7, (3, 6, 1)), place / "step-10.onnx")
    status, out, err = cli("track", *steps, *DATA)
    assert status == 0
    assert "3 compiled, 1 by new weights" in out
    assert "step 10 and 1 more: its graph has another structure than that of the step before" in err
    status, out, err = cli("track", *steps, *DATA, "--engine", "differences")
    assert "4 analyzed without swapping; differences in float64" in out
    assert "step 0 and 3 more: not swapped: differences were asked for" in err


def test_kinks_are_told(place, cli):
    onnx.save(checkpoint(1, (3, 5, 1), activation="Relu"), place / "relu.onnx")
    told = "second order is pointwise: it leaves out what bends at the kinks of Relu ×1"
    assert told in cli("track", "relu.onnx", *DATA, "--curvature", "pointwise").out
    averaged = cli("track", "relu.onnx", *DATA).out
    assert told not in averaged
    assert "second order is averaged over ±0.35σ" in averaged
    assert told not in cli("track", "relu.onnx", *DATA, "--order", "1").out


def test_an_interrupt_keeps_what_was_recorded(place, cli, steps, monkeypatch):
    record = LearningProgress.record

    def interrupted(self, step, *words):
        if step == 10:
            raise KeyboardInterrupt
        return record(self, step, *words)

    monkeypatch.setattr(LearningProgress, "record", interrupted)
    status, out, err = cli("track", *steps, *DATA, "-o", "p.json")
    assert (status, out) == (2, "")
    assert err == "error: interrupted: the 2 steps before it of 4 are saved in p.json\n"
    assert ot.ProgressResult.load(place / "p.json").numbers.tolist() == [0, 2]
    (place / "p.json").unlink()
    status, out, err = cli("track", *steps, *DATA)
    assert (status, out) == (2, "")
    assert err == "error: interrupted: nothing was saved (-o FILE keeps steps)\n"


def test_an_interrupt_before_the_first_step(cli, steps, monkeypatch):
    def interrupted(self, step, *words):
        raise KeyboardInterrupt

    monkeypatch.setattr(LearningProgress, "record", interrupted)
    err = cli("track", *steps, *DATA, "-o", "p.json").err
    assert err == "error: interrupted: nothing was saved before the first step was done\n"


def test_a_wrong_model_keeps_what_was_recorded_before_it(place, cli, steps):
    (place / "step-20.onnx").write_bytes(b"no model")
    status, out, err = cli("track", *steps, *DATA, "-o", "p.json", "--step-by", "names")
    assert (status, out) == (2, "")
    assert err.startswith("error: step-20.onnx: not an ONNX model")
    assert err.endswith("the 3 steps before it of 4 are saved in p.json\n")
    assert ot.ProgressResult.load(place / "p.json").numbers.tolist() == [0, 2, 10]


def test_events_from_stdin(place, cli, steps, monkeypatch):
    content = io.BytesIO((place / "events.csv").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    words = ("--data", "-", "--label", "Label", "--weight", "w", "-q", "-o", "p.json")
    assert cli("track", *steps, *words) == (0, "", "")
    found = ot.ProgressResult.load(place / "p.json")
    assert found.data.sources == ("<stdin>",)
    assert cli("track", *steps, *DATA, "-q", "-o", "q.json").status == 0
    wanted = ot.ProgressResult.load(place / "q.json")
    np.testing.assert_array_equal(found.score, wanted.score)


def test_wrong_calls(place, refused, steps):
    assert "none.onnx: no such file" in refused("track", "none.onnx", *DATA)
    assert "--data" in refused("track", *steps)
    assert "do not differ in one number" in refused(
        "track", "step-2.onnx", "step-2.onnx", *DATA, "--step-by", "names"
    )
    assert "is read by this call" in refused("track", *steps, *DATA, "-o", "step-0.onnx")
    assert "must end in" in refused("track", *steps, *DATA, "--plot", "p.gif")
    assert "steps by 'date'" in refused("track", *steps, *DATA, "--step-by", "date")
    bad = refused("track", *steps, *DATA, "--scale", "x")
    assert bad == "--scale must be sigma or unit, got 'x'"
    onnx.save(checkpoint(1, (3, 4, 2)), place / "step-30.onnx")
    assert "track one kind of model" in refused("track", "step-0.onnx", "step-30.onnx", *DATA)
    onnx.save(checkpoint(1, (4, 1)), place / "other-1.onnx")
    assert "the model has 4 inputs" in refused("track", "other-1.onnx", *DATA)


def test_hostile_names_come_out_inert(place, cli):
    name = "a\x1b[31m$<script>-{}.onnx"
    for step in (1, 2):
        onnx.save(checkpoint(step, (3, 5, 1), prefix="\x1b[2J<b>"), place / name.format(step))
    words = ("-o", "p.json", "--plot", "p.svg")
    status, out, err = cli("track", name.format(2), name.format(1), *DATA, *words)
    assert status == 0
    assert "\x1b" not in out + err
    assert r"\x1b[31m$<script>-1.onnx" in out
    assert json.loads((place / "p.json").read_text())["steps"][0]["name"] == name.format(1)
    picture = (place / "p.svg").read_text(encoding="utf-8")
    assert "<b>" not in picture
    assert "\x1b" not in picture
