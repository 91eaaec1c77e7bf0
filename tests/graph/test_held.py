"""Held inputs: the same responses as when the original is fed the value for every event."""

import numpy as np
import pytest
from onnx import TensorProto

import onnxtaylor as ot
from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.graph import choose, read_model
from onnxtaylor.options import ModelOptions
from tests.graph.graphs import F32, F64, I64, STRING, ask, events, model, op, port, respond


def with_held(shape, kind=F32, x_shape=("N", 3)):
    """y = tanh(k x)."""
    nodes = [
        op("Cast", ["k"], ["kf"], to=F32),
        op("Mul", ["x", "kf"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    return model(nodes, [port("x", x_shape), port("k", shape, kind)], [port("y", None)])


@pytest.mark.parametrize(
    ("shape", "kind", "value"),
    [
        ([], I64, 2),
        ([], F32, [0.25]),
        ([1], F32, 0.25),
        ([1], I64, [3]),
        ([3], F32, [1, 2, 3]),
        ([1, 3], F64, [[1, 2, 3]]),
        (["N", 1], F32, 1.5),
        (["N", 3], F32, [1, 2, 3]),
        (["M", 3], F32, [1, 2, 3]),
        ([None, 3], F32, 0.5),
        ([], TensorProto.BOOL, 1),
        (None, F32, 0.5),
        (None, F32, [1, 2, 3]),
    ],
)
def test_the_value_is_fed_to_every_event(shape, kind, value):
    proto = with_held(shape, kind)
    x = events()
    expected = np.tanh(x * np.asarray(value, dtype=float).reshape(-1))
    for count in (1, 4, 6):
        found = respond(proto, x[:count], fix={"k": value}, inputs=("x",))
        assert found == pytest.approx(expected[:count], rel=1e-6)


def test_one_number_per_event():
    nodes = [op("Unsqueeze", ["k", "one"], ["column"]), op("Mul", ["x", "column"], ["y"])]
    ports = [port("x", ["N", 3]), port("k", ["N"])]
    proto = model(nodes, ports, [port("y", None)], {"one": np.array([1])})
    x = events()
    assert respond(proto, x, fix={"k": 1.5}) == pytest.approx(1.5 * x, rel=1e-6)


def recurrent(direction=2):
    """A state of shape [directions, batch, hidden], as recurrent networks have."""
    return model(
        [
            op("Gather", ["state", "zero"], ["s0"], axis=0),
            op("Add", ["x", "s0"], ["a"]),
            op("Exp", ["a"], ["y"]),
        ],
        [port("x", ["batch", 3]), port("state", [direction, "batch", 3])],
        [port("y", ["batch", 3])],
        {"zero": np.array(0)},
    )


def test_a_state_is_repeated_along_its_batch_axis():
    x = events()
    state = np.arange(6.0).reshape(2, 3) / 10
    expected = ask(recurrent(), x=x, state=np.repeat(state[:, None], len(x), axis=1))["y"]
    for value in (state, state[:, None], state.ravel()):
        assert (respond(recurrent(), x, fix={"state": value}, inputs=("x",)) == expected).all()


def test_the_batch_axis_is_the_one_with_the_symbol_of_the_features():
    """Of [layers, N, 3], with the number of layers free as well."""
    nodes = [op("ReduceSum", ["k", "first"], ["s"], keepdims=0), op("Mul", ["x", "s"], ["y"])]
    ports = [port("x", ["N", 3]), port("k", ["layers", "N", 3])]
    proto = model(nodes, ports, [port("y", None)], {"first": np.array([0])})
    x, value = events(), np.arange(6.0).reshape(2, 3)
    assert respond(proto, x, fix={"k": value}, inputs=("x",)) == pytest.approx(
        x * value.sum(axis=0), rel=1e-6
    )


def test_a_size_that_the_features_tell_is_not_the_batch():
    """A mask [T] beside features [N, T]: T is the number of columns."""
    proto = with_held(["T"], x_shape=("N", "T"))
    x = events(5)
    assert respond(proto, x, fix={"k": 2}) == pytest.approx(np.tanh(2 * x), rel=1e-6)
    mask = np.arange(5)
    assert respond(proto, x, fix={"k": mask}) == pytest.approx(np.tanh(mask * x), rel=1e-6)


def test_a_free_size_is_that_of_the_value():
    proto = with_held(["N", "length"])
    x = events()
    assert respond(proto, x, fix={"k": [1, 2, 3]}, inputs=("x",)) == pytest.approx(
        np.tanh(x * [1, 2, 3]), rel=1e-6
    )


def test_each_event_of_a_fixed_batch_may_have_its_own():
    proto = with_held([2, 3], x_shape=(2, 3))
    x = events(3, 4)
    value = np.arange(6.0).reshape(2, 3)
    # then events differ by their place in the batch, which no probe lets pass
    with pytest.raises(ModelError, match="mixes events"):
        respond(proto, x, fix={"k": value}, inputs=("x",))
    alike = np.repeat(value[:1], 2, axis=0)
    assert respond(proto, x, fix={"k": alike}, inputs=("x",)) == pytest.approx(
        np.tanh(x * value[0]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("shape", "kind", "value", "says"),
    [
        ([3], F32, [1, 2], "2 values, which do not fit"),
        (["N", 3], F32, np.zeros(6), "6 values, which do not fit"),
        ([2, "N", 3], F32, np.zeros(3), "3 values, which do not fit"),
        ([], F32, [], "0 values, which do not fit"),
        ([], I64, 2.5, "must fit in int64"),
        ([], I64, np.nan, "must fit in int64"),
        ([], TensorProto.UINT8, 300, "must fit in uint8"),
        ([], TensorProto.BOOL, 2, "must fit in bool"),
        ([], STRING, 1, "must be a text or a list of them, got 1: the input holds string"),
        ([], STRING, ["a", None], "must be a text or"),
        ([], I64, "abc", "must be a number or a list of them, got abc: the input holds int64"),
        ([], I64, "2.5", "must fit in int64, got 2.5"),
        ([], I64, [str(2**63)], "must fit in int64, got 9223372036854775808"),
        ([], I64, [None], "must be a number"),
        ([], I64, "nan", "must be a number|must fit"),
        ([], I64, "inf", "must fit in int64"),
        ([], TensorProto.BOOL, "yes", "must be true, false or a list"),
        ([], TensorProto.BOOL, ["2"], "must fit in bool"),
        ([], TensorProto.COMPLEX64, 1, "cannot be held at a value: the input holds complex64"),
        ([], F32, "abc", "must be a number"),
        ([], F32, [[1], [1, 2]], "must be a number"),
    ],
)
def test_values_that_do_not_fit_are_refused(shape, kind, value, says):
    with pytest.raises(OptionError, match=says) as error:
        respond(with_held(shape, kind), events(), fix={"k": value}, inputs=("x",))
    assert ": fix 'k' " in str(error.value)
    assert "\n" not in str(error.value)


def encoded(shape, keys=("male", "female"), x_shape=("N", 3)):
    """y = tanh(e x), with e = 2 or 3 by the text k."""
    codes = {"keys_strings": list(keys), "values_floats": [2.0, 3.0]}
    nodes = [
        op("LabelEncoder", ["k"], ["e"], domain="ai.onnx.ml", **codes),
        op("Mul", ["x", "e"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    ports = [port("x", x_shape), port("k", shape, STRING)]
    return model(nodes, ports, [port("y", None)], domains={"ai.onnx.ml": 3})


@pytest.mark.parametrize(
    ("shape", "value", "factors"),
    [
        ([], "female", 3),
        ([1], ["male"], 2),
        (["N", 1], "female", 3),
        (["N", 1], b"female", 3),
        (["N", 3], ["male", "female", "male"], [2, 3, 2]),
        ([3], np.array(["female", "male", "male"]), [3, 2, 2]),
        ([3], "female", 3),
    ],
)
def test_text_is_fed_to_every_event(shape, value, factors):
    x = events()
    for count in (1, 6):
        found = respond(encoded(shape), x[:count], fix={"k": value}, inputs=("x",))
        assert found == pytest.approx(np.tanh(x[:count] * factors), rel=1e-6)


def test_text_may_be_any_text():
    proto = encoded(["N", 1], ("µ → e, \u2028 1=2", ""))
    x = events()
    for value, factor in (("µ → e, \u2028 1=2", 2), ("", 3)):
        found = respond(proto, x, fix={"k": value}, inputs=("x",))
        assert found == pytest.approx(np.tanh(factor * x), rel=1e-6)


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_derivatives_beside_text(engine):
    x = events()
    held = {"k": "female"}
    result = ot.analyze(encoded(["N", 1]), x, fix=held, engine=engine, check=4, scale="unit")
    slope = 3 * (1 - np.tanh(3 * x) ** 2)
    expected = np.diag(np.abs(slope).mean(0))
    np.testing.assert_allclose(result.score[:, 0, :3], expected, atol=1e-5)
    assert result.options["fixed"] == {"k": ["female"]}
    assert result.check["verdict"] == "agrees"
    assert ot.TaylorResult.from_json(result.to_json()).options["fixed"] == {"k": ["female"]}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (F32, "0.25", 0.25),
        (F64, ["1", "2e0", "3"], [1, 2, 3]),
        (I64, "3", 3),
        (I64, ["1", "2.0", "-3"], [1, 2, -3]),
        (TensorProto.BOOL, "true", 1),
        (TensorProto.BOOL, ["True", "false", "0"], [1, 0, 0]),
        (TensorProto.BOOL, [True, False, np.True_], [1, 0, 1]),
        (TensorProto.UINT8, "255", 255),
    ],
)
def test_numbers_may_be_given_as_text(kind, text, value):
    x = events()
    found = respond(with_held([3], kind), x, fix={"k": text}, inputs=("x",))
    assert found == pytest.approx(np.tanh(x * np.asarray(value)), rel=1e-6)


def test_whole_numbers_are_kept_to_the_last_digit():
    value = 2**53 + 1
    for given in (value, str(value), [value], np.array(value)):
        choice = choose(read_model(with_held([], I64)), ModelOptions(input="x", fix={"k": given}))
        assert choice.held[0][1].tolist() in (value, [value])
    text = str(2**64 - 1)
    proto = with_held([], TensorProto.UINT64)
    choice = choose(read_model(proto), ModelOptions(input="x", fix={"k": text}))
    assert choice.held[0][1].tolist() == 2**64 - 1
