"""Sets of varying size without a mask: each event is seen with its own objects, by both engines."""

from __future__ import annotations

import io

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.errors import ModelError, ProbeError
from onnxtaylor.options import EngineOptions, ModelOptions
from tests.graph.graphs import F64, STRING, model, op, port
from tests.run.test_batchless_networks import JET, TRACK, AttentionPool

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

LONGEST = 12
W = np.random.default_rng(3).normal(size=(3, 5))
U = np.random.default_rng(4).normal(size=(5, 2)) / 2


def sets(counts, width=3, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(count, width)) for count in counts]


# a graph network as an exporter writes it that knows no batch


def exported(dtype):
    torch.manual_seed(0)
    net = AttentionPool().to(dtype).eval()
    example = (torch.zeros(1, JET, dtype=dtype), torch.zeros(5, TRACK, dtype=dtype))
    file = io.BytesIO()
    torch.onnx.export(
        net,
        example,
        file,
        input_names=["jet", "tracks"],
        output_names=["p"],
        dynamic_axes={"tracks": {0: "n_tracks"}},
        dynamo=False,
    )
    reference = AttentionPool().double()
    reference.load_state_dict({k: v.double() for k, v in net.state_dict().items()})
    return onnx.load_from_string(file.getvalue()), reference


@pytest.fixture(scope="module", params=["float64", "float32"])
def network(request):
    """A problem of events with 1 … 12 tracks, its events, and the network in float64."""
    kind = np.dtype(request.param)
    proto, reference = exported(getattr(torch, request.param))
    counts = [*range(1, LONGEST + 1), 3, 3, 7, 1]
    tracks = [t.astype(kind).astype(np.float64) for t in sets(counts, TRACK, seed=5)]
    jets = np.random.default_rng(6).normal(size=(len(counts), JET)).astype(kind).astype(np.float64)
    events = {"jet": jets, "tracks": [t.tolist() for t in tracks]}
    problem = ot.Problem.open(proto, events, ModelOptions(no_batch=True))
    return problem, jets, tracks, reference, 1e-12 if request.param == "float64" else 5e-6


def by_torch(reference, jet, tracks):
    """Jacobian (C, n) and Hessian (C, n, n) of one event, by torch.func in float64."""
    flat = torch.tensor(np.concatenate([jet, tracks.ravel()]))

    def response(x):
        return reference(x[:JET].reshape(1, JET), x[JET:].reshape(-1, TRACK))[0]

    jacobian = torch.func.jacrev(response)(flat)
    return jacobian.detach().numpy(), torch.func.hessian(response)(flat).detach().numpy()


def test_every_event_has_the_derivatives_of_its_own_tracks(network):
    problem, jets, tracks, reference, close = network
    values = ot.differentiate(problem, order=2)(problem.first_events)
    n = JET + LONGEST * TRACK
    assert values.jacobian.shape == (len(jets), 3, n)
    for k, (jet, own) in enumerate(zip(jets, tracks, strict=True)):
        jacobian, hessian = by_torch(reference, jet, own)
        size = jacobian.shape[1]
        for found, expected in (
            (values.jacobian[k][:, :size], jacobian),
            (values.hessian[k][:, :size, :size], hessian),
        ):
            assert np.abs(found - expected).max() <= close * np.abs(expected).max()
        assert not values.jacobian[k][:, size:].any()
        assert not values.hessian[k][:, size:].any()
        assert not values.hessian[k][:, :, size:].any()


