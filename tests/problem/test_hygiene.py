"""Each suspicion has data that raise it, and nothing else; ordinary data raise none."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnx
import pyarrow.parquet
import pytest

import onnxtaylor as ot
from onnxtaylor.cli.app import run
from onnxtaylor.data import ArraySource, SurveyAccumulator, survey
from onnxtaylor.data.traits import FeatureTraits
from onnxtaylor.problem.hygiene import sentinels
from tests.engine.trees import forest
from tests.graph.graphs import model, net, op, port

DEMO = files("onnxtaylor") / "demo"


def usual(events=2000, n=3, seed=0):
    return np.random.default_rng(seed).normal(size=(events, n))


def squashed(kind, scale, outputs=2):
    """Sigmoid or Softmax of a net whose responses are ``scale`` times as large."""
    proto = net(outputs=outputs)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(scale), "scale"))
    proto.graph.node.append(op("Mul", ["y", "scale"], ["z"]))
    proto.graph.node.append(op(kind, ["z"], ["p"]))
    proto.graph.output[0].name = "p"
    return proto


def found(x, proto=None, **options):
    """(code, feature) of the warnings, and the messages."""
    proto = net(x.shape[1]) if proto is None else proto
    result = ot.analyze(proto, x, order=1, bootstrap=0, check=0, **options)
    for finding in result.warnings:
        assert finding.message.isprintable()
        assert finding.feature is None or finding.feature in finding.message
    return [(f.code, f.feature) for f in result.warnings], [f.message for f in result.warnings]


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_usual_data_raise_nothing(engine):
    x = usual(n=8)
    random = np.random.default_rng(1)
    x[:, 1] = random.integers(0, 2, 2000)
    x[:, 2] = random.choice([-1.0, 1.0], 2000)
    x[:, 3] = random.choice([-1.0, 0.0, 1.0], 2000, p=[0.05, 0.9, 0.05])
    x[:, 4] = random.poisson(1.5, 2000)
    x[:, 5] = np.where(random.random(2000) < 0.4, 0.0, 30 + random.exponential(40, 2000))
    x[:, 6] = random.lognormal(0, 1.5, 2000)
    x[:, 7] = random.uniform(0, 1, 2000)
    assert found(x, engine=engine) == ([], [])


def test_constant_and_empty_features():
    x = usual()
    x[:, 0], x[:, 2] = 3.5, -3
    codes, messages = found(x, missing=-3.0)
    assert codes == [("constant", "x0"), ("empty", "x2")]
    assert "(3.5)" in messages[0]


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_a_constant_feature_is_0_per_sigma_and_says_so(engine):
    """Its derivative is not: per unit of the input it keeps its place."""
    x = usual()
    x[:, 1] = 3.5
    proto = net()
    per = {s: ot.analyze(proto, x, scale=s, engine=engine, bootstrap=20) for s in ("sigma", "unit")}
    table = per["sigma"].indices.table
    mine = (table == 1).any(axis=1)
    for name in ("score", "sem", "signed_mean", "rms"):
        assert (getattr(per["sigma"], name)[..., mine] == 0).all()
    assert (per["sigma"].score[..., ~mine] > 0).all()
    assert (per["sigma"].rank[..., mine] == (~mine).sum() + 1).all()
    assert (per["unit"].score[:, :, 1] > 0).all()
    (message,) = (f.message for f in per["sigma"].warnings)
    assert message.endswith("all of its coefficients are 0 per σ")
    assert all("per σ" not in f.message for f in per["unit"].warnings)


def test_a_feature_that_varies_without_weight_has_no_sigma():
    x, weights = usual(), np.ones(2000)
    x[:, 2] = 1.0
    x[:10, 2], weights[:10] = 2.0, 0.0
    codes, messages = found(x, weights=weights)
    assert codes == [("constant", "x2")]
    assert "has σ = 0" in messages[0]
    assert found(x, weights=weights, scale="unit") == ([], [])


def test_sigma_is_the_default_everywhere():
    x = usual() * [1.0, 20.0, 0.3]
    proto, sigma = net(), x.std(axis=0)
    plain = ot.analyze(proto, x, bootstrap=0, check=0)
    unit = ot.analyze(proto, x, scale="unit", bootstrap=0, check=0)
    assert plain.options["scale"] == "sigma"
    np.testing.assert_allclose(plain.vector(), unit.vector() * sigma, rtol=1e-12)
    np.testing.assert_allclose(plain.matrix(), unit.matrix() * np.outer(sigma, sigma), rtol=1e-12)
    progress = ot.LearningProgress(x, sample=None)
    progress.record(0, proto)
    assert progress.result().options["scale"] == "sigma"
    np.testing.assert_allclose(progress.result().score[0], plain.score, rtol=1e-4)
    same = ot.compare_models(proto, proto, x, bootstrap=0)
    assert same.a.options["scale"] == "sigma"


@pytest.mark.parametrize(("factor", "told"), [(9.0, False), (11.0, True)])
def test_a_table_per_unit_of_unlike_features_says_so(factor, told):
    x = usual() / usual().std(axis=0) * [1.0, factor, 3.0]
    codes, messages = found(x, scale="unit", feature_names=["r", "mass", "pt"])
    assert codes == [("units", None)] * told
    if told:
        assert "from 1 ('r') to 11 ('mass')" in messages[0]
        assert 'scale="sigma"' in messages[0]
    assert found(x) == ([], [])
    assert found(x, finite_step="0.5sigma") == ([], [])


def test_a_constant_feature_is_no_unlike_one():
    x = usual()
    x[:, 1] = 1e-9
    assert found(x, scale="unit")[0] == [("constant", "x1")]


def test_commands_say_so(tmp_path, capsys):
    onnx.save(net(), tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", usual() * [1.0, 20.0, 3.0])
    model, data, saved = (str(tmp_path / name) for name in ("m.onnx", "x.npy", "r.json"))
    quick = ["--order", "1", "--scale", "unit"]
    for words in (
        ["analyze", model, data, *quick, "-o", saved],
        ["track", model, "--data", data, *quick],
        ["compare", model, model, data, *quick],
        ["rank", saved],
    ):
        assert run(words) == 0
        err = capsys.readouterr().err
        assert err.count("warning: coefficients are per unit of the input, and σ of the") == 1
    assert run(["analyze", model, data, "--order", "1"]) == 0
    assert "⟨t⟩ per σ of each feature" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "share"),
    [(-999, 0.3), (-999, 0.01), (9999, 0.05), (-9999, 0.6), (999.0, 0.5), (-50, 0.02), (1e10, 0.1)],
)
def test_a_sentinel_is_named_with_the_option(value, share):
    x = usual()
    x[np.random.default_rng(2).random(2000) < share, 1] = value
    codes, messages = found(x)
    assert codes == [("sentinel", "x1")]
    assert messages[0].endswith(f"missing={value:.10g}")
    assert found(x, missing=value) == ([], [])


def test_minus_one_below_a_quantity_that_is_never_negative():
    x = usual()
    x[:, 0] = 20 + np.random.default_rng(3).exponential(30, 2000)
    x[::3, 0] = -1
    assert found(x)[0] == [("sentinel", "x0")]


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [-1.0, 1.0],
        [-1.0, 0.0, 1.0],
        [0.0, 1.0, 2.0, 50.0],
        [*range(100)],
        [-1.0, -0.5, 0.0, 0.5, 1.0],
        [11.0, -11.0, 13.0, -13.0, 15.0, -15.0, 211.0],
        [0.0, 30.5, 31.25, 44.0, 71.5, 99.5, 120.25, 130.0, 200.0, 18.5],
    ],
)
def test_ordinary_discrete_columns_have_no_sentinel(values):
    assert sentinels(np.array(values * 200)) == []


def test_two_sentinels_at_a_time():
    random = np.random.default_rng(4)
    values = np.concatenate((random.normal(size=500), [-999.0] * 30, [-9999.0] * 20))
    assert sentinels(values) == [(-9999.0, 20 / 550), (-999.0, 30 / 550)]
    values = np.concatenate((random.normal(size=500), [-999.0] * 300, [999.0] * 200))
    assert sentinels(values) == [(-999.0, 0.3), (999.0, 0.2)]


def test_nines_in_their_range_are_no_sentinels():
    assert sentinels(np.repeat(np.arange(100.0), 10)) == []
    assert sentinels(np.repeat(np.arange(0.0, 2000, 9), 10)) == []


def test_steps_that_leave_the_range():
    x = usual()
    x[:, 1] = np.random.default_rng(5).uniform(0, 1, 2000)
    assert found(x, forest(), finite_step="0.5sigma")[0] == [("range", "x1")]
    assert found(x, forest(), finite_step="0.3sigma") == ([], [])
    x[:, 1] = np.rint(6 * x[:, 1])  # whole numbers stay inside
    assert found(x, forest(), finite_step="0.5sigma") == ([], [])
    # a single-precision stencil reaches far, and half of the events lie at the lower end
    x[:, 1] = np.maximum(usual()[:, 1], 0)
    reached = found(x, engine="differences", precision="float32", accuracy=6)[0]
    assert reached == [("range", "x1")]
    assert found(x, engine="differences") == ([], [])  # in double precision it does not
    assert found(x, engine="exact") == ([], [])


def test_missing_entries_leave_no_range():
    x = usual()
    x[::2, 1] = -999
    assert found(x, forest(), finite_step="0.5sigma", missing=-999.0) == ([], [])


@pytest.mark.parametrize("kind", ["Sigmoid", "Softmax"])
def test_saturated_responses(kind):
    x = usual(500)
    codes, messages = found(x, squashed(kind, 60.0))
    assert codes == [("saturated", None), ("saturated", None)]
    assert "response 'p[0]'" in messages[0]
    assert messages[0].endswith('use link="logit"')
    assert found(x, squashed(kind, 1.0)) == ([], [])
    if kind == "Sigmoid":
        assert found(x, squashed(kind, 60.0), link="logit") == ([], [])


def test_only_probabilities_are_saturated():
    """A response that is 0 at most events, but no sigmoid's, has no logit."""
    nodes = [op("Sub", ["x", "two"], ["z"]), op("Relu", ["z"], ["y"])]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])], {"two": np.float32(2)})
    assert found(usual(500), proto) == ([], [])


