"""k-fold models: two runs combined by hand, and the spread between the folds."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.errors import DataError, ModelError, OnnxTaylorError, OptionError
from onnxtaylor.files.lock import locked
from onnxtaylor.statistics.checkpoint import discard_finished
from tests.results.test_schema import SOURCE

EVENTS = 301


def net(seed: int, *, responses=2, features=3, kind="Tanh", names=()) -> onnx.ModelProto:
    """tanh (or another) layer of five nodes, then softmax or sigmoid."""
    random = np.random.default_rng(seed)
    nodes = [("MatMul", "x", "w", "a"), ("Add", "a", "c", "d"), (kind, "d", "b")]
    nodes += [("MatMul", "b", "v", "z"), ("Softmax" if responses > 1 else "Sigmoid", "z", "y")]
    shapes = {"w": (features, 5), "c": (5,), "v": (5, responses)}
    graph = helper.make_graph(
        [helper.make_node(k, ends[:-1], ends[-1:]) for k, *ends in nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", responses])],
        [numpy_helper.from_array(random.normal(size=s).astype(np.float32), n)
         for n, s in shapes.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names:
        helper.set_model_props(model, {"feature_names": json.dumps(list(names))})
    return model


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(5)
    columns = {name: random.normal(k, 1 + k, EVENTS) for k, name in enumerate("abc")}
    columns["w"] = random.normal(1.0, 0.6, EVENTS)
    columns["EventId"] = random.permutation(EVENTS).astype(np.int64) + 2**60
    columns["kind"] = np.where(columns["a"] > 0.3, "s", "b")
    return pa.table(columns)


OPTIONS = {
    "feature_names": ["a", "b", "c"],
    "weights": "w",
    "labels": "kind",
    "bootstrap": 30,
    "check": 16,
    "scale": "unit",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for k in range(2):
        onnx.save(net(k), folder / f"fold{k}.onnx")
    return [str(folder / f"fold{k}.onnx") for k in range(2)]


@pytest.fixture(scope="module")
def result(models, table):
    return ot.analyze(models, table, fold="EventId % 2", **OPTIONS)


def by_hand(table, model, k):
    """The analysis of one model on the events of its fold alone, chosen by NumPy."""
    mine = np.flatnonzero(table["EventId"].to_numpy() % 2 == k)
    return ot.analyze(model, table.take(mine), **OPTIONS), table.take(mine)


def test_scores_are_those_of_two_runs_combined_by_hand(result, models, table):
    runs, weights = [], []
    for k, model in enumerate(models):
        run, mine = by_hand(table, model, k)
        runs.append(run)
        w, kind = mine["w"].to_numpy(), mine["kind"].to_numpy(zero_copy_only=False)
        weights.append(np.array([w.sum(), *(w[kind == name].sum() for name in ("b", "s"))]))
    assert result.groups == ("all", "b", "s")
    total = sum(weights)
    share = [w[None, :, None] / total[None, :, None] for w in weights]
    for name in ("score", "signed_mean"):
        wanted = sum(s * getattr(run, name) for s, run in zip(share, runs, strict=True))
        np.testing.assert_allclose(getattr(result, name), wanted, rtol=1e-12, atol=1e-14)
    square = sum(s * run.rms**2 for s, run in zip(share, runs, strict=True))
    np.testing.assert_allclose(result.rms**2, square, rtol=1e-12)
    # the models are not alike, or nothing would have been shown
    assert np.abs(runs[0].score - runs[1].score).max() > 0.01 * runs[0].score.max()


def test_sem_is_that_of_all_events_around_the_common_mean(result, models, table):
    w, parts = [], []
    for k, model in enumerate(models):
        _, mine = by_hand(table, model, k)
        x = np.stack([mine[name].to_numpy() for name in "abc"], axis=1).astype(np.float32)
        _, jacobian, _ = ot.differentiate(model)(x)
        parts.append(np.abs(jacobian[:, 1, 2].astype(float)))
        w.append(mine["w"].to_numpy())
    w, t = np.concatenate(w), np.concatenate(parts)
    mean = (w * t).sum() / w.sum()
    sem = np.sqrt((w**2 * (t - mean) ** 2).sum()) / abs(w.sum())
    k = [row["label"] for row in (result.row(1, 0, k) for k in range(3))].index("c")
    assert result.score[1, 0, k] == pytest.approx(mean, rel=1e-5)
    assert result.sem[1, 0, k] == pytest.approx(sem, rel=1e-5)


def test_each_fold_has_its_own_scores_and_there_is_a_spread(result, models, table):
    for k, model in enumerate(models):
        run, mine = by_hand(table, model, k)
        np.testing.assert_allclose(result.fold_scores[k], run.score, rtol=1e-12, atol=1e-15)
        fold = result.folds[k]
        assert (fold.model, fold.sha256) == (model, run.model.sha256)
        assert fold.events == len(mine)
        assert fold.sum_weight == pytest.approx(mine["w"].to_numpy().sum())
        assert fold.check == "agrees"
    spread = result.numbers["fold_spread"]
    wanted = np.abs(result.fold_scores[0] - result.fold_scores[1]) / np.sqrt(2)
    np.testing.assert_allclose(spread, wanted, rtol=1e-12, atol=1e-16)
    assert result.data.events == EVENTS


def test_ranks_are_those_of_the_scores(result):
    for scores, ranks in zip(result.score.reshape(-1, 9), result.rank.reshape(-1, 9), strict=True):
        np.testing.assert_array_equal(np.argsort(np.argsort(-scores)) + 1, ranks)
    assert (result.rank_low <= result.rank).all() or (result.rank_low <= result.rank_high).all()


def test_the_same_model_twice_is_one_model(models, table):
    folded = ot.analyze([models[0]] * 2, table, fold="EventId % 2", **OPTIONS)
    plain = ot.analyze(models[0], table, **OPTIONS)
    for name in ("score", "sem", "signed_mean", "rms"):
        np.testing.assert_allclose(
            getattr(folded, name), getattr(plain, name), rtol=1e-12, atol=1e-14
        )
    for name in ("rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(folded, name), getattr(plain, name))


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batches_change_nothing(result, models, table, tmp_path, batch_size):
    paths = []
    for k, (start, stop) in enumerate([(0, 50), (50, 51), (51, EVENTS)]):
        paths.append(tmp_path / f"{k}.parquet")
        pq.write_table(table.slice(start, stop - start), paths[-1])
    again = ot.analyze(models, paths, fold="EventId % 2", batch_size=batch_size, **OPTIONS)
    for name in ("score", "sem", "fold_scores"):
        np.testing.assert_allclose(getattr(again, name), getattr(result, name), rtol=1e-12)
    for name in ("rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))


def test_sigma_is_that_of_all_events(models, table):
    options = {**OPTIONS, "scale": "sigma", "check": 0}
    scaled = ot.analyze(models, table, fold="EventId % 2", **options)
    plain = ot.analyze(models, table, fold="EventId % 2", **{**options, "scale": "unit"})
    sigma = np.array([feature.std for feature in scaled.data.features])
    factors = scaled.indices.scale(sigma)
    np.testing.assert_allclose(scaled.score, plain.score * factors, rtol=1e-12)
    np.testing.assert_allclose(scaled.fold_scores, plain.fold_scores * factors, rtol=1e-12)


def test_results_are_saved_and_loaded(result, tmp_path, monkeypatch):
    schema = json.loads(SOURCE.read_text(encoding="utf-8"))
    document = json.loads(result.to_json())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert set(document["options"]) <= set(schema["$defs"]["options"]["properties"])
    assert document["options"]["fold"] == "EventId % 2"
    for large in (False, True):
        monkeypatch.setattr("onnxtaylor.results.taylor_document.LARGE", 1 if large else 10**6)
        result.save(tmp_path / f"{large}.json")
        again = ot.TaylorResult.load(tmp_path / f"{large}.json")
        assert again.folds == result.folds
        np.testing.assert_array_equal(again.fold_scores, result.fold_scores)
        assert again.to_json() == result.to_json()
    columns = result.to_arrow().column_names
    assert columns[-3:] == ["fold_spread", "score_fold0", "score_fold1"]
    damaged = json.loads(result.to_json())
    damaged["coefficients"][3]["fold_spread"] *= 2
    with pytest.raises(ot.errors.ResultError, match="must have the spread of their folds"):
        ot.TaylorResult.from_json(json.dumps(damaged))
    del damaged["coefficients"][3]["score_fold1"]
    with pytest.raises(ot.errors.ResultError, match="score_fold1"):
        ot.TaylorResult.from_json(json.dumps(damaged))


def test_kinks_of_one_model_are_averaged_in_both(table, tmp_path):
    for k, kind in enumerate(("Tanh", "Relu")):
        onnx.save(net(k, kind=kind), tmp_path / f"{k}.onnx")
    models = [str(tmp_path / f"{k}.onnx") for k in range(2)]
    result = ot.analyze(models, table, fold="EventId % 2", **{**OPTIONS, "check": 0})
    assert result.method == "averaged"
    one = ot.analyze(models[0], table, fold=None, curvature="averaged", **{**OPTIONS, "check": 0})
    assert one.method == "averaged"


def test_work_continues_where_it_was_interrupted(models, table, tmp_path, result, monkeypatch):
    calls = []

    def interrupted(engine, problem, events, sums, **given):
        calls.append(problem.model.path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return accumulate(engine, problem, events, sums, **given)

    from onnxtaylor.run.accumulate import accumulate

    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    options = {**OPTIONS, "fold": "EventId % 2", "resume": tmp_path / "work"}
    monkeypatch.setattr("onnxtaylor.run.begun.accumulate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ot.analyze(models, path, **options)
    assert (tmp_path / "work/fold0/sums.npz").exists()
    monkeypatch.undo()
    with pytest.raises(OptionError, match="holds the sums of another analysis"):
        ot.analyze(models, path, **{**options, "fold": "(EventId + 1) % 2"})
    again = ot.analyze(models, path, **options)
    np.testing.assert_array_equal(again.score, result.score)
    assert not (tmp_path / "work/fold0/sums.npz").exists()
    undisturbed = ot.analyze(models, path, **{**options, "resume": tmp_path / "other"})
    assert again.to_json() == undisturbed.to_json()
    # the sums are there until who has saved the result deletes them
    kept = {tmp_path / f"work/fold{k}/finished.npz" for k in range(2)}
    assert {one for one in (tmp_path / "work").rglob("*") if one.is_file()} == kept
    discard_finished(tmp_path / "work")
    assert not any(one.is_file() for one in (tmp_path / "work").rglob("*"))


def test_another_process_in_the_folder_of_a_fold_is_named(models, table, tmp_path):
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    (tmp_path / "work/fold1").mkdir(parents=True)
    options = {**OPTIONS, "fold": "EventId % 2", "resume": tmp_path / "work", "order": 1}
    with (
        locked(tmp_path / "work/fold1", option="resume"),
        pytest.raises(OptionError, match="in use by process"),
    ):
        ot.analyze(models, path, **options)
    ot.analyze(models, path, **options)


def test_wrong_calls_are_one_line(models, table, tmp_path):
    onnx.save(net(2, responses=3), tmp_path / "three.onnx")
    onnx.save(net(2, features=4), tmp_path / "four.onnx")
    onnx.save(net(0, names="abc"), tmp_path / "abc.onnx")
    onnx.save(net(1, names="acb"), tmp_path / "acb.onnx")
    fold = "EventId % 2"
    for given, options, kind, words in (
        (
            [models[0], str(tmp_path / "three.onnx")],
            {},
            ModelError,
            "three.onnx: has the responses",
        ),
        ([models[0], str(tmp_path / "four.onnx")], {}, ModelError, "four.onnx: the model takes 4"),
        (
            [str(tmp_path / "abc.onnx"), str(tmp_path / "acb.onnx")],
            {"feature_names": None},
            ModelError,
            "acb.onnx: has the features a, c, b",
        ),
        (models, {"fold": "EventId % 3"}, DataError, "'EventId % 3' is 2 at event"),
        (models, {"fold": "EventId * 0"}, DataError, "'EventId * 0' is 1 at no event"),
        (models, {"fold": "EventID % 2"}, DataError, "no column 'EventID': did you mean 'EventId'"),
        (models, {"fold": None}, OptionError, "fold is missing"),
        (models[:1], {}, OptionError, "fold needs a model for each fold"),
        (models[0], {}, OptionError, "fold needs a model for each fold"),
        (models, {"pairs": "top:3"}, OptionError, "pairs is not offered with folds"),
    ):
        with pytest.raises(kind) as caught:
            ot.analyze(given, table, **{**OPTIONS, "fold": fold, **options})
        assert isinstance(caught.value, OnnxTaylorError)
        assert words in str(caught.value), str(caught.value)
        assert str(caught.value).isprintable()


def test_folds_of_an_array_are_by_its_features(models):
    x = np.random.default_rng(1).normal(size=(80, 3))
    names = ["a", "b", "c"]
    result = ot.analyze(models, x, feature_names=names, fold="a > 0", order=1, bootstrap=0, check=0)
    assert [fold.events for fold in result.folds] == [(x[:, 0] <= 0).sum(), (x[:, 0] > 0).sum()]