def test_both_engines_agree_at_both_orders(network):
    problem, jets, tracks, reference, close = network
    result = ot.analyze(problem, order=2, by="feature", bootstrap=0)
    assert result.model.engine == "exact"
    assert result.check["verdict"] == "agrees"
    assert result.options["batch"].startswith("none in the file: lifted to a batch, and verified")
    known = [by_torch(reference, *event)[0] for event in zip(jets, tracks, strict=True)]
    whole = np.zeros((len(jets), 3, JET + LONGEST * TRACK))
    for row, one in zip(whole, known, strict=True):
        row[:, : one.shape[1]] = np.abs(one)
    sigma = [feature.std for feature in result.data.features]
    expected = whole.mean(axis=0) * np.nan_to_num(sigma)
    found = result.score[:, 0, : expected.shape[1]]
    assert np.abs(found - expected).max() <= close * expected.max()
    padded = [LONGEST - len(own) for own in tracks]
    last = result.data.features[-1]
    assert last.missing == sum(count > 0 for count in padded)
    differences = ot.analyze(
        problem, order=1, engine="differences", by="feature", bootstrap=0, check=0
    )
    assert differences.model.engine == "differences"
    assert np.abs(differences.score[:, 0] - expected).max() <= 1e-6 * expected.max()


def test_permuted_tracks_have_permuted_coefficients(network):
    problem, _, _, _, close = network
    order = np.random.default_rng(1).permutation(7)
    x = problem.first_events
    event = x[x[:, -1] == 7][:1]
    tracks = event[:, JET : JET + 7 * TRACK].reshape(7, TRACK)
    permuted = event.copy()
    permuted[:, JET : JET + 7 * TRACK] = tracks[order].ravel()
    indices = problem.function.indices(1)
    for name, digits in (("exact", close), ("differences", 1e-6)):
        engine = make_engine(problem, EngineOptions(order=1, engine=name), indices).engine
        terms = engine.coefficients(np.concatenate([event, permuted])).terms
        first, second = terms[..., JET : JET + 7 * TRACK].reshape(2, 3, 7, TRACK)
        assert np.abs(second - first[:, order]).max() <= 10 * digits * np.abs(first).max()
        assert np.abs(terms[1, :, :JET] - terms[0, :, :JET]).max() <= 10 * digits


# nets by hand: tanh(mean over the objects of tanh(x W) · U)


def pooled(shape, *, batch):
    axis = 1 if batch else 0
    nodes = [
        op("MatMul", ["x", "w"], ["z"]),
        op("Tanh", ["z"], ["h"]),
        op("ReduceMean", ["h"], ["p"], axes=[axis], keepdims=0 if batch else 1),
        op("MatMul", ["p", "u"], ["q"]),
        op("Tanh", ["q"], ["y"]),
    ]
    out = [port("y", ["N", 2] if batch else [1, 2], F64)]
    return model(nodes, [port("x", shape, F64)], out, {"w": W, "u": U})


BATCHED = pooled(["N", "n_tracks", 3], batch=True)
BATCHLESS = pooled(["n_tracks", 3], batch=False)


def slopes(x):
    """Jacobian (2, n, 3) of one event x (n, 3)."""
    hidden = np.tanh(x @ W)
    outer = 1 - np.tanh(hidden.mean(axis=0) @ U) ** 2
    return np.einsum("c,nh,vh,hc->cnv", outer, 1 - hidden**2, W, U) / len(x)


def mean_slopes(events, longest):
    whole = np.zeros((len(events), 2, longest, 3))
    for row, x in zip(whole, events, strict=True):
        row[:, : len(x)] = np.abs(slopes(x))
    return whole.mean(axis=0).reshape(2, -1)


@pytest.mark.parametrize(("proto", "options"), [(BATCHED, {}), (BATCHLESS, {"no_batch": True})])
@pytest.mark.parametrize("form", ["lists", "parquet"])
def test_a_free_number_of_objects_with_and_without_a_batch(proto, options, form, tmp_path):
    events = sets([3, 1, 2, 3, 2, 1, 3, 3, 2])
    data = {"x": [x.tolist() for x in events]}
    if form == "parquet":
        data = tmp_path / "events.parquet"
        pq.write_table(pa.table({"x": [x.tolist() for x in events]}), data)
    result = ot.analyze(proto, data, order=1, scale="unit", by="feature", bootstrap=0, **options)
    np.testing.assert_allclose(result.score[:, 0], mean_slopes(events, 3), rtol=1e-12)
    assert result.check["verdict"] == "agrees"
    assert result.model.engine == "exact"