def test_weights_of_few_events():
    w = np.ones(2000)
    w[0] = 1e4
    codes, messages = found(usual(), weights=w)
    assert codes == [("weights", None)]
    assert "N_eff = 1.44 of 2000 events" in messages[0]
    assert found(usual(), weights=np.linspace(0.1, 3, 2000)) == ([], [])


def test_weights_that_cancel():
    """Σw = 1e-12 of weights near 1: what is left is known to one part in a hundred."""
    w = np.tile([1.0, -1.0], 1000)
    w[0] += 1e-12
    codes, messages = found(usual(), weights=w)
    assert codes == [("weights", None)] * 2
    assert (
        "the weights of all events are of both signs and cancel: Σw = 1e-12 is left" in messages[1]
    )
    signed = np.where(np.arange(2000) % 3, 1.0, -1.0)  # as simulations have them
    assert found(usual(), weights=signed) == ([], [])


# the demo: what is true of the Higgs data, and nothing else

NOT_ALWAYS_DEFINED = {  # DOI 10.7483/OPENDATA.ATLAS.ZBP2.M5T8
    "DER_mass_MMC",
    *("DER_deltaeta_jet_jet", "DER_mass_jet_jet", "DER_prodeta_jet_jet", "DER_lep_eta_centrality"),
    *("PRI_jet_leading_pt", "PRI_jet_leading_eta", "PRI_jet_leading_phi"),
    *("PRI_jet_subleading_pt", "PRI_jet_subleading_eta", "PRI_jet_subleading_phi"),
}


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_the_demo_has_minus_999_where_a_quantity_is_not_defined(engine):
    options = {"weights": "KaggleWeight", "labels": "Label", "engine": engine}
    options |= {"order": 1, "bootstrap": 0, "check": 0}
    paths = str(DEMO / "higgs.onnx"), str(DEMO / "higgs.parquet")
    raw = ot.analyze(*paths, **options).warnings
    assert {f.code for f in raw} == {"sentinel"}
    assert {f.feature for f in raw} == NOT_ALWAYS_DEFINED
    assert len(raw) == len(NOT_ALWAYS_DEFINED)
    assert all(f.message.endswith("missing=-999") for f in raw)
    assert ot.analyze(*paths, missing=-999.0, **options).warnings == ()


