"""A model followed in training, with a framework of our own: NumPy arrays and an exporter."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.errors import DataError, ModelError, OnnxTaylorWarning
from onnxtaylor.tracking import LearningProgress
from onnxtaylor.tracking.follower import Follower
from onnxtaylor.tracking.variables import Variables

X = np.random.default_rng(3).normal(size=(80, 3))
OFFSET = 0.9853704571723938  # what the first seed puts into kernel[1, 1]
SHAPES = {"kernel": (3, 5), "bias": (5,), "scale": (5,), "last": (5, 1)}


class Net:
    """sigmoid(last · (scale · tanh(x kernel + bias))), exported in one of several ways.

    ``turned`` writes the kernel transposed, ``joined`` kernel and bias as one constant, ``folded``
    multiplies scale and last into one, ``offset`` adds a constant, ``again`` uses the kernel once
    more, and doubled by the exporter; ``wrong`` responds otherwise.
    """

    name = "net"

    def __init__(self, way="plain"):
        random = np.random.default_rng(0)
        self.values = [random.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
        self.way, self.exports, self.training = way, 0, False

    def variables(self):
        return list(SHAPES.items())

    def read(self):
        return [value.copy() for value in self.values]

    def train(self, seed):
        random = np.random.default_rng(seed)
        self.values = [v + random.normal(size=v.shape).astype(np.float32) / 3 for v in self.values]

    def respond(self, x):
        kernel, bias, scale, last = self.values
        h = np.tanh(x.astype(np.float32) @ kernel + bias)
        if self.way == "again":
            h = h + np.tanh(x.astype(np.float32) @ (2 * kernel))
        z = h * scale @ last
        z = z + (np.float32(OFFSET) if self.way == "offset" else 0)
        return 1 / (1 + np.exp(-z)) + (0.1 if self.way == "wrong" else 0)

    def export(self, values=None):
        self.exports += 1
        kernel, bias, scale, last = (
            np.asarray(v, np.float32) for v in (self.values if values is None else values)
        )
        constants = {"bias": bias, "scale": scale, "last": last}
        nodes, weight = [], "kernel"
        if self.way == "turned":
            constants["turned"] = kernel.T
            nodes.append(("Transpose", ["turned"], ["kernel"]))
        elif self.way == "joined":
            constants["joined"] = np.concatenate([bias[::-1], kernel.ravel()])
            constants |= {"cut": np.array([5, 15]), "shape": np.array([3, 5])}
            constants["order"] = np.arange(5)[::-1].copy()
            del constants["bias"]
            nodes += [
                ("Split", ["joined", "cut"], ["reversed", "flat"]),
                ("Gather", ["reversed", "order"], ["bias"]),
                ("Reshape", ["flat", "shape"], ["kernel"]),
            ]
        else:
            constants["kernel"] = kernel
        nodes += [("MatMul", ["x", weight], ["a"]), ("Add", ["a", "bias"], ["b"])]
        nodes.append(("Tanh", ["b"], ["c"]))
        row = "c"
        if self.way == "again":
            constants["doubled"] = 2 * kernel
            nodes += [("MatMul", ["x", "doubled"], ["g"]), ("Tanh", ["g"], ["h"])]
            nodes.append(("Add", ["c", "h"], ["i"]))
            row = "i"
        if self.way == "folded":
            constants["last"] = scale[:, None] * last
            del constants["scale"]
        else:
            nodes.append(("Mul", [row, "scale"], ["d"]))
            row = "d"
        nodes.append(("MatMul", [row, "last"], ["e"]))
        if self.way == "offset":
            constants["offset"] = np.array([OFFSET], np.float32)
            nodes.append(("Add", ["e", "offset"], ["f"]))
        nodes.append(("Sigmoid", ["f" if self.way == "offset" else "e"], ["y"]))
        graph = helper.make_graph(
            [helper.make_node(kind, read, made) for kind, read, made in nodes],
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
            [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in constants.items()],
        )
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)


def follow(net, steps=6, **options):
    progress = LearningProgress(X, sample=None, threads=1, **options)
    follower = Follower(progress, net)
    alone = []
    for step in range(steps):
        follower.record(step)
        alone.append(ot.analyze(net.export(), X, bootstrap=0, check=0, threads=1, **options))
        net.exports -= 1
        net.train(step)
    follower.finish()
    return progress.result(), alone


@pytest.mark.parametrize("way", ["plain", "turned", "joined"])
@pytest.mark.parametrize("options", [{}, {"link": "logit", "scale": "unit"}, {"output": "c"}])
def test_weights_are_found_wherever_the_exporter_puts_them(way, options):
    net = Net(way)
    result, alone = follow(net, **options)
    assert net.exports == 1
    assert [step.how for step in result.steps] == ["compiled", *["swapped"] * 5]
    for place, wanted in enumerate(alone):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)
        np.testing.assert_allclose(result.sem[place], wanted.sem, rtol=1e-3, atol=1e-6)
    assert np.abs(np.diff(result.score, axis=0)).max(axis=(1, 2, 3)).min() > 1e-3


def test_what_an_exporter_folds_is_exported_every_time_and_says_so():
    net = Net("folded")
    with pytest.warns(OnnxTaylorWarning, match="folds the variables scale, last"):
        result, alone = follow(net)
    assert net.exports == 7
    assert [step.how for step in result.steps] == ["compiled", *["swapped"] * 5]
    for place, wanted in enumerate(alone):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)


def test_a_weight_that_stands_in_the_graph_and_was_folded_too_is_exported_every_time():
    """All of its numbers are found, and yet a copy that the exporter doubled would stay behind."""
    net = Net("again")
    with pytest.warns(OnnxTaylorWarning, match="folds variables that are used again"):
        result, alone = follow(net)
    assert net.exports == 9  # twice to find the numbers, once to prove the export, six steps
    for place, wanted in enumerate(alone):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)


@pytest.mark.parametrize("way", ["plain", "offset", "joined"])
def test_another_model_may_be_recorded_in_between(way):
    """Of the same structure or of another one, whose weights have the same names."""
    net, other = Net(), Net(way)
    other.train(100)
    progress = LearningProgress(X, sample=None, threads=1)
    follower, alone = Follower(progress, net), []
    for step in range(6):
        if step in (3, 5):
            progress.record(100 + step, other.export())
        follower.record(step)
        alone.append(ot.analyze(net.export(), X, bootstrap=0, check=0, threads=1))
        net.train(step)
    follower.finish()
    result = progress.result()
    assert result.numbers.tolist() == [0, 1, 2, 3, 4, 5, 103, 105]
    for place, wanted in enumerate(alone):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)
    wanted = ot.analyze(other.export(), X, bootstrap=0, check=0, threads=1)
    for place in (6, 7):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)


def test_a_map_that_does_not_reproduce_the_response_is_an_error():
    with pytest.raises(ModelError, match="responds differently from the model"):
        follow(Net("wrong"))


@pytest.mark.parametrize("step", [1, 4])
def test_the_response_is_proved_again_later(step):
    """After 1, 4, … steps."""
    net = Net()
    progress = LearningProgress(X, sample=None)
    follower = Follower(progress, net)
    for k in range(step):
        follower.record(k)
    net.way = "wrong"
    with pytest.raises(ModelError, match="responds differently"):
        follower.record(step)
    assert len(progress.steps) == step


def test_a_constant_that_happens_to_be_one_of_the_numbers():
    """The first map takes a constant of the graph for a weight; the second one does not."""
    net = Net("offset")
    assert Variables(list(SHAPES.values())).values[0][1, 1] == np.float32(OFFSET)
    result, alone = follow(net)
    assert net.exports == 2
    for place, wanted in enumerate(alone):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)


def test_the_end_is_proved_too():
    net = Net()
    progress = LearningProgress(X, sample=None)
    follower = Follower(progress, net)
    for k in range(3):
        follower.record(k)
    follower.finish()
    net.way = "wrong"
    with pytest.raises(ModelError, match="responds differently"):
        follower.finish()


def test_a_swapped_graph_with_an_old_weight_is_found(monkeypatch):
    """A weight that the map of the compiled graph lost: the second step's proof."""
    located = Variables.locate
    calls = []

    def losing(self, constants):
        found = located(self, constants)
        calls.append(sorted(found))
        if len(calls) > 1:  # of the compiled graph, after that of the exported one
            del found["bias"]
        return found

    monkeypatch.setattr(Variables, "locate", losing)
    with pytest.raises(ModelError, match="derivative graph's response differs"):
        follow(Net())
    assert calls == [["bias", "kernel", "last", "scale"]] * 2


