"""Results by variable, by input and by groups: against PyTorch, and against those by feature."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import combinations_with_replacement

import jsonschema
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.results.ranking import ranked_rows
from onnxtaylor.statistics.bootstrap import replicate_weights
from onnxtaylor.statistics.ranks import rank_intervals
from onnxtaylor.views.tables import listing

SLOTS, VARIABLES, GLOBALS, HIDDEN, EVENTS = 4, 3, 2, 5, 120
NAMES = [f"pf.{v}[{s}]" for s in range(SLOTS) for v in ("pt", "eta", "phi")] + ["jet.m", "jet.pt"]
GROUPS = ["pf.pt", "pf.eta", "pf.phi", "jet.m", "jet.pt"]
N = len(NAMES)
VARIABLE_OF = [GROUPS.index(name.partition("[")[0]) for name in NAMES]
OBJECT_OF = [i // VARIABLES for i in range(SLOTS * VARIABLES)] + [-1, -1]


def small_result():
    """A small result by variable."""
    x = np.random.default_rng(1).normal(size=(60, N))
    return ot.analyze(
        deep_sets(), x, feature_names=NAMES, by="variable", bootstrap=20, check=0,
        curvature="pointwise",
    )  # fmt: skip


def weights():
    rng = np.random.default_rng(4)
    shapes = {
        "w1": (VARIABLES, HIDDEN),
        "b1": (HIDDEN,),
        "w2": (HIDDEN + GLOBALS, HIDDEN),
        "b2": (HIDDEN,),
        "w3": (HIDDEN, 2),
    }
    return {name: rng.normal(size=s) / np.sqrt(s[0]) for name, s in shapes.items()}


def deep_sets():
    """y = tanh(W₂ [Σ_s tanh(W₁ x_s + b₁), jet] + b₂) W₃ on one matrix of 14 features."""
    edge = SLOTS * VARIABLES
    whole = {"shape": [-1, SLOTS, VARIABLES], "s0": [0], "s1": [edge], "s2": [N], "ax": [1]}
    constants = weights() | {name: np.array(v) for name, v in whole.items()}
    nodes = [
        ("Slice", ["x", "s0", "s1", "ax"], "set"),
        ("Slice", ["x", "s1", "s2", "ax"], "jet"),
        ("Reshape", ["set", "shape"], "pf"),
        ("MatMul", ["pf", "w1"], "a"),
        ("Add", ["a", "b1"], "b"),
        ("Tanh", ["b"], "c"),
        ("ReduceSum", ["c", "ax"], "d"),
        ("Concat", ["d", "jet"], "e"),
        ("MatMul", ["e", "w2"], "f"),
        ("Add", ["f", "b2"], "g"),
        ("Tanh", ["g"], "h"),
        ("MatMul", ["h", "w3"], "y"),
    ]
    options = {"ReduceSum": {"keepdims": 0}, "Concat": {"axis": 1}}
    graph = helper.make_graph(
        [helper.make_node(kind, i, [o], **options.get(kind, {})) for kind, i, o in nodes],
        "deep_sets",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", N])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def torch_coefficients(x):
    """t_α of every event (N, 2, K), in the order of ``combinations_with_replacement``."""
    torch = pytest.importorskip("torch")
    w = {name: torch.tensor(value) for name, value in weights().items()}

    def net(row):
        objects = row[: SLOTS * VARIABLES].reshape(SLOTS, VARIABLES)
        pooled = torch.tanh(objects @ w["w1"] + w["b1"]).sum(dim=0)
        inner = torch.cat([pooled, row[SLOTS * VARIABLES :]])
        return torch.tanh(inner @ w["w2"] + w["b2"]) @ w["w3"]

    terms = []
    for row in torch.tensor(x):
        first = torch.func.jacrev(net)(row).numpy()
        second = torch.func.hessian(net)(row).numpy()
        pairs = [
            second[:, i, j] / (2 if i == j else 1)
            for i, j in combinations_with_replacement(range(N), 2)
        ]
        terms.append(np.concatenate([first, np.stack(pairs, axis=1)], axis=1))
    return np.stack(terms)


ALPHAS = [(i,) for i in range(N)] + list(combinations_with_replacement(range(N), 2))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(EVENTS, N)) * np.linspace(0.5, 2, N)
    labels = np.where(rng.random(EVENTS) < 0.4, "sig", "bkg")
    return x, rng.uniform(0.2, 2, EVENTS), labels


@pytest.fixture(scope="module")
def options(data):
    _, w, labels = data
    return {
        "weights": w,
        "labels": labels,
        "feature_names": NAMES,
        "curvature": "pointwise",
        "bootstrap": 50,
        "seed": 3,
        "check": 4,
    }


@pytest.fixture(scope="module")
def by_variable(data, options):
    return ot.analyze(deep_sets(), data[0], by="variable", **options)


@pytest.fixture(scope="module")
def by_feature(data, options):
    return ot.analyze(deep_sets(), data[0], **options)


def per_event(x, w, scale="sigma"):
    """R of each event (N, 2, K′) in a loop, and {(names, relation): place}."""
    mean = np.average(x, axis=0, weights=w)
    sigma = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w)) if scale == "sigma" else None
    terms, places, found = torch_coefficients(x), {}, []
    for k, alpha in enumerate(ALPHAS):
        groups = tuple(sorted(VARIABLE_OF[i] for i in alpha))
        relation = None
        if len(alpha) == 2:
            same = OBJECT_OF[alpha[0]] == OBJECT_OF[alpha[1]]
            relation = "same object" if same else "different objects"
        unit = 1.0 if sigma is None else np.prod(sigma[list(alpha)])
        place = places.setdefault((tuple(GROUPS[g] for g in groups), relation), len(places))
        if place == len(found):
            found.append(np.zeros(terms.shape[:2]))
        found[place] += np.abs(terms[..., k]) * unit
    return np.stack(found, axis=2), places


def test_numbers_are_those_of_pytorch_and_a_loop(by_variable, data):
    x, w, labels = data
    reduced, places = per_event(x, w)
    rows = list(by_variable.rows())
    assert len(rows) == 2 * 3 * len(places)
    assert {(tuple(row["features"]), row["relation"]) for row in rows} == set(places)
    for row in rows:
        c = by_variable.outputs.index(row["output"])
        mine = np.ones(EVENTS, bool) if row["group"] == "all" else labels == row["group"]
        r = reduced[mine, c, places[tuple(row["features"]), row["relation"]]]
        own = w[mine]
        mean = np.sum(own * r) / own.sum()
        sem = np.sqrt(np.sum(own**2 * (r - mean) ** 2)) / own.sum()
        expected = [mean, sem, mean, np.sqrt(np.sum(own * r**2) / own.sum())]
        found = [row[name] for name in ("score", "sem", "signed_mean", "rms")]
        assert found == pytest.approx(expected, rel=1e-10)


def test_ranks_are_those_of_the_bootstrap(by_variable, data):
    x, w, _ = data
    reduced, places = per_event(x, w)
    order = [
        places[tuple(row["features"]), row["relation"]]
        for row in by_variable.rows()
        if row["output"] == by_variable.outputs[0] and row["group"] == "all"
    ]
    r = reduced[:, 0, order]
    drawn = replicate_weights(3, np.arange(EVENTS), w, 50)
    low, high = rank_intervals((drawn.T @ r) / drawn.sum(axis=0)[:, None])
    score = w @ r
    assert by_variable.rank[0, 0].tolist() == [1 + int((score > s).sum()) for s in score]
    assert by_variable.rank_low[0, 0].tolist() == low.tolist()
    assert by_variable.rank_high[0, 0].tolist() == high.tolist()


def test_sums_by_variable_are_sums_of_results_by_feature(by_variable, by_feature):
    """⟨Σ abs(t)⟩ = Σ ⟨abs(t)⟩: of each coefficient, each response and each group of events."""
    sums = {}
    for row in by_feature.rows():
        places = [NAMES.index(name) for name in row["features"]]
        relation = None
        if len(places) == 2:
            same = OBJECT_OF[places[0]] == OBJECT_OF[places[1]]
            relation = "same object" if same else "different objects"
        names = tuple(sorted((GROUPS[VARIABLE_OF[i]] for i in places), key=GROUPS.index))
        key = (row["output"], row["group"], names, relation)
        sums[key] = sums.get(key, 0.0) + row["score"]
    found = {
        (row["output"], row["group"], tuple(row["features"]), row["relation"]): row["score"]
        for row in by_variable.rows()
    }
    assert found == pytest.approx(sums, rel=1e-12)
    assert by_variable.check == by_feature.check  # that of the features
    assert by_variable.data.features == by_feature.data.features


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_order_of_the_constituents_changes_nothing(data, options, engine):
    x, _, _ = data
    more = options | {"engine": engine, "by": "variable", "check": 0, "scale": "unit"}
    rng = np.random.default_rng(2)
    shuffled = x.copy()
    for row in shuffled:
        edge = SLOTS * VARIABLES
        row[:edge] = rng.permutation(row[:edge].reshape(SLOTS, VARIABLES)).ravel()
    a, b = (ot.analyze(deep_sets(), events, **more) for events in (x, shuffled))
    assert b.score == pytest.approx(a.score, rel=1e-6)
    assert b.sem == pytest.approx(a.sem, rel=1e-6)
    flat = options | {"check": 0, "scale": "unit", "order": 1}
    one, two = (ot.analyze(deep_sets(), events, **flat) for events in (x, shuffled))
    assert np.abs(two.score - one.score).max() > 1e-3


def test_bounds_of_the_numerical_error_hold(data, options, by_variable):
    differences = options | {"engine": "differences", "by": "variable", "check": 0}
    result = ot.analyze(deep_sets(), data[0], **differences)
    assert result.numerical_error is not None
    assert (np.abs(result.score - by_variable.score) <= result.numerical_error).all()
    assert (result.numerical_error < 1e-6).all()


def test_batches_change_nothing(data, options, by_variable):
    result = ot.analyze(deep_sets(), data[0], by="variable", batch_size=7, **options)
    assert result.score == pytest.approx(by_variable.score, rel=1e-12)
    assert np.array_equal(result.rank_low, by_variable.rank_low)


@pytest.mark.parametrize("how", ["mean", "maximum", "leading"])
def test_other_numbers_than_the_sum(data, options, how):
    x, w, _ = data
    plain = {name: v for name, v in options.items() if name != "labels"} | {"scale": "unit"}
    result = ot.analyze(deep_sets(), x, by="variable", reduce=how, **plain)
    terms = np.abs(torch_coefficients(x))[:, 0, : SLOTS * VARIABLES]
    slots = terms.reshape(EVENTS, SLOTS, VARIABLES)
    r = {"mean": slots.mean(axis=1), "maximum": slots.max(axis=1), "leading": slots[:, 0]}[how]
    assert result.score[0, 0, :VARIABLES] == pytest.approx(w @ r / w.sum(), rel=1e-10)
    assert result.options["reduction"] == how


def test_by_input_and_by_groups(data, options, by_feature):
    x, *_ = data
    by_input = ot.analyze(deep_sets(), x, by="input", **options)
    assert by_input.features == ("pf", "jet")
    assert by_input.data.variables[0].features == tuple(NAMES[: SLOTS * VARIABLES])
    first = by_feature.score[0, 0, :N]
    assert by_input.vector() == pytest.approx([first[:12].sum(), first[12:].sum()], rel=1e-12)
    groups = {"momenta": ["*.pt"], "angles": ["pf.eta", "pf.phi"]}
    named = ot.analyze(deep_sets(), x, by=groups, order=1, **{**options, "curvature": "auto"})
    assert named.options["by"] == "group"
    chosen = [[i for i, v in enumerate(VARIABLE_OF) if v in own] for own in ((0, 4), (1, 2))]
    assert named.vector() == pytest.approx([first[own].sum() for own in chosen], rel=1e-12)
    assert named.indices.relation is None


def test_second_order_is_the_whole_of_all_pairs(by_variable, by_feature):
    totals = [
        result.score[..., result.indices.orders == 2].sum(axis=-1)
        for result in (by_variable, by_feature)
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-12)
    same, apart = (by_variable.matrix(relation=r) for r in ("same object", "different objects"))
    assert np.isnan(same[0, 3])
    assert np.isnan(apart[3, 4])
    assert np.isfinite(same[:3, :3]).all()
    assert np.isfinite(apart[:3]).all()
    assert np.array_equal(apart, apart.T, equal_nan=True)
    with pytest.raises(OptionError, match='relation="same object" or "different objects"'):
        by_variable.matrix()


def test_tables_have_no_signed_mean_of_sums_of_absolute_values(by_variable, by_feature):
    assert {line[-1] for line in listing(by_variable.top(), signed=False).rows} == {"–"}
    assert all(line.endswith("–") for line in repr(by_variable.top()).splitlines()[1:])
    assert "<td>–</td></tr>" in by_variable.top()._repr_html_()
    assert "–" not in repr(by_feature.top()).splitlines()[1].split()[-1]
    assert "–" in by_variable._repr_html_()


def test_a_saved_result_is_read_back(by_variable, tmp_path):
    by_variable.save(tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text()
    schema = json.loads(files("onnxtaylor").joinpath("schemas/result-1.json").read_text())
    jsonschema.validate(json.loads(text), schema)
    again = ot.TaylorResult.load(tmp_path / "r.json")
    assert again.to_json() == text
    assert again.features == tuple(GROUPS)
    assert np.array_equal(again.indices.relation, by_variable.indices.relation)
    frame = again.to_pandas()
    assert set(frame["relation"].dropna()) == {"same object", "different objects"}
    assert frame["label"].str.endswith("(same object)").any()
    assert "jet.m, jet.pt" in set(frame["label"])  # there is only one such pair
    assert not frame.duplicated(["output", "group", "label"]).any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["coefficients"][5].update(relation="different objects"), "relation|twice"),
        (lambda d: d["coefficients"][0].update(relation="same object"), "relation"),
        (lambda d: d["coefficients"][5].pop("relation"), "label must be"),
        (lambda d: d["data"].pop("variables"), "features must be among"),
        (lambda d: d["data"]["variables"][0]["features"].append("q"), r"variables\[0\].features"),
        (lambda d: d["data"]["variables"].append(d["data"]["variables"][0]), "data.variables"),
    ],
)
def test_a_damaged_result_is_refused(by_variable, change, words):
    document = json.loads(by_variable.to_json())
    change(document)
    with pytest.raises(ResultError, match=words):
        ot.TaylorResult.from_json(json.dumps(document))


def test_the_verbs_on_results_go_on_working(by_variable, by_feature, data, options):
    rows = ranked_rows(by_variable, feature="pf.*", order=2, count=3)
    assert [row["rank"] for row in rows] == sorted(row["rank"] for row in rows)
    selection = ot.select(by_variable, 0.2)
    assert set(selection.names) <= set(GROUPS)
    assert ot.compare_results(by_variable, by_variable).passed
    with pytest.raises(ResultError, match="by is variable in A and feature in B"):
        ot.compare_results(by_variable, by_feature)
    mean = ot.analyze(deep_sets(), data[0], by="variable", reduce="mean", order=1, check=0,
                      feature_names=NAMES)  # fmt: skip
    with pytest.raises(ResultError, match="reduce is sum in A and mean in B"):
        ot.compare_results(by_variable, mean)
    assert "26 coefficients of 5 variables at" in repr(by_variable)


def test_two_models_are_compared_by_variable(data, options):
    x, w, _ = data
    a, b = deep_sets(), deep_sets()
    (w3,) = (t for t in b.graph.initializer if t.name == "w3")
    w3.CopyFrom(numpy_helper.from_array(2 * weights()["w3"], "w3"))
    more = {n: v for n, v in options.items() if n not in ("labels", "check")}
    found = ot.compare_models(a, b, x, by="variable", **more)
    reduced, places = per_event(x, w)  # those of B are twice as large
    for row in found.rows():
        c = found.a.outputs.index(row["output"])
        r = reduced[:, c, places[tuple(row["features"]), row["relation"]]]
        mean = w @ r / w.sum()
        sigma = np.sqrt(np.sum(w**2 * (r - mean) ** 2)) / w.sum()
        assert [row["change"], row["sigma"]] == pytest.approx([mean, sigma], rel=1e-9)


def test_an_interrupted_analysis_goes_on_by_the_same_variables(data, options, tmp_path):
    def stop(stage, done, total):
        if stage == "coefficients" and done >= 60:
            raise KeyboardInterrupt

    more = options | {"check": 0, "batch_size": 20, "resume": tmp_path / "sums"}
    with pytest.raises(KeyboardInterrupt):
        ot.analyze(deep_sets(), data[0], by="variable", progress=stop, **more)
    with pytest.raises(ot.OnnxTaylorError):
        ot.analyze(deep_sets(), data[0], by="input", **more)
    found = ot.analyze(deep_sets(), data[0], by="variable", **more)
    whole = ot.analyze(
        deep_sets(), data[0], by="variable", **{**options, "check": 0, "batch_size": 20}
    )
    assert found.to_json() == whole.to_json()


def test_a_flat_model_has_nothing_to_tell_apart(data):
    x, *_ = data
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(N)])
    model = deep_sets()
    plain = ot.analyze(model, frame, check=0, bootstrap=0, curvature="pointwise")
    same = ot.analyze(model, frame, check=0, bootstrap=0, curvature="pointwise", by="variable")
    assert same.indices.relation is None
    assert same.score == pytest.approx(plain.score, rel=1e-12)
    assert same.matrix().shape == (N, N)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "vriable"}, "by must be feature, variable or input"),
        ({"by": {}}, "by names no group"),
        ({"by": {"a": []}}, "group 'a' has no pattern"),
        ({"by": {"a": ["nothing"]}}, "no feature matches 'nothing'"),
        ({"by": "variable", "order": 3}, "first and second order"),
        ({"by": "variable", "reduce": "median"}, "reduce must be"),
        ({"reduce": "mean"}, "reduce is for several features"),
        ({"by": "feature", "reduce": "mean"}, "reduce is for several features"),
    ],
)
def test_calls_that_make_no_sense_are_refused(data, options, words):
    with pytest.raises(OptionError, match=words):
        ot.analyze(deep_sets(), data[0], feature_names=NAMES, **options)
