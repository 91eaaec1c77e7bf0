"""An analysis of selected events: the same however they are stored, and as if chosen by hand."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import OptionError

MODEL = str(files("onnxtaylor").joinpath("demo", "higgs.onnx"))
WHERE = "PRI_tau_pt > 30 && !(abs(PRI_lep_eta) >= 1.5) && DER_mass_MMC != -999"
OPTIONS = {"missing": -999.0, "scale": "sigma", "bootstrap": 50, "check": 0, "weights": "w,v"}


@pytest.fixture(scope="module")
def table():
    events = pq.read_table(str(files("onnxtaylor").joinpath("demo", "higgs.parquet")))[:400]
    random = np.random.default_rng(3)
    w = events["KaggleWeight"].to_numpy() * np.where(random.random(400) < 0.1, -1, 1)
    events = events.drop_columns(["KaggleWeight", "EventId", "Weight"])
    return events.append_column("w", pa.array(w)).append_column("v", pa.array(random.random(400)))


@pytest.fixture(scope="module")
def holds(table):
    tau, eta, mass = (
        table[name].to_numpy() for name in ("PRI_tau_pt", "PRI_lep_eta", "DER_mass_MMC")
    )
    holds = (tau > 30) & (np.abs(eta) < 1.5) & (mass != -999)
    assert 20 < holds.sum() < 300
    return holds


@pytest.fixture(scope="module")
def selected(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "events.parquet"
    pq.write_table(table, path)
    return ot.analyze(MODEL, path, where=WHERE, labels="Label", **OPTIONS)


def assert_same(result, reference, *, ranks=True):
    for name in ("score", "sem", "signed_mean", "rms"):
        found, expected = getattr(result, name), getattr(reference, name)
        limit = 1e-12 * np.abs(reference.score).max()
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=limit)
    for name in ("rank", "rank_low", "rank_high") if ranks else ("rank",):
        np.testing.assert_array_equal(getattr(result, name), getattr(reference, name))


def test_numbers_are_those_of_events_chosen_by_hand(table, holds, selected):
    chosen = table.filter(pa.array(holds))
    product = pc.multiply(chosen["w"], chosen["v"])
    chosen = chosen.drop_columns(["w", "v"]).append_column("product", product)
    by_hand = ot.analyze(MODEL, chosen, labels="Label", **{**OPTIONS, "weights": "product"})
    assert_same(selected, by_hand, ranks=False)
    assert selected.data.events == holds.sum()
    # other numbers of events key another bootstrap
    assert (selected.rank_low != by_hand.rank_low).any()


@pytest.mark.parametrize("batch_size", [1, 50, 1000])
def test_files_and_batches_change_nothing(table, selected, tmp_path, batch_size):
    paths = []
    for k, (start, stop) in enumerate([(0, 1), (1, 1), (1, 90), (90, 400)]):
        part, path = table.slice(start, stop - start), tmp_path / f"part{k}"
        if k % 3 == 0:
            pyarrow.csv.write_csv(part, path.with_suffix(".csv"))
            paths.append(path.with_suffix(".csv"))
        elif k % 3 == 1:
            pyarrow.feather.write_feather(part, str(path.with_suffix(".feather")))
            paths.append(path.with_suffix(".feather"))
        else:
            pq.write_table(part, path.with_suffix(".parquet"), row_group_size=17)
            paths.append(path.with_suffix(".parquet"))
    found = ot.analyze(MODEL, paths, where=WHERE, labels="Label", batch_size=batch_size, **OPTIONS)
    assert_same(found, selected)


def test_a_data_frame_is_selected_like_a_file(table, selected):
    assert_same(
        ot.analyze(MODEL, table.to_pandas(), where=WHERE, labels="Label", **OPTIONS), selected
    )


def test_files_by_class_and_a_selection_go_together(table, holds, selected, tmp_path):
    files_of = {}
    for label in ("s", "b"):
        path = tmp_path / f"{label}.parquet"
        pq.write_table(table.filter(pc.equal(table["Label"], label)).drop_columns("Label"), path)
        files_of[label] = path
    found = ot.analyze(MODEL, where=WHERE, files_by_class=files_of, **OPTIONS)
    assert_same(found, selected, ranks=False)
    assert found.groups == selected.groups == ("all", "b", "s")
    assert found.options["files_by_class"] == {k: [str(v)] for k, v in files_of.items()}


def test_unfinished_sums_belong_to_one_selection(table, tmp_path, monkeypatch):
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    options = {**OPTIONS, "labels": "Label", "resume": tmp_path / "work", "order": 1}
    monkeypatch.setattr("onnxtaylor.statistics.checkpoint.Checkpoint.finish", lambda self: None)
    ot.analyze(MODEL, path, where=WHERE, **options)
    with pytest.raises(OptionError, match="holds the sums of another analysis"):
        ot.analyze(MODEL, path, where=f"{WHERE} && w < 1e9", **options)
    with pytest.raises(OptionError, match="holds the sums of another analysis"):
        ot.analyze(MODEL, path, where=WHERE, **{**options, "weights": ["v", "w"]})
