"""Data that the format of the model's input cannot hold are refused; lost digits are warned of."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxtaylor as ot
from onnxtaylor.audit.service import audit
from onnxtaylor.cli.app import run
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.graph.input_formats import input_formats
from onnxtaylor.graph.ports import input_ports
from onnxtaylor.problem.rounding import rounded
from onnxtaylor.run.inspect import inspect_model
from tests.graph.graphs import model, op, port

FLOAT, HALF, BRAIN = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16
FLAT = np.array([[1e-6], [2e-6], [-1e-6]])


def fed(kind, then=None):
    """tanh of a sum of three features, fed as ``kind`` and cast to another format at once."""
    last = kind if then is None else then
    weights = {"w": FLAT.astype(helper.tensor_dtype_to_np_dtype(last))}
    cast = [] if then is None else [op("Cast", ["x"], ["c"], to=then)]
    nodes = [*cast, op("MatMul", ["c" if cast else "x", "w"], ["h"]), op("Tanh", ["h"], ["y"])]
    return model(nodes, [port("x", ["N", 3], kind)], [port("y", ["N", 1], last)], weights)


def events(column=None, count=300):
    x = np.random.default_rng(4).normal(size=(count, 3))
    if column is not None:
        x[:, 1] = column
    return x


def findings(proto, x, **options):
    found = ot.analyze(proto, x, order=1, bootstrap=0, check=0, **options)
    # some of these data saturate the model, which is another matter
    return [(f.code, f.feature, f.message) for f in found.warnings if f.code == "digits"]


@pytest.fixture(params=[np.float32, np.float16])
def files(request, tmp_path):
    """A model, data with two values at events 4 and 9 that it cannot hold, and its input's type."""
    kind = {np.float32: FLOAT, np.float16: HALF}[request.param]
    x = events()
    x[[4, 9], [2, 1]] = {FLOAT: [1e39, -2e38], HALF: [70000, -65520]}[kind]
    if kind == FLOAT:
        x[9, 1] = -4e38
    onnx.save(fed(kind), tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "m.onnx", tmp_path / "x.npy", np.dtype(request.param).name


@pytest.mark.parametrize("command", ["analyze", "check", "inspect", "audit", "track", "compare"])
def test_every_command_refuses_in_one_line(command, files, capsys):
    path, data, name = files
    words = {"track": [path, "--data", data], "compare": [path, path, data]}
    status = run([command, *map(str, words.get(command, [path, data]))])
    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    words = ("feature 'x2'", "event 4 (", name, "2 of 300 events", "'x'", "export the model in")
    for word in words:
        assert word in line
    assert ("1e+39" if name == "float32" else "70000") in line


def test_the_library_refuses(files):
    path, data, name = files
    for call in (ot.analyze, ot.cross_check):
        with pytest.raises(DataError, match=f"'x2' is .* at event 4 .*{name}"):
            call(path, np.load(data))
    with pytest.raises(DataError, match="at event 4"):
        audit(path, data)
    found = inspect_model(path, [data])
    assert "at event 4" in found["problem"]


def test_the_advice_works(files):
    """Leaving the events out, and a wider model."""
    path, data, _ = files
    x = np.load(data)
    kept = np.delete(x, [4, 9], axis=0)
    assert np.isfinite(ot.analyze(path, kept, order=1, bootstrap=0).score).all()
    wide = x if x.max() < 1e6 else kept
    assert np.isfinite(ot.analyze(fed(FLOAT), wide, order=1, bootstrap=0).score).all()


@pytest.mark.parametrize(
    ("kind", "most", "beyond"),
    [(HALF, 65504.0, 65520.0), (FLOAT, float(np.finfo(np.float32).max), 3.5e38)],
)
def test_the_largest_number_passes_and_the_next_does_not(kind, most, beyond):
    for sign in (1, -1):
        x = events()
        x[7, 0] = sign * most
        ot.analyze(fed(kind), x, order=1, bootstrap=0, check=0)
        x[7, 0] = sign * beyond
        with pytest.raises(DataError, match=r"'x0' is .* at event 7 .* 1 of 300 events"):
            ot.analyze(fed(kind), x, order=1, bootstrap=0, check=0)


def test_a_missing_entry_is_fed_as_it_is():
    x = events()
    x[5, 1] = -1e5
    with pytest.raises(DataError, match="'x1' is -100000 at event 5"):
        ot.analyze(fed(HALF), x, order=1, missing=-1e5)


def test_formats_behind_the_input_count():
    """Exporters keep inputs in float32 and cast them at once: half precision all the same."""
    for kind, then, names in [
        (FLOAT, None, {"float32"}),
        (FLOAT, HALF, {"float32", "float16"}),
        (HALF, FLOAT, {"float16", "float32"}),
        (FLOAT, BRAIN, {"float32", "bfloat16"}),
    ]:
        graph = fed(kind, then).graph
        assert input_formats(graph, input_ports(graph)[0]) == names
    x = events()
    x[3, 0] = 7e4
    with pytest.raises(DataError, match="float16, up to 65504"):
        ot.analyze(fed(FLOAT, HALF), x, order=1)


def test_a_cast_behind_an_operator_is_none_of_the_data():
    """Where the model scales in single precision first, large data are welcome."""
    constants = {"s": np.float32(1e-5), "w": np.ones((3, 1), np.float16)}
    nodes = [
        op("Mul", ["x", "s"], ["z"]),
        op("Cast", ["z"], ["c"], to=HALF),
        op("MatMul", ["c", "w"], ["y"]),
    ]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 1], HALF)], constants)
    assert input_formats(proto.graph, input_ports(proto.graph)[0]) == {"float32"}
    ot.analyze(proto, 1e5 * events(), order=1, bootstrap=0, check=0)


