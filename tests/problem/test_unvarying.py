"""A response that never varies is told as such: no ranks, no agreement, no pass."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.cli.app import run
from onnxtaylor.data import ArraySource
from onnxtaylor.errors import OptionError
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.unvarying import ResponseRanges
from tests.graph.graphs import model, net, op, port

X = np.random.default_rng(0).normal(size=(400, 3))
SIDE = np.where(X[:, 0] > 0, "s", "b")


def relu(shift, outputs=1):
    """relu(x W − shift) of 3 features."""
    weights = np.random.default_rng(1).normal(size=(3, outputs)).astype(np.float32)
    nodes = [
        op("MatMul", ["x", "w"], ["h"]),
        op("Sub", ["h", "k"], ["t"]),
        op("Relu", ["t"], ["y"]),
    ]
    constants = {"w": weights, "k": np.asarray(shift, np.float32)}
    return model(nodes, [port("x", ["N", 3])], [port("y", ["N", outputs])], constants)


def normalized():
    """Σ softmax: 1, rounded."""
    nodes = [
        op("Softmax", ["x"], ["s"], axis=1),
        op("ReduceSum", ["s", "axes"], ["y"], keepdims=1),
    ]
    axes = {"axes": np.array([1])}
    return model(nodes, [port("x", ["N", 3])], [port("y", ["N", 1])], axes)


def told(result):
    return [f.message for f in result.warnings if f.code == "constant-response"]


@pytest.mark.parametrize("engine", ["exact", "differences"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_dead_response_ranks_nothing(engine, order):
    result = ot.analyze(relu(100), X, order=order, engine=engine, bootstrap=20)
    (line,) = told(result)
    assert line.startswith("response 'y' is 0 at all 400 events: it does not vary")
    assert (result.score == 0).all()
    assert (result.rank == 1).all()
    assert (result.rank_low == 1).all()
    assert (result.rank_high == result.rank.size).all()
    assert result.check["verdict"] == "undecided"
    assert "response y are 0" in result.check["reason"]
    assert result.check["coefficients"]["agrees"] == 0
    assert result.check["comparisons"]["agrees"] == 0
    assert ot.TaylorResult.from_json(result.to_json()).rank.tolist() == result.rank.tolist()


def test_rounding_is_no_variation():
    result = ot.analyze(normalized(), X, bootstrap=0)
    (line,) = told(result)
    assert line.startswith("response 'y' is 1 at all 400 events, but for rounding")
    assert result.check["verdict"] == "undecided"


def test_a_small_variation_is_one():
    """1000 + x / 1000 has some twenty of float32's spacings."""
    nodes = [op("ReduceSum", ["x", "axes"], ["s"], keepdims=1), op("Mul", ["s", "f"], ["t"])]
    nodes.append(op("Add", ["t", "k"], ["y"]))
    constants = {"axes": np.array([1]), "f": np.float32(1e-3), "k": np.float32(1000)}
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 1])], constants)
    result = ot.analyze(proto, X, order=1, bootstrap=0)
    assert told(result) == []
    assert result.check["verdict"] == "agrees"


def test_one_dead_response_of_several_is_named_and_not_counted():
    result = ot.analyze(relu([100, 0, -100], 3), X, order=1, bootstrap=20)
    (line,) = told(result)
    assert "response 'y[0]' is 0" in line
    assert (result.rank[0, 0] == 1).all()
    assert sorted(result.rank[2, 0]) == [1, 2, 3]
    assert result.check["coefficients"] == {"agrees": 6, "differs": 0, "undecided": 3, "kink": 0}
    assert "response y[0] are 0" in " ".join(result.check["notes"])


def test_a_response_may_be_constant_in_a_class_only():
    proto = model([op("Relu", ["x"], ["y"])], [port("x", ["N", 3])], [port("y", ["N", 3])])
    result = ot.analyze(proto, X, order=1, labels=SIDE, bootstrap=0)
    (line,) = told(result)
    count = int((SIDE == "b").sum())
    assert f"'y[0]' is 0 at all {count} events of class 'b'" in line
    assert (result.rank[0, result.groups.index("b")] == 1).all()
    assert result.check["verdict"] == "agrees"


def test_finite_steps_say_so_too():
    assert told(ot.analyze(relu(100), X, order=1, finite_step="0.5sigma", bootstrap=0))


def test_a_response_that_varies_at_the_last_event_varies():
    """No sample would see it."""
    x = np.zeros((10_000, 3)) + X[0]
    x[-1, 0] += 1
    result = ot.analyze(net(), x, order=1, bootstrap=0, check=0)
    assert told(result) == []
    assert len(told(ot.analyze(net(), x[:-1], order=1, bootstrap=0, check=0))) == 2


