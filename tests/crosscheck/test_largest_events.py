"""The check sees the events with the largest coefficients, which no random sample holds."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part

# smooth functions whose digits cancel in single precision near 0
CANCELLING = {
    "(exp x - 1) / x": "s = Exp (x)\n t = Sub (s, one)\n y = Div (t, x)",
    "log(1 + x^2) / x": "s = Mul (x, x)\n t = Add (s, one)\n u = Log (t)\n y = Div (u, x)",
    "sin x / x": "s = Sin (x)\n y = Div (s, x)",
    "(1 - cos x) / x^2": ("c = Cos (x)\n s = Sub (one, c)\n t = Mul (x, x)\n y = Div (s, t)"),
}
EVENTS = 20_000


def model_of(body: str, columns: int = 1) -> onnx.ModelProto:
    return onnx.parser.parse_model(f"""
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, {columns}] x) => (float[N, {columns}] y) <float one = {{1}}> {{
        {body}
    }}
    """)


def events(seed: int = 0, size: int = EVENTS, columns: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(size, columns)).astype(np.float32)


OPTIONS = {"scale": "unit", "bootstrap": 0}


@pytest.mark.parametrize("name", list(CANCELLING)[:3])
def test_digits_that_cancel_at_single_events_make_the_check_differ(name):
    model, x = model_of(CANCELLING[name]), events()
    x[12_345] = 1e-5
    single = ot.analyze(model, x, **OPTIONS)
    double = ot.analyze(model, x, precision="float64", **OPTIONS)
    wrong = np.abs(single.score / double.score - 1)[0, 0]
    assert wrong.max() > 0.1
    assert single.check["verdict"] == "differs"
    assert double.check["verdict"] == "agrees"
    told = " ".join(single.check["notes"])
    assert "numbers 12345" in told
    assert 'use precision="float64"' in told
    assert [row["label"] for row in single.check["differing"]] == ["x0, x0"]
    assert 12_345 in single.check["events"]


def test_events_of_the_sample_are_compared_once():
    """All events are sampled here; a saved result can be read again."""
    model, x = model_of(CANCELLING["(exp x - 1) / x"]), events(size=60)
    x[10] = 1e-5
    result = ot.analyze(model, x, **OPTIONS)
    assert result.check["verdict"] == "differs"
    assert sorted(result.check["events"]) == list(range(60))
    assert ot.TaylorResult.from_json(result.to_json()).check == result.check


def test_round_off_at_all_events_is_no_agreement():
    single = ot.analyze(model_of(CANCELLING["(1 - cos x) / x^2"]), events(), **OPTIONS)
    assert single.score[0, 0, 1] > 1e3  # 0.06 in truth
    assert single.check["verdict"] in ("differs", "undecided")


def test_interrupted_runs_find_them_too(tmp_path):
    model, x = model_of(CANCELLING["sin x / x"]), events()
    x[700] = 1e-5

    def interrupt(stage, done, total):
        if stage == "coefficients" and done > EVENTS // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ot.analyze(model, x, resume=tmp_path, progress=interrupt, batch_size=512, **OPTIONS)
    resumed = ot.analyze(model, x, resume=tmp_path, batch_size=512, **OPTIONS)
    assert resumed.check["verdict"] == "differs"
    whole = ot.analyze(model, x, resume=tmp_path / "other", batch_size=512, **OPTIONS)
    assert resumed.to_json() == whole.to_json()


def test_wide_models_whose_coefficients_are_compared_along_directions():
    body = CANCELLING["(exp x - 1) / x"].replace("y =", "v =")
    model = onnx.parser.parse_model(f"""
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 40] x) => (float[N, 1] y) <float one = {{1}}, int64[1] axis = {{1}}> {{
        {body}
        y = ReduceSum (v, axis)
    }}
    """)
    x = events(columns=40, size=3000)
    x[1000, 3] = 1e-6
    asked = {**OPTIONS, "order": 2, "check_method": "directions"}
    single = ot.analyze(model, x, **asked)
    assert single.check["directions"]
    assert single.check["verdict"] == "differs"
    assert any("x3, x3" in note for note in single.check["notes"])
    assert ot.analyze(model, x, precision="float64", **asked).check["verdict"] == "agrees"


def test_merged_shards_do_not_agree_where_few_events_make_a_coefficient(tmp_path):
    model, x = model_of(CANCELLING["(exp x - 1) / x"]), events()
    paths = [tmp_path / f"part{k}" for k in (1, 2)]
    for precision, verdict in (("auto", "undecided"), ("float64", "agrees")):
        for k, path in enumerate(paths, 1):
            analyze_part(model, x, shard=f"{k}/2", precision=precision, **OPTIONS).save(path)
        merged = merge_parts(paths)
        assert isinstance(merged, ot.TaylorResult)
        assert merged.check["verdict"] == verdict


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_large_coefficients_that_are_right_agree(engine):
    rng = np.random.default_rng(1)
    x = rng.standard_t(2, size=(2000, 2)).astype(np.float32)
    weights = rng.normal(1.0, 0.1, 2000)
    weights[77] = 500.0
    model = onnx.parser.parse_model("""
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 2] x) => (float[N, 2] y) { a = Mul (x, x)
        b = Mul (a, x)
        y = Mul (b, x) }
    """)
    result = ot.analyze(model, x, weights=weights, engine=engine, bootstrap=0)
    assert result.check["verdict"] == "agrees"
