"""The model and the events that ship in onnxtaylor/demo are whole, and are what they say."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DEMO = files("onnxtaylor") / "demo"
SOURCE = "higgs/atlas-higgs-challenge-2014-v2_first22889.csv.gz"
SIZE_LIMITS = {"higgs.onnx": 60_000, "higgs.parquet": 350_000}
MISSING = -999.0
LEADING = ("PRI_jet_leading_pt", "PRI_jet_leading_eta", "PRI_jet_leading_phi")
PAIR = (
    *("PRI_jet_subleading_pt", "PRI_jet_subleading_eta", "PRI_jet_subleading_phi"),
    *("DER_deltaeta_jet_jet", "DER_mass_jet_jet", "DER_prodeta_jet_jet"),
    "DER_lep_eta_centrality",
)


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return pq.read_table(pa.BufferReader((DEMO / "higgs.parquet").read_bytes()))


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return onnx.load_from_string((DEMO / "higgs.onnx").read_bytes())


@pytest.fixture(scope="module")
def feature_names(model):
    return json.loads({entry.key: entry.value for entry in model.metadata_props}["feature_names"])


@pytest.fixture(scope="module")
def x(events, feature_names):
    return np.column_stack([events[name].to_numpy() for name in feature_names]).astype(np.float32)


@pytest.fixture(scope="module")
def respond():
    """Rows of features → signal, shape (rows,)."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        (DEMO / "higgs.onnx").read_bytes(), providers=["CPUExecutionProvider"]
    )

    def run(rows):
        (signal,) = session.run(["signal"], {"features": rows})
        assert signal.shape == (len(rows), 1)
        return signal[:, 0]

    return run


@pytest.mark.parametrize("name", SIZE_LIMITS)
def test_provenance_names_the_file_that_is_there(name):
    content = (DEMO / name).read_bytes()
    text = (DEMO / "PROVENANCE.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {re.escape(name)} \| (\d+) \| `([0-9a-f]{{64}})` \|$", text, re.M)
    assert row, f"PROVENANCE.md has no row for {name}"
    assert int(row[1]) == len(content) < SIZE_LIMITS[name]
    assert row[2] == hashlib.sha256(content).hexdigest()


def test_events_have_the_columns_of_the_source(events, feature_names):
    assert events.num_rows == 2000
    assert events.column_names == ["EventId", *feature_names, "Weight", "Label", "KaggleWeight"]
    assert all(events.schema.field(name).type == pa.float64() for name in feature_names)
    assert sum(column.null_count for column in events.columns) == 0
    assert len(set(events["EventId"].to_pylist())) == 2000
    assert set(events["Label"].to_pylist()) == {"s", "b"}
    for weight in ("Weight", "KaggleWeight"):
        assert events[weight].to_numpy().min() > 0


def test_missing_values_follow_the_number_of_jets(events):
    jets = events["PRI_jet_num"].to_numpy()
    assert set(jets) == {0.0, 1.0, 2.0, 3.0}
    for names, needed in ((LEADING, 1), (PAIR, 2)):
        for name in names:
            np.testing.assert_array_equal(events[name].to_numpy() == MISSING, jets < needed, name)


def test_derived_quantities_follow_from_the_primitive_ones(events):
    tau, lepton, jets, total, ratio = (
        events[name].to_numpy()
        for name in (
            *("PRI_tau_pt", "PRI_lep_pt", "PRI_jet_all_pt"),
            *("DER_sum_pt", "DER_pt_ratio_lep_tau"),
        )
    )
    np.testing.assert_allclose(tau + lepton + jets, total, rtol=0, atol=0.0011)
    np.testing.assert_allclose(lepton / tau, ratio, rtol=0, atol=0.0011)


def test_the_model_is_valid_and_carries_its_metadata(model, feature_names):
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version >= 15) for entry in model.opset_import] == [("", True)]
    assert len(model.functions) == 0
    assert "10.7483/OPENDATA.ATLAS.ZBP2.M5T8" in model.doc_string
    assert model.producer_name == "tf2onnx"
    assert len(set(feature_names)) == 30
    (features,), (signal,) = model.graph.input, model.graph.output
    assert (features.name, signal.name) == ("features", "signal")
    for entry, width in ((features, 30), (signal, 1)):
        batch, columns = entry.type.tensor_type.shape.dim
        assert batch.dim_param
        assert columns.dim_value == width


def test_the_model_is_made_of_ordinary_operators(model):
    assert {node.op_type for node in model.graph.node} == {
        *("Less", "Where", "Mul", "Add", "MatMul", "Tanh", "Sigmoid")
    }


def test_the_response_separates_signal_from_background(events, x, respond):
    signal = np.array(events["Label"].to_pylist()) == "s"
    response = respond(x)
    assert np.isfinite(response).all()
    wins = response[signal][:, None] > response[~signal]  # every pair of a signal and a background
    assert wins.mean() > 0.8


def test_an_event_alone_responds_as_in_the_batch(x, respond):
    alone = np.concatenate([respond(row[None]) for row in x[:200]])
    np.testing.assert_allclose(alone, respond(x)[:200], rtol=0, atol=1e-6)


def test_a_missing_value_is_replaced_in_the_model(x, respond):
    missing = x == MISSING
    assert missing.any()
    response = respond(x)
    np.testing.assert_array_equal(respond(np.where(missing, np.float32(-10), x)), response)
    np.testing.assert_array_equal(respond(np.where(missing, np.float32(-950), x)), response)
    assert abs(respond(np.where(missing, np.float32(-11), x)) - response).max() > 1e-4


@pytest.mark.skipif("ONNXTAYLOR_DATA" not in os.environ, reason="ONNXTAYLOR_DATA is not set")
def test_every_event_is_an_event_of_the_source(events):
    path = Path(os.environ["ONNXTAYLOR_DATA"]) / SOURCE
    with gzip.open(path, "rt", encoding="ascii", newline="") as stream:
        source = {int(row["EventId"]): row for row in csv.DictReader(stream)}
    for event in events.to_pylist():
        row = source[event["EventId"]]
        assert row["Label"] == event.pop("Label")
        assert {name: float(row[name]) for name in event} == event
