"""The cross-check: sound engines never differ, a rule that is wrong by 1 % always does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidGraph

import onnxtaylor as ot
from onnxtaylor.crosscheck.sample import Sample
from onnxtaylor.crosscheck.verdicts import (
    AGREES,
    DIFFERS,
    KINK,
    UNDECIDED,
    critical,
    judge_coefficients,
    judge_events,
    overall_verdict,
)
from onnxtaylor.data import ArraySource
from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from onnxtaylor.runtime.promotion import round_to_digits
from tests.compiler import random_moves, random_steps  # noqa: F401  they fill STEPS
from tests.compiler.random_graphs import STEPS, written
from tests.engine.nets import ACTIVATIONS, Net
from tests.rules.samples import by_kind
from tests.rules.test_faults import RULED, bent_rules

TABLE = by_kind()
# normalization takes CastLike away; onnxruntime has no Mean that broadcasts
NOT_REACHED = {"CastLike", "Mean"}


def normal(n: int, events: int = 64, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(events, n))


def uniform(n: int, events: int = 64) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, (events, n))


def random_models(count: int) -> Iterator[tuple[str, onnx.ModelProto, np.ndarray]]:
    """Dense nets in both precisions and random graphs in double precision, with their events."""
    random, names = np.random.default_rng(0), sorted(STEPS)
    for k in range(count):
        if k % 3 < 2:
            dtype = (np.float32, np.float64)[k % 3]
            activation = sorted(ACTIVATIONS)[random.integers(len(ACTIVATIONS))]
            n = int(random.integers(1, 7))
            inner = random.integers(3, 24, random.integers(1, 4))
            gain = float(random.choice([0.5, 1.0, 2.5]))
            net = Net(
                activation,
                sizes=(n, *map(int, inner), int(random.integers(1, 5))),
                softmax=bool(random.integers(2)),
                gain=gain,
                seed=k,
            )
            yield f"{activation} net {k}", net.model(dtype), normal(n)
        else:
            n = int(random.integers(1, 5))
            steps = [
                (
                    names[random.integers(len(names))],
                    *map(int, random.integers(0, 6, 2)),
                    int(random.integers(60)),
                )
                for _ in range(random.integers(1, 13))
            ]
            model = written(n, int(random.integers(1, 6)), int(random.integers(1, 4)), steps)
            yield f"graph {k}", model, uniform(n)


def sound(count: int) -> None:
    ran = 0
    for name, model, x in random_models(count):
        try:
            check = ot.cross_check(model, x)
        except ot.OnnxTaylorError:  # no kernel in double precision, or a response that is constant
            continue
        assert check.verdict != "differs", (name, check.differing()[:3], check.worst(1))
        ran += check.verdict == "agrees"
    assert ran > 0.75 * count


def test_sound_engines_never_differ():
    sound(30)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_sound_engines_never_differ_in_many_nets():
    sound(500)


def unnoticed(kind: str, monkeypatch) -> tuple[list[str], int]:
    """The ingredients of a rule whose excess of 1 % no sample's check calls different; tried."""
    found, tried = [], 0
    for name, bent, uses, _ in bent_rules(kind, RULES[kind], 1.01):
        if name.startswith("vjp"):
            continue
        with monkeypatch.context() as patch:
            patch.setitem(RULES, kind, bent)
            verdicts = set()
            for s in TABLE[kind]:
                verdict = _verdict(s, uses)
                verdicts.add(verdict)
                if verdict == "differs":
                    break
        if uses.count and verdicts - {"not run"}:
            tried += 1
            if "differs" not in verdicts:
                found.append(name)
    return found, tried


def _verdict(s, uses) -> str:
    """The first one of a check that came to the bent ingredient."""
    for dtype in (np.float64, np.float32):
        try:
            model = s.model(dtype, smooth=True)
        except InvalidGraph:  # the operator has no double precision at all
            continue
        before = uses.count
        try:
            verdict = ot.cross_check(model, uniform(3)).verdict
        except ot.OnnxTaylorError:
            continue
        if uses.count > before:  # else it was written in other operators, which have kernels
            return verdict
    return "not run"


COMMON = ["Tanh", "Mul", "Gemm", "Softmax", "Relu", "Pow", "ReduceMean", "Where"]