def test_the_demo_by_finite_steps():
    """What is said of ranges is true: counted over all events, not over a sample."""
    paths = str(DEMO / "higgs.onnx"), str(DEMO / "higgs.parquet")
    options = {"missing": -999.0, "weights": "KaggleWeight", "labels": "Label", "order": 1}
    result = ot.analyze(*paths, finite_step="0.5sigma", bootstrap=0, **options)
    assert result.options["finite_step"]["whole"] == ["PRI_jet_num"]
    assert result.options["finite_step"]["not_moved"] == {}
    table = pyarrow.parquet.read_table(paths[1])
    assert {f.code for f in result.warnings} == {"range"}
    warned = {f.feature for f in result.warnings}
    for feature, step in zip(
        result.data.features, result.options["finite_step"]["steps"], strict=True
    ):
        x = table[feature.name].to_numpy()
        x = x[x != -999]
        margin = 0.01 * (feature.max - feature.min)
        outside = (x - step < feature.min - margin) | (x + step > feature.max + margin)
        share = outside.sum() / len(table)
        if feature.name == "PRI_jet_num":
            assert feature.name not in warned
        elif abs(share - 0.2) > 0.04:  # three standard errors of the sample
            assert (feature.name in warned) == (share > 0.2), feature.name


# the survey, of which all this is made


