"""A derivative graph that does not respond as the model does is never passed over in silence.

The graph is spoilt on its way to the compiler: a weight is changed, or a term added that shows at
few events only.
"""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.audit.service import AGREEMENT
from onnxtaylor.cli import main
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact import derive as deriving
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import DisagreementError, ModelError
from tests.graph.graphs import model, net, op, port

EVENTS = np.random.default_rng(1).normal(size=(300, 3)).astype("f4")
EVENTS[:, 0] = np.linspace(-1, 2, 300)
SAID = "the derivative graph's response differs from the model's by"


@pytest.fixture
def files(tmp_path):
    """The paths of a sound net and of its events."""
    path, events = tmp_path / "net.onnx", tmp_path / "events.npy"
    onnx.save(net(), path)
    np.save(events, EVENTS)
    return str(path), str(events)


@pytest.fixture
def spoil(monkeypatch):
    """spoil(change) has the graphs changed that are compiled, and only those."""
    simplify = deriving.simplify

    def apply(change):
        def changed(proto, *rest):
            found = onnx.ModelProto.FromString(simplify(proto, *rest).SerializeToString())
            change(found.graph)
            return found

        monkeypatch.setattr(deriving, "simplify", changed)

    return apply


def heavier(graph):
    """The first weights 1 % larger."""
    tensor = next(t for t in graph.initializer if t.name == "W1")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.01), "W1"))


def beyond(limit):
    """What changes the response where x0 > limit, and nowhere else."""

    def change(graph):
        first = numpy_helper.from_array(np.array([[1], [0], [0]], "f4"), "first")
        edge = numpy_helper.from_array(np.float32(limit), "edge")
        graph.initializer.extend((first, edge))
        end = graph.node[-1]
        kept, end.output[0] = end.output[0], "before"
        feed = graph.input[0].name
        graph.node.extend(
            [
                op("MatMul", [feed, "first"], ["x0"]),
                op("Sub", ["x0", "edge"], ["over"]),
                op("Relu", ["over"], ["more"]),
                op("Add", ["before", "more"], [kept]),
            ]
        )

    return change


def no_number(graph):
    """√(x0 − 1.9) − √(x0 − 1.9): no number nearly everywhere."""
    beyond(1.9)(graph)
    end, before = graph.node[-1], graph.node[-2]
    before.op_type = "Sqrt"
    end.input[0], end.input[1] = "before", before.output[0]


CHANGES = {"everywhere": heavier, "at 5 % of the events": beyond(1.85), "no number": no_number}


