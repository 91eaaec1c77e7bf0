"""Taggers of sets as PyTorch exports them: several inputs, free sizes, masks of either polarity.

Derivatives against PyTorch's own in float64; sums by variable against those by feature.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import OptionError
from onnxtaylor.options import ModelOptions
from onnxtaylor.run.inspect import inspect_model

torch = pytest.importorskip("torch", reason="PyTorch makes the networks")

from tests.networks.derived import apart, exported, torch_derivatives  # noqa: E402
from tests.networks.sets import (  # noqa: E402
    DeepJet,
    DeepSets,
    ParticleNet,
    Transformer,
    jet_events,
    particle_events,
    tagger_events,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
FREE = {name: {1: f"n_{name[:2]}"} for name in ("pf", "pf_mask", "sv", "sv_mask")}
MASKS = {"pf_mask": "pf", "sv_mask": "sv"}
TAGGERS = [DeepSets, Transformer]
SUBSET = list(range(0, 40, 3))  # of the features, for second order


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(kind, double: bool):
    """A network with weights from a fixed seed."""
    torch.manual_seed(3)
    net = kind().eval()
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            layer.eps = 2.0**-16  # files hold it in single precision
    return net.double() if double else net


def tagger(kind, double: bool, count: int, pf: int, sv: int, seed: int = 5):
    """Events of one array per input; the masks of a Transformer flag padded slots."""
    padded = kind is Transformer
    return tagger_events(count, pf=pf, sv=sv, double=double, padded=padded, seed=seed)


@cache
def model_of(kind, double: bool):
    """A tagger exported with other sizes than any that the tests feed."""
    if kind is DeepJet:
        return exported(made(kind, double), jet_events(2, double=double), {})
    if kind is ParticleNet:
        rows = particle_events(2, slots=9, double=double)
        return exported(made(kind, double), rows, {name: {2: "n"} for name in rows})
    return exported(made(kind, double), tagger(kind, double, 2, 7, 4), FREE)


def assert_derivatives(kind, double, rows, features, options):
    problem = ot.Problem.open(model_of(kind, double), rows, options)
    found = ot.differentiate(problem)(rows)
    jacobian, hessian = torch_derivatives(made(kind, double), rows, features, SUBSET)
    close = 1e-12 if double else 5e-6
    assert apart(found.jacobian, jacobian) < close
    assert apart(found.hessian[:, :, SUBSET][..., SUBSET], hessian) < close
    return problem


@pytest.mark.parametrize("kind", TAGGERS)
@pytest.mark.parametrize("double", [True, False])
def test_derivatives_of_taggers(kind, double):
    rows = tagger(kind, double, 3, 6, 3)
    options = ModelOptions(mask=MASKS)
    problem = assert_derivatives(kind, double, rows, ["jet", "pf", "sv"], options)
    inverted = {mask.name: mask.inverted for mask in problem.slots.masks}
    assert inverted == dict.fromkeys(MASKS, kind is Transformer)


@pytest.mark.parametrize("double", [True, False])
def test_derivatives_of_a_particle_net(double):
    rows = particle_events(3, slots=8, double=double)
    options = ModelOptions(mask={"mask": ["points", "features"]})
    assert_derivatives(ParticleNet, double, rows, ["points", "features"], options)


@pytest.mark.slow
@pytest.mark.parametrize("double", [True, False])
def test_derivatives_of_a_deep_jet(double):
    rows = jet_events(2, double=double)
    assert_derivatives(DeepJet, double, rows, list(rows), ModelOptions(input=list(rows)))


@pytest.mark.parametrize("kind", [DeepSets, pytest.param(Transformer, marks=pytest.mark.slow)])
@pytest.mark.parametrize("double", [True, False])
def test_fifty_constituents_by_variable(kind, double):
    """First order of 50 × 12 and 5 × 5 features: Σ over filled slots, from PyTorch's Jacobian."""
    rows = tagger(kind, double, 6, 50, 5)
    result = analyze(kind, double, rows, by="variable", order=1)
    jacobian, _ = torch_derivatives(made(kind, double), rows, ["jet", "pf", "sv"], [0])
    names = [f"jet[{k}]" for k in range(4)]
    names += [f"pf.v{k}" for _ in range(50) for k in range(12)]
    names += [f"sv.v{k}" for _ in range(5) for k in range(5)]
    found = {(row["output"], row["features"][0]): row["score"] for row in result.rows()}
    assert len(found) == 3 * (4 + 12 + 5)
    for c, output in enumerate(result.outputs):
        for name in set(names):
            mine = [place for place, one in enumerate(names) if one == name]
            expected = np.abs(jacobian[:, c, mine]).sum(axis=1).mean()
            assert found[output, name] == pytest.approx(expected, rel=1e-11 if double else 2e-5)
    assert result.check["verdict"] == "agrees"


def analyze(kind, double, rows, **options):
    more = {"bootstrap": 0, "scale": "unit", "mask": MASKS} | options
    return ot.analyze(model_of(kind, double), rows, **more)


