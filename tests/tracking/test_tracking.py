"""Checkpoints tracked: swapped weights against analyses of each model by itself."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.rules import RULES
from onnxtaylor.tracking import LearningProgress
from onnxtaylor.tracking import tracker as tracking
from onnxtaylor.tracking.agreement import require_same
from tests.tracking.networks import checkpoint

X = np.random.default_rng(1).normal(size=(150, 3))
WEIGHTS = np.random.default_rng(2).uniform(-0.2, 1.5, 150)
LABELS = np.arange(150) % 2


def tracked(models, **options):
    progress = LearningProgress(X, sample=None, threads=1, **options)
    for step, model in enumerate(models):
        progress.record(step, model)
    return progress.result()


def analyzed(model, **options):
    return ot.analyze(model, X, bootstrap=0, check=0, threads=1, **options)


def compare(result, models, **options):
    """Every number of every step against an analysis of that model alone."""
    for place, model in enumerate(models):
        alone = analyzed(model, **options)
        for name in ("score", "sem", "signed_mean"):
            found, wanted = getattr(result, name)[place], getattr(alone, name)
            scale = np.abs(alone.score).max()
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6 * scale, err_msg=name)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("activation", ["Tanh", "Relu", "Softplus", "Elu"])
def test_swapped_is_what_each_model_gives_alone(normalized, activation):
    models = [checkpoint(s, normalized=normalized, activation=activation) for s in range(4)]
    options = {"weights": WEIGHTS, "labels": LABELS, "curvature": "pointwise"}
    result = tracked(models, **options)
    assert [step.how for step in result.steps] == ["compiled", *["swapped"] * 3]
    assert [step.note for step in result.steps] == [None] * 4
    compare(result, models, **options)
    # what changes is seen: no step repeats another
    assert np.abs(np.diff(result.score, axis=0)).max(axis=(1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize("options", [{"scale": "unit"}, {"link": "log"}, {"order": 1}])
@pytest.mark.parametrize("output", [None, "h2[1]"])
def test_options_are_those_of_an_analysis(options, output):
    models = [checkpoint(s) for s in range(3)]
    result = tracked(models, output=output, **options)
    assert [step.how for step in result.steps] == ["compiled", "swapped", "swapped"]
    compare(result, models, output=output, **options)


def test_names_of_tensors_do_not_matter():
    """Exporters count: the second export of a model has other names."""
    models = [checkpoint(s, prefix=f"model_{s}/", normalized=True) for s in range(3)]
    result = tracked(models)
    assert [step.how for step in result.steps] == ["compiled", "swapped", "swapped"]
    assert result.outputs == ("model_0/h2[0]", "model_0/h2[1]")
    compare(result, models)
    with pytest.raises(ModelError, match="track one kind of model"):
        tracked([models[0], checkpoint(1, (3, 5, 2), prefix="other/")])


def test_weights_in_constant_nodes_are_swapped():
    """Some exporters keep weights in attributes of Constant nodes."""
    from onnx import helper

    models = [checkpoint(s, normalized=True) for s in range(3)]
    for model in models:
        graph = model.graph
        nodes = [helper.make_node("Constant", [], [t.name], value=t) for t in graph.initializer]
        nodes += graph.node
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:], graph.initializer[:]
        graph.node.extend(nodes)
    result = tracked(models)
    assert [step.how for step in result.steps] == ["compiled", "swapped", "swapped"]
    compare(result, models)


def test_another_structure_is_compiled_anew_and_says_so():
    models = [checkpoint(0), checkpoint(1, (3, 7, 4, 2)), checkpoint(2, (3, 7, 4, 2))]
    result = tracked(models)
    assert [step.how for step in result.steps] == ["compiled", "compiled", "swapped"]
    assert "another structure" in result.steps[1].note
    compare(result, models)


def test_a_single_number_that_changes_is_compiled_anew_once():
    """A leaky slope is one number: it is held fixed until it changes."""
    from onnx import helper, numpy_helper

    def leaky(seed, slope):
        model = checkpoint(seed, activation="Identity")
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.float32(slope), "slope"))
        for node in graph.node:
            if node.op_type == "Identity":
                node.CopyFrom(helper.make_node("PRelu", [node.input[0], "slope"], node.output))
        return model

    models = [leaky(0, 0.1), leaky(1, 0.1), leaky(2, 0.2), leaky(3, 0.3), leaky(4, 0.4)]
    result = tracked(models, curvature="pointwise")
    assert [s.how for s in result.steps] == ["compiled", "swapped", "compiled", *["swapped"] * 2]
    assert "'slope' changed" in result.steps[2].note
    compare(result, models, curvature="pointwise")


def test_models_without_rules_go_the_ordinary_way(monkeypatch):
    monkeypatch.delitem(RULES, "Tanh")
    models = [checkpoint(s) for s in range(2)]
    result = tracked(models)
    assert [step.how for step in result.steps] == ["analyzed", "analyzed"]
    assert all("Tanh has no rule" in step.note for step in result.steps)
    assert {step.engine for step in result.steps} == {"differences"}
    compare(result, models)


def test_differences_and_third_order_go_the_ordinary_way():
    models = [checkpoint(s, (3, 4, 1)) for s in range(2)]
    result = tracked(models, engine="differences")
    assert {(s.how, s.engine) for s in result.steps} == {("analyzed", "differences")}
    compare(result, models, engine="differences")
    third = tracked(models, order=3)
    assert {(s.how, s.engine) for s in third.steps} == {("analyzed", "exact")}
    compare(third, models, order=3)


def test_a_graph_that_kept_an_old_weight_is_found(monkeypatch):
    """The responses of the swapped graph are compared with the model's."""
    monkeypatch.setattr(tracking.Reweighted, "swap", lambda self, values: None)
    progress = LearningProgress(X, sample=None)
    progress.record(0, checkpoint(0))
    with pytest.raises(ModelError, match="response differs from the model's"):
        progress.record(1, checkpoint(1))
    assert len(progress.steps) == 1