def test_rounding_is_that_of_numpy_and_goes_through_all_formats():
    x = np.random.default_rng(1).normal(size=100) * 10.0 ** np.arange(-50, 50)
    both = rounded(x, frozenset({"float32", "float16"}))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(rounded(x, frozenset({"float32"})), x.astype(np.float32))
        np.testing.assert_array_equal(both, x.astype(np.float16))
    np.testing.assert_array_equal(rounded(x, frozenset()), x)


NORMAL = np.random.default_rng(5).normal(size=300)
LOST = {
    "tiny": (HALF, 1e-8 * np.abs(NORMAL), r"becomes 0 at \d+% of the events in float16"),
    "far": (HALF, 1000 + NORMAL, r"more than 1% of its σ at 9\d% of the events in float16"),
    "time": (FLOAT, 1.6e9 + 100 * NORMAL, r"more than 1% of its σ at 9\d% .* in float32"),
    "run": (FLOAT, 2.0**25 + np.arange(300), "whole numbers beyond 16777216, of which float32"),
    "number": (HALF, 5000.0 + np.arange(300), "whole numbers beyond 2048, of which float16"),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_digits_are_warned_of(name):
    kind, column, says = LOST[name]
    x = events(column)
    ((code, feature, message),) = findings(fed(kind), x)
    assert (code, feature) == ("digits", "x1")
    assert message.startswith("feature 'x1' ")
    ((_, _, message),) = findings(fed(kind), x, feature_names=["a", "x1", "c"])
    found = re.search(says, message)
    assert found, message


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (HALF, NORMAL),
        (HALF, 20 + NORMAL),
        (HALF, np.floor(np.abs(NORMAL) * 1000)),  # counts up to 3000, a third of them beyond 2048
        (HALF, np.where(NORMAL > -2.9, NORMAL, 1e-9)),
        (FLOAT, 1e30 * NORMAL),
        (FLOAT, 2.0**23 + np.arange(300)),
        (TensorProto.DOUBLE, 1.6e9 + 0.01 * NORMAL),
    ],
)
def test_what_matters_little_is_not(kind, column):
    assert findings(fed(kind), events(column)) == []


def test_the_share_is_that_of_the_events():
    column = np.where(np.arange(300) < 75, 1e-9, NORMAL)
    ((_, _, message),) = findings(fed(HALF), events(column))
    assert "becomes 0 at 25% of the events" in message


def test_values_of_held_inputs_must_fit():
    nodes = [op("Mul", ["x", "t"], ["y"])]
    proto = model(
        nodes, [port("x", ["N", 3], HALF), port("t", [1], HALF)], [port("y", ["N", 3], HALF)]
    )
    with pytest.raises(OptionError, match=r"fix 't' must fit in float16, got 70000"):
        ot.analyze(proto, events(), input="x", fix={"t": 70000.0}, order=1)


def test_the_derivative_graph_takes_no_infinite_numbers():
    d = ot.differentiate(fed(FLOAT), order=1)
    x = events(count=5)
    assert d(x).value.shape == (5, 1)
    x[2, 1] = 1e39
    with pytest.raises(DataError, match=r"x\[2, 1\] is 1e\+39"):
        d(x)