@pytest.mark.parametrize("kind", TAGGERS)
def test_sums_by_variable_are_those_by_feature(kind):
    rows = tagger(kind, True, 12, 6, 3)
    whole = analyze(kind, True, rows, by="variable", curvature="pointwise", check=0)
    parts = analyze(kind, True, rows, by="feature", curvature="pointwise", check=0)
    sums: dict[tuple, float] = {}
    for row in parts.rows():
        parts = [name.partition("[") for name in row["features"]]
        objects = {"jet" if "." not in stem else stem[:2] + slot for stem, _, slot in parts}
        variables = [n.partition("[")[0] if "." in n else n for n in row["features"]]
        same = "same object" if len(objects) == 1 else "different objects"
        relation = same if len(parts) > 1 else None
        key = (row["output"], tuple(sorted(variables)), relation)
        sums[key] = sums.get(key, 0.0) + row["score"]
    found = {
        (row["output"], tuple(sorted(row["features"])), row["relation"]): row["score"]
        for row in whole.rows()
    }
    assert found == pytest.approx(sums, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("kind", TAGGERS)
def test_order_of_constituents_and_what_padding_holds_change_nothing(kind):
    rows = tagger(kind, True, 8, 6, 3)
    random, other = np.random.default_rng(1), {k: v.copy() for k, v in rows.items()}
    for name, mask in (("pf", "pf_mask"), ("sv", "sv_mask")):
        filled = (rows[mask] != 0) != (kind is Transformer)
        other[name][~filled] = random.normal(size=(int((~filled).sum()), rows[name].shape[2]))
        for k in range(len(filled)):
            order = random.permutation(filled.shape[1])
            other[name][k], other[mask][k] = other[name][k][order], other[mask][k][order]
    one, two = (
        analyze(kind, True, some, by="variable", curvature="pointwise", check=0)
        for some in (rows, other)
    )
    np.testing.assert_allclose(two.score, one.score, rtol=1e-6, atol=1e-14)
    flat = analyze(kind, True, other, by="feature", order=1, check=0)
    padded = {
        f"{name}.v{v}[{s}]"
        for name, mask in (("pf", "pf_mask"), ("sv", "sv_mask"))
        for s in range(other[name].shape[1])
        for v in range(other[name].shape[2])
        if ((other[mask][:, s] != 0) == (kind is Transformer)).all()
    }
    scores = {row["features"][0]: row["score"] for row in flat.rows()}
    assert all(scores[name] == 0 for name in padded)


@pytest.mark.parametrize("kind", TAGGERS)
def test_a_batch_of_one_is_freed(kind):
    rows = tagger(kind, False, 4, 6, 3)
    fixed = exported(made(kind, False), {k: v[:1] for k, v in rows.items()}, {}, batch=False)
    result = ot.analyze(fixed, rows, mask=MASKS, order=1, scale="unit", bootstrap=0)
    free = analyze(kind, False, rows, order=1)
    assert result.check["verdict"] == "agrees"
    assert result.model.engine == free.model.engine == "exact"
    np.testing.assert_allclose(result.score, free.score, rtol=1e-5)


def test_what_particle_net_gives_by_variable():
    """Coordinates choose neighbours alone; features sum up as PyTorch has it; the mask is none."""
    rows = particle_events(6, slots=8, double=True)
    masks = {"mask": ["points", "features"]}
    result = ot.analyze(
        model_of(ParticleNet, True), rows, mask=masks, order=1, scale="unit", bootstrap=0
    )
    jacobian, _ = torch_derivatives(made(ParticleNet, True), rows, ["points", "features"], [0])
    found = {
        row["features"][0]: row["score"]
        for row in result.rows()
        if row["output"] == result.outputs[0]
    }
    per_slot = np.abs(jacobian[:, 0]).reshape(6, -1, 8) * rows["mask"]
    expected = per_slot.sum(axis=2).mean(axis=0)
    names = [f"points.v{k}" for k in range(2)] + [f"features.v{k}" for k in range(12)]
    assert found == pytest.approx(dict(zip(names, expected, strict=True)), rel=1e-11)
    assert result.check["verdict"] in ("agrees", "kink")


def test_masks_are_asked_about():
    rows = tagger(DeepSets, False, 4, 6, 3)
    with pytest.raises(OptionError, match=r"mask=\{.pf_mask.: .pf."):
        ot.analyze(model_of(DeepSets, False), rows)


def test_inspect_tells_which_input_is_what():
    rows = tagger(Transformer, False, 4, 6, 3)
    report = inspect_model(model_of(Transformer, False), rows, ModelOptions(mask=MASKS))
    assert report["problem"] is None
    roles = dict(str(line).split(": ", 1) for line in report["roles"])
    assert roles["jet float32 [batch, 4]"].startswith("features jet[0], jet[1]")
    assert roles["pf float32 [batch, 6, 12]"].startswith("features pf.v0[0], pf.v1[0]")
    for name, of in MASKS.items():
        where = f"{name} bool [batch, {rows[name].shape[1]}]"
        assert roles[where] == f"mask of {of}, 0 where a slot is filled"
    assert report["engine"].startswith("exact")
