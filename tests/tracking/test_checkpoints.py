"""The order of checkpoints, and the numbers of their steps."""

from __future__ import annotations

import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.graph import read_model
from onnxtaylor.tracking.checkpoints import number_steps, step_in_metadata
from tests.tracking.networks import checkpoint


def numbered(names, stored=None, way="auto"):
    found = number_steps(names, stored or [None] * len(names), way)
    return [(found.steps[k], names[place]) for k, place in enumerate(found.places)], found.source


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["step-10.onnx", "step-2.onnx", "step-1.onnx"], [1, 2, 10]),
        (["m0007.onnx", "m0100.onnx", "m0042.onnx"], [7, 42, 100]),
        (["v2-epoch3.onnx", "v2-epoch11.onnx"], [3, 11]),
        (["a/1/step-3.onnx", "b/9/step-1.onnx"], [1, 3]),
        (["step-3.onnx"], [3]),
    ],
)
def test_the_number_in_which_names_differ(names, steps):
    found, whence = numbered(names)
    assert [step for step, _ in found] == steps
    assert sorted(name for _, name in found) == sorted(names)
    for step, name in found:
        assert str(step) in name
    assert "number" in whence


def test_several_numbers_are_sorted_one_after_another():
    names = ["e2-s10.onnx", "e10-s1.onnx", "e2-s9.onnx"]
    found, whence = numbered(names)
    assert found == [(0, "e2-s9.onnx"), (1, "e2-s10.onnx"), (2, "e10-s1.onnx")]
    assert "sorted file names" in whence


@pytest.mark.parametrize(
    "names",
    [["start.onnx", "end.onnx"], ["b1.onnx", "a2.onnx"], ["x/m.onnx", "y/m.onnx"], ["model.onnx"]],
)
def test_names_that_tell_nothing_keep_the_order_given(names):
    found, whence = numbered(names)
    assert found == list(enumerate(names))
    assert "order given" in whence


def test_metadata_come_first():
    names = ["step-1.onnx", "step-2.onnx"]
    found, whence = numbered(names, [20, 10.5])
    assert found == [(10.5, "step-2.onnx"), (20, "step-1.onnx")]
    assert "metadata" in whence
    assert numbered(names, [None, 3])[0] == [(1, names[0]), (2, names[1])]
    assert numbered(names, [20, 10], "names")[0] == [(1, names[0]), (2, names[1])]
    assert numbered(names, [20, 10], "order")[0] == [(0, names[0]), (1, names[1])]


@pytest.mark.parametrize(
    ("names", "stored", "way", "message"),
    [
        (["a1", "a2"], [None, 1], "metadata", "no step in the metadata of a1"),
        (["a", "b"], None, "names", "a, b do not differ in one number"),
        (["a", "b"], [3, 3], "auto", "a and b are both step 3"),
        (["s1", "s01"], None, "auto", None),
        (["a", "b"], None, "date", "steps by 'date' are not offered"),
    ],
)
def test_what_cannot_be_numbered(names, stored, way, message):
    if message is None:
        assert numbered(names, stored, way)[0] == list(enumerate(names))
        return
    with pytest.raises(OptionError, match=message):
        numbered(names, stored, way)


def test_the_step_in_metadata():
    def stored(value):
        return step_in_metadata(read_model(checkpoint(0, metadata={"step": value})))

    assert step_in_metadata(read_model(checkpoint(0))) is None
    assert [stored("7"), stored("7.0"), stored("0.5")] == [7, 7, 0.5]
    for bad in ("seven", "inf", "nan", "\x1b[31m"):
        with pytest.raises(OptionError, match="which is no number") as caught:
            stored(bad)
        assert str(caught.value).isprintable()
