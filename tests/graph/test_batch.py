"""A fixed batch made free is the same function, event by event, or stays as it is."""

import numpy as np
import pytest

from onnxtaylor.runtime.session import Session
from tests.graph.graphs import F64, ask, events, model, net, op, opened, port

FREED = "fixed in the file, made free and verified"
RANDOM = np.random.default_rng(11)


def weights(*shape):
    return RANDOM.normal(size=shape).astype(np.float32) / 2


def assert_freed(proto, x, batch, batch_text=FREED):
    """As the original, ``batch`` events at a time."""
    shape = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim][1:]
    parts = [x[k : k + batch].reshape(batch, *shape) for k in range(0, len(x), batch)]
    name = proto.graph.output[0].name
    expected = np.concatenate([ask(proto, x=part)[name].reshape(batch, -1) for part in parts])
    found = opened(proto, x)
    assert found.batch == batch_text
    assert found.function.fixed_batch == (0 if batch_text == FREED else batch)
    assert Session(found.function)(x) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("kind", [1, F64])
def test_a_dense_net(batch, kind):
    assert_freed(net(batch=batch, kind=kind), events(3, 6), batch)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("target", [(2, 3), (-1, 3), (2, -1)])
@pytest.mark.parametrize("back", [(6,), (-1,)])
def test_reshapes_behind_the_batch(batch, target, back):
    """(batch, 6) → (batch, 2, 3) → (batch, 6)."""
    nodes = [
        op("Reshape", ["x", "split"], ["tokens"]),
        op("MatMul", ["tokens", "w"], ["mixed"]),
        op("Reshape", ["mixed", "flat"], ["f"]),
        op("Tanh", ["f"], ["y"]),
    ]
    constants = {"split": np.array([batch, *target]), "flat": np.array([batch, *back])}
    constants["w"] = weights(3, 3)
    proto = model(nodes, [port("x", [batch, 6])], [port("y", [batch, 6])], constants)
    assert_freed(proto, events(6, 6), batch)


def attention(batch, *, from_constants=False):
    """Two tokens of width 6 in two heads, merged with the batch on the way as tf2onnx does it."""

    def target(name, *shape):
        if not from_constants:
            constants[name] = np.array(shape)
            return []
        return [op("Constant", [], [name], value_ints=list(shape))]

    constants = {
        "wq": weights(6, 6),
        "wk": weights(6, 6),
        "wv": weights(6, 6),
        "wo": weights(12, 3),
    }
    nodes = [*target("rows", batch * 2, 6), op("Reshape", ["x", "rows"], ["r"])]
    nodes += [*target("heads", batch, 2, 2, 3), *target("merged", batch * 2, -1, 3)]
    for k in "qkv":
        nodes += [
            op("MatMul", ["r", f"w{k}"], [f"{k}1"]),
            op("Reshape", [f"{k}1", "heads"], [f"{k}2"]),
            op("Transpose", [f"{k}2"], [f"{k}3"], perm=[0, 2, 1, 3]),
            op("Reshape", [f"{k}3", "merged"], [f"{k}4"]),
        ]
    nodes += [
        *target("scores", batch, 2, 2, 2),
        *target("back", batch * 2, 2, 2),
        *target("flat", -1, 12),
    ]
    nodes += [
        op("Transpose", ["k4"], ["kt"], perm=[0, 2, 1]),
        op("MatMul", ["q4", "kt"], ["s1"]),
        op("Reshape", ["s1", "scores"], ["s2"]),
        op("Softmax", ["s2"], ["s3"]),
        op("Reshape", ["s3", "back"], ["s4"]),
        op("MatMul", ["s4", "v4"], ["o1"]),
        op("Reshape", ["o1", "heads"], ["o2"]),
        op("Transpose", ["o2"], ["o3"], perm=[0, 2, 1, 3]),
        op("Reshape", ["o3", "flat"], ["o4"]),
        op("MatMul", ["o4", "wo"], ["y"]),
    ]
    return model(nodes, [port("x", [batch, 2, 6])], [port("y", [batch, 3])], constants)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("from_constants", [False, True])
def test_self_attention_that_merges_batch_tokens_and_heads(batch, from_constants):
    assert_freed(attention(batch, from_constants=from_constants), events(12, 6), batch)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_class_token_joined_to_every_event(batch):
    token = np.repeat(weights(1, 1, 3), batch, axis=0)
    nodes = [
        op("Reshape", ["x", "split"], ["tokens"]),
        op("Concat", ["token", "tokens"], ["all"], axis=1),
        op("Exp", ["all"], ["e"]),
        op("ReduceSum", ["e", "axis"], ["y"], keepdims=0),
    ]
    constants = {"split": np.array([batch, 2, 3]), "token": token, "axis": np.array([1])}
    proto = model(nodes, [port("x", [batch, 6])], [port("y", [batch, 3])], constants)
    assert_freed(proto, events(6, 6), batch)


