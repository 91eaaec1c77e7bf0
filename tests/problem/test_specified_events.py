"""A specification of inputs: columns become tensors, roles and transforms of the function."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError, OptionError, ProbeError
from onnxtaylor.inputs import (
    DataSpecification,
)
from onnxtaylor.options import DataOptions, ModelOptions
from tests.problem.tagger_of_sets import (
    SLOTS,
    derivatives,
    made,
    prepared,
    slopes,
    specification,
    tagger,
)


def flat(data):
    """The same sets in flat columns, with NaN in empty slots."""
    known = {n: data[n] for n in ("mass", "ntrk", "tau")}
    for n in ("pf_pt", "pf_eta"):
        width = max(map(len, data[n]))
        for s in range(width):
            known[f"{n}_{s}"] = np.array([v[s] if s < len(v) else np.nan for v in data[n]])
    return known


def forms(data, place):
    """The same events in every form that columns can have."""
    (place / "flat.csv").write_text(_csv(flat(data)))
    pq.write_table(pa.table(data), place / "lists.parquet", row_group_size=7)
    per_event = [np.stack([p, e]) for p, e in zip(data["pf_pt"], data["pf_eta"], strict=True)]
    jet = np.stack([data[n] for n in ("mass", "ntrk", "tau")], axis=1)
    table = np.full((len(jet), 2, max(map(len, data["pf_pt"]))), np.nan)
    for k, one in enumerate(per_event):
        table[k, :, : one.shape[1]] = one
    np.savez(place / "inputs.npz", jet=jet, pf=table)
    np.savez(
        place / "variables.npz",
        **{n: data[n] for n in ("mass", "ntrk", "tau")},
        pf_pt=table[:, 0],
        pf_eta=table[:, 1],
    )
    return {
        "lists": data,
        "flat": flat(data),
        "arrow": pa.table(data),
        "csv": place / "flat.csv",
        "parquet": place / "lists.parquet",
        "inputs": {"jet": jet, "pf": per_event},
        "npz": place / "inputs.npz",
        "variables": place / "variables.npz",
    }


def _csv(columns):
    names = list(columns)
    lines = [",".join(names)]
    for row in zip(*columns.values(), strict=True):
        lines.append(",".join("" if np.isnan(v) else repr(float(v)) for v in row))
    return "\n".join(lines) + "\n"


def coefficients(problem, x=None):
    """First order at all events, by the exact engine: (N, C, n)."""
    from onnxtaylor.engine.factory import make_engine
    from onnxtaylor.engine.padded import leave_out_padding
    from onnxtaylor.options import EngineOptions

    batch = next(iter(problem.source.batches(1000)))
    chosen = make_engine(
        problem, EngineOptions(order=1, engine="exact"), problem.function.indices(1)
    )
    return leave_out_padding(chosen.engine, problem.slots).coefficients(batch.x).terms


@pytest.mark.parametrize(
    "form", ["lists", "flat", "arrow", "csv", "parquet", "inputs", "npz", "variables"]
)
def test_every_form_of_columns_gives_the_hand_made_tensors(form, tmp_path):
    model, a, b = tagger()
    data, _ = made()
    problem = ot.Problem.open(
        model.SerializeToString(), forms(data, tmp_path)[form], ModelOptions(inputs=specification())
    )
    jet, pf, mask = prepared(data)
    x = np.concatenate([b.x for b in problem.source.batches(7)])
    np.testing.assert_allclose(
        x, np.concatenate([jet, pf.reshape(len(pf), -1), mask], axis=1), rtol=1e-15, atol=1e-15
    )
    assert problem.feature_names[:5] == ["mass", "ntrk", "tau", "pf.pt[0]", "pf.pt[1]"]
    assert problem.column_names[13:15] == ["pf_mask[0]", "pf_mask[1]"]
    h = np.einsum("v,nvs->ns", a, pf)
    y = np.stack([(mask * np.tanh(h)).sum(1) + np.tanh(jet @ b), (mask * h * h).sum(1)], axis=1)
    np.testing.assert_allclose(problem.session(x), y, rtol=1e-13, atol=1e-13)


def test_coefficients_per_unit_of_the_input_are_the_jacobian():
    model, a, b = tagger()
    data, _ = made()
    problem = ot.Problem.open(model.SerializeToString(), data, ModelOptions(inputs=specification()))
    np.testing.assert_allclose(
        coefficients(problem), derivatives(data, a, b), rtol=1e-12, atol=1e-13
    )
    masks = problem.slots.padded(next(iter(problem.source.batches(99))).x)[:, 3:8]
    assert (masks == (prepared(data)[2] == 0)).all()


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_expanded_transforms_follow_the_chain_rule(engine):
    model, a, b = tagger()
    data, _ = made()
    data["pf_pt"][3][0] = np.nan  # replaced by 0.5, where the slope is that at 0.5
    options = ModelOptions(inputs=specification(expand_transforms=True))
    problem = ot.Problem.open(model.SerializeToString(), data, options)
    raw = next(iter(problem.source.batches(99))).x
    np.testing.assert_array_equal(raw[:, 0], data["mass"])
    assert raw[3, 3] == 0.5
    expected = derivatives(data, a, b) * slopes(data)[:, None]
    clipped = slopes(data)[:, 3:8][prepared(data)[2] > 0] == 0
    assert 3 < clipped.sum() < clipped.size - 3
    how = {"order": 1, "engine": engine, "scale": "unit", "bootstrap": 0, "check": 0}
    result = ot.analyze(problem, by="feature", **how)
    tolerance = {"exact": 1e-12, "differences": 1e-6}[engine]
    if engine == "exact":
        np.testing.assert_allclose(coefficients(problem), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        result.score[:, 0], np.abs(expected).mean(axis=0), rtol=tolerance, atol=1e-9
    )
    summed = ot.analyze(problem, **how)  # by variable
    edges = [0, 1, 2, 3, 3 + SLOTS]
    np.testing.assert_allclose(
        summed.score[:, 0],
        np.add.reduceat(np.abs(expected), edges, axis=2).mean(axis=0),
        rtol=tolerance,
        atol=1e-8,
    )
    # σ is that of the raw variables, over filled slots
    filled = np.concatenate([np.where(np.isfinite(v[:1]), v[:1], 0.5) for v in data["pf_pt"]])
    assert problem.features[3].std == pytest.approx(filled.std(), rel=1e-12)
    assert problem.features[0].mean == pytest.approx(data["mass"].mean(), rel=1e-12)


def test_a_fixed_number_of_slots_without_a_mask_leaves_out_padding():
    model, a, b = tagger(masked=False, slots=SLOTS)
    data, sizes = made()
    problem = ot.Problem.open(
        model.SerializeToString(), data, ModelOptions(inputs=specification(masked=False))
    )
    x = next(iter(problem.source.batches(99))).x
    assert problem.column_names[-1] == "length(pf)"
    np.testing.assert_array_equal(x[:, -1], sizes)
    filled = np.arange(SLOTS) < sizes[:, None]
    np.testing.assert_array_equal(~problem.slots.padded(x)[:, 3:8], filled)
    np.testing.assert_allclose(
        coefficients(problem), derivatives(data, a, b), rtol=1e-12, atol=1e-13
    )


def test_a_mask_of_the_other_polarity_is_refused():
    model, _, _ = tagger()
    data, _ = made()
    given = specification()
    mask = replace(given.inputs[2], filled=0)
    given = replace(given, inputs=(*given.inputs[:2], mask))
    with pytest.raises(ProbeError, match=r"is 0 where a slot is filled, .* write filled = 1"):
        ot.Problem.open(model.SerializeToString(), data, ModelOptions(inputs=given))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": "jet"}, r"context contradicts .* 'jet' is features"),
        ({"mask": {"pf_mask": "jet"}}, r"mask contradicts .* 'pf_mask' is mask of pf"),
        ({"fix": {"jet": 0.0}}, r"fix contradicts .* 'jet' is features"),
        ({"input": ["pf"]}, r"input names pf, but by .* the features are jet, pf"),
    ],
)
def test_options_that_contradict_are_refused(options, message):
    model, _, _ = tagger()
    data, _ = made()
    with pytest.raises(OptionError, match=message):
        ot.Problem.open(
            model.SerializeToString(), data, ModelOptions(inputs=specification(), **options)
        )


def test_options_that_agree_are_taken():
    model, _, _ = tagger()
    data, _ = made()
    options = ModelOptions(inputs=specification(), input=["jet", "pf"], mask={"pf_mask": "pf"})
    assert ot.Problem.open(model.SerializeToString(), data, options).function.n_varied == 13


def test_missing_columns_and_chosen_columns_are_refused():
    model, _, _ = tagger()
    data, _ = made()
    options = ModelOptions(inputs=specification())
    with pytest.raises(OptionError, match="feature_names cannot be given with"):
        ot.Problem.open(
            model.SerializeToString(), data, options, DataOptions(feature_names=["mass"])
        )
    with pytest.raises(OptionError, match="missing is a value of the variables"):
        ot.Problem.open(model.SerializeToString(), data, options, DataOptions(missing=-999.0))
    del data["tau"]
    with pytest.raises(DataError, match="no column 'tau' for input 'jet'"):
        ot.Problem.open(model.SerializeToString(), data, options)
    with pytest.raises(DataError, match="x is one array, which has no column names"):
        ot.Problem.open(model.SerializeToString(), np.zeros((4, 13)), options)


def test_weight_label_and_classes_come_from_the_specification(tmp_path):
    model, _, _ = tagger()
    data, _ = made()
    data["w"] = np.linspace(0.5, 2.0, 30)
    data["kind"] = np.array(["b", "c"])[np.arange(30) % 2]
    told = DataSpecification(weight="w", label="kind", classes=("b", "c"))
    file = tmp_path / "inputs.toml"
    file.write_text(specification(data=told).to_toml())
    result = ot.analyze(model.SerializeToString(), data, inputs=file, order=1, check=0, bootstrap=0)
    assert result.data.sum_weight == pytest.approx(data["w"].sum())
    assert [group.name for group in result.data.groups] == ["all", "b", "c"]
    assert list(result.model.output) == ["b", "c"]
    result.save(tmp_path / "result.json")
    saved = json.loads((tmp_path / "result.json").read_text())
    assert saved["options"]["inputs"][1]["taken"] == ["pf_pt", "pf_eta"]
    equal = ot.analyze(
        model.SerializeToString(), data, inputs=file, weights="tau", order=1, check=0, bootstrap=0
    )
    assert equal.data.sum_weight == pytest.approx(data["tau"].sum())


def test_both_engines_agree_on_rows_of_a_specification():
    model, _, _ = tagger()
    data, _ = made()
    options = {"inputs": specification(expand_transforms=True), "order": 2}
    checked = ot.cross_check(model.SerializeToString(), data, events=8, **options)
    assert checked.verdict == "agrees"
