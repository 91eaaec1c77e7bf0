"""What a model is probed at where no data are given: numbers at which it runs, if there are any."""

import numpy as np
import onnx.parser
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import EvaluationError, ModelError, ProbeError
from onnxtaylor.problem import Problem
from onnxtaylor.problem.standins import NO_DATA, stand_ins
from onnxtaylor.run.inspect import inspect_model

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
X = np.random.default_rng(3).uniform(0.2, 0.8, (5, 3))


def graph(body, constants="", shape="N,3"):
    text = f"{HEAD}m (float[N,3] x) => (float[{shape}] y) <{constants}> {{ {body} }}"
    return onnx.parser.parse_model(text)


# models that are finite at some numbers only: the graph, its value and slope in NumPy, at x
PICKY = {
    "log": (graph("y=Log(x)"), np.log, lambda x: 1 / x, X),
    "sqrt": (graph("y=Sqrt(x)"), np.sqrt, lambda x: 0.5 / np.sqrt(x), X),
    "acos": (graph("y=Acos(x)"), np.arccos, lambda x: -1 / np.sqrt(1 - x**2), X),
    "acosh": (graph("y=Acosh(x)"), np.arccosh, lambda x: 1 / np.sqrt(x**2 - 1), X + 1),
    "log log": (
        graph("l=Log(x) y=Log(l)"),
        lambda x: np.log(np.log(x)),
        lambda x: 1 / (x * np.log(x)),
        30 * X,
    ),
}
# x0 = E, x1 = px, x2 = py
MASS = graph("s=Mul(x,x) q=MatMul(s,w) y=Sqrt(q)", "float[3,1] w={1.0,-1.0,-1.0}", shape="N,1")
# a table of two rows, looked up by a class number
TABLE = graph("c=Cast<to=7>(x) e=Gather(t,c) y=Mul(e,x)", "float[2] t={1.0,2.0}")
# finite nowhere
NOWHERE = graph("n=Neg(x) a=Log(n) b=Log(x) y=Add(a,b)")


def test_stand_ins_are_events_of_n_features():
    sets = list(stand_ins(4))
    assert all(x.shape == (8, 4) and np.isfinite(x).all() for x in sets)
    np.testing.assert_array_equal(sets[0], np.random.default_rng(0).normal(size=(8, 4)))
    assert (sets[4][:, 0] ** 2 > (sets[4][:, 1:] ** 2).sum(1)).all()  # a mass, whatever n
    wide = list(stand_ins(1000))[4]
    assert (wide[:, 0] ** 2 > (wide[:, 1:] ** 2).sum(1)).all()


@pytest.mark.parametrize("name", PICKY)
def test_derivatives_of_models_of_positive_features(name):
    proto, value, slope, x = PICKY[name]
    derivatives = ot.differentiate(proto)
    assert derivatives.note == "no data were given: the model was probed at random numbers"
    found = derivatives(x)
    np.testing.assert_allclose(found.value, value(x), rtol=2e-5)
    np.testing.assert_allclose(found.jacobian, slope(x)[:, :, None] * np.eye(3), rtol=2e-5)


def test_a_mass_needs_more_energy_than_momentum():
    found = Problem.open_without_data(MASS)
    assert found.stand_ins == NO_DATA
    assert ot.differentiate(MASS)([[5.0, 3.0, 0.0]]).value == pytest.approx(4.0)


def test_numbers_of_classes():
    found = Problem.open_without_data(TABLE)
    assert found.stand_ins == NO_DATA
    np.testing.assert_array_equal(
        ot.differentiate(TABLE, order=1)([[0.0, 1, 1]]).value, [[0, 2, 2]]
    )


def test_a_model_finite_nowhere_is_still_written(tmp_path):
    derivatives = ot.differentiate(NOWHERE)
    assert derivatives.note.endswith("whether they are, data can tell")
    derivatives.save(tmp_path / "d.onnx")
    assert np.isnan(derivatives(X).value).all()
    path = tmp_path / "m.onnx"
    onnx.save(NOWHERE, path)
    report = inspect_model(path)
    assert report["problem"] is None
    assert "finite (" not in report["probes"]
    assert "data can tell" in report["probes"]
    assert str(report["engine"]).startswith("exact")


def test_data_are_asked_for_their_units_still():
    with pytest.raises(ProbeError, match=r"response 'y\[0\]' is nan at event 0.*units"):
        ot.analyze(PICKY["log"][0], -X)


def test_a_model_that_mixes_events_is_still_found():
    mixing = graph("m=ReduceMean<axes=[0],keepdims=1>(x) y=Sub(x,m)")
    with pytest.raises(ProbeError, match="mixes events"):
        ot.differentiate(mixing)


def test_a_model_that_runs_nowhere_says_so():
    lost = graph("c=Cast<to=7>(x) f=Constant<value_int=100000>() d=Add(c,f) e=Gather(t,d)"
                 " y=Mul(e,x)", "float[2] t={1.0,2.0}")  # fmt: skip
    with pytest.raises(EvaluationError, match=r"out of data bounds.*no data were given"):
        ot.differentiate(lost)
    with pytest.raises(ModelError, match="step function"):  # no need to try other numbers
        ot.differentiate(graph("y=Floor(x)"))