@pytest.mark.parametrize("batch", [1, 3])
def test_expanded_constants(batch):
    nodes = [
        op("Expand", ["token", "shape"], ["tokens"]),
        op("ConstantOfShape", ["shape"], ["zeros"]),
        op("Concat", ["x", "tokens", "zeros"], ["all"], axis=1),
        op("Exp", ["all"], ["y"]),
    ]
    constants = {"token": weights(1, 2), "shape": np.array([batch, 2])}
    proto = model(nodes, [port("x", [batch, 3])], [port("y", [batch, 7])], constants)
    assert_freed(proto, events(3, 6), batch)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("batch", [1, 2])
def test_initial_states_of_recurrent_layers(kind, batch):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    state = np.repeat(weights(1, 1, 5), batch, axis=1)
    states = ["h", "h"] if kind == "LSTM" else ["h"]
    nodes = [
        op("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        op(kind, ["t", "w", "r", "", "", *states], ["steps"], hidden_size=5),
        op("Transpose", ["steps"], ["s"], perm=[2, 0, 1, 3]),
        op("Reshape", ["s", "flat"], ["y"]),
    ]
    constants = {"w": weights(1, gates * 5, 3), "r": weights(1, gates * 5, 5), "h": state}
    constants["flat"] = np.array([batch, 20])
    proto = model(nodes, [port("x", [batch, 4, 3])], [port("y", [batch, 20])], constants)
    assert_freed(proto, events(12, 6), batch)


def test_a_held_state_of_a_fixed_batch():
    nodes = [op("Concat", ["x", "state"], ["all"], axis=1), op("Exp", ["all"], ["y"])]
    proto = model(nodes, [port("x", [1, 3]), port("state", [1, 2])], [port("y", [1, 5])])
    x = events()
    found = opened(proto, x, fix={"state": [1, 2]})
    assert found.batch == FREED
    expected = np.exp(np.hstack([x, np.tile([1.0, 2.0], (len(x), 1))]))
    assert Session(found.function)(x) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_batch_that_cannot_be_freed_is_kept(batch):
    """Slices that name each event of the batch and join them again."""
    picks = [op("Slice", ["x", f"from{k}", f"to{k}", "axis"], [f"e{k}"]) for k in range(batch)]
    joined = [
        op("Concat", [f"e{k}" for k in range(batch)], ["all"], axis=0),
        op("Exp", ["all"], ["y"]),
    ]
    constants = {"axis": np.array([0])}
    for k in range(batch):
        constants |= {f"from{k}": np.array([k]), f"to{k}": np.array([k + 1])}
    proto = model([*picks, *joined], [port("x", [batch, 3])], [port("y", [batch, 3])], constants)
    assert_freed(proto, events(3, 6), batch, f"fixed to {batch}: evaluated {batch} at a time")


def test_a_kept_batch_fills_up_the_last_call():
    picks = [op("Slice", ["x", f"from{k}", f"to{k}", "axis"], [f"e{k}"]) for k in range(3)]
    constants = {"axis": np.array([0])}
    for k in range(3):
        constants |= {f"from{k}": np.array([k]), f"to{k}": np.array([k + 1])}
    nodes = [*picks, op("Concat", ["e0", "e1", "e2"], ["all"], axis=0), op("Exp", ["all"], ["y"])]
    function = opened(
        model(nodes, [port("x", [3, 2])], [port("y", [3, 2])], constants), events(2)
    ).function
    session = Session(function)
    for count in (1, 2, 3, 4, 5, 6, 7):
        x = events(2, count)
        assert session(x) == pytest.approx(np.exp(x), rel=1e-6)
        rows, responses = x.astype(np.float32), np.full((count, 2), np.nan, np.float32)
        call = session.bind(rows, responses)
        for _ in range(2):
            call()
            assert responses == pytest.approx(np.exp(rows), rel=1e-6)
            rows += 1


def test_a_file_that_declares_a_free_batch_and_insists_on_one_event():
    """``view(1, -1)`` traced with a dynamic axis."""
    nodes = [
        op("Reshape", ["x", "one"], ["r"]),
        op("Tanh", ["r"], ["t"]),
        op("MatMul", ["t", "w"], ["y"]),
    ]
    w = weights(6, 2)
    constants = {"one": np.array([1, 6]), "w": w}
    proto = model(nodes, [port("x", ["N", 2, 3])], [port("y", ["N", 2])], constants)
    x = events(6)
    found = opened(proto, x)
    assert found.batch == "free in the file, in truth fixed, made free and verified"
    assert Session(found.function)(x) == pytest.approx(np.tanh(x) @ w, rel=1e-5, abs=1e-6)


def test_a_shared_constant_is_changed_for_reshapes_alone():
    """The same tensor as the target of a Reshape and as a factor."""
    nodes = [
        op("Reshape", ["x", "shape"], ["r"]),
        op("Cast", ["shape"], ["factor"], to=1),
        op("Mul", ["r", "factor"], ["m"]),
        op("Exp", ["m"], ["y"]),
    ]
    proto = model(nodes, [port("x", [1, 2])], [port("y", [1, 2])], {"shape": np.array([1, 2])})
    assert_freed(proto, events(2, 6), 1)