@pytest.mark.parametrize("kind", COMMON)
def test_a_rule_that_is_wrong_by_one_percent_differs(kind, monkeypatch):
    missed, tried = unnoticed(kind, monkeypatch)
    assert tried
    assert not missed


@pytest.mark.slow
@pytest.mark.parametrize("kind", RULED)
def test_every_rule_that_is_wrong_by_one_percent_differs(kind, monkeypatch):
    missed, tried = unnoticed(kind, monkeypatch)
    assert not missed
    assert tried or kind in NOT_REACHED


def test_a_relu_net_agrees_away_from_kinks_and_has_kinks_elsewhere():
    check = ot.cross_check(Net("relu").model(), normal(6, 300), curvature="pointwise")
    counts = check.counts()
    assert check.verdict == "agrees"
    assert counts["agrees"][0] == check.codes.size
    assert counts["differs"][1] == 0
    assert counts["kink"][1] > 0.05 * check.comparisons.codes.size


def test_second_order_of_a_relu_net_averaged_over_steps_agrees_on_kinks_too():
    check = ot.cross_check(Net("relu").model(), normal(6, 300))
    counts = check.counts()
    assert check.verdict == "agrees"
    assert counts["agrees"][0] == check.codes.size
    assert counts["differs"][1] == 0
    second = check.indices.orders == 2
    assert not (check.comparisons.codes[..., second] == KINK).any()
    assert check.notes == (
        "second order is averaged over ±0.35σ (pairs) and ±1.4σ (widths): kinks are part of it",
    )


def test_a_model_without_exact_derivatives_is_not_run_and_not_passed():
    nodes = [
        onnx.helper.make_node("Tanh", ["x"], ["t"]),
        onnx.helper.make_node("Unsqueeze", ["t", "two"], ["u"]),
        onnx.helper.make_node("Add", ["u", "eye"], ["m"]),
        onnx.helper.make_node("Det", ["m"], ["d"]),
        onnx.helper.make_node("Unsqueeze", ["d", "one"], ["y"]),
    ]
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", floats, ["N", 3])],
        [onnx.helper.make_tensor_value_info("y", floats, ["N", 1])],
        [
            onnx.numpy_helper.from_array(np.array([1]), "one"),
            onnx.numpy_helper.from_array(np.array([2]), "two"),
            onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "eye"),
        ],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    assert "Det" not in RULES
    check = ot.cross_check(model, normal(3))
    assert (check.verdict, check.passed) == ("not run", False)
    assert "Det" in check.reason
    assert check.counts() == dict.fromkeys(("agrees", "differs", "undecided", "kink"), (0, 0))
    assert check.to_dict()["events"] == []
    with pytest.raises(OptionError, match="no figure: not run"):
        check.plot()
    result = ot.analyze(model, normal(3), bootstrap=0)
    assert result.model.engine == "differences"
    assert result.check["verdict"] == "not run"
    assert "Det" in result.check["reason"]


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_an_analysis_checks_its_engine(engine):
    x = normal(6, 500)
    result = ot.analyze(Net("tanh").model(), x, engine=engine, bootstrap=0, check=20)
    check = result.check
    assert check["verdict"] == "agrees"
    assert 8 <= len(check["events"]) <= 20
    assert check["asked"] == 20
    assert check["coefficients"]["agrees"] == 27 * 4
    assert check["exact"] == {"precision": "float32"}
    assert check["differences"]["precision"] == "float64"
    assert ot.TaylorResult.from_json(result.to_json()).check == check


def test_no_check_is_made_where_none_is_asked_for():
    assert ot.analyze(Net("tanh").model(), normal(6), bootstrap=0, check=0).check is None


def test_an_analysis_with_a_faulty_rule_differs(monkeypatch):
    bent = {name: bent for name, bent, *_ in bent_rules("Tanh", RULES["Tanh"], 1.01)}
    monkeypatch.setitem(RULES, "Tanh", bent["second"])
    check = ot.analyze(Net("tanh").model(), normal(6), bootstrap=0).check
    assert check["verdict"] == "differs"
    assert {len(row["features"]) for row in check["differing"]} == {2}
    assert check["worst"][0]["ratio"] > 100