def test_batches_of_any_size_give_the_same():
    events = {"x": [x.tolist() for x in sets([3, 1, 2, 3, 2, 1, 3, 3, 2] * 3)]}
    problem = ot.Problem.open(BATCHED, events)
    scores = [
        ot.analyze(problem, order=2, by="feature", bootstrap=0, check=0, batch_size=size).score
        for size in (1, 4, 1000)
    ]
    for score in scores[1:]:
        np.testing.assert_allclose(score, scores[0], rtol=1e-13)


def test_texts_of_the_objects_are_context_of_varying_length():
    """y = Σ_s a(kind_s) x_s² with a = 1 or 3: a text for each object of the set."""
    codes = {"keys_strings": ["e", "mu"], "values_floats": [1.0, 3.0]}
    nodes = [
        op("LabelEncoder", ["kind"], ["a"], domain="ai.onnx.ml", **codes),
        op("Mul", ["x", "x"], ["s"]),
        op("Mul", ["a", "s"], ["t"]),
        op("ReduceSum", ["t", "axis"], ["y"], keepdims=1),
    ]
    proto = model(
        nodes,
        [port("x", ["N", "n"]), port("kind", ["N", "n"], STRING)],
        [port("y", ["N", 1])],
        {"axis": np.array([1])},
        domains={"ai.onnx.ml": 3},
    )
    x = [[1.0], [2.0, 3.0], [0.5, 1.0, 2.0], [4.0], [5.0, 6.0]]
    kinds = [["e"], ["mu", "e"], ["mu", "mu", "e"], ["mu"], ["e", "mu"]]
    result = ot.analyze(
        proto, {"x": x, "kind": kinds}, order=1, scale="unit", by="feature", bootstrap=0
    )
    factor = {"e": 1.0, "mu": 3.0}
    whole = np.zeros((5, 3))
    for row, own, names in zip(whole, x, kinds, strict=True):
        row[: len(own)] = [2 * v * factor[k] for v, k in zip(own, names, strict=True)]
    np.testing.assert_allclose(result.score[0, 0], whole.mean(axis=0), rtol=1e-6)
    assert result.check["verdict"] == "agrees"


def two_sets():
    """y = Σ tanh(a) · Σ tanh(b) + c: two free sizes, and a column of the event."""
    nodes = [
        op("Tanh", ["a"], ["ta"]),
        op("Tanh", ["b"], ["tb"]),
        op("ReduceSum", ["ta", "axis"], ["sa"], keepdims=1),
        op("ReduceSum", ["tb", "axis"], ["sb"], keepdims=1),
        op("Mul", ["sa", "sb"], ["ab"]),
        op("Add", ["ab", "c"], ["y"]),
    ]
    ports = [port("a", ["N", "n"], F64), port("b", ["N", "m"], F64), port("c", ["N", 1], F64)]
    return model(nodes, ports, [port("y", ["N", 1], F64)], {"axis": np.array([1])})


def test_two_free_sizes_and_a_set_without_objects():
    random = np.random.default_rng(2)
    a = [random.normal(size=k) for k in (2, 1, 0, 2, 1)]
    b = [random.normal(size=k) for k in (1, 2, 2, 1, 0)]
    data = {"a": [v.tolist() for v in a], "b": [v.tolist() for v in b], "c": np.arange(5.0)}
    result = ot.analyze(two_sets(), data, order=2, scale="unit", by="feature", bootstrap=0)
    assert result.check["verdict"] == "agrees"
    whole = np.zeros((5, 5))
    for row, u, v in zip(whole, a, b, strict=True):
        row[: len(u)] = (1 - np.tanh(u) ** 2) * np.tanh(v).sum()
        row[2 : 2 + len(v)] = (1 - np.tanh(v) ** 2) * np.tanh(u).sum()
        row[4] = 1
    np.testing.assert_allclose(result.score[0, 0, :5], np.abs(whole).mean(axis=0), atol=1e-15)
    pairs = np.zeros((2, 2))
    for u, v in zip(a, b, strict=True):
        both = np.outer(1 - np.tanh(u) ** 2, 1 - np.tanh(v) ** 2)
        pairs[: len(u), : len(v)] += both / 5
    names = [feature.name for feature in result.data.features]
    found = dict(zip(result.indices.names(names), result.score[0, 0], strict=True))
    for i in range(2):
        for j in range(2):
            assert found[f"a[{i}]", f"b[{j}]"] == pytest.approx(pairs[i, j], rel=1e-13)


