"""Production taggers with events of raw variables: inspected, expanded, checked.

The nets and the ``preprocess.json`` of one of them lie in ``$ONNXTAYLOR_DATA/taggers``.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.engine.padded import leave_out_padding
from onnxtaylor.inputs import InputSpecification, Specification, Transform, Variable
from onnxtaylor.options import EngineOptions, ModelOptions
from onnxtaylor.runtime.promotion import promote

DATA = os.environ.get("ONNXTAYLOR_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="ONNXTAYLOR_DATA is not set")
FOLDER = Path(DATA or "") / "taggers"
NET = FOLDER / "particlenet_ak4_scouting.onnx"
PREPARATION = FOLDER / "particlenet_ak4_scouting.preprocess.json"
DOUBLE_B = FOLDER / "deepdoublex_cvb.onnx"


def candidates(sizes, seed=0):
    """Raw variables of candidates, one list for each event; some are clipped, some not finite."""
    document = json.loads(PREPARATION.read_text())
    rng = np.random.default_rng(seed)
    data = {}
    for group in ("pf_points", "pf_features"):
        for name in document[group]["var_names"]:
            if name not in data:
                data[name] = [rng.normal(0.5, 3.0, k) for k in sizes]
    data["pfcand_normchi2"][0][2] = np.inf
    return data


def by_loops(data, slots):
    """The tensors of weaver's documented form, by loops over events, variables and candidates."""
    document = json.loads(PREPARATION.read_text())
    sizes = [len(one) for one in data["pfcand_etarel"]]
    feeds = {"pf_mask": np.zeros((len(sizes), 1, slots))}
    for group in ("pf_points", "pf_features"):
        names = document[group]["var_names"]
        tensor = np.zeros((len(sizes), len(names), slots))
        for k, size in enumerate(sizes):
            for v, name in enumerate(names):
                told = document[group]["var_infos"][name]
                for s in range(min(size, slots)):
                    x = data[name][k][s]
                    x = x if np.isfinite(x) else told["replace_inf_value"]
                    x = (x - told["median"]) * told["norm_factor"]
                    tensor[k, v, s] = min(max(x, told["lower_bound"]), told["upper_bound"])
            feeds["pf_mask"][k, 0, : min(size, slots)] = 1.0
        feeds[group] = tensor
    return feeds


def opened(data, **options):
    return ot.Problem.open(NET, data, ModelOptions(**{"inputs": PREPARATION, **options}))


def test_responses_are_those_to_tensors_made_by_hand():
    data = candidates([12, 40, 23, 17])
    problem = opened(data)
    feeds = by_loops(data, 40)
    x = next(iter(problem.source.batches(10))).x
    parts = [feeds[name].reshape(4, -1) for name in ("pf_points", "pf_features", "pf_mask")]
    np.testing.assert_array_equal(x, np.concatenate(parts, axis=1))
    session = onnxruntime.InferenceSession(NET)
    (expected,) = session.run(None, {k: v.astype(np.float32) for k, v in feeds.items()})
    np.testing.assert_allclose(problem.session(x), expected, atol=2e-6)
    assert problem.response_names == (
        *("label_b", "label_bb", "label_c", "label_cc", "label_uds", "label_g", "label_undef"),
    )
    assert problem.function.n_varied == 23 * 40
    padded = problem.slots.padded(x)
    assert (padded[:, : 23 * 40] == np.tile(feeds["pf_mask"][:, 0] == 0, (1, 23))).all()


def test_inspect_is_one_screen_with_the_command(cli, place):
    data = candidates([16, 19])
    pq.write_table(pa.table(data), place / "jets.parquet")
    status, out, err = cli("inspect", str(NET), "jets.parquet", "--inputs", str(PREPARATION))
    assert (status, err) == (0, "")
    assert len(out.splitlines()) < 40
    text = " ".join(out.split())
    assert "pf_features float32 [N, 21, 19]: features 21 variables × 19 slots, of" in text
    assert "mask of pf_points, pf_features, not 0 where a slot is filled" in text
    assert f"onnxtaylor analyze {NET} jets.parquet --inputs {PREPARATION}" in text


