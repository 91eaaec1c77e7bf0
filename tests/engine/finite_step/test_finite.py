"""Responses to finite steps equal their definition, and derivatives where steps are small."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnxruntime
import pytest

import onnxtaylor as ot
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.finite_step.engine import FiniteStep
from onnxtaylor.engine.finite_step.moves import Moves, plan_moves
from onnxtaylor.errors import DataError, ModelError, OptionError
from onnxtaylor.graph import build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options.finite_step import read_steps
from onnxtaylor.statistics import Accumulator
from tests.engine.trees import FOREST, embedding, forest, grown, quantized
from tests.graph.graphs import F64, I64, ask, model, net, op, port

MISSING = -2.5  # not so far that a tanh would be flat there


def function_of(proto):
    loaded = read_model(proto)
    return build_function(loaded, choose(loaded, derivatives=False))


def free(steps):
    """Moves of features without bounds."""
    steps = np.asarray(steps, float)
    ends = np.full(len(steps), np.inf)
    return Moves(steps, -ends, ends, np.zeros(len(steps), bool), {})


def naive(f, x, moves, order=2, missing=None):
    """The definition, event by event and response by response: (B, C, K)."""

    def at(row, **places):
        row = row.copy()
        for i, value in places.items():
            row[int(i[1:])] = value
        return f(row[None])[0]

    def ends(row, i):
        d = moves.steps[i]
        if row[i] == missing:
            return row[i], row[i], 1
        up = row[i] + d if row[i] + d <= moves.high[i] else row[i]
        down = row[i] - d if row[i] - d >= moves.low[i] else row[i]
        return up, down, int(up != row[i]) + int(down != row[i])

    def response(row, alpha):
        if len(alpha) == 1 or alpha[0] != alpha[1]:
            total = 0.0
            for signs in product((0, 1), repeat=len(alpha)):
                places = {f"i{i}": ends(row, i)[s] for i, s in zip(alpha, signs, strict=True)}
                total = total + (-1) ** sum(signs) * at(row, **places)
            return total / np.prod([ends(row, i)[2] for i in alpha])
        (i, _), d = alpha, moves.steps[alpha[0]]
        if row[i] == missing:
            return 0 * at(row)
        c = np.clip(row[i], moves.low[i] + d, moves.high[i] - d)
        return (at(row, **{f"i{i}": c + d}) + at(row, **{f"i{i}": c - d})) / 2 - at(
            row, **{f"i{i}": c}
        )

    alphas = moves.indices(order).tuples()
    return np.array([[response(row, alpha) for alpha in alphas] for row in x]).transpose(0, 2, 1)


@pytest.mark.parametrize("order", [1, 2])
def test_of_a_forest_they_are_the_definition(order):
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32).astype(float)
    moves = free([0.5, 0.75, 1.25])
    engine = FiniteStep(function_of(forest()), moves, order, x=x)
    found = engine.coefficients(x)
    assert np.array_equal(found.responses, grown(x))
    assert found.terms == pytest.approx(naive(grown, x, moves, order), abs=1e-6)
    assert (np.abs(found.terms[..., :3]).mean(axis=(0, 1)) > 0.3).all()
    assert engine.points == (7 if order == 1 else 19)


def test_of_a_quantized_model_they_are_the_definition():
    x = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32).astype(float)
    moves = free([0.3, 0.45, 0.2])
    proto = quantized()
    found = FiniteStep(function_of(proto), moves, 2, x=x).coefficients(x)
    assert found.terms == pytest.approx(
        naive(lambda rows: ask(proto, x=rows)["y"].astype(float), x, moves), abs=1e-6
    )
    assert np.abs(found.terms).max() > 0.1


def test_in_the_limit_of_small_steps_they_are_taylor_coefficients():
    """r_α / Π d − t_α falls with d²."""
    x = np.random.default_rng(2).normal(size=(20, 3))
    proto = net(kind=F64)
    function = function_of(proto)
    indices = MultiIndices.full(3, 2)
    truth = Exact(function, indices, x=x).coefficients(x).terms
    errors = []
    for size in (1e-2, 1e-3):
        steps = size * np.array([1.0, 2.0, 0.5])
        found = FiniteStep(function, free(steps), 2, x=x).coefficients(x).terms
        errors.append(np.abs(found / indices.scale(steps) - truth).max(axis=(0, 1)))
    assert (errors[0] < 1e-2).all()
    assert (errors[1] < 1.2e-2 * errors[0] + 1e-9).all()


@pytest.mark.parametrize("step", [0.3, 1 / 7, 3e-5])
def test_the_step_is_the_one_that_was_asked_for(step):
    """A linear function responds with w·d: rounding of d to a power of two would show."""
    proto = model(
        [op("MatMul", ["x", "w"], ["y"])],
        [port("x", ["N", 2], F64)],
        [port("y", ["N", 1], F64)],
        {"w": np.array([[3.0], [-2.0]])},
    )
    x = np.random.default_rng(3).normal(size=(9, 2))
    found = FiniteStep(function_of(proto), free([step, step]), 1, x=x).coefficients(x)
    assert found.terms[:, 0] == pytest.approx(np.tile([3 * step, -2 * step], (9, 1)), rel=1e-9)


# what moves how


def table(events=60, seed=4):
    """A fraction, a count 0 … 6, a flag, a one-hot group of three, a constant."""
    random = np.random.default_rng(seed)
    x = np.zeros((events, 7))
    x[:, 0] = random.normal(size=events)
    x[:, 1] = random.integers(0, 7, events)
    x[:, 2] = random.integers(0, 2, events)
    x[np.arange(events), 3 + random.integers(0, 3, events)] = 1
    x[:, 6] = 4.5
    return x


NAMES = ["fraction", "count", "flag", "red", "green", "blue", "same"]


def analyzed(x, proto=None, **options):
    proto = net(x.shape[1], kind=F64) if proto is None else proto
    names = NAMES if x.shape[1] == 7 else None
    return ot.analyze(
        proto, x, **{"feature_names": names, "finite_step": "0.5sigma", "bootstrap": 0} | options
    )


def test_whole_numbers_one_hot_groups_and_constants():
    x = table()
    result = analyzed(x)
    told = result.options["finite_step"]
    assert told["asked"] == {"*": "0.5sigma"}
    assert told["whole"] == ["count", "flag"]
    assert told["steps"] == [pytest.approx(0.5 * x[:, 0].std()), 1, 1, None, None, None, None]
    assert told["no_second"] == ["flag"]
    assert told["not_moved"] == {
        **dict.fromkeys(["red", "green", "blue"], "one of a one-hot group (red, green, blue)"),
        "same": "constant in the data",
    }
    alphas = [tuple(row["features"]) for row in result.rows() if row["output"] == "y[0]"]
    assert alphas == [
        *[("fraction",), ("count",), ("flag",)],
        *[("fraction", name) for name in ("fraction", "count", "flag")],
        *[("count", "count"), ("count", "flag")],
    ]
    assert np.isnan(result.vector()[3:]).all()
    assert np.isnan(result.matrix()[2, 2])


@pytest.mark.parametrize("step", [1, 2, "1sigma", 3, 100])
@pytest.mark.parametrize("missing", [None, MISSING])
def test_whole_numbers_move_by_whole_steps_inside_their_range(step, missing):
    x = table()
    if missing is not None:
        x[::7, 0] = x[::5, 1] = missing
    proto = net(7, kind=F64)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    seen = []

    def f(rows):
        seen.append(rows)
        return session.run(None, {"x": rows})[0]

    valid = np.ma.masked_equal(x, MISSING)
    moves = plan_moves(
        step,
        NAMES,
        std=np.asarray(valid.std(axis=0)),
        low=np.asarray(valid.min(axis=0)),
        high=np.asarray(valid.max(axis=0)),
        whole=np.array([False, True, True, True, True, True, False]),
        one_hot=[(3, 4, 5)],
    )
    assert moves.steps[1] == {1: 1, 2: 2, "1sigma": 2, 3: 3, 100: 3}[step]  # half of the range
    assert moves.steps[2] == 1
    absent = None if missing is None else (lambda rows: rows == missing)
    engine = FiniteStep(function_of(proto), moves, 2, x=x, absent=absent)
    found = engine.coefficients(x)
    assert found.terms == pytest.approx(naive(f, x, moves, 2, missing), rel=1e-9, abs=1e-12)
    asked = np.concatenate(seen)
    assert set(asked[:, 1]) <= {*range(7), MISSING}
    assert set(asked[:, 2]) <= {0, 1}
    assert {tuple(row) for row in asked[:, 3:6]} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    if missing is not None:
        with_count = [k for k, alpha in enumerate(engine.indices.tuples()) if 1 in alpha]
        assert (found.terms[::5, :, with_count] == 0).all()


def test_steps_by_name_leave_the_others():
    x = table()
    told = analyzed(x, finite_step={"count": 2, "fraction": "0.1 sigma"}).options["finite_step"]
    assert told["steps"][1] == 2
    assert told["not_moved"]["flag"] == "no step is asked for"
    both = analyzed(x, finite_step={"count": 2, "*": 0.5}).options["finite_step"]
    assert both["steps"][:3] == [0.5, 2, 1]


def test_neither_the_cut_nor_the_threads_change_a_response():
    x = table(300)
    x[::9, 0] = MISSING
    one = analyzed(x, missing=MISSING)
    other = analyzed(x, missing=MISSING, batch_size=7, threads=1)
    assert other.score == pytest.approx(one.score, rel=1e-12)
    assert other.options == one.options


@pytest.mark.parametrize("step", ["", "sigma", "-1", "0", "1 s", "nan", "inf", "1sigmas", 0, True])
def test_what_is_no_step_is_refused(step):
    with pytest.raises(OptionError, match="positive number") as error:
        read_steps(step)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"finite_step": {}}, "has no step"),
        ({"finite_step": {"coun": 1}}, "did you mean 'count'"),
        ({"finite_step": {"red": 1}}, "moves no feature .*one-hot"),
        ({"order": 3}, "order=3"),
        ({"engine": "exact"}, "engine=exact for derivatives"),
        ({"scale": "unit"}, "scale=unit for derivatives"),
        ({"accuracy": 4}, "accuracy=4 for derivatives"),
        ({"precision": "float64"}, "precision=float64 for derivatives"),
    ],
)
def test_what_cannot_be_asked_for(options, says):
    with pytest.raises(OptionError, match=says):
        analyzed(table(), **options)


# whole-number inputs


@pytest.mark.parametrize("kind", [6, I64])
def test_a_model_of_whole_numbers_works_by_steps_only(kind):
    x = np.random.default_rng(5).integers(0, 10, (80, 3)).astype(float)
    proto = embedding(kind=kind)
    with pytest.raises(ModelError, match=r"finite_step=1, .*extract_model"):
        ot.analyze(proto, x)
    result = analyzed(x, proto, finite_step=2)
    moves = Moves(np.full(3, 2.0), np.zeros(3), np.full(3, 9.0), np.ones(3, bool), {})
    table_ = next(t for t in proto.graph.initializer if t.name == "table")
    rows = np.frombuffer(table_.raw_data, np.float32).reshape(10, 2)
    truth = naive(lambda r: np.tanh(rows[r.astype(int)].mean(axis=1)), x, moves)
    assert result.score[:, 0] == pytest.approx(np.abs(truth).mean(axis=0), rel=1e-4, abs=1e-7)


def test_no_number_is_asked_for_that_the_data_do_not_have():
    """A table of 5 000 rows that is used to its ends."""
    x = np.random.default_rng(5).choice([0.0, 1.0, 4998.0, 4999.0], (80, 3))
    found = analyzed(x, embedding(rows=5000), finite_step=2)
    assert (found.score > 0).all()


@pytest.mark.parametrize(
    ("value", "says"), [(0.5, "no whole numbers"), (2.0**40, "it holds -2147483648 …")]
)
def test_data_that_whole_numbers_cannot_hold_are_refused(value, says):
    x = np.random.default_rng(5).integers(0, 10, (80, 3)).astype(float)
    x[-1, 1] = value
    with pytest.raises(DataError, match=f"'x1'.*{says}"):
        ot.analyze(embedding(), x, finite_step=1)


# the name


def test_they_are_reported_under_their_own_name(tmp_path):
    x = np.random.default_rng(0).normal(size=(50, 3))
    result = ot.analyze(forest(FOREST), x, finite_step="0.5sigma")
    assert result.method == result.model.engine == "finite-step"
    assert {row["method"] for row in result.rows()} == {"finite-step"}
    assert result.options["scale"] == "step"
    result.save(tmp_path / "r.json")
    assert ot.TaylorResult.load(tmp_path / "r.json").to_json() == result.to_json()
    smooth = ot.analyze(net(), x)
    assert smooth.method == "derivative"
    assert smooth.options["finite_step"] is None
    for ax in (result.plot.scores(), result.plot.curve(), result.plot.matrix()):
        texts = " ".join(t.get_text() for t in ax.figure.findobj(lambda a: hasattr(a, "get_text")))
        assert "inite-step response" in texts
        assert "Taylor" not in texts
        assert r"\langle t" not in texts
        assert "$t_" not in texts


def test_their_sums_are_not_merged_with_those_of_derivatives(tmp_path):
    one, other = Accumulator(1, 3), Accumulator(1, 3, quantity="finite-step")
    with pytest.raises(ValueError, match="finite-step and of derivative"):
        one.merge(other)
