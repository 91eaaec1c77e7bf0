"""Masks: which slots are filled, whichever way round a mask is, and what is no mask."""

import numpy as np
import pytest
from onnx import TensorProto

import onnxtaylor as ot
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.padded import leave_out_padding
from onnxtaylor.errors import OptionError, ProbeError
from onnxtaylor.graph import read_model
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem import Problem
from onnxtaylor.problem.opening import open_model
from tests.graph.graphs import F32, F64, model, op, port
from tests.graph.sets import SLOTS, VARIABLES, by_hand, deep_set, events


def rows_of(x, mask, *, variables_first=False, inverted=False):
    cells = x.transpose(0, 2, 1) if variables_first else x
    return np.column_stack([cells.reshape(len(x), -1), mask != inverted])


@pytest.mark.parametrize("variables_first", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("kind", [TensorProto.BOOL, TensorProto.INT64, F64])
def test_padded_slots_are_found_whatever_a_mask_means(variables_first, inverted, kind):
    proto = deep_set(variables_first=variables_first, inverted=inverted, kind=kind)
    x, mask = events()
    rows = rows_of(x, mask, variables_first=variables_first, inverted=inverted)
    opened = open_model(read_model(proto), ModelOptions(mask={"m": "x"}), rows[:16])
    padded = opened.slots.padded(rows)
    expected = np.broadcast_to(~mask[..., None], x.shape)
    expected = expected.transpose(0, 2, 1) if variables_first else expected
    np.testing.assert_array_equal(padded[:, : x[0].size], expected.reshape(len(x), -1))
    assert not padded[:, x[0].size :].any()


def test_coefficients_by_padded_slots_are_0_others_exact():
    x, mask = events()
    rows = rows_of(x, mask)
    rows[:, : x[0].size] += np.where(mask[..., None], 0.0, 7.0 + 0 * x).reshape(len(x), -1)
    opened = open_model(read_model(deep_set()), ModelOptions(mask={"m": "x"}), rows)
    f = opened.function
    engine = leave_out_padding(Exact(f, f.indices(1), x=rows[:16], threads=1), opened.slots)
    answer = engine.coefficients(rows)
    y, gradients = by_hand(x, mask)
    np.testing.assert_allclose(answer.responses[:, 0], y, rtol=1e-13)
    np.testing.assert_allclose(
        answer.terms[:, 0], gradients.reshape(len(x), -1), rtol=1e-12, atol=1e-15
    )
    slots = np.repeat(mask, VARIABLES, axis=1)
    assert (answer.terms[:, 0][~slots] == 0).all()


def test_what_the_response_follows_on_both_sides_is_no_mask():
    nodes = [
        op("Unsqueeze", ["m", "two"], ["m2"]),
        op("Add", ["m2", "one"], ["m3"]),
        op("Mul", ["x", "m3"], ["z"]),
        op("ReduceSum", ["z", "axes"], ["y"], keepdims=0),
        op("Unsqueeze", ["y", "axis"], ["p"]),
    ]
    proto = model(
        nodes,
        [port("x", ["N", SLOTS, VARIABLES]), port("m", ["N", SLOTS])],
        [port("p", ["N", 1])],
        {
            "two": np.array([2]),
            "axis": np.array([1]),
            "axes": np.array([1, 2]),
            "one": np.array(1, "f4"),
        },
    )
    x, mask = events()
    with pytest.raises(ProbeError, match="input 'm' is no mask of x: the response depends"):
        open_model(read_model(proto), ModelOptions(mask={"m": "x"}), rows_of(x, mask))


def test_a_mask_that_fits_two_axes_is_refused():
    proto = deep_set(slots=VARIABLES)
    x, mask = events(slots=VARIABLES)
    with pytest.raises(OptionError, match="no axis is the same, or more than one"):
        open_model(read_model(proto), ModelOptions(mask={"m": "x"}), rows_of(x, mask))


@pytest.mark.parametrize("symbol", ["n_mask", None])
def test_the_free_axis_of_a_mask_is_the_only_free_one_of_the_features(symbol):
    """tf2onnx calls each free size differently."""
    proto = deep_set(slots="n_x")
    proto.graph.input[1].CopyFrom(port("m", ["N", symbol], TensorProto.BOOL))
    x, mask = events()
    opened = Problem.open(proto, {"x": x, "m": mask}, ModelOptions(mask={"m": "x"}))
    assert opened.feature_names[:4] == ["x.v0[0]", "x.v1[0]", "x.v2[0]", "x.v0[1]"]
    assert opened.filled(rows_of(x, mask)).sum() == mask.sum() * VARIABLES


def test_an_input_called_mask_is_asked_about():
    proto = deep_set(kind=F32, name="x_mask")
    x, mask = events()
    with pytest.raises(OptionError, match=r"slots are filled, use mask=\{.x_mask.: .x.\}"):
        open_model(read_model(proto), ModelOptions(), rows_of(x, mask))
    taken = open_model(read_model(proto), ModelOptions(mask={"x_mask": "x"}), rows_of(x, mask))
    assert taken.function.n_varied == SLOTS * VARIABLES


def test_a_mask_of_no_features_is_refused():
    x, mask = events()
    with pytest.raises(OptionError, match="'m' names 'y', which holds no features"):
        open_model(read_model(deep_set()), ModelOptions(mask={"m": "y"}), rows_of(x, mask))


def test_truth_values_of_the_shape_of_a_mask_are_asked_about():
    x, mask = events()
    with pytest.raises(OptionError, match=r"slots are filled, use mask=\{.m.: .x.\}"):
        ot.analyze(deep_set(), {"x": x, "m": mask})
    result = ot.analyze(deep_set(), {"x": x, "m": mask}, context="m", order=1, scale="unit")
    assert [entry["role"] for entry in result.options["inputs"]] == ["features", "context"]