def test_frozen_weights_are_compiled_anew(monkeypatch):
    """Where the compiled graph holds a weight fixed, each step has a graph of its own."""
    from onnxtaylor.engine.exact.reweighted import Reweighted

    monkeypatch.setattr(Reweighted, "swap", lambda self, values: next(iter(values)))
    net = Net()
    result, alone = follow(net, 3)
    assert [step.how for step in result.steps] == ["compiled"] * 3
    assert net.exports == 1
    for place, wanted in enumerate(alone):
        np.testing.assert_allclose(result.score[place], wanted.score, rtol=3e-5, atol=1e-6)


def test_files_of_events_need_an_exported_model_first(tmp_path):
    path = tmp_path / "x.csv"
    np.savetxt(path, X, delimiter=",", header="a,b,c", comments="")
    for given in (str(path), [path]):
        progress = LearningProgress(given, sample=None)
        with pytest.raises(ot.OnnxTaylorError, match="as an array or data frame"):
            Follower(progress, Net()).record(0)


def test_what_is_no_number_is_told_by_its_column():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=["a", "b", "c"])
    follower = Follower(LearningProgress(frame.assign(b="signal"), sample=None), Net())
    with pytest.raises(DataError, match="column 'b' of the data frame has type"):
        follower.record(0)


@pytest.mark.parametrize(
    ("x", "words"), [(X[:0], "no events"), (X[0], "reshape"), (X[:, :0], "no feature")]
)
def test_events_that_are_none(x, words):
    with pytest.raises(DataError, match=words):
        Follower(LearningProgress(x, sample=None), Net()).record(0)