def test_a_size_without_features_is_refused_with_its_events():
    events = {"x": [x.tolist() for x in sets([3, 0, 2, 0, 1])]}
    with pytest.raises(ProbeError) as refused:
        ot.analyze(BATCHED, events)
    line = str(refused.value)
    assert "cannot be used at 0 of 'x' (2 of 5 events): there is no feature" in line
    assert "\n" not in line


def test_a_size_that_the_model_refuses_is_named_with_its_events():
    """y = the sum over the two largest objects."""
    nodes = [
        op("TopK", ["x", "two"], ["v", "i"], axis=1),
        op("ReduceSum", ["v", "axis"], ["y"], keepdims=1),
    ]
    constants = {"two": np.array([2]), "axis": np.array([1])}
    proto = model(nodes, [port("x", ["N", "n"])], [port("y", ["N", 1])], constants)
    events = {"x": [[1.0, 2.0], [3.0], [4.0, 1.0, 2.0], [2.0, 1.0]]}
    with pytest.raises(ProbeError, match=r"at 1 of 'x' \(1 of 4 events\): the model fails"):
        ot.analyze(proto, events)


def test_as_many_responses_as_objects_are_refused():
    nodes = [op("Tanh", ["x"], ["y"])]
    proto = model(nodes, [port("x", ["N", "n"])], [port("y", ["N", "n"])])
    events = {"x": [[1.0, 2.0], [3.0], [4.0, 1.0], [2.0, 1.0]]}
    with pytest.raises(ProbeError, match="2 and 1 responses, depending on the event"):
        ot.analyze(proto, events, order=1)


def test_the_graph_of_all_sizes_cannot_be_saved(tmp_path):
    events = {"x": [x.tolist() for x in sets([2, 1, 2])]}
    derivatives = ot.differentiate(ot.Problem.open(BATCHED, events), order=1)
    with pytest.raises(ModelError, match="a derivative graph for each size"):
        derivatives.save(tmp_path / "d.onnx")


def test_finite_steps_of_sets():
    """Whole steps: r_i = ½ [f(x + d) − f(x − d)] of the filled slots alone."""
    counts = [2, 1, 2, 2, 1, 2]
    events = sets(counts)
    data = {"x": [x.tolist() for x in events]}
    result = ot.analyze(BATCHED, data, order=1, finite_step=0.25, by="feature", bootstrap=0)

    def respond(x):
        return np.tanh(np.tanh(x @ W).mean(axis=0) @ U)

    whole = np.zeros((len(events), 2, 6))
    for row, x in zip(whole, events, strict=True):
        for i in range(x.size):
            step = np.zeros(x.size)
            step[i] = 0.25
            up, down = (respond(x + s * step.reshape(x.shape)) for s in (1, -1))
            row[:, i] = np.abs(up - down) / 2
    assert result.model.engine == "finite-step"
    np.testing.assert_allclose(result.score[:, 0], whole.mean(axis=0), rtol=1e-9)


@pytest.mark.parametrize("by", ["variable", "input"])
def test_sums_over_slots_are_those_of_the_slots_that_are_there(by):
    """First order: the mean of Σ_s abs(t_s) is the sum of the means of abs(t_s)."""
    events = sets([3, 1, 2, 3, 2, 1, 3, 3, 2])
    problem = ot.Problem.open(BATCHED, {"x": [x.tolist() for x in events]})
    result = ot.analyze(problem, order=1, by=by, scale="unit", bootstrap=0)
    single = mean_slopes(events, 3).reshape(2, 3, 3)
    expected = single.sum(axis=1) if by == "variable" else single.sum(axis=(1, 2))[:, None]
    np.testing.assert_allclose(result.score[:, 0], expected, rtol=1e-12)
    assert result.check["verdict"] == "agrees"