@pytest.mark.slow
@pytest.mark.parametrize("expand", [False, True])
def test_jacobian_against_differences_in_double_precision(expand):
    data = candidates([10, 16])
    given = Specification.read(PREPARATION)
    problem = opened(data, inputs=replace(given, expand_transforms=expand))
    x = next(iter(problem.source.batches(10))).x
    options = EngineOptions(order=1, engine="exact", precision="float64")
    chosen = make_engine(problem, options, problem.function.indices(1))
    assert chosen.engine.precision == "float64"
    terms = leave_out_padding(chosen.engine, problem.slots).coefficients(x).terms
    padded = problem.slots.padded(x)[:, : 23 * 16]
    assert padded[0].sum() == 23 * 6
    assert not terms[np.broadcast_to(padded[:, None], terms.shape)].any()
    double = promote(problem.function, x).session
    assert double is not None
    random, step, found = np.random.default_rng(5), 1e-6, 0
    for k, i in zip(random.integers(0, 2, 60), random.integers(2 * 16, 23 * 16, 60), strict=True):
        if padded[k, i]:
            continue
        rows = np.repeat(x[k : k + 1], 2, axis=0)
        rows[:, i] += step, -step
        upper, lower = double(rows)
        np.testing.assert_allclose(terms[k, :, i], (upper - lower) / (2 * step), atol=1e-8)
        found += bool(np.abs(terms[k, :, i]).max() > 1e-5)
    assert found > 20


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_first_order_by_variable_and_the_check():
    data = candidates([10, 16])
    problem = opened(data)
    how = {"order": 1, "check": 0, "bootstrap": 0, "scale": "unit"}
    summed, single = ot.analyze(problem, **how), ot.analyze(problem, by="feature", **how)
    assert summed.score.shape == (7, 1, 23)
    both = single.score.reshape(7, 1, 23, 16).sum(axis=-1)
    np.testing.assert_allclose(summed.score, both, rtol=1e-6)
    names = [feature.name for feature in summed.data.features]
    assert not [name for name in names if "mask" in name]
    # two events are too few for a verdict on a coefficient, but not for one on each comparison
    checked = ot.cross_check(problem, events=2, order=1, check_method="all").to_dict()
    assert checked["comparisons"]["differs"] == 0
    assert checked["comparisons"]["agrees"] > 0.99 * 2 * 7 * 23 * 16
    assert checked["responses"]["agree"]


def double_b():
    """A specification of the other net, and events: sets are padded to a fixed size, no masks."""
    axes, inputs, data = ("batch", "slot", "variable"), [], {}
    rng = np.random.default_rng(1)
    sets = (("jet", 1, 5), ("pf", 60, 8), ("track", 40, 21), ("sv", 5, 7))
    for place, (prefix, slots, count) in enumerate(sets, 1):
        move = Transform(subtract=0.3, scale=0.5, lower=-5.0, upper=5.0, replace=0.0)
        own = tuple(Variable(f"v{k}", f"{prefix}_v{k}", move) for k in range(count))
        one = InputSpecification(f"input_{place}", "features", axes, own, slots, slots)
        inputs.append(replace(one, prefix=prefix))
        sizes = rng.integers(max(1, slots // 3), max(2, slots // 2), 3)
        data |= {f"{prefix}_v{k}": [rng.normal(size=n) for n in sizes] for k in range(count)}
    return Specification(tuple(inputs)), data


def test_sets_of_fixed_size_without_masks():
    given, data = double_b()
    problem = ot.Problem.open(DOUBLE_B, data, ModelOptions(inputs=given))
    x = next(iter(problem.source.batches(10))).x
    assert problem.function.n_varied == 5 + 60 * 8 + 40 * 21 + 5 * 7
    feeds = {}
    for one in given.inputs:
        feeds[one.name] = np.zeros((3, one.max_length, len(one.variables)))
        for k in range(3):
            for v, variable in enumerate(one.variables):
                for s, value in enumerate(data[variable.column][k]):
                    feeds[one.name][k, s, v] = min(max((value - 0.3) * 0.5, -5.0), 5.0)
    session = onnxruntime.InferenceSession(DOUBLE_B)
    (expected,) = session.run(None, {k: v.astype(np.float32) for k, v in feeds.items()})
    np.testing.assert_allclose(problem.session(x), expected, atol=2e-6)
    filled = ~problem.slots.padded(x)[:, 5 : 5 + 480].reshape(3, 60, 8)
    assert (filled.sum(axis=(1, 2)) == [8 * len(one) for one in data["pf_v0"]]).all()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_sets_of_fixed_size_leave_out_padding():
    given, data = double_b()
    problem = ot.Problem.open(DOUBLE_B, data, ModelOptions(inputs=given))
    x = next(iter(problem.source.batches(10))).x
    options = EngineOptions(order=1, engine="exact", precision="float64")
    chosen = make_engine(problem, options, problem.function.indices(1))
    terms = leave_out_padding(chosen.engine, problem.slots).coefficients(x).terms
    padded = problem.slots.padded(x)[:, :1360]
    assert padded.any(axis=1).all()
    assert not terms[np.broadcast_to(padded[:, None], terms.shape)].any()
    double = promote(problem.function, x).session
    assert double is not None
    random, step, found = np.random.default_rng(5), 1e-6, 0
    for k, i in zip(random.integers(0, 3, 90), random.integers(0, 1360, 90), strict=True):
        if not padded[k, i]:
            rows = np.repeat(x[k : k + 1], 2, axis=0)
            rows[:, i] += step, -step
            upper, lower = double(rows)
            np.testing.assert_allclose(terms[k, :, i], (upper - lower) / (2 * step), atol=1e-8)
            found += bool(np.abs(terms[k, :, i]).max() > 1e-5)
    assert found > 10