SAME = [
    ([0.5, 2.0], [0.5, 2.0001], "float32"),  # 2¹⁰ roundings of single precision are 1.2e-4
    ([0.5, 2.0], [0.55, 2.1], "float16"),
    ([1e-4, 3e-4], [1.005e-4, 3e-4], "float32"),  # 1 − sigmoid is rounded as 1 is
    ([0.5, np.inf], [0.5, np.inf], "float32"),
    ([7.0, np.nan], [7.0, np.nan], "float32"),
    ([7.0, 0.5], [np.nan, 0.5], "float32"),  # where the model has no number, nothing is asked
    ([], [], "float64"),
]
OTHER = [
    ([0.5, 2.0], [0.5, 2.001], "float32"),
    ([0.5, 2.0], [0.5, 2.0 + 1e-6], "float64"),
    ([0.5, 0.0], [0.5, 0.2], "float16"),
    ([0.0, 0.0], [0.9, -1.0], "float16"),
    ([1e-4, 5e-5], [0.0, 1e-5], "float32"),
    ([0.5, 2.0], [0.0, np.inf], "float32"),
    ([np.nan, 2.0], [1.0, 2.0], "float32"),
    ([np.inf, 2.0], [1.0, 2.0], "float32"),
]


@pytest.mark.parametrize(("found", "model", "kind"), SAME)
def test_responses_that_are_the_same(found, model, kind):
    require_same(np.array(found, np.float64), np.array(model, kind), "off by {}")


@pytest.mark.parametrize(("found", "model", "kind"), OTHER)
def test_responses_that_are_not(found, model, kind):
    with pytest.raises(ModelError, match=r"^off by (nan|inf|[0-9.e+-]+)$"):
        require_same(np.array(found, np.float64), np.array(model, kind), "off by {}")


def test_other_responses_are_refused():
    progress = LearningProgress(X, sample=None)
    progress.record(0, checkpoint(0))
    with pytest.raises(ModelError, match="track one kind of model"):
        progress.record(1, checkpoint(1, (3, 4, 3)))


def test_a_sample_is_the_same_at_every_step_and_seed_chooses_it():
    models = [checkpoint(0), checkpoint(0)]
    for seed in (0, 1):
        progress = LearningProgress(X, sample=40, seed=seed)
        for step, model in enumerate(models):
            progress.record(step, model)
        result = progress.result()
        assert result.data.events == 40
        np.testing.assert_array_equal(result.score[0], result.score[1])
        alone = ot.analyze(models[0], X, sample=40, seed=seed, bootstrap=0, check=0)
        np.testing.assert_allclose(result.score[0], alone.score, rtol=1e-5)


def test_parts_and_chunks_change_nothing(monkeypatch):
    """Events beyond a chunk and beyond a part, and on two threads."""
    from onnxtaylor.engine.exact import reweighted

    models = [checkpoint(s) for s in range(2)]
    whole = tracked(models, labels=LABELS)
    monkeypatch.setattr(reweighted, "CHUNK_BYTES", 2**13)
    monkeypatch.setattr(reweighted, "PART_BYTES", 2**12)
    progress = LearningProgress(X, sample=None, labels=LABELS, threads=2)
    for step, model in enumerate(models):
        progress.record(step, model)
    cut = progress.result()
    for name in ("score", "sem", "signed_mean"):
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("step", [float("nan"), float("inf"), "1", None])
def test_steps_are_finite_numbers(step):
    with pytest.raises(OptionError, match="finite number"):
        LearningProgress(X).record(step, checkpoint(0))


def test_a_step_occurs_once_and_steps_come_in_order():
    progress = LearningProgress(X, sample=50)
    with pytest.raises(OptionError, match="nothing was recorded"):
        progress.result()
    for step in (5, 0, 2.5):
        progress.record(step, checkpoint(int(step)))
    with pytest.raises(OptionError, match="step 5 was recorded already"):
        progress.record(5, checkpoint(5))
    assert progress.result().numbers.tolist() == [0, 2.5, 5]


def test_bad_samples_and_intervals():
    with pytest.raises(OptionError, match="sample must be at least 1, got 0"):
        LearningProgress(X, sample=0)
    with pytest.raises(OptionError, match="every must be at least 1, got 0"):
        LearningProgress(X).keras(every=0)


def test_a_coefficient_that_is_not_finite_names_its_event():
    """A square root at 0: the response is finite, its slope is not."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "x"], ["a"]),
            helper.make_node("ReduceSum", ["a"], ["b"], keepdims=1, axes=[1]),
            helper.make_node("Sqrt", ["b"], ["y"]),
        ],
        "root",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    x = np.concatenate([X[:100], np.zeros((1, 3))])
    with pytest.raises(ModelError, match="not finite at tracked event 100"):
        LearningProgress(x, sample=None).record(0, model)