GUARDED = """<ir_version: 8, opset_import: ["" : 17]>
guarded (float[N,4] x) => (float[N,1] y)
<int64[2] halves={2,2}, float guard={1e-12}, float[2,1] w={1.0,0.5}, float[2,1] v={0.7,-0.4}> {
  p, q = Split <axis=1> (x, halves)
  length = ReduceL2 <axes=[1]> (p)
  held = Clip (length, guard)
  unit = Div (p, held)
  left = MatMul (unit, w)
  curved = Tanh (q)
  right = MatMul (curved, v)
  y = Add (left, right)
}"""


def zero_padded() -> np.ndarray:
    """A fifth of the events have a vector of 0, whose unit vector has the derivative 10¹²."""
    x = normal(4, 300)
    x[:60, :2] = 0.0
    return x


@pytest.mark.parametrize("order", [1, 2])
def test_coefficients_made_where_nothing_is_compared_are_no_pass(order):
    result = ot.analyze(onnx.parser.parse_model(GUARDED), zero_padded(), order=order, bootstrap=0)
    check = result.check
    assert check["verdict"] == "kink"
    assert any("by x0, x1 is made at events next to a kink" in note for note in check["notes"])
    assert not check["differing"]
    model = onnx.parser.parse_model(GUARDED)
    away = ot.analyze(model, zero_padded()[60:], order=order, bootstrap=0).check
    assert away["verdict"] == "agrees"
    assert not any("nothing" in note for note in away["notes"])


def test_huge_coefficients_at_some_events_excuse_no_fault_of_others(monkeypatch):
    bent = {name: bent for name, bent, *_ in bent_rules("Tanh", RULES["Tanh"], 1.01)}
    monkeypatch.setitem(RULES, "Tanh", bent["first"])
    check = ot.cross_check(onnx.parser.parse_model(GUARDED), zero_padded(), order=1)
    assert check.verdict == "differs"
    assert {tuple(row["features"]) for row in check.differing()} == {("x2",), ("x3",)}


def test_worst_events_are_named_by_their_numbers_in_the_data():
    x = normal(6, 1000)
    check = ot.cross_check(Net("tanh").model(), x, 64)
    assert list(check.comparisons.numbers) == sorted(set(check.comparisons.numbers))
    worst = check.worst(5)
    assert [row["ratio"] for row in worst] == sorted((r["ratio"] for r in worst), reverse=True)
    row = worst[0]
    place = list(check.comparisons.numbers).index(row["event"])
    coefficient = check.indices.names(check.features).index(tuple(row["features"]))
    at = (place, check.outputs.index(row["output"]), coefficient)
    assert check.comparisons.exact[at] == row["exact"]
    # the engine at that very event
    alone = round_to_digits(x[row["event"]][None], 24)
    found = ot.differentiate(Net("tanh").model())(alone)
    orders = [int(name[1:]) for name in row["features"]]
    value = (
        found.jacobian[0, at[1], orders[0]]
        if len(orders) == 1
        else found.hessian[0, at[1], orders[0], orders[1]] / (1 + (orders[0] == orders[1]))
    )
    assert row["exact"] == pytest.approx(float(value), rel=1e-5, abs=1e-9)


def test_third_order_is_left_out_and_it_says_so():
    check = ot.cross_check(Net("tanh", sizes=(3, 5, 2)).model(), normal(3), order=3)
    assert check.verdict == "agrees"
    assert check.indices.order == 2
    assert any("third order" in note for note in check.notes)


def test_few_events_are_all_compared_and_it_says_so():
    check = ot.cross_check(Net("tanh").model(), normal(6, 12))
    assert (check.events, check.verdict) == (12, "agrees")
    assert check.notes == ("all 12 events: there are no more",)