@pytest.mark.parametrize("engine", ["auto", "exact"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_analysis_is_refused(files, spoil, capsys, engine, change):
    spoil(change)
    with pytest.raises(DisagreementError) as error:
        ot.analyze(*files, engine=engine)
    assert str(error.value).startswith(f"{files[0]}: the derivative graph's response differs")
    assert str(error.value).count(files[0]) == 1
    assert main(["analyze", *files, "--engine", engine]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip().splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_way_out_works_and_is_no_pass(files, spoil, capsys, change):
    """--engine differences gives the table, right, and the check says what is wrong."""
    sound = ot.analyze(*files, engine="exact", check=0)
    spoil(change)
    result = ot.analyze(*files, engine="differences", check=300)
    assert result.score == pytest.approx(sound.score, rel=1e-4, abs=1e-6)
    assert result.check["verdict"] == "differs"
    assert result.check["responses"]["agree"] is False
    call = ["analyze", *files, "--engine", "differences", "--check", "300"]
    assert main(call) == 1
    assert "DIFFERS" in capsys.readouterr().err
    assert main([*call, "--json"]) == 1
    ot.TaylorResult.from_json(capsys.readouterr().out)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_cross_check_differs(files, spoil, capsys, change):
    spoil(change)
    found = ot.cross_check(*files, events=300)
    assert (found.verdict, found.passed) == ("differs", False)
    assert found.responses is not None
    assert not found.responses.agree
    assert main(["check", *files, "--events", "300"]) == 1
    assert "check: DIFFERS" in capsys.readouterr().out


def test_the_event_is_named(files, spoil):
    """One event is beyond the edge, and it is the one that is named.

    Of first order: what kinks make of second order is measured at steps from other events, too.
    """
    spoil(beyond(float(EVENTS[-1, 0]) - 1e-3))
    assert ot.cross_check(*files, events=300, order=1).responses.event == 299


FAULTS = [("auto", "at 5 % of the events"), ("differences", "everywhere")]
POLICIES = {
    "defaults": None,
    "primal": '[[checks]]\nid = "response-agreement"\n',
    "derivative": '[[checks]]\nid = "derivative-agreement"\n',
    "mild": '[[checks]]\nid = "response-agreement"\nlevel = "warning"\n\n'
    '[[checks]]\nid = "dominance"\nlevel = "error"\n',
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("engine", "change"), [("auto", "no number"), *FAULTS])
def test_an_audit_fails(files, tmp_path, spoil, capsys, change, engine, policy):
    spoil(CHANGES[change])
    call = ["audit", *files, "--engine", engine, "--bootstrap", "0", "--check", "300"]
    if POLICIES[policy]:
        (tmp_path / "audit.toml").write_text(POLICIES[policy])
        call += ["--policy", str(tmp_path / "audit.toml")]
    status = main([*call, "--json"])
    said = capsys.readouterr()
    if policy == "derivative" and engine == "auto":
        assert status == 2  # no check of this policy can tell why there are no coefficients
        assert SAID[:40] in said.err
        return
    if policy == "mild" and engine == "differences":
        return  # its coefficients are there, and the policy wants no more
    assert status == 1
    found = {check["id"]: check for check in json.loads(said.out)["checks"]}
    asked = ["response-agreement", "derivative-agreement"] if policy == "defaults" else [*found]
    assert all(found[name]["status"] in ("fail", "error") for name in asked if name in found) or (
        engine == "auto" and found["response-agreement"]["status"] == "fail"
    )
    assert (
        main([*call, "--report", f"sarif:{tmp_path / 'a'}", "--report", f"html:{tmp_path / 'b'}"])
        == 1
    )


@pytest.mark.parametrize("listed", ["dominance", "derivative-agreement"])
def test_a_policy_that_does_not_ask_is_told(files, tmp_path, monkeypatch, capsys, listed):
    """Wrong coefficients, or responses, pass no audit in which no check looks at them."""
    right = Exact.coefficients

    def wrong(self, x, watch=None):
        found = right(self, x, watch)
        what = found.terms if listed == "dominance" else found.responses
        what *= 1.01
        return found

    monkeypatch.setattr(Exact, "coefficients", wrong)
    path = tmp_path / "audit.toml"
    path.write_text(f'[[checks]]\nid = "{listed}"\n')
    assert main(["audit", *files, "--policy", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"the engines differ, and no check of {path} reports it: list response" in said.err
    with path.open("a") as stream:
        stream.write("".join(f'[[checks]]\nid = "{n}"\n' for n in AGREEMENT if n != listed))
    assert main(["audit", *files, "--policy", str(path)]) == 1


def test_an_engine_that_fails_is_no_skip(files, monkeypatch, capsys):
    """Half of the cross-check breaks: the coefficients stand, the audit does not."""

    def broken(self, x, watch=None):
        raise ModelError("the model fails on 64 events: planted")

    monkeypatch.setattr(Differences, "coefficients", broken)
    result = ot.analyze(*files)
    assert result.check["verdict"] == "undecided"
    assert "planted" in result.check["reason"]
    outcome = audit(*files)
    assert outcome.exit_status == 1
    assert {c.id for c in outcome.failed} >= {"response-agreement", "derivative-agreement"}
    assert main(["check", *files]) == 1
    assert "check: undecided, so not passed: an engine fails: " in capsys.readouterr().out
    assert "planted" in result.to_html()


def test_what_has_no_derivative_graph_is_still_only_not_run(tmp_path):
    """A model without rules is analyzed by differences, and its audit says so in a skip."""
    path, events = tmp_path / "m.onnx", tmp_path / "e.npy"
    nodes = [op("Det", ["m"], ["d"]), op("Tanh", ["d"], ["y"])]
    proto = model(
        [op("Reshape", ["x", "s"], ["m"]), *nodes],
        [port("x", ["N", 4])],
        [port("y", ["N"])],
        {"s": np.array([-1, 2, 2])},
    )
    onnx.save(proto, path)
    np.save(events, np.random.default_rng(0).normal(size=(100, 4)).astype("f4"))
    result = ot.analyze(path, events)
    if result.model.engine == "exact":
        pytest.skip("there is a rule by now")
    assert result.check["verdict"] == "not run"
    assert result.check["reason"].startswith("no exact derivatives: ")


@pytest.mark.parametrize("order", [1, 2])
def test_one_response_of_two_counts_as_well(tmp_path, spoil, order):
    """Where two engines share the responses, the part that is compiled is compared."""
    path, events = tmp_path / "two.onnx", tmp_path / "events.npy"
    proto = net(outputs=1)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1, 1], np.int64), "one"))
    proto.graph.node.extend(
        [
            op("Reshape", ["y", "one"], ["m"]),
            op("Det", ["m"], ["d"]),
            op("Reshape", ["d", "column"], ["e"]),
            op("Concat", ["y", "e"], ["both"], axis=1),
        ]
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1]), "column"))
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_value_info("both", 1, ["N", 2]))
    onnx.save(proto, path)
    np.save(events, EVENTS)
    if ot.analyze(path, events, order=order, check=0).model.engine != "mixed":
        pytest.skip("there is a rule by now")
    spoil(heavier)
    with pytest.raises(DisagreementError):
        ot.analyze(path, events, order=order)
