"""Second order averaged over steps: both engines, limits, and when auto takes it."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.engine.averaged.steps import plan_steps
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import DataOptions, EngineOptions
from onnxtaylor.problem import Problem

H = 0.7
FLOAT = TensorProto.FLOAT


def graph_of(nodes, constants, n, outputs=1, kind=FLOAT):
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    stored = [numpy_helper.from_array(np.asarray(v, dtype), k) for k, v in constants.items()]
    x = helper.make_tensor_value_info("x", kind, ["N", n])
    y = helper.make_tensor_value_info("y", kind, ["N", outputs])
    graph = helper.make_graph(nodes, "g", [x], [y], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def net(activation, n=4, widths=(24, 24, 2), before=(), constants=None, seed=0):
    """A random net with a sigmoid, behind nodes from ``x`` to ``x0`` where there are any."""
    random, nodes, stored = np.random.default_rng(seed), list(before), dict(constants or {})
    last = "x0" if before else "x"
    for k, width in enumerate(widths):
        size = n if k == 0 else widths[k - 1]
        stored[f"w{k}"] = random.normal(size=(size, width)) * np.sqrt(2 / size)
        stored[f"b{k}"] = 0.3 * random.normal(size=width)
        nodes.append(helper.make_node("Gemm", [last, f"w{k}", f"b{k}"], [f"a{k}"]))
        end = k == len(widths) - 1
        last = "y" if end else f"z{k}"
        nodes.append(helper.make_node("Sigmoid" if end else activation, [f"a{k}"], [last]))
    return graph_of(nodes, stored, n, widths[-1])


def events(n=4, count=600, seed=1):
    return np.random.default_rng(seed).normal(size=(count, n)).astype(np.float32)


def problem_of(model, x, **data):
    return Problem.open(model, x, None, DataOptions(**data))


def engine_of(problem, **options):
    indices = MultiIndices.full(problem.function.n_features, 2)
    return make_engine(problem, EngineOptions(**options), indices)


def averaged(model, x, engine="exact", data=None, **options):
    chosen = engine_of(
        problem_of(model, x, **(data or {})), engine=engine, curvature="averaged", **options
    )
    return chosen.engine


# ---- both engines


@pytest.mark.parametrize("activation", ["Relu", "LeakyRelu", "Tanh"])
def test_both_engines_agree_within_the_bounds(activation):
    model, x = net(activation), events()
    problem = problem_of(model, x)
    exact = engine_of(problem, engine="exact", curvature="averaged").engine
    differences = engine_of(problem, engine="differences", curvature="averaged").engine
    assert exact.quantity == differences.quantity == "averaged"
    ours, theirs = (engine.coefficients(x.astype(float)) for engine in (exact, differences))
    deviation = np.abs(ours.terms - theirs.terms)
    rounding = 2e-6 * (1 + np.abs(ours.terms).max(axis=(0, 1)))
    second = exact.indices.orders == 2
    assert (deviation <= theirs.error_bounds + rounding)[..., second].mean() >= 0.99
    assert np.median(deviation[..., second]) < 1e-6


def test_first_order_is_that_at_the_events_to_the_last_digit():
    model, x = net("Relu"), events()
    one = averaged(model, x).coefficients(x.astype(float))
    first = engine_of(problem_of(model, x), engine="exact", curvature="pointwise").engine
    other = first.coefficients(x.astype(float))
    np.testing.assert_allclose(one.terms[..., :4], other.terms[..., :4], rtol=1e-5, atol=1e-7)
    order_one = ot.analyze(model, x, order=1, check=0, bootstrap=0)
    both = ot.analyze(model, x, curvature="averaged", check=0, bootstrap=0)
    assert np.array_equal(order_one.score, both.score[..., :4])


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_a_smooth_net_has_its_pointwise_second_order_as_steps_get_short(engine):
    model, x = net("Tanh"), events(count=100)
    exact = engine_of(problem_of(model, x), engine="exact", precision="float64")
    pointwise = exact.engine.coefficients(x.astype(float)).terms[..., 4:].copy()
    precision = {"precision": "float64"} if engine == "exact" else {}
    apart = []
    for step in ("0.4sigma", "0.2sigma", "0.1sigma"):
        one = averaged(model, x, engine, curvature_step=step, **precision)
        terms = one.coefficients(x.astype(float)).terms[..., 4:]
        apart.append(np.abs(terms - pointwise).max())
    assert apart[0] > 3 * apart[1] > 9 * apart[2]  # as h², at least
    assert apart[2] < 0.01


def test_batches_and_threads_make_no_difference():
    model, x = net("Relu"), events(count=3000).astype(float)
    whole = averaged(model, x, threads=1).coefficients(x).terms.copy()
    engine = averaged(model, x, threads=2)
    parts = [engine.coefficients(x[k : k + 700]).terms.copy() for k in range(0, 3000, 700)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=2e-6)


# ---- kinds of features


def test_whole_numbers_stay_inside_their_range_and_one_hot_groups_are_not_stepped():
    random = np.random.default_rng(2)
    x = np.zeros((500, 5), np.float32)
    x[:, 0] = random.normal(size=500)
    x[:, 1] = random.integers(0, 4, 500)
    x[np.arange(500), 2 + random.integers(0, 3, 500)] = 1
    model = net("Relu", n=5)
    problem = problem_of(model, x)
    steps = plan_steps(problem, "0.7sigma")
    assert steps.features.tolist() == [0, 1]
    places = steps.places(x.astype(float))
    assert places.ends[:, 1].min() == 0
    assert places.ends[:, 1].max() == 3
    assert (places.values[:, 1] >= 0).all()
    assert (places.values[:, 1] <= 3).all()
    at_end = x[:, 1] == 3
    assert (places.inverse_widths[at_end, 1] == 1).all()
    assert (places.inverse_widths[x[:, 1] == 1, 1] == 0.5).all()
    result = ot.analyze(model, x, curvature="averaged", bootstrap=0, check=8)
    assert result.indices.tuples() == [(0,), (1,), (2,), (3,), (4,), (0, 0), (0, 1), (1, 1)]
    assert set(result.options["curvature_step"]["not_moved"]) == {"x2", "x3", "x4"}
    assert result.check["verdict"] == "agrees"


def test_squares_of_whole_numbers_are_second_differences():
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])]
    model = graph_of(nodes, {"w": [[1.0], [1.0]]}, 2)
    x = np.random.default_rng(3).integers(-3, 4, (400, 2)).astype(np.float32)
    terms = averaged(model, x).coefficients(x.astype(float)).terms
    # of Relu at 0 alone: ½ [1 − 2 · 0 + 0]; at the ends of the range about the place next to them
    assert np.array_equal(terms[:, 0, 2], np.where(x[:, 0] == 0, 0.5, 0.0))


@pytest.mark.parametrize("missing", [-999.0, np.nan])
@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_nothing_steps_from_missing_entries(engine, missing):
    x = events().astype(float)
    x[::5, 1] = missing
    bad, zero = ("s", {"s": -999.0, "zero": 0.0}) if missing == missing else ("", {"zero": 0.0})
    test = (
        helper.make_node("Equal", ["x", "s"], ["bad"])
        if bad
        else helper.make_node("IsNaN", ["x"], ["bad"])
    )
    before = [test, helper.make_node("Where", ["bad", "zero", "x"], ["x0"])]
    model = net("Relu", before=before, constants=zero)
    terms = averaged(model, x, engine, {"missing": missing}).coefficients(x).terms
    having = MultiIndices.full(4, 2)
    second = having.having(np.array([False, True, False, False])) & (having.orders == 2)
    assert np.isfinite(terms).all()
    assert (terms[::5][..., second] == 0).all()
    assert (terms[1::5][..., second] != 0).mean() > 0.5


# ---- auto


def wrapped(kind, activation):
    clip = [helper.make_node("Clip", ["x", "low", "high"], ["x0"])]
    if kind == "far clip":
        return net(activation, before=clip, constants={"low": -50.0, "high": 50.0})
    if kind == "near clip":
        return net(activation, before=clip, constants={"low": 0.0, "high": 50.0})
    nodes = [
        helper.make_node("Equal", ["x", "s"], ["bad"]),
        helper.make_node("Where", ["bad", "zero", "x"], ["x0"]),
    ]
    return net(activation, before=nodes, constants={"s": -999.0, "zero": 0.0})


@pytest.mark.parametrize("engine", ["exact", "differences"])
@pytest.mark.parametrize(
    ("kind", "activation", "expected"),
    [
        ("far clip", "Tanh", False),
        ("near clip", "Tanh", True),
        ("sentinel", "Tanh", False),
        ("far clip", "Relu", True),
        ("sentinel", "Relu", True),
    ],
)
@pytest.mark.parametrize("missing", [None, -999.0])
def test_auto_measures_whether_kinks_matter(engine, kind, activation, expected, missing):
    x = events(count=2000)
    if kind == "sentinel":
        x[::7, 1] = -999.0
    chosen = engine_of(problem_of(wrapped(kind, activation), x, missing=missing), engine=engine)
    assert chosen.curvature.averaged == expected
    assert ("make up to" if expected else "make at most") in str(chosen.curvature.reason)
    assert chosen.engine.quantity == ("averaged" if expected else "derivative")


@pytest.mark.parametrize("activation", ["Tanh", "Softplus", "Elu"])
def test_auto_leaves_smooth_nets_as_they_are(activation):
    model, x = net(activation), events()
    result = ot.analyze(model, x, bootstrap=20)
    asked = ot.analyze(model, x, bootstrap=20, curvature="pointwise")
    assert result.method == "derivative"
    assert result.options["curvature_reason"] == "no operator on the way has kinks"
    assert np.array_equal(result.score, asked.score)
    assert np.array_equal(result.rank_low, asked.rank_low)


def test_where_the_model_has_no_numbers_beside_the_data_it_stays_pointwise():
    before = [helper.make_node("Log", ["x"], ["x0"])]
    x = np.abs(events()) + 1e-3
    chosen = engine_of(problem_of(net("Relu", before=before), x))
    assert not chosen.curvature.averaged
    assert "beside the data the model does not respond with finite numbers" in str(
        chosen.curvature.reason
    )


# ---- options and results


def test_auto_never_puts_pointwise_in_place_of_averaged_order_that_does_not_fit(monkeypatch):
    def too_large(*args, **options):
        raise OptionError("of 1 GiB is too little", option="memory")

    monkeypatch.setattr("onnxtaylor.engine.factory.make_averaged", too_large)
    problem = problem_of(net("Relu"), events())
    with pytest.raises(OptionError, match=r"Relu ×2 make .*so second order is averaged") as caught:
        engine_of(problem, curvature="auto")
    assert caught.value.option == "memory"
    assert 'curvature="pointwise"' in caught.value.message
    assert engine_of(problem, curvature="pointwise").engine.quantity == "derivative"


def test_third_order_and_finite_steps_have_no_averaged_second_order():
    with pytest.raises(OptionError, match="third order is pointwise"):
        EngineOptions(order=3, curvature="averaged")
    with pytest.raises(OptionError, match="curvature"):
        EngineOptions(finite_step=1, curvature="averaged")
    with pytest.raises(OptionError, match="curvature_step must be a positive number"):
        EngineOptions(curvature_step="0")
    assert ot.analyze(net("Relu"), events(), order=3, check=0, bootstrap=0).method == "derivative"
    assert EngineOptions(order=1, curvature="averaged").order == 1


def test_results_are_named_saved_and_never_compared_with_pointwise_ones(tmp_path):
    model, x = net("Relu"), events()
    result = ot.analyze(model, x, bootstrap=0, check=0)
    path = tmp_path / "result.json"
    result.save(path)
    loaded = ot.TaylorResult.load(path)
    assert loaded.to_json() == result.to_json()
    assert loaded.method == "averaged"
    assert loaded.quantity.remark == "averaged over ±0.35σ (pairs) and ±1.4σ (widths)"
    assert "averaged over ±0.35σ (pairs) and ±1.4σ (widths)" in repr(loaded)
    assert loaded.to_html().count("averaged over ±0.35σ (pairs) and ±1.4σ (widths)") >= 2
    assert "averaged over ±0.35σ (pairs) and ±1.4σ (widths)" in loaded._repr_html_()
    pointwise = ot.analyze(model, x, bootstrap=0, check=0, curvature="pointwise")
    other = ot.analyze(model, x, bootstrap=0, check=0, curvature_step="0.5sigma")
    line = "curvature is averaged over ±0.35σ (pairs) and ±1.4σ (widths) in A and pointwise in B"
    with pytest.raises(ResultError, match=re.escape(line)):
        ot.compare_results(result, pointwise)
    with pytest.raises(ResultError, match=r"\(widths\) in A and averaged over ±0\.25σ \(pairs\)"):
        ot.compare_results(result, other)
    same = ot.compare_results(result, loaded)
    assert same.to_dict()["notes"] == [
        "second order is averaged over ±0.35σ (pairs) and ±1.4σ (widths) in both"
    ]
    first = ot.analyze(model, x, bootstrap=0, check=0, order=1)
    assert len(ot.compare_results(result, first).shared.indices) == 4


def test_two_models_are_compared_in_the_same_quantity():
    comparison = ot.compare_models(net("Tanh"), net("Relu"), events(), bootstrap=0)
    assert comparison.a.method == comparison.b.method == "averaged"


def test_an_audit_takes_the_curvature_of_its_baseline(tmp_path):
    model, path, x = tmp_path / "m.onnx", tmp_path / "base.json", events()
    onnx.save(net("Relu"), model)
    data = tmp_path / "x.npy"
    np.save(data, x)
    ot.analyze(model, data, curvature="pointwise", bootstrap=0, check=0).save(path)
    outcome = ot.audit(model, data, baseline=path)
    assert outcome.result.method == "derivative"
    with pytest.raises(ResultError, match="its second order is pointwise, but that of the audit"):
        ot.audit(model, data, baseline=path, curvature="averaged")
    ot.analyze(model, data, bootstrap=0, check=0).save(path)
    line = r"averaged over ±0\.35σ .*, but that of the audit is averaged over ±0\.25σ"
    with pytest.raises(ResultError, match=line):
        ot.audit(model, data, baseline=path, curvature_step="0.5sigma")


def test_learning_progress_is_averaged_for_all_models_alike():
    x = events()
    x[:, 3] = np.round(x[:, 3]) > 0  # two values, which have no second difference
    progress = ot.LearningProgress(x)
    for step in range(2):
        progress.record(step, net("Relu", seed=step))
    result = progress.result()
    assert len(result.indices) == 13
    assert result.remark == "averaged over ±0.35σ (pairs) and ±1.4σ (widths)"
    alone = ot.analyze(net("Relu", seed=1), x, bootstrap=0, check=0)
    assert np.array_equal(result.score[1], alone.score)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, FLOAT, TensorProto.DOUBLE])
def test_every_format_has_the_same_averaged_coefficients(kind):
    random = np.random.default_rng(0)
    constants = {"w": 0.7 * random.normal(size=(4, 16)), "v": 0.4 * random.normal(size=(16, 1))}
    constants = {name: value.astype(np.float16) for name, value in constants.items()}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["z"]),
        helper.make_node("MatMul", ["z", "v"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    x = events().astype(np.float16).astype(np.float32)
    result = ot.analyze(graph_of(nodes, constants, 4, kind=kind), x, bootstrap=0)
    double = ot.analyze(graph_of(nodes, constants, 4, kind=TensorProto.DOUBLE), x, bootstrap=0)
    assert result.method == "averaged"
    assert result.check["verdict"] == "agrees"
    np.testing.assert_allclose(result.score, double.score, rtol=0.01, atol=1e-4)


def read_once(name, copy):
    """A loop of one turn, whose number the compiler cannot know: it has no rule."""
    ports = [helper.make_tensor_value_info("i", TensorProto.INT64, [])]
    ports += [helper.make_tensor_value_info("on", TensorProto.BOOL, [])]
    ports += [helper.make_tensor_value_info("in", FLOAT, None)]
    ends = [helper.make_tensor_value_info("still", TensorProto.BOOL, [])]
    ends += [helper.make_tensor_value_info("read", FLOAT, None)]
    turn = [helper.make_node("Identity", [a], [b]) for a, b in (("on", "still"), ("in", "read"))]
    return [
        helper.make_node("Cos", [name], ["cosine"]),
        helper.make_node("ReduceMax", ["cosine"], ["largest"], keepdims=0),
        helper.make_node("Ceil", ["largest"], ["one"]),
        helper.make_node("Cast", ["one"], ["turns"], to=TensorProto.INT64),
        helper.make_node(
            "Loop", ["turns", "", name], [copy], body=helper.make_graph(turn, "turn", ports, ends)
        ),
    ]


def test_each_response_of_a_mixed_model_is_averaged():
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["z"]),
        helper.make_node("MatMul", ["z", "v"], ["first"]),
        *read_once("a", "s"),
        helper.make_node("MatMul", ["s", "p"], ["g"]),
        helper.make_node("Relu", ["g"], ["two"]),
        helper.make_node("Concat", ["first", "two"], ["y"], axis=1),
    ]
    constants = {
        "w": random.normal(size=(4, 3)),
        "v": random.normal(size=(3, 1)),
        "p": random.normal(size=(3, 1)),
    }
    model = graph_of(nodes, constants, 4, outputs=2)
    x = events(count=200)
    result = ot.analyze(model, x, bootstrap=0, check=0)
    assert result.model.engine == "mixed"
    assert result.method == "averaged"
    alone = ot.analyze(model, x, bootstrap=0, check=0, engine="differences")
    np.testing.assert_allclose(result.score, alone.score, rtol=1e-3, atol=1e-5)
