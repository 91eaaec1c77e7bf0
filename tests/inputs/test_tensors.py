"""Columns of data become tensors: by name, cut off, padded, masked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.inputs import InputSpecification, Specification, Transform, Variable, tensors

AXES = ("batch", "variable", "slot")
SET = InputSpecification("pf", "features", AXES, (Variable("pt"), Variable("eta")), padding=-9.0)
MASK = InputSpecification("m", "mask", ("batch", "slot"), mask_of=("pf",))
LISTS = {"pf_pt": [[1.0, 2.0], [], [3.0]], "eta": [[0.1, 0.2], [], [0.3]]}
PADDED = np.array([[[1, 2], [0.1, 0.2]], [[-9, -9], [-9, -9]], [[3, -9], [0.3, -9]]])


def made(*inputs, **data):
    return tensors(Specification(inputs), data)


def test_lists_are_padded_and_masked():
    got = made(SET, MASK, **LISTS)
    np.testing.assert_array_equal(got.values["pf"], PADDED)
    np.testing.assert_array_equal(got.values["m"], [[1, 1], [0, 0], [1, 0]])
    np.testing.assert_array_equal(got.lengths("pf"), [2, 0, 1])
    np.testing.assert_array_equal(got.filled["m"], got.filled["pf"])


def test_a_mask_may_be_1_where_there_is_padding():
    inverted = made(SET, replace(MASK, filled=0), **LISTS)
    np.testing.assert_array_equal(inverted.values["m"], [[0, 0], [1, 1], [0, 1]])
    np.testing.assert_array_equal(inverted.filled["pf"], [[1, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_axes_may_stand_in_any_order(order):
    axes = tuple(AXES[k] for k in order)
    got = made(replace(SET, axes=axes), **LISTS).values["pf"]
    np.testing.assert_array_equal(got, PADDED.transpose(order))


def test_without_a_batch_axis_events_come_first():
    got = made(replace(SET, axes=("slot", "variable")), **LISTS).values["pf"]
    np.testing.assert_array_equal(got, PADDED.transpose(0, 2, 1))


def test_flat_columns_are_taken_by_name_and_not_in_their_order():
    random = np.random.default_rng(1)
    table = random.normal(size=(5, 2, 11))
    data = {f"pf_pt_{s}": table[:, 0, s] for s in reversed(range(11))}
    data |= {"noise": np.zeros(5)} | {f"eta_{s}": table[:, 1, s] for s in range(11)}
    np.testing.assert_array_equal(made(SET, **data).values["pf"], table)


def test_a_column_of_a_mask_decides_which_flat_slots_are_filled():
    data = {f"pf_{v}_{s}": np.arange(3) + 10.0 * s for v in ("pt", "eta") for s in range(3)}
    data["m"] = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    got = made(
        replace(SET, variables=(Variable("pt", transform=Transform(1.0)), Variable("eta"))),
        MASK,
        **data,
    )
    expected = np.stack([np.arange(3)[:, None] + np.array([0, 10, 20]) - k for k in (1, 0)], axis=1)
    expected = np.where(data["m"][:, None, :] == 1, expected, -9.0)
    np.testing.assert_array_equal(got.values["pf"], expected)
    np.testing.assert_array_equal(got.values["m"], data["m"])
    np.testing.assert_array_equal(got.lengths("pf"), [2, 0, 3])


def test_sets_of_different_containers_agree():
    import pyarrow as pa

    column = [np.array([1.0, 2.0]), np.array([]), np.array([3.0])]
    objects = np.empty(3, dtype=object)
    objects[:] = column
    arrow = pa.array([[1.0, 2.0], [], [3.0]])
    sliced = pa.array([[7.0], [1.0, 2.0], [], [3.0], [8.0, 9.0]])[1:4]
    for pt in (LISTS["pf_pt"], column, objects, arrow, sliced):
        np.testing.assert_array_equal(made(SET, pf_pt=pt, eta=LISTS["eta"]).values["pf"], PADDED)


def test_awkward_arrays():
    ak = pytest.importorskip("awkward")
    data = {name: ak.Array(column) for name, column in LISTS.items()}
    np.testing.assert_array_equal(made(SET, **data).values["pf"], PADDED)


def test_empty_slots_of_flat_columns_are_nan_in_all_variables():
    nan = np.nan
    data = {
        **{"pf_pt_0": [1, nan, 3], "pf_pt_1": [nan, nan, nan], "pf_pt_2": [nan, nan, nan]},
        **{"eta_0": [0.1, nan, nan], "eta_1": [0.2, nan, nan], "eta_2": [nan, nan, nan]},
    }
    replaced = tuple(Variable(v, transform=Transform(1.0, replace=5.0)) for v in ("pt", "eta"))
    got = made(replace(SET, variables=replaced), MASK, **data)
    expected = [[[0, 4], [-0.9, -0.8]], [[-9, -9], [-9, -9]], [[2, -9], [4, -9]]]
    np.testing.assert_allclose(got.values["pf"], expected, rtol=1e-15, atol=0)
    np.testing.assert_array_equal(got.values["m"], [[1, 1], [0, 0], [1, 0]])


def test_lengths_are_kept_within_their_limits():
    got = made(replace(SET, min_length=3), **LISTS)
    assert got.values["pf"].shape == (3, 2, 3)
    np.testing.assert_array_equal(got.values["pf"][:, :, :2], PADDED)
    assert (got.values["pf"][:, :, 2] == -9.0).all()
    cut = made(replace(SET, max_length=1), replace(MASK, max_length=1), **LISTS)
    np.testing.assert_array_equal(cut.values["pf"], PADDED[:, :, :1])
    np.testing.assert_array_equal(cut.lengths("pf"), [1, 0, 1])
    four = tensors(Specification((SET, MASK)), LISTS, {"pf": 4, "m": 4})
    assert four.values["pf"].shape == (3, 2, 4)
    with pytest.raises(OptionError, match="4 slots of input 'pf' are not between"):
        tensors(Specification((replace(SET, max_length=3),)), LISTS, {"pf": 4})


def test_the_array_of_a_whole_input():
    random = np.random.default_rng(2)
    array = random.normal(size=(4, 2, 3))
    centred = replace(SET, variables=(Variable("pt", transform=Transform(5.0)), Variable("eta")))
    np.testing.assert_array_equal(
        made(centred, pf=array).values["pf"], array - np.array([5.0, 0.0])[:, None]
    )
    last = replace(centred, axes=("slot", "variable", "batch"))
    np.testing.assert_array_equal(
        made(last, pf=array.transpose(2, 1, 0)).values["pf"].transpose(2, 1, 0),
        array - np.array([5.0, 0.0])[:, None],
    )
    image = InputSpecification("image", "features")
    np.testing.assert_array_equal(
        made(image, image=array[..., None]).values["image"], array[..., None]
    )
    unnamed = InputSpecification("x", "features")
    np.testing.assert_array_equal(made(unnamed, x=array[:, 0]).values["x"], array[:, 0])


def test_context_keeps_its_type():
    sex = InputSpecification("sex", "context", variables=(Variable("sex"),))
    rate = InputSpecification("sr", "context", ("batch",))
    kind = InputSpecification("kind", "context", ("batch", "slot"), (Variable("id"),))
    got = made(sex, rate, kind, sex=np.array(["m", "f"]), sr=np.array([8, 16]), id=[[1, 2], [3]])
    assert got.values["sex"].tolist() == [["m"], ["f"]]
    assert (got.values["sr"].dtype, got.values["sr"].tolist()) == (np.int64, [8, 16])
    assert (got.values["kind"].dtype, got.values["kind"].tolist()) == (np.int64, [[1, 2], [3, 0]])


def test_fixed_inputs_are_not_fed():
    fixed = InputSpecification("t", "fixed", (), value=1.0)
    assert list(made(SET, fixed, **LISTS).values) == ["pf"]


def test_no_events_are_fine():
    got = made(replace(SET, min_length=2), pf_pt=[], eta=[])
    assert got.values["pf"].shape == (0, 2, 2)
    empty = made(SET, MASK, pf_pt=[[], []], eta=[[], []])
    assert (empty.values["pf"].shape, empty.values["m"].shape) == ((2, 2, 0), (2, 0))


def without(name):
    return {key: value for key, value in LISTS.items() if key != name}


REFUSED = {
    "the data do not tell which slots of 'pf' are filled: they need a column for the mask 'm'": (
        (SET, MASK),
        {"pf": np.zeros((2, 2, 3))},
    ),
    "the data do not tell which slots of 'pf'": (
        (SET, MASK),
        {"pf_pt": np.zeros((2, 3)), "eta_0": [0, 0], "eta_1": [0, 0], "eta_2": [0, 0]},
    ),
    "no column 'pt' for input 'pf': did you mean 'pf_ptt'?": (
        (SET,),
        {**without("pf_pt"), "pf_ptt": [[1.0]] * 3},
    ),
    "'pf_pt' and 'pt' could both be 'pt' of input 'pf': write its column": (
        (SET,),
        {**LISTS, "pt": LISTS["pf_pt"]},
    ),
    "'pf_pt' and 'pt' could both be": ((SET,), {**LISTS, "pt_0": np.zeros(3)}),
    "the data have 'pf_pt' and 'pf_pt_0': leave one out": (
        (SET,),
        {**LISTS, "pf_pt_0": np.zeros(3)},
    ),
    "no column 'pfpt': did you mean 'pf_pt'?": (
        (replace(SET, variables=(Variable("pt", "pfpt"),)),),
        LISTS,
    ),
    "there is no column 'eta_1', but 'eta_2'": (
        (SET,),
        {**without("eta"), "eta_0": np.zeros(3), "eta_2": np.zeros(3)},
    ),
    "'pt' has 2 values at event 0, but 'eta' has 1": ((SET,), {**LISTS, "eta": [[1.0], [], [1.0]]}),
    "'pf.pt' has 6 events, but 'pf.eta' has 3": (
        (SET,),
        {"pf_pt_0": np.full(6, np.nan), "eta_0": np.full(3, np.nan)},
    ),
    "'pf.pt' has 3 events, but 'pf.eta' has 2": ((SET,), {**LISTS, "eta": [[1.0, 2.0], []]}),
    "column 'pf_pt' has no list of numbers or texts at event 1": (
        (SET,),
        {**LISTS, "pf_pt": [[1.0], 3.0, [1.0]]},
    ),
    "column 'pf_pt' has 1 axes": ((SET,), {**LISTS, "pf_pt": np.zeros(3)}),
    "'pt' of input 'pf' does not hold numbers": (
        (SET,),
        {**LISTS, "pf_pt": [["a", "b"], [], ["c"]]},
    ),
    "column 'x' has more than one value for each event, but input 'x' has no axis slot": (
        (InputSpecification("x", "features", ("batch",)),),
        {"x": [[1, 2], [3, 4]]},
    ),
    "array 'pf' has 3 variables, but the specification names 2": (
        (SET,),
        {"pf": np.zeros((2, 3, 4))},
    ),
    "input 'x' names no variables, and the data have no array of its name with 2 axes": (
        (InputSpecification("x", "features", ("batch", "variable")),),
        {"x": np.zeros(3)},
    ),
    "'a' and 'b' have sets of different sizes, but share the mask 'm'": (
        (
            InputSpecification("a", "features", ("batch", "slot")),
            InputSpecification("b", "features", ("batch", "slot")),
            replace(MASK, mask_of=("a", "b")),
        ),
        {"a": [[1.0], []], "b": [[1.0], [2.0]]},
    ),
    "input 'c' has columns of texts and of numbers": (
        (InputSpecification("c", "context", variables=(Variable("a"), Variable("b"))),),
        {"a": np.array([1, 2]), "b": np.array(["x", "y"])},
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message):
    inputs, data = REFUSED[message]
    with pytest.raises(DataError) as caught:
        made(*inputs, **data)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()
