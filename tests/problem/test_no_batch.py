"""Inputs that hold one event, and others that are easily mistaken: the right number, or a line."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

import onnxtaylor as ot
from onnxtaylor.errors import DataError, ModelError, ProbeError
from onnxtaylor.options import ModelOptions
from tests.graph.graphs import F64, model, op, port
from tests.graph.sets import SLOTS, VARIABLES, by_hand, deep_set, events
from tests.problem.test_axes import CONSTANTS, JET, POOLED, TRACK, two

EVENT = {"no_batch": True, "by": "feature", "order": 1, "bootstrap": 0, "scale": "unit"}
COUNTS = np.random.default_rng(8).integers(0, 4, len(JET))
TRACKS = [np.random.default_rng(k).normal(size=(c, 3)) for k, c in enumerate(COUNTS)]
DATA = {"jet": JET, "tracks": [t.tolist() for t in TRACKS]}


def pooled_by_hand(jet, tracks):
    """Jacobian (2, n) of tanh(jet wj + Σ tracks wt) wo."""
    wj, wt, wo = (CONSTANTS[name].astype(np.float64) for name in ("wj", "wt", "wo"))
    slope = 1 - np.tanh(jet @ wj + (tracks @ wt).sum(axis=0)) ** 2
    own = np.einsum("h,ih,hc->ci", slope, wj, wo)
    each = np.einsum("h,ih,hc->ci", slope, wt, wo)
    return np.concatenate([own, *[each] * len(tracks)], axis=1)


def mean_by_hand():
    whole = np.zeros((len(JET), 2, 4 + 3 * max(COUNTS)))
    for row, *event in zip(whole, JET, TRACKS, strict=True):
        jacobian = pooled_by_hand(*event)
        row[:, : jacobian.shape[1]] = np.abs(jacobian)
    return whole.mean(axis=0)


@pytest.mark.parametrize("kind", ["ReduceSum", "vector"])
def test_a_jet_and_its_tracks(kind):
    """[1, 4] and [n, 3], with a response [1, 2] or [2]: by hand, events without tracks included."""
    result = ot.analyze(two(kind), DATA, **EVENT)
    np.testing.assert_allclose(result.score[:, 0], mean_by_hand(), rtol=2e-6, atol=1e-9)
    assert result.check["verdict"] == "agrees"
    assert result.model.engine == "exact"


@pytest.mark.parametrize("names", [(1, "n"), (1, "N"), (1, "batch"), (1, None), (1, 2)])
def test_names_of_axes_say_nothing_of_one_event(names):
    tracks = np.stack([t[:2] for t in np.random.default_rng(0).normal(size=(40, 2, 3))])
    result = ot.analyze(two("ReduceSum", *names), {"jet": JET, "tracks": tracks}, **EVENT)
    both = [np.abs(pooled_by_hand(*event)) for event in zip(JET, tracks, strict=True)]
    np.testing.assert_allclose(result.score[:, 0], np.mean(both, axis=0), rtol=2e-6)


def test_columns_of_one_number_of_tracks():
    """Flat columns: 4 of the jet, and 3 of each of two tracks."""
    flat = np.random.default_rng(1).normal(size=(30, 10))
    result = ot.analyze(two("ReduceSum"), flat, input=["jet", "tracks"], **EVENT)
    both = [np.abs(pooled_by_hand(x[:4], x[4:].reshape(2, 3))) for x in flat]
    np.testing.assert_allclose(result.score[:, 0], np.mean(both, axis=0), rtol=2e-6)


@pytest.mark.parametrize("kind", POOLED)
def test_lists_without_the_option_are_refused_with_it(kind):
    with pytest.raises(DataError) as refused:
        ot.analyze(two(kind), DATA, order=1)
    assert "if the model's inputs hold one event, use no_batch=True" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_held_jet_beside_its_tracks():
    held = np.array([0.3, -0.2, 0.5, 1.0])
    lists = {"tracks": [t.tolist() for t in TRACKS if len(t)]}
    result = ot.analyze(two("ReduceSum"), lists, fix={"jet": held.tolist()}, **EVENT)
    whole = np.zeros((len(lists["tracks"]), 2, 9))
    for row, own in zip(whole, lists["tracks"], strict=True):
        jacobian = pooled_by_hand(held, np.array(own))[:, 4:]
        row[:, : jacobian.shape[1]] = np.abs(jacobian)
    np.testing.assert_allclose(result.score[:, 0], whole.mean(axis=0), rtol=2e-6, atol=1e-9)


def test_a_batch_that_is_said_to_be_none_gives_the_same():
    """A row of a true batch is a set of one: its derivatives are the same."""
    nodes = [op("MatMul", ["x", "wt"], ["h"]), op("Tanh", ["h"], ["y"])]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 6])], CONSTANTS)
    found = [
        ot.analyze(proto, TRACK, order=1, scale="unit", bootstrap=0, no_batch=single).score
        for single in (False, True)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


def sequence(kind):
    """A free first axis of steps in time: y of the last one, or of all."""
    nodes = [op("MatMul", ["x", "wt"], ["h"]), op("CumSum", ["h", "zero"], ["c"])]
    nodes += [op("Tanh", ["c"], ["t"]), op("MatMul", ["t", "wo"], ["all"])]
    constants = {**CONSTANTS, "zero": np.array(0), "last": np.array([-1])}
    if kind == "all":
        nodes[-1] = op("MatMul", ["t", "wo"], ["y"])
        return model(nodes, [port("x", ["n", 3])], [port("y", ["n", 2])], constants)
    nodes.append(op("Gather", ["all", "last"], ["y"], axis=0))
    return model(nodes, [port("x", ["n", 3])], [port("y", [1, 2])], constants)


@pytest.mark.parametrize("kind", ["last", "all"])
def test_steps_of_a_sequence_are_no_events(kind):
    with pytest.raises(ProbeError) as refused:
        ot.analyze(sequence(kind), TRACK, order=1)
    line = str(refused.value)
    assert "if axis 0 of input 'x' [n, 3] counts the objects of one event, use no_bat" in line
    assert "\n" not in line


def test_a_sequence_as_one_event():
    """y of the last step: tanh(Σ x wt) wo, whatever the order."""
    lists = {"x": [t.tolist() for t in TRACKS if len(t)]}
    result = ot.analyze(sequence("last"), lists, **EVENT)
    wt, wo = (CONSTANTS[name].astype(np.float64) for name in ("wt", "wo"))
    whole = np.zeros((len(lists["x"]), 2, 9))
    for row, own in zip(whole, lists["x"], strict=True):
        slope = 1 - np.tanh(np.array(own).sum(axis=0) @ wt) ** 2
        each = np.einsum("h,ih,hc->ci", slope, wt, wo)
        row[:, : 3 * len(own)] = np.abs(np.concatenate([each] * len(own), axis=1))
    np.testing.assert_allclose(result.score[:, 0], whole.mean(axis=0), rtol=2e-6)
    assert result.check["verdict"] == "agrees"


def test_a_response_for_each_step_is_refused_where_their_number_varies():
    lists = {"x": [t.tolist() for t in TRACKS if len(t)]}
    with pytest.raises(ProbeError, match="responses, depending on the event"):
        ot.analyze(sequence("all"), lists, **EVENT)


@pytest.mark.parametrize("size", [1, 4])
def test_a_fixed_batch(size):
    """[1, 3] and [4, 3]: the events one or four at a time, with and without the option for 1."""
    nodes = [
        op("MatMul", ["x", "wt"], ["h"]),
        op("Reshape", ["h", "shape"], ["r"]),
        op("Tanh", ["r"], ["y"]),
    ]
    constants = {**CONSTANTS, "shape": np.array([size, 6])}
    proto = model(nodes, [port("x", [size, 3])], [port("y", [size, 6])], constants)
    wt = CONSTANTS["wt"].astype(np.float64)
    slope = 1 - np.tanh(TRACK @ wt) ** 2
    expected = np.abs(slope[:, :, None] * wt.T).mean(axis=0)
    for options in ({}, {"no_batch": True})[: 2 if size == 1 else 1]:
        result = ot.analyze(proto, TRACK, order=1, scale="unit", bootstrap=0, **options)
        np.testing.assert_allclose(result.score[:, 0], expected, rtol=2e-6)
        assert result.check["verdict"] == "agrees"


def test_what_cannot_be_lifted_is_run_one_event_at_a_time():
    """mean of tanh over the entries that are not 0: NonZero has no rule, differences serve it."""
    nodes = [
        op("NonZero", ["x"], ["i"]),
        op("Transpose", ["i"], ["it"], perm=[1, 0]),
        op("GatherND", ["x", "it"], ["g"]),
        op("Tanh", ["g"], ["h"]),
        op("ReduceMean", ["h"], ["y"], axes=[0], keepdims=1),
    ]
    proto = model(nodes, [port("x", ["n", 3])], [port("y", [1])])
    lists = [t for t in TRACKS if len(t)]
    data = {"x": [t.tolist() for t in lists]}
    result = ot.analyze(proto, data, **EVENT)
    why = result.options["no_exact_engine"]
    assert "cannot be lifted to a batch: node 'i' (NonZero)" in why
    whole = np.zeros((len(lists), 9))
    for row, own in zip(whole, lists, strict=True):
        row[: own.size] = ((1 - np.tanh(own) ** 2) / own.size).ravel()
    np.testing.assert_allclose(result.score[0, 0], whole.mean(axis=0), rtol=1e-3)
    with pytest.raises(ModelError, match=r"NonZero.*at \d of 'x' \(\d+ of \d+ events\)"):
        ot.analyze(proto, data, engine="exact", **EVENT)


# sets with a mask are padded, and not taken apart


def lists_of(x, mask):
    counts = mask.sum(axis=1)
    return {
        "x": [row[:k].tolist() for row, k in zip(x, counts, strict=True)],
        "m": [[1] * k for k in counts],
    }


def test_lists_beside_a_mask_are_padded():
    x, mask = events()
    proto = deep_set(slots="n", kind=TensorProto.INT64)
    problem = ot.Problem.open(proto, lists_of(x, mask), ModelOptions(mask={"m": "x"}))
    assert problem.buckets is None
    result = ot.analyze(problem, order=1, by="feature", scale="unit", bootstrap=0)
    _, gradients = by_hand(x, mask)
    expected = np.abs(gradients).mean(axis=0).ravel()
    assert expected.size == SLOTS * VARIABLES
    np.testing.assert_allclose(result.score[0, 0], expected, rtol=1e-12)
    assert result.check["verdict"] == "agrees"


def test_lists_of_a_mask_that_is_0_where_slots_are_filled_are_refused():
    x, mask = events()
    proto = deep_set(slots="n", inverted=True, kind=TensorProto.INT64)
    data = lists_of(x, mask)
    data["m"] = [[0] * len(row) for row in data["m"]]
    with pytest.raises(ProbeError, match="but its lists end before: give lists of all slots"):
        ot.Problem.open(proto, data, ModelOptions(mask={"m": "x"}))


def test_a_second_set_with_the_slots_of_the_masked_one_is_padded_too():
    """y = Σ_s m_s x_s p_s: the mask is that of x, and p has the same slots."""
    nodes = [
        op("Cast", ["m"], ["mf"], to=F64),
        op("Mul", ["x", "p"], ["xp"]),
        op("Mul", ["xp", "mf"], ["xpm"]),
        op("ReduceSum", ["xpm", "axis"], ["y"], keepdims=1),
    ]
    slots = ["N", "n"]
    ports = [port("x", slots, F64), port("p", slots, F64), port("m", slots, TensorProto.INT64)]
    proto = model(nodes, ports, [port("y", ["N", 1], F64)], {"axis": np.array([1])})
    x = [[1.0], [2.0, 3.0], [0.5, 1.0, 2.0], [4.0], [5.0, 6.0]]
    data = {"x": x, "p": [[v + 1 for v in row] for row in x], "m": [[1] * len(row) for row in x]}
    problem = ot.Problem.open(proto, data, ModelOptions(mask={"m": "x"}))
    assert problem.buckets is None
    missing = {feature.name: feature.missing for feature in problem.features}
    assert missing == {**{f"{k}[{s}]": 2 * s for k in "xp" for s in (0, 1)}, "x[2]": 4, "p[2]": 4}
    result = ot.analyze(problem, order=1, by="feature", scale="unit", bootstrap=0)
    padded = np.array([row + [0.0] * (3 - len(row)) for row in x])
    filled = padded > 0
    expected = np.concatenate([(padded + 1) * filled, padded], axis=1).mean(axis=0)
    np.testing.assert_allclose(result.score[0, 0], expected, rtol=1e-13)