def test_of_one_event_nothing_can_be_said():
    assert told(ot.analyze(relu(100), X[:1], order=1, bootstrap=0, check=0)) == []


def test_only_as_many_events_are_evaluated_as_it_takes(monkeypatch):
    seen = []
    respond = ResponseRanges._respond

    def counted(self, x):
        seen.append(len(x))
        return respond(self, x)

    monkeypatch.setattr(ResponseRanges, "_respond", counted)
    ot.analyze(net(), X, order=1, bootstrap=0, check=0)
    assert seen == [64]
    seen.clear()
    ot.analyze(relu(100), X, order=1, bootstrap=0, check=0)
    assert sum(seen) == len(X)


@pytest.fixture
def files(tmp_path):
    onnx.save(relu(100), tmp_path / "dead.onnx")
    onnx.save(relu([100, 0], 2), tmp_path / "half.onnx")
    np.save(tmp_path / "x.npy", X)
    return tmp_path


@pytest.mark.parametrize("name", ["dead.onnx", "half.onnx"])
def test_the_audit_fails(files, name):
    outcome = audit(files / name, files / "x.npy")
    assert outcome.exit_status == 1
    check = next(c for c in outcome.checks if c.id == "constant-response")
    (finding,) = check.findings
    assert finding.level == "error"
    assert "is 0 at all 400 events" in finding.message
    assert "output=…" in finding.remedy


def test_in_a_class_it_is_noted(files):
    proto = model([op("Relu", ["x"], ["y"])], [port("x", ["N", 3])], [port("y", ["N", 3])])
    onnx.save(proto, files / "m.onnx")
    rows = "\n".join(f"{','.join(map(repr, x))},{c}" for x, c in zip(X.tolist(), SIDE, strict=True))
    (files / "x.csv").write_text(f"a,b,c,class\n{rows}\n")
    (files / "audit.toml").write_text('[[checks]]\nid = "constant-response"')
    outcome = audit(files / "m.onnx", files / "x.csv", files / "audit.toml", labels="class")
    check = next(c for c in outcome.checks if c.id == "constant-response")
    (finding,) = check.findings
    assert (finding.level, finding.subject.group) == ("note", "b")
    assert outcome.exit_status == 0


def test_the_commands_say_it(files, capsys):
    words = [str(files / "dead.onnx"), str(files / "x.npy")]
    assert run(["analyze", *words, "--order", "1", "-o", str(files / "r.json")]) == 0
    shown = capsys.readouterr()
    assert "warning: response 'y' is 0 at all 400 events" in shown.err
    assert "check: undecided, so not passed" in shown.out
    assert "1–3" in shown.out
    assert run(["check", *words]) == 1
    assert "there is nothing to compare" in capsys.readouterr().out
    assert run(["compare", words[0], *words]) == 0
    assert capsys.readouterr().err.count("warning: response 'y' is 0 at all 400 events") == 1
    assert run(["select", str(files / "r.json")]) == 2
    assert "nothing can be selected" in capsys.readouterr().err
    assert run(["track", words[0], "--data", words[1]]) == 0
    assert "all coefficients of response 'y' are 0 after the last step" in capsys.readouterr().err


def test_what_vanishes_is_never_selected():
    """A linear model: of nine coefficients six are 0."""
    constants = {"w": np.array([[3.0], [2.0], [1.0]], np.float32)}
    proto = model(
        [op("MatMul", ["x", "w"], ["y"])], [port("x", ["N", 3])], [port("y", ["N", 1])], constants
    )
    result = ot.analyze(proto, X, bootstrap=20)
    np.testing.assert_array_equal(result.rank[0, 0], [1, 2, 3, 4, 4, 4, 4, 4, 4])
    assert result.check["verdict"] == "agrees"
    assert told(result) == []
    assert ot.select(result, 0.9).cuts[0].kept == 3
    dead = ot.analyze(relu(100), X, bootstrap=0, check=0)
    with pytest.raises(OptionError, match="response 'y' over the events of 'all' are 0"):
        ot.select(dead)


def test_ranges_of_classes_come_in_any_order():
    """Data sorted by class: the second is looked at when it comes."""
    order = np.argsort(SIDE, kind="stable")
    source = ArraySource(X[order], labels=SIDE[order])
    from onnxtaylor.graph import read_model
    from onnxtaylor.problem.opening import open_model

    proto = model([op("Relu", ["x"], ["y"])], [port("x", ["N", 3])], [port("y", ["N", 3])])
    opened = open_model(read_model(proto), ModelOptions(), X[:8])
    for size in (1, 7, 400):
        ranges = ResponseRanges(opened, ("b", "s"))
        for _ in ranges.watch(source.batches(size)):
            pass
        (one,) = ranges.unvarying()
        assert (one.output, one.group, one.value) == ("y[0]", "b", 0.0)