def test_the_json_document_is_the_dictionary():
    check = ot.cross_check(Net("tanh").model(), normal(6), 10)
    document = json.loads(check.to_json())
    assert {k: document[k] for k in check.to_dict()} == check.to_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": 0}, "events must be at least 1, got 0"),
        ({"engine": "exact"}, "no option 'engine'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        ot.cross_check(Net("tanh").model(), normal(6), **options)


def test_a_sample_depends_on_total_count_and_seed_alone():
    x = np.arange(1000.0)[:, None]
    found = []
    for size in (7, 64, 1000):
        sample = Sample(1000, 40, 3)
        list(sample.of(ArraySource(x)).batches(size))
        found.append((sample.numbers.tolist(), sample.x[:, 0].tolist()))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == found[0][1]
    assert len(set(found[0][0])) == 40
    other = Sample(1000, 40, 4)
    list(other.watch(ArraySource(x).batches(100)))
    assert other.numbers.tolist() != found[0][0]


def judged(ratio: np.ndarray, kinks: np.ndarray | None = None, budget: float = 1e-6) -> Any:
    """Verdicts of one coefficient of size 1 that deviates by ratio (E,) budgets."""
    indices = MultiIndices.full(1, 1)
    theirs = np.ones((len(ratio), 1, 1))
    bounds = np.full(theirs.shape, budget)
    kinks = np.zeros((len(ratio), 1), bool) if kinks is None else kinks
    ours = theirs + ratio[:, None, None] * bounds
    codes, found = judge_events(ours, theirs, bounds, kinks, indices, np.ones(1))
    return codes[:, 0, 0], judge_coefficients(codes, found, bounds, np.ones((1, 1)))[0, 0]


def test_verdicts_at_events():
    codes, _ = judged(np.array([0.0, 0.9, 1.1, 1e9]))
    assert codes.tolist() == [AGREES, AGREES, DIFFERS, DIFFERS]
    codes, verdict = judged(np.array([0.0, 5.0] * 8), kinks=np.ones((16, 1), bool))
    assert set(codes.tolist()) == {KINK}
    assert verdict == KINK
    codes, verdict = judged(np.zeros(16), budget=3.0)
    assert set(codes.tolist()) == {UNDECIDED}
    assert verdict == UNDECIDED
    codes, _ = judged(np.array([np.nan, 0.0]))
    assert codes.tolist() == [UNDECIDED, AGREES]


@pytest.mark.parametrize(("ratio", "level"), [(5.0, 0.05), (11.0, 0.01), (1.1e3, 0.001)])
def test_a_coefficient_differs_from_the_critical_number_of_events_on(ratio, level):
    least = critical(64, level, 1e-6)
    for count, expected in ((least - 1, AGREES), (least, DIFFERS)):
        values = np.zeros(64)
        values[:count] = ratio
        assert judged(values)[1] == expected


def test_a_mean_that_would_be_wrong_differs_at_two_events():
    values = np.zeros(64)
    values[:1] = 1e7  # ten times the coefficient
    assert judged(values)[1] == AGREES
    values[:2] = 1e7
    assert judged(values)[1] == DIFFERS


def test_the_critical_number_is_that_of_the_binomial_distribution():
    """By drawing: the share of draws with so many or more is below the chance, one fewer is not."""
    draws = np.random.default_rng(0).binomial(20, 0.3, 10**6)
    least = critical(20, 0.3, 1e-2)
    assert (draws >= least).mean() < 1e-2 < (draws >= least - 1).mean()
    # of three events or fewer no number is enough
    assert critical(np.arange(4), 0.3, 1e-2).tolist() == [1, 2, 3, 4]


def test_so_few_events_that_none_could_differ_are_undecided():
    assert judged(np.zeros(1))[1] == UNDECIDED
    assert judged(np.zeros(3))[1] == AGREES


@pytest.mark.parametrize(
    ("codes", "responses", "verdict"),
    [
        ([AGREES] * 9 + [DIFFERS], True, "differs"),
        ([AGREES] * 10, False, "differs"),
        ([AGREES] * 5 + [KINK] * 5, True, "agrees"),
        ([AGREES] * 4 + [KINK] * 4 + [UNDECIDED] * 2, True, "kink"),
        ([AGREES] * 2 + [KINK] * 3 + [UNDECIDED] * 5, True, "undecided"),
    ],
)
def test_the_verdict_of_the_whole(codes, responses, verdict):
    assert overall_verdict(np.array([codes], np.int8), responses_agree=responses) == verdict


def test_a_check_is_frozen():
    check = ot.cross_check(Net("tanh").model(), normal(6), 8)
    assert replace(check, seed=3).seed == 3
    with pytest.raises(AttributeError):
        check.verdict = "agrees"
