"""A problem is opened once: sessions of onnxruntime and passes over the data are counted."""

from __future__ import annotations

import traceback
from collections import Counter
from math import inf
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import onnxtaylor as ot
from onnxtaylor.crosscheck import plan
from onnxtaylor.data import ArraySource
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions
from onnxtaylor.problem import Problem
from onnxtaylor.run.analyze import analyze_problem
from onnxtaylor.run.inspect import inspect_problem
from tests.graph.graphs import net

PACKAGE = Path(ot.__file__).parent

# Every session that is opened, by the module that asks for it, and why it is there.
PROBLEM = {
    # probes, response ranges, saturation, responses of an audit, original of the cross-check
    "problem/batching.py": 1,
    # the graph as it is written, node by node: do onnxruntime's optimizations keep the function?
    "problem/deployed.py": 1,
}
EXACT = {
    # all tensors of the graph at three events: the shapes that the compiler needs
    "engine/exact/derive.py": 1,
    # the derivative graph, and the original beside it in one thread: every batch is compared
    "engine/exact/pipeline.py": 1,
    "engine/exact/engine.py": 1,
}
CHECK = {
    # the model in double precision, verified against the original and evaluated by differences
    "engine/factory.py": 1,
}
ALONG = {
    # the same where the check is short: derivatives along a few directions at each event
    "crosscheck/originals.py": 1,
}


@pytest.fixture
def opened(monkeypatch):
    """Counts sessions by the innermost module of the package outside ``runtime``."""
    seen: Counter[str] = Counter()

    class Counted(onnxruntime.InferenceSession):
        def __init__(self, *args, **options):
            frames = [Path(frame.filename) for frame in traceback.extract_stack()]
            own = [p.relative_to(PACKAGE) for p in frames if p.is_relative_to(PACKAGE)]
            seen[next(str(p) for p in reversed(own) if p.parts[0] != "runtime")] += 1
            super().__init__(*args, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Counted)
    return seen


class Source(DerivedSource):
    """Counts the events that are read."""

    def __init__(self, source):
        super().__init__(source)
        self.read = 0

    def batches(self, size):
        for batch in self._source.batches(size):
            self.read += len(batch)
            yield batch


N = 300
X = np.random.default_rng(2).normal(size=(N, 4)).astype(np.float32).astype(float)


@pytest.fixture
def events():
    return Source(ArraySource(X))


@pytest.fixture(scope="module")
def model():
    return net(n=4)


def passes(events):
    return events.read / N


@pytest.mark.parametrize(("seconds", "check"), [(inf, CHECK), (0.0, ALONG)])
def test_an_analysis_opens_the_model_once_and_reads_the_data_twice(
    model, events, opened, monkeypatch, seconds, check
):
    monkeypatch.setattr(plan, "SHORT", seconds)  # with time for all coefficients, and without
    result = ot.analyze(model, events)
    assert result.check["verdict"] == "agrees"
    assert opened == {**PROBLEM, **EXACT, **check}
    assert passes(events) == 2


def test_without_a_check_its_session_is_not_opened(model, events, opened):
    ot.analyze(model, events, check=0)
    assert opened == {**PROBLEM, **EXACT}


def test_a_sample_counts_the_events_first(model, events):
    ot.analyze(model, events, sample=N, order=1)
    assert passes(events) == 3


def test_finite_steps_have_one_engine(model, events, opened):
    ot.analyze(model, events, finite_step="0.5sigma", order=1)
    assert opened == {**PROBLEM, "engine/finite_step/engine.py": 1}
    assert passes(events) == 2


def test_a_check_opens_what_an_analysis_with_a_check_opens(model, events, opened):
    assert ot.cross_check(model, events).passed
    assert opened == {**PROBLEM, **EXACT, **CHECK}
    assert passes(events) == 2


def test_an_audit_looks_at_what_its_analysis_has_opened_and_read(
    model, events, opened, monkeypatch, tmp_path
):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    monkeypatch.setattr(plan, "SHORT", inf)
    outcome = ot.audit(path, events)
    assert {"saturation", "constant-response"} <= {check.id for check in outcome.checks}
    assert opened == {**PROBLEM, **EXACT, **CHECK}
    assert passes(events) == 2


def test_verbs_on_one_problem_share_its_session(model, events, opened):
    problem = Problem.open(model, events)
    assert passes(events) == 1
    result = ot.analyze(problem)
    assert ot.cross_check(problem).passed
    ot.differentiate(problem, order=1)
    assert inspect_problem(problem)["engine"].startswith("exact")
    assert {k: opened[k] for k in PROBLEM} == PROBLEM
    assert passes(events) == 3  # survey, analysis, sample of the check
    alone = ot.analyze(model, X)
    np.testing.assert_array_equal(result.score, alone.score)


# a problem in place of a model


def test_problems_are_compared_and_audited(model, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    one, two = (Problem.open(path, X, ModelOptions(output=f"y[{k}]")) for k in (0, 0))
    comparison = ot.compare_models(one, two, order=1)
    assert np.all(comparison.change == 0)
    assert ot.audit(one, order=1).passed


def test_a_training_is_tracked_on_the_events_of_a_problem(model):
    problem = Problem.open(model, X, data_options=DataOptions(feature_names=list("abcd")))
    progress = ot.LearningProgress(problem, sample=None, order=1)
    progress.record(0, model)
    alone = ot.analyze(problem, order=1, check=0, bootstrap=0)
    np.testing.assert_allclose(progress.result().score[0], alone.score, rtol=1e-5)
    assert progress.result().features == ("a", "b", "c", "d")


def test_options_of_model_and_data_belong_to_the_problem(model):
    problem = Problem.open(model, X)
    with pytest.raises(OptionError, match="output must be given to"):
        ot.analyze(problem, output="y")
    with pytest.raises(OptionError, match="x must be left out: the problem"):
        ot.cross_check(problem, X)
    with pytest.raises(OptionError, match="a model needs data"):
        ot.analyze(model)


def test_names_may_come_from_an_iterator(model):
    comparison = ot.compare_models(model, model, X, order=1, output_names=iter(["s", "b"]))
    assert comparison.b.outputs == ("s", "b")


def test_a_problem_is_for_derivatives_or_for_steps(model):
    problem = Problem.open(model, X, derivatives=False)
    with pytest.raises(OptionError, match="finite_step must be given"):
        analyze_problem(problem)
    assert analyze_problem(problem, EngineOptions(finite_step="1sigma")).result.indices.order == 2


def test_an_analysis_needs_data(model):
    problem = Problem.open_without_data(model)
    assert problem.first_events.shape == (8, 4)
    with pytest.raises(DataError, match="an analysis needs data: no data were given"):
        ot.analyze(problem)