def kinds(events=3000, seed=6):
    """Fractions, counts, a flag, two one-hot groups, and columns that are almost a group."""
    random = np.random.default_rng(seed)
    x = np.zeros((events, 13))
    x[:, 0] = random.normal(size=events)
    x[:, 1] = random.integers(-3, 9, events)
    x[:, 2] = random.integers(0, 2, events)
    x[np.arange(events), 3 + random.integers(0, 3, events)] = 1
    x[np.arange(events), 6 + random.choice([0, 2], events)] = 1  # the middle one never occurs
    x[np.arange(events), 9 + random.integers(0, 3, events)] = 1
    x[events // 2, 9:12] = 0  # at one event none of them
    x[:, 12] = random.integers(0, 5, events)
    x[events // 3, 12] = 0.5
    return x


@pytest.mark.parametrize("batch", [1, 7, 1000, 65536])
def test_whole_numbers_and_groups_are_found_however_the_events_are_cut(batch):
    x = kinds()
    told = survey(ArraySource(x), batch=batch)
    assert told.whole.tolist() == [False, *[True] * 11, False]
    assert told.one_hot == ((3, 4, 5), (6, 7, 8))
    assert told.sample.shape == (1024, 13)
    assert np.array_equal(told.sample, survey(ArraySource(x)).sample)


def test_surveys_merge_in_any_order():
    x = kinds()
    whole = survey(ArraySource(x))
    parts = list(ArraySource(x).batches(700))
    for order in ((0, 1, 2, 3, 4), (4, 2, 0, 3, 1)):
        merged = SurveyAccumulator()
        for k in order:
            one = SurveyAccumulator()
            one.update(parts[k])
            merged.merge(one)
        told = merged.finalize()
        assert told.one_hot == whole.one_hot
        assert (told.whole == whole.whole).all()
        assert np.array_equal(told.sample, whole.sample)


def test_the_sample_is_a_fair_part_of_the_events():
    x = np.arange(50_000.0)[:, None]
    sample = survey(ArraySource(x)).sample[:, 0]
    assert len(set(sample)) == 1024
    # deciles of a uniform sample: binomial, σ = 9.6
    assert np.abs(np.histogram(sample, 10, (0, 50_000))[0] - 102.4).max() < 4 * 9.6


def test_the_sample_of_wide_data_stays_small():
    traits = FeatureTraits(2**20)
    assert traits._size == 16
    assert FeatureTraits(2048)._size == 1024


def test_missing_entries_are_neither_whole_nor_fractions():
    x = kinds()
    x[::4, 1] = x[::5, 0] = np.nan
    x[::4, 4] = np.nan
    told = survey(ArraySource(x, missing=np.nan), missing=np.nan)
    assert told.whole[:2].tolist() == [False, True]
    assert told.one_hot == ((6, 7, 8),)  # a group has an entry at every event


def test_columns_of_zeros_beside_a_group_are_none_of_it():
    x = np.zeros((90, 6))
    x[np.arange(90), 2 + np.arange(90) % 3] = 1  # and the last is zero as well
    assert survey(ArraySource(x)).one_hot == ((2, 3, 4),)