def test_distinct_numbers_are_found_again():
    shapes = [(2, 3), (), (4,)]
    variables = Variables(shapes, seed=5)
    flat = np.concatenate([np.ravel(v) for v in variables.values])
    assert [v.shape for v in variables.values] == shapes
    assert len(np.unique(flat)) == 11
    assert (flat > 0.5).all()
    assert (flat < 1).all()
    np.testing.assert_array_equal(flat, flat.astype(np.float32))
    a, _, c = variables.values
    constants = {
        "turned": a.T.astype(np.float32),
        "padded": np.pad(c, (1, 2)),
        "other": np.array([0.25, 1.0]),
        "whole": np.arange(3),
    }
    places = variables.locate(constants)
    assert sorted(places) == ["padded", "turned"]
    assert variables.missing(places) == [1]
    new = np.arange(11.0)
    found = variables.constants(places, new)
    np.testing.assert_array_equal(found["turned"], new[:6].reshape(2, 3).T)
    np.testing.assert_array_equal(found["padded"], [0, 7, 8, 9, 10, 0, 0])
    assert found["turned"].dtype == np.float32


def test_too_many_weights_are_exported_every_time(monkeypatch):
    from onnxtaylor.tracking import variables

    monkeypatch.setattr(variables, "MOST", 10)
    net = Net()
    with pytest.warns(OnnxTaylorWarning, match="30 weights are too many"):
        result, _ = follow(net, 2)
    assert net.exports == 2
    assert len(result.steps) == 2
